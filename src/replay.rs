//! A one-time token is spent once: whoever comes second is refused, for as long as the token lives.
//!
//! Claiming comes after deciding, and only for what is about to be permitted. All tokens of a Check are claimed, or none. A claim is kept
//! until its token is over by both clocks, the one that tells `now` and the boot clock, and is never given up to make room. With a state
//! directory it is on disk before anybody is told of it; without one, what may have been claimed before the process began is refused.

mod load;
mod log;
mod slot;
mod table;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};

use tokio::sync::watch;

use self::{
    log::Log,
    table::{Claimed, Moment, Table},
    writer::{Job, Writer},
};
use crate::{
    clock::{self, Timestamp},
    telemetry::Fill,
};

/// The longest life of a token that may be used once: `max_lifetime` of a kind with `one_time` must not be longer.
pub const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// The claims on one-time tokens.
#[derive(Debug)]
pub struct Claims {
    table: Arc<Mutex<Table>>,
    grace: Duration,
    /// Where claims are written down, if they are.
    jobs: Option<mpsc::Sender<Job>>,
}

/// A token that may be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneTime {
    /// Names the token: a digest of who vouches for it, and of its `jti` or, without one, of what is signed.
    pub key: [u8; 32],
    /// When it was issued, if it says so.
    pub issued: Option<Timestamp>,
    /// When nobody takes it any more, whatever leeway is configured until then.
    pub expires: Timestamp,
}

/// Who asks, and what: Envoy's retry is the same Check, byte for byte, on the same connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The connection, by a number that no other one has had.
    pub connection: u64,
    /// The SHA-256 of the Check.
    pub check: [u8; 32],
}

/// Why tokens were not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One of them is spent, or may be.
    #[error("a one-time token is spent, or may have been before this process began")]
    Replayed,
    /// There is no room to remember them.
    #[error("no more one-time tokens can be remembered: raise `tokens.replay.capacity`")]
    Full,
    /// The claim could not be written down in time.
    #[error("the claim on a one-time token could not be written down: look at the state directory")]
    Unavailable,
}

/// Why claims cannot be kept in a state directory.
#[derive(Debug, thiserror::Error)]
pub enum ClaimsError {
    /// Somebody else could take claims back.
    #[error("anybody can change what is in `{0}`: take away its write permission for others")]
    Exposed(PathBuf),
    /// Somebody else was there first, and could put old claims back.
    #[error(
        "`{0}` belongs to user {1}, who could change what is in it: give it to the user that runs this, or name another directory"
    )]
    Foreign(PathBuf, u32),
    /// Two processes would each spend a token.
    #[error("another process keeps its claims in `{0}`: give each sidecar a state directory of its own")]
    Shared(PathBuf),
    /// It cannot be read or written.
    #[error("`{path}` cannot be used: {error}")]
    Unusable {
        /// The directory or the file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// No thread could be started.
    #[error("the thread that writes claims cannot be started: {0}")]
    Thread(io::Error),
}

impl Claims {
    /// Remembers at most `capacity` tokens, from `now` on. The same asker may repeat a claim for `grace`, which is also how long a claim waits
    /// for the disk.
    ///
    /// With a `state` directory, what was claimed there before still counts. If there is nothing there, or it is damaged, tokens issued before
    /// `now` count as claimed, as they do without a directory.
    ///
    /// # Errors
    /// If claims cannot be kept in the directory, or another process keeps its own there.
    pub fn open(capacity: usize, grace: Duration, state: Option<&Path>, now: Timestamp) -> Result<Self, ClaimsError> {
        let at = Moment { now, boot: clock::boot() };
        match state {
            None => Ok(Self::in_memory(Table::new(capacity, grace, at))),
            Some(directory) => {
                let (log, table) = Log::open(directory, capacity, grace, at)?;
                Self::on_disk(table, log)
            }
        }
    }

    fn in_memory(table: Table) -> Self {
        Self { grace: table.grace(), table: Arc::new(Mutex::new(table)), jobs: None }
    }

    fn on_disk(table: Table, log: Log) -> Result<Self, ClaimsError> {
        let grace = table.grace();
        let table = Arc::new(Mutex::new(table));
        let (jobs, waiting) = mpsc::channel();
        let writer = Writer::new(log, Arc::clone(&table));
        std::thread::Builder::new()
            .name("claims".to_owned())
            .spawn(move || writer.run(&waiting))
            .map_err(ClaimsError::Thread)?;
        Ok(Self { table, grace, jobs: Some(jobs) })
    }

    /// How many tokens are remembered, and how many can be.
    pub fn fill(&self) -> Fill {
        let table = self.table();
        Fill { is: table.len(), most: table.capacity() }
    }

    /// Claims all of `tokens` for `asker`, or none.
    ///
    /// `Ok` for the first who asks, and again for the same asker while Envoy may retry. Cancelling does not take a claim back.
    ///
    /// # Errors
    /// If one of them may be spent, if there is no room, or if the claim was not written down in time.
    pub async fn claim(&self, tokens: &[OneTime], asker: Asker, now: Timestamp) -> Result<(), Refused> {
        if tokens.is_empty() {
            return Ok(());
        }
        let at = Moment { now, boot: clock::boot() };
        let Some(mut settled) = self.begin(tokens, asker, at)? else { return Ok(()) };
        let written = tokio::time::timeout(self.grace, settled.wait_for(Option::is_some)).await;
        match written.map(|told| told.map(|told| *told)) {
            Ok(Ok(Some(true))) => Ok(()),
            // Refused, late, or the writer is gone: nobody knows that it is on disk.
            Ok(_) | Err(_) => Err(Refused::Unavailable),
        }
    }

    /// Whether none of `tokens` is spent, as far as `asker` is concerned; claims none.
    ///
    /// # Errors
    /// If one of them may be spent.
    pub fn unspent(&self, tokens: &[OneTime], asker: Asker, now: Timestamp) -> Result<(), Refused> {
        self.table().unspent(tokens, asker, Moment { now, boot: clock::boot() })
    }

    /// Enters the claim. What it gives is to be waited for; `None`: nothing is.
    fn begin(&self, tokens: &[OneTime], asker: Asker, at: Moment) -> Result<Option<Settled>, Refused> {
        let Some(jobs) = &self.jobs else {
            return self.table().claim(tokens, asker, at, None).map(|_| None);
        };
        let (done, settled) = watch::channel(None);
        let mut table = self.table();
        match table.claim(tokens, asker, at, Some(&settled))? {
            Claimed::Again(before) => Ok(before),
            Claimed::New(number) => {
                let tokens = tokens.iter().map(|token| (token.key, token.expires)).collect();
                // Sent under the lock: the order in the file is the order of the claims.
                if let Err(mpsc::SendError(job)) = jobs.send(Job { number, tokens, done }) {
                    table.settle(number, &job.tokens, false);
                    return Err(Refused::Unavailable);
                }
                Ok(Some(settled))
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether a claim is on disk, once that is known.
type Settled = watch::Receiver<Option<bool>>;

/// A token's name.
type Key = [u8; 32];

#[cfg(test)]
mod tests;
