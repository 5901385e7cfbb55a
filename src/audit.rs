//! Writes down why: one JSON line for each decision, on disk at most one window after its answer has left.
//!
//! An allow leaves only with a reserved place in the log, unless the log may lag behind (`durability: async`). When the log cannot be written, or its queue is full, allows become
//! `audit_unavailable`; a denial that finds no place is counted, and the log says how many are missing. Where an answer may not leave before
//! its record is on disk, whatever the durability, it [waits](Slot::write) for exactly that.

mod file;
mod line;
mod record;
mod writer;

use std::{
    fmt, io,
    path::PathBuf,
    sync::mpsc::RecvTimeoutError,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

pub(crate) use self::record::SCHEMA;
pub use self::record::{Entry, Record};
use self::{file::Log, writer::Writer};
use crate::telemetry::{Fill, Histogram};

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output, for containers whose logs are collected.
    Stdout,
    /// A file, appended to.
    File(PathBuf),
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("-"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// What an answer waits for (`audit.durability`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A place in a log that can be written: the record is on disk at most one window later.
    #[default]
    Group,
    /// Nothing: what finds no place is counted, and the log says how many records are missing.
    Async,
}

/// Takes decisions to be recorded.
#[derive(Debug)]
pub struct Audit {
    words: mpsc::Sender<Word>,
    state: Arc<State>,
    durability: Durability,
}

/// The thread that writes; ended last, so that what was answered is on disk before the process ends.
#[derive(Debug)]
pub struct AuditWriter {
    words: mpsc::Sender<Word>,
    state: Arc<State>,
    /// Says nothing, and is gone when the thread is.
    ended: std::sync::mpsc::Receiver<()>,
}

/// A reserved place in the log.
#[derive(Debug)]
pub struct Slot<'a>(mpsc::Permit<'a, Word>);

/// What becomes of a record that is waited for.
#[derive(Debug)]
pub struct Written(oneshot::Receiver<()>);

/// What the writer is told.
#[derive(Debug)]
enum Word {
    Record(Box<Entry>),
    /// The same, and who waits until it is on disk.
    Awaited(Box<Entry>, oneshot::Sender<()>),
    End,
}

/// What the writer tells everyone else.
#[derive(Debug)]
struct State {
    born: Instant,
    /// Since when the disk has been waited for, in microseconds after `born`; zero if it is not.
    waiting_since: AtomicU64,
    broken: AtomicBool,
    ending: AtomicBool,
    written: AtomicU64,
    /// Those that the log does not tell of yet.
    lost: AtomicU64,
    /// All there were.
    losses: AtomicU64,
    /// Where it is noted how long records took, if that is asked.
    lag: OnceLock<Histogram>,
}

impl Audit {
    /// Opens the log and starts its writer. Up to `capacity` decisions wait; records are flushed every `window`.
    ///
    /// # Errors
    /// If the file cannot be opened, is another process's log, or does not end in a record.
    pub fn open(
        sink: &Sink,
        capacity: usize,
        window: Duration,
        durability: Durability,
    ) -> io::Result<(Self, AuditWriter)> {
        let (log, next) = Log::open(sink)?;
        let (words, receiver) = mpsc::channel(capacity);
        let state = Arc::new(State::new());
        let writer = Writer::new(log, next, Arc::clone(&state), window);
        let (end, ended) = std::sync::mpsc::channel();
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || {
            let _end = end;
            writer.run(receiver);
        })?;
        let writer = AuditWriter { words: words.clone(), state: Arc::clone(&state), ended };
        Ok((Self { words, state, durability }, writer))
    }

    /// Reserves a place for one record. `None`: what is answered now would not be written down in time.
    pub fn reserve(&self) -> Option<Slot<'_>> {
        if self.is_broken() {
            return None;
        }
        self.words.try_reserve().ok().map(Slot)
    }

    /// Whether an allow that finds no place in the log is no allow.
    pub fn holds_up(&self) -> bool {
        self.durability == Durability::Group
    }

    /// Records what found no place, if one has become free; counts it otherwise.
    pub fn record_late(&self, entry: Entry) {
        if self.words.try_send(Word::Record(Box::new(entry))).is_err() {
            self.state.lose();
        }
    }

    /// Whether the log cannot be written at the moment.
    pub fn is_broken(&self) -> bool {
        self.state.broken.load(Ordering::Acquire) || self.state.is_stuck() || self.words.is_closed()
    }

    /// How many records were written.
    pub fn written(&self) -> u64 {
        self.state.written.load(Ordering::Relaxed)
    }

    /// How many records found no place since the log last said so.
    pub fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }
}

impl Audit {
    /// Notes in `lag`, from now on, how long records take from their decision to the disk.
    pub fn measure(&self, lag: Histogram) {
        // Whoever asked first goes on being told.
        let _ = self.state.lag.set(lag);
    }

    /// How many records have never reached the log.
    pub fn losses(&self) -> u64 {
        self.state.losses.load(Ordering::Relaxed)
    }

    /// The places in the log that are taken: by records that wait for the writer, and by decisions that are not answered yet.
    pub fn queue(&self) -> Fill {
        let most = self.words.max_capacity();
        Fill { is: most.saturating_sub(self.words.capacity()), most }
    }

    /// How long the disk has been waited for.
    pub fn waiting(&self) -> Duration {
        self.state.waiting()
    }
}

impl Slot<'_> {
    /// Records a decision.
    pub fn record(self, entry: Entry) {
        self.0.send(Word::Record(Box::new(entry)));
    }

    /// Records a decision whose answer waits for it. Who waits no more has it written only if it is on its way to the disk already.
    pub fn write(self, entry: Entry) -> Written {
        let (written, waiting) = oneshot::channel();
        self.0.send(Word::Awaited(Box::new(entry), written));
        Written(waiting)
    }
}

impl Written {
    /// Whether the record is on disk before `deadline`.
    pub async fn before(self, deadline: Instant) -> bool {
        // Both may be there at once, and late is late.
        matches!(tokio::time::timeout_at(deadline.into(), self.0).await, Ok(Ok(()))) && Instant::now() < deadline
    }
}

impl AuditWriter {
    /// Waits until everything that was recorded is on disk, or cannot be put there. What comes later is not written.
    ///
    /// `false`: the sink took longer than `within`, and what was still waiting for it is lost.
    pub fn finish(self, within: Duration) -> bool {
        self.state.ending.store(true, Ordering::Release);
        let end = Instant::now() + within;
        // There is no room while the queue is full; a writer that has given up takes no word any more.
        while let Err(TrySendError::Full(_)) = self.words.try_send(Word::End) {
            if Instant::now() >= end {
                return false;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        let left = end.saturating_duration_since(Instant::now());
        self.ended.recv_timeout(left) != Err(RecvTimeoutError::Timeout)
    }
}

impl State {
    fn new() -> Self {
        Self {
            born: Instant::now(),
            waiting_since: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            losses: AtomicU64::new(0),
            lag: OnceLock::new(),
        }
    }

    /// Notes that the disk is waited for from now on, or no more.
    fn wait(&self, waiting: bool) {
        let since = if waiting { self.now() } else { 0 };
        self.waiting_since.store(since, Ordering::Release);
    }

    /// Whether the disk neither takes what it was given nor says that it cannot.
    fn is_stuck(&self) -> bool {
        self.waiting() > STUCK
    }

    fn waiting(&self) -> Duration {
        let since = self.waiting_since.load(Ordering::Acquire);
        Duration::from_micros(if since == 0 { 0 } else { self.now().saturating_sub(since) })
    }

    /// Counts a record that does not reach the log.
    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.losses.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }
}

/// How long a disk may take before what waits for it is no longer called written.
const STUCK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
