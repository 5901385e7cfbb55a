//! Which of the reasons why no grant covers a hop is told: the one that is the least away from covering it.

use std::sync::Arc;

use spiffe::SpiffeId;

use super::{
    super::{Grant, GrantError, Needed},
    Asked, Dimension,
    opening::Lack,
};

/// What came nearest to covering a hop.
pub(super) struct Nearest<'a> {
    dimension: Dimension,
    lacking: Option<(&'a Arc<Grant>, Lack)>,
}

impl<'a> Nearest<'a> {
    pub(super) const fn new(dimension: Dimension) -> Self {
        Self { dimension, lacking: None }
    }

    /// A grant does not cover the hop. Of those that lack the same, the first in the order of choice is kept.
    pub(super) fn lacks(&mut self, grant: &'a Arc<Grant>, lack: Lack) {
        if let Lack::Misses(dimension) = lack {
            self.dimension = self.dimension.max(dimension);
        } else if self.lacking.as_ref().is_none_or(|(other, of_other)| away(grant, &lack) < away(other, of_other)) {
            self.lacking = Some((grant, lack));
        }
    }

    /// Looks through grants until one lacks no more than it must.
    pub(super) fn look(
        &mut self,
        grants: impl Iterator<Item = &'a Arc<Grant>>,
        lack: impl Fn(&Grant) -> Option<Lack>,
        is_least: impl Fn(&Lack) -> bool,
    ) {
        for grant in grants {
            let Some(lack) = lack(grant) else { return };
            let found = is_least(&lack);
            self.lacks(grant, lack);
            if found {
                return;
            }
        }
    }

    /// Whether a grant that misses `dimension` would come nearer than all so far.
    pub(super) fn is_beyond(&self, dimension: Dimension) -> bool {
        self.lacking.is_none() && self.dimension < dimension
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
            Lack::End => GrantError::Expired(grant),
            Lack::Misses(dimension) => GrantError::Missing(Box::new(Needed::new(dimension, asked, audience))),
        }
    }
}

/// How far a grant is from covering the hop. Of those to come the first to begin is nearest, of those that are over the last that ended.
fn away<'g>(grant: &'g Grant, lack: &Lack) -> impl Ord + use<'g> {
    let (kind, time) = match lack {
        Lack::Revoked(_) => (0, 0),
        Lack::Holding => (1, 0),
        Lack::Inactive(_) => (2, 0),
        Lack::Signatures => (3, 0),
        Lack::Begin => (4, i128::from(grant.not_before.nanos())),
        Lack::End => (5, -i128::from(grant.expires_at.nanos())),
        Lack::Misses(_) => (6, 0),
    };
    (kind, time, grant.precedence())
}
