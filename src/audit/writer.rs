//! The thread that writes: it gathers what comes within a window, appends it, and waits for the disk once for all of it.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use super::{Entry, State, Word, file::Log, line, record::Gap};
use crate::{audit::Record, clock::Timestamp};

pub(super) struct Writer {
    log: Log,
    next: u64,
    state: Arc<State>,
    window: Duration,
    /// Lines that are not on disk yet.
    lines: Vec<u8>,
    /// How many they are.
    pending: u64,
    /// When the decisions among them were ready to be written.
    ready: Vec<Instant>,
    /// What somebody waits for: written last, so that it alone can be taken back.
    awaited: Vec<(Box<Entry>, oneshot::Sender<()>)>,
    last: Timestamp,
}

impl Writer {
    pub(super) fn new(log: Log, next: u64, state: Arc<State>, window: Duration) -> Self {
        let (lines, ready, awaited) = (Vec::new(), Vec::new(), Vec::new());
        Self { log, next, state, window, lines, pending: 0, ready, awaited, last: Timestamp::MIN }
    }

    /// Writes until it is told to end and everything is on disk, or cannot be put there.
    pub(super) fn run(mut self, mut words: mpsc::Receiver<Word>) {
        let mut ended = false;
        while !ended {
            ended = words.blocking_recv().is_none_or(|word| self.take(word)) || self.gather(&mut words);
            while let Err(error) = self.flush() {
                if !self.state.broken.swap(true, Ordering::AcqRel) {
                    tracing::error!(%error, "Audit log cannot be written: allows are denied until it can");
                }
                if ended || self.state.ending.load(Ordering::Acquire) {
                    tracing::error!(records = self.pending, "Audit records could not be written before the end");
                    return;
                }
                // Nothing more is taken from the queue meanwhile: it fills, and memory stays bounded.
                std::thread::park_timeout(RETRY);
            }
            if self.state.broken.swap(false, Ordering::AcqRel) {
                tracing::info!("Audit log can be written again");
            }
        }
    }

    /// Takes one word. `true`: nothing more will come.
    fn take(&mut self, word: Word) -> bool {
        match word {
            Word::Record(entry) => self.line(&entry),
            // Who waits no more has been told that it is not written.
            Word::Awaited(_, waiting) if waiting.is_closed() => {}
            Word::Awaited(entry, waiting) => self.awaited.push((entry, waiting)),
            Word::End => return true,
        }
        false
    }

    /// Waits for one window, unless somebody waits for less, and takes what came. `true`: nothing more will come.
    fn gather(&mut self, words: &mut mpsc::Receiver<Word>) -> bool {
        let end = Instant::now() + self.window;
        loop {
            match words.try_recv() {
                Ok(word) => {
                    if self.take(word) {
                        return true;
                    }
                }
                Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Empty) if !self.awaited.is_empty() => return false,
                Err(TryRecvError::Empty) => match end.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() && self.lines.len() < BATCH => std::thread::park_timeout(left),
                    _ => return false,
                },
            }
            if self.lines.len() >= BATCH {
                return false;
            }
        }
    }

    fn line(&mut self, entry: &Entry) {
        self.last = entry.decision.now;
        if self.push(&Record::new(self.next, entry)) {
            self.ready.push(entry.ready);
        } else {
            self.state.lose();
        }
    }

    fn push(&mut self, record: &impl serde::Serialize) -> bool {
        match line::append(&mut self.lines, record) {
            Ok(()) => {
                self.next = self.next.saturating_add(1);
                self.pending = self.pending.saturating_add(1);
                true
            }
            Err(error) => {
                tracing::error!(%error, "Audit record cannot be encoded");
                false
            }
        }
    }

    /// Appends what is waited for, and gives who waits for it.
    fn push_awaited(&mut self) -> Vec<oneshot::Sender<()>> {
        let mut waiting = Vec::new();
        for (entry, sender) in std::mem::take(&mut self.awaited) {
            // Who waits for one that cannot be encoded is told so by the loss of its sender.
            if self.push(&Record::new(self.next, &entry)) {
                self.ready.push(entry.ready);
                waiting.push(sender);
            }
        }
        waiting
    }

    fn flush(&mut self) -> io::Result<()> {
        // While the log is broken its gap only grows: it is told once, when it is over.
        if !self.state.broken.load(Ordering::Acquire) {
            let lost = self.state.lost.swap(0, Ordering::AcqRel);
            if lost > 0 {
                self.push(&Gap::new(self.next, self.last, lost));
            }
        }
        let (length, next, pending, ready) = (self.lines.len(), self.next, self.pending, self.ready.len());
        let waiting = self.push_awaited();
        self.state.wait(true);
        let committed = self.log.commit(&self.lines);
        self.state.wait(false);
        if let Err(error) = committed {
            // What is waited for is refused now and not written later, when it would say of an answer what was not answered.
            self.lines.truncate(length);
            (self.next, self.pending) = (next, pending);
            self.ready.truncate(ready);
            return Err(error);
        }
        self.lines.clear();
        let lag = self.state.lag.get();
        for ready in self.ready.drain(..) {
            if let Some(lag) = lag {
                lag.observe(ready.elapsed());
            }
        }
        self.state.written.fetch_add(std::mem::take(&mut self.pending), Ordering::Relaxed);
        for sender in waiting {
            // Who waits no more records that itself.
            let _ = sender.send(());
        }
        Ok(())
    }
}

/// How long a broken sink is left alone.
const RETRY: Duration = Duration::from_millis(100);

/// A batch that is written without waiting for the window's end, in bytes.
const BATCH: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{
        audit::Sink,
        decision::{Decision, DecisionIds, Fault},
        hop::Outline,
    };

    fn entry() -> Box<Entry> {
        let decision = Decision::denied(Timestamp::MIN, Outline::default(), Fault::NotReady);
        Box::new(Entry::new(DecisionIds::new().unwrap().next(), decision, Duration::ZERO, String::new()))
    }

    fn writer(path: &Path) -> Writer {
        let (log, next) = Log::open(&Sink::File(path.to_owned())).unwrap();
        Writer::new(log, next, Arc::new(State::new()), Duration::ZERO)
    }

    #[test]
    fn what_is_waited_for_is_refused_by_a_disk_that_fails_and_not_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut writer = writer(&path);
        let Log::File { file, .. } = &mut writer.log else { panic!("not a file") };
        let good = std::mem::replace(file, fs::File::open(&path).unwrap());
        let (sender, mut waiting) = oneshot::channel();
        assert!(!writer.take(Word::Awaited(entry(), sender)));
        assert!(!writer.take(Word::Record(entry())));

        assert!(writer.flush().is_err());
        assert_eq!(waiting.try_recv(), Err(oneshot::error::TryRecvError::Closed), "who waits is told");

        let Log::File { file, .. } = &mut writer.log else { panic!("not a file") };
        *file = good;
        writer.flush().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("\"seq\":1,"), "no number is missing: {text}");
    }

    #[test]
    fn who_waits_is_told_once_all_of_it_is_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut writer = writer(&path);
        let (gone, _) = oneshot::channel();
        let (sender, mut waiting) = oneshot::channel();
        for word in [Word::Awaited(entry(), gone), Word::Awaited(entry(), sender), Word::Record(entry())] {
            assert!(!writer.take(word));
        }
        assert_eq!(waiting.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        writer.flush().unwrap();
        assert_eq!(waiting.try_recv(), Ok(()));
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2, "who waits no more has recorded something else: {text}");
    }
}
