//! The stages of a Check, as whoever times them is told of them: deciding itself reads no clock.

/// A stage of answering a Check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The message is awaited, and a turn on this thread.
    Read,
    /// The message is decoded, and the hop in it.
    Hop,
    /// Who calls is proved.
    Peer,
    /// Tokens are verified.
    Tokens,
    /// They are bound to who presents them, and the hop to this workload.
    Delegation,
    /// What the hop is for is read.
    Purpose,
    /// Suspensions, the vocabulary and revocations are looked up.
    Standing,
    /// A grant that covers the hop is looked for.
    Grant,
    /// The policy is evaluated.
    Policy,
    /// One-time tokens are claimed.
    Claim,
    /// A record that must be on disk before the answer leaves is awaited.
    Record,
    /// The answer is encoded.
    Answer,
}

impl Stage {
    /// All of them, in the order in which they are entered.
    pub const ALL: [Self; 12] = [
        Self::Read,
        Self::Hop,
        Self::Peer,
        Self::Tokens,
        Self::Delegation,
        Self::Purpose,
        Self::Standing,
        Self::Grant,
        Self::Policy,
        Self::Claim,
        Self::Record,
        Self::Answer,
    ];

    /// The name in metrics and traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Hop => "hop",
            Self::Peer => "peer",
            Self::Tokens => "tokens",
            Self::Delegation => "delegation",
            Self::Purpose => "purpose",
            Self::Standing => "standing",
            Self::Grant => "grant",
            Self::Policy => "policy",
            Self::Claim => "claim",
            Self::Record => "record",
            Self::Answer => "answer",
        }
    }
}

/// Is told where a decision is. What it makes of that has no way back into the decision.
pub trait Laps {
    /// A stage begins, and with it the one before has ended.
    fn enter(&mut self, stage: Stage);
}

/// Nobody asks how long anything takes.
impl Laps for () {
    fn enter(&mut self, _: Stage) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_declared_in_the_order_of_all() {
        for (place, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, place, "{}", stage.as_str());
        }
    }
}
