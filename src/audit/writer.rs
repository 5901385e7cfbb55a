//! The thread that writes: it gathers what comes within a window, appends it, and waits for the disk once for all of it.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{self, error::TryRecvError};

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
    last: Timestamp,
}

impl Writer {
    pub(super) fn new(log: Log, next: u64, state: Arc<State>, window: Duration) -> Self {
        Self { log, next, state, window, lines: Vec::new(), pending: 0, last: Timestamp::MIN }
    }

    /// Writes until it is told to end and everything is on disk, or cannot be put there.
    pub(super) fn run(mut self, mut words: mpsc::Receiver<Word>) {
        let mut ended = false;
        while !ended {
            ended = match words.blocking_recv() {
                Some(Word::Record(entry)) => {
                    self.line(&entry);
                    self.gather(&mut words)
                }
                Some(Word::End) | None => true,
            };
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

    /// Waits for one window and takes what came. `true`: nothing more will come.
    fn gather(&mut self, words: &mut mpsc::Receiver<Word>) -> bool {
        let end = Instant::now() + self.window;
        loop {
            match words.try_recv() {
                Ok(Word::Record(entry)) => self.line(&entry),
                Ok(Word::End) | Err(TryRecvError::Disconnected) => return true,
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
        let record = Record::new(self.next, entry);
        self.push(&record);
    }

    fn push(&mut self, record: &impl serde::Serialize) {
        match line::append(&mut self.lines, record) {
            Ok(()) => {
                self.next = self.next.saturating_add(1);
                self.pending = self.pending.saturating_add(1);
            }
            Err(error) => {
                tracing::error!(%error, "Audit record cannot be encoded");
                self.state.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // While the log is broken its gap only grows: it is told once, when it is over.
        if !self.state.broken.load(Ordering::Acquire) {
            let lost = self.state.lost.swap(0, Ordering::AcqRel);
            if lost > 0 {
                self.push(&Gap::new(self.next, self.last, lost));
            }
        }
        self.state.wait(true);
        let committed = self.log.commit(&self.lines);
        self.state.wait(false);
        committed?;
        self.lines.clear();
        self.state.written.fetch_add(std::mem::take(&mut self.pending), Ordering::Relaxed);
        Ok(())
    }
}

/// How long a broken sink is left alone.
const RETRY: Duration = Duration::from_millis(100);

/// A batch that is written without waiting for the window's end, in bytes.
const BATCH: usize = 1024 * 1024;
