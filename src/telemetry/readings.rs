//! What is not counted as it happens but read off when metrics are scraped.

use std::time::Duration;

use crate::{
    clock::{Steps, Timestamp},
    decision::Modes,
};

/// How the process stands at one time.
#[derive(Clone, Copy, Debug)]
pub struct Readings {
    /// That time.
    pub now: Timestamp,
    /// When the process began to serve.
    pub started: Timestamp,
    /// Whether Checks are decided.
    pub ready: bool,
    /// Checks under way.
    pub in_flight: Fill,
    /// Open connections.
    pub connections: Fill,
    /// One-time tokens that are remembered.
    pub one_time: Fill,
    /// The log.
    pub audit: AuditReadings,
    /// Steps of the wall clock.
    pub clock: Steps,
    /// How far each layer acts.
    pub modes: Modes,
    /// What evaluates the policy; absent, if there is none.
    pub evaluator: Option<&'static str>,
    /// Policies whose evaluators differed.
    pub policy_fallbacks: u64,
    /// What is remembered of certificates.
    pub svids: CacheReadings,
    /// What is remembered of tokens.
    pub tokens: CacheReadings,
    /// When the SVID begins and ends that those see who ask over mutual TLS, the first to end if there are several; absent, if nobody does.
    pub svid: Option<(Timestamp, Timestamp)>,
}

/// How full something is that is bounded.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// What there is.
    pub is: usize,
    /// What there can be.
    pub most: usize,
}

/// How the log stands.
#[derive(Clone, Copy, Debug)]
pub struct AuditReadings {
    /// Records on disk.
    pub records: u64,
    /// Records that were lost.
    pub losses: u64,
    /// Those of them that the log does not tell of yet.
    pub unsaid: u64,
    /// Whether it cannot be written.
    pub broken: bool,
    /// Records that wait for the writer.
    pub queue: Fill,
    /// How long the oldest of what the disk was given has been waiting for it.
    pub waiting: Duration,
}

/// How often a cache knew.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheReadings {
    /// It did.
    pub hits: u64,
    /// It did not.
    pub misses: u64,
}
