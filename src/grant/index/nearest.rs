//! Which of the reasons why no grant covers a hop is told: the one that is the least away from covering it.

use std::{cmp::Reverse, sync::Arc};

use spiffe::SpiffeId;

use super::{
    super::{Grant, GrantError, Needed},
    Asked, Dimension,
    opening::Lack,
};
use crate::clock::Timestamp;

/// What came nearest to covering a hop.
pub(super) struct Nearest<'a> {
    dimension: Dimension,
    lacking: Option<(&'a Arc<Grant>, Lack)>,
}

impl<'a> Nearest<'a> {
    pub(super) const fn new(dimension: Dimension) -> Self {
        Self { dimension, lacking: None }
    }

    /// A grant is for something else.
    pub(super) fn misses(&mut self, dimension: Dimension) {
        self.dimension = self.dimension.max(dimension);
    }

    /// A grant is for this, and does not count now. Of those that lack the same, the first one told is kept.
    pub(super) fn lacks(&mut self, grant: &'a Arc<Grant>, lack: Lack) {
        if lack == Lack::Everything {
            self.misses(Dimension::Revoked);
        } else if self.lacking.as_ref().is_none_or(|(other, of_other)| away(grant, &lack) < away(other, of_other)) {
            self.lacking = Some((grant, lack));
        }
    }

    pub(super) fn error(self, asked: &Asked<'_>, audience: &SpiffeId) -> GrantError {
        let Some((grant, lack)) = self.lacking else {
            return GrantError::Missing(Box::new(Needed::new(self.dimension, asked, audience)));
        };
        let grant = Arc::clone(grant);
        match lack {
            Lack::Revoked(revocation) => GrantError::Revoked { grant, revocation },
            Lack::Holding => GrantError::NotHeld { grant, holder: asked.acting.relayed.unwrap_or_default().to_owned() },
            Lack::Inactive(why) => GrantError::Inactive { grant, why },
            Lack::Signatures => GrantError::Unsigned(grant),
            Lack::Begin => GrantError::Pending(grant),
            Lack::End | Lack::Everything => GrantError::Expired(grant),
        }
    }
}

/// How far a grant is from covering the hop. Of those to come the first to begin is nearest, of those that are over the last that ended.
const fn away(grant: &Grant, lack: &Lack) -> (u8, Timestamp, Reverse<Timestamp>) {
    let none = Reverse(Timestamp::MIN);
    match lack {
        Lack::Revoked(_) => (0, Timestamp::MIN, none),
        Lack::Holding => (1, Timestamp::MIN, none),
        Lack::Inactive(_) => (2, Timestamp::MIN, none),
        Lack::Signatures => (3, Timestamp::MIN, none),
        Lack::Begin => (4, grant.not_before, none),
        Lack::End | Lack::Everything => (5, Timestamp::MIN, Reverse(grant.expires_at)),
    }
}
