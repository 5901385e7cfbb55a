//! How long grants of each type may last at most.

use std::time::Duration;

use super::Kind;

/// The longest time between the beginning and the end of a grant, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxTtl {
    /// Of a `standing` one.
    pub standing: Duration,
    /// Of an `eligible` one.
    pub eligible: Duration,
    /// Of a `jit` one.
    pub jit: Duration,
    /// Of an `exception`.
    pub exception: Duration,
    /// Of a `break_glass` one.
    pub break_glass: Duration,
}

impl MaxTtl {
    /// That of one type.
    pub const fn of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Standing => self.standing,
            Kind::Eligible => self.eligible,
            Kind::Jit => self.jit,
            Kind::Exception => self.exception,
            Kind::BreakGlass => self.break_glass,
        }
    }
}

impl Default for MaxTtl {
    /// What holds where nobody configures less.
    fn default() -> Self {
        Self {
            standing: Kind::Standing.max_ttl(),
            eligible: Kind::Eligible.max_ttl(),
            jit: Kind::Jit.max_ttl(),
            exception: Kind::Exception.max_ttl(),
            break_glass: Kind::BreakGlass.max_ttl(),
        }
    }
}
