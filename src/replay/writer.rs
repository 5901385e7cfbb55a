//! The thread that writes claims: it takes all that wait, and waits for the disk once for all of them.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
};

use tokio::sync::watch;

use super::{Key, log::Log, table::Table};
use crate::clock::Timestamp;

/// A claim that is to be on disk before anybody is told of it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) number: u64,
    pub(super) tokens: Vec<(Key, Timestamp)>,
    pub(super) done: watch::Sender<Option<bool>>,
}

pub(super) struct Writer {
    log: Log,
    table: Arc<Mutex<Table>>,
    broken: bool,
    /// Below this size the file is left as it is.
    enough: u64,
}

impl Writer {
    pub(super) fn new(log: Log, table: Arc<Mutex<Table>>) -> Self {
        Self { log, table, broken: false, enough: SMALL }
    }

    /// Writes until nobody can claim any more.
    pub(super) fn run(mut self, waiting: &mpsc::Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            let mut jobs = vec![first];
            jobs.extend(waiting.try_iter().take(BATCH));
            let written = self.log.append(jobs.iter().map(|job| job.tokens.as_slice()));
            self.report(&written);
            let mut table = self.table();
            for job in &jobs {
                table.settle(job.number, &job.tokens, written.is_ok());
            }
            drop(table);
            for job in jobs {
                job.done.send_replace(Some(written.is_ok()));
            }
            self.compact();
        }
    }

    fn report(&mut self, written: &io::Result<()>) {
        match written {
            Err(error) if !self.broken => {
                tracing::error!(%error, "Claims cannot be written: one-time tokens are refused until they can");
            }
            Ok(()) if self.broken => tracing::info!("Claims can be written again"),
            _ => (),
        }
        self.broken = written.is_err();
    }

    /// Writes the file anew if most of what is in it is over.
    fn compact(&mut self) {
        let table = self.table();
        let live = u64::try_from(table.len()).unwrap_or(u64::MAX);
        if self.log.len() <= self.enough.max(live.saturating_mul(2)) {
            return;
        }
        let marks = table.marks();
        let claims: Vec<_> = table.settled().collect();
        drop(table);
        self.enough = SMALL;
        if let Err(error) = self.log.compact(marks, claims.into_iter()) {
            tracing::warn!(%error, "Claims that are over could not be taken out of their file");
            // Tried again, but not with every claim.
            self.enough = self.log.len().saturating_mul(2);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most claims that wait for the disk together, after the first.
const BATCH: usize = 1023;
/// A file that is not worth writing anew, in claims.
const SMALL: u64 = 1024;
