//! Writes down why: one JSON line for each decision, on disk at most one window after its answer has left.
//!
//! An allow leaves only with a reserved place in the log. When the log cannot be written, or its queue is full, allows become
//! `audit_unavailable`; a denial that finds no place is counted, and the log says how many are missing.

mod file;
mod line;
mod record;
mod writer;

use std::{
    fmt, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::mpsc;

pub use self::record::{Entry, Record};
use self::{file::Log, writer::Writer};

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

/// Takes decisions to be recorded.
#[derive(Debug)]
pub struct Audit {
    words: mpsc::Sender<Word>,
    state: Arc<State>,
}

/// The thread that writes; ended last, so that what was answered is on disk before the process ends.
#[derive(Debug)]
pub struct AuditWriter {
    words: mpsc::Sender<Word>,
    state: Arc<State>,
    thread: JoinHandle<()>,
}

/// A reserved place in the log.
#[derive(Debug)]
pub struct Slot<'a>(mpsc::Permit<'a, Word>);

/// What the writer is told.
#[derive(Debug)]
enum Word {
    Record(Box<Entry>),
    End,
}

/// What the writer tells everyone else.
#[derive(Debug, Default)]
struct State {
    broken: AtomicBool,
    ending: AtomicBool,
    written: AtomicU64,
    lost: AtomicU64,
}

impl Audit {
    /// Opens the log and starts its writer. Up to `capacity` decisions wait; records are flushed every `window`.
    ///
    /// # Errors
    /// If the file cannot be opened, is another process's log, or does not end in a record.
    pub fn open(sink: &Sink, capacity: usize, window: Duration) -> io::Result<(Self, AuditWriter)> {
        let (log, next) = Log::open(sink)?;
        let (words, receiver) = mpsc::channel(capacity);
        let state = Arc::new(State::default());
        let writer = Writer::new(log, next, Arc::clone(&state), window);
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(receiver))?;
        let writer = AuditWriter { words: words.clone(), state: Arc::clone(&state), thread };
        Ok((Self { words, state }, writer))
    }

    /// Reserves a place for one record. `None`: what is answered now would not be written down in time.
    pub fn reserve(&self) -> Option<Slot<'_>> {
        if self.is_broken() {
            return None;
        }
        self.words.try_reserve().ok().map(Slot)
    }

    /// Records a denial that found no place, if one has become free; counts it otherwise.
    pub fn record_late(&self, entry: Entry) {
        if self.words.try_send(Word::Record(Box::new(entry))).is_err() {
            self.state.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the log cannot be written at the moment.
    pub fn is_broken(&self) -> bool {
        self.state.broken.load(Ordering::Acquire) || self.words.is_closed()
    }

    /// How many records were written.
    pub fn written(&self) -> u64 {
        self.state.written.load(Ordering::Relaxed)
    }

    /// How many denials found no place since the log last said so.
    pub fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }
}

impl Slot<'_> {
    /// Records a decision.
    pub fn record(self, entry: Entry) {
        self.0.send(Word::Record(Box::new(entry)));
    }
}

impl AuditWriter {
    /// Waits until everything that was recorded is on disk, or cannot be put there. What comes later is not written.
    pub fn finish(self) {
        self.state.ending.store(true, Ordering::Release);
        // A writer that has given up takes no word any more.
        if self.words.blocking_send(Word::End).is_err() {
            tracing::warn!("Audit writer had ended before");
        }
        if self.thread.join().is_err() {
            tracing::error!("Audit writer panicked");
        }
    }
}

#[cfg(test)]
mod tests;
