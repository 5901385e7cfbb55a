//! Whom a hop is meant for: without a token that says so, the name by which Envoy answered the peer.

use spiffe::SpiffeId;

use crate::peer::id;

/// Proof that a hop is not meant for another workload than this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(SpiffeId);

/// Whether Envoy's own name is held against ours (`hop.self_check`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SelfCheck {
    /// It must be ours, if Envoy reports one.
    #[default]
    Principal,
    /// It is not looked at.
    None,
}

/// The hop came to an Envoy that answers by another name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hop was answered as `{answered_as}`, and this is `{this}`")]
pub struct AudienceError {
    answered_as: String,
    this: SpiffeId,
}

impl Audience {
    /// Verifies that `destination`, what Envoy calls itself, is this workload. Empty, Envoy does not tell.
    ///
    /// # Errors
    /// [`AudienceError`] if it is another workload, or no SPIFFE ID at all.
    pub fn verify(this: &SpiffeId, destination: &str, check: SelfCheck) -> Result<Self, AudienceError> {
        match check {
            SelfCheck::Principal if !destination.is_empty() && !id::is_spelled(this, destination) => {
                let answered_as = destination.chars().take(MAX_SHOWN).collect();
                Err(AudienceError { answered_as, this: this.clone() })
            }
            SelfCheck::Principal | SelfCheck::None => Ok(Self(this.clone())),
        }
    }

    /// This workload.
    pub fn id(&self) -> &SpiffeId {
        &self.0
    }
}

const MAX_SHOWN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(destination: &str, check: SelfCheck) -> bool {
        let this = SpiffeId::new("spiffe://dev.example/payments").unwrap();
        Audience::verify(&this, destination, check).is_ok()
    }

    #[test]
    fn another_name_is_another_audience() {
        assert!(verify("spiffe://dev.example/payments", SelfCheck::Principal));
        assert!(!verify("spiffe://dev.example/orders", SelfCheck::Principal));
        assert!(!verify("spiffe://dev.example/payments/", SelfCheck::Principal));
        assert!(!verify("payments.dev.example", SelfCheck::Principal));
    }

    #[test]
    fn an_envoy_that_does_not_tell_is_taken_to_be_ours() {
        assert!(verify("", SelfCheck::Principal));
    }

    #[test]
    fn the_check_can_be_switched_off() {
        assert!(verify("spiffe://dev.example/orders", SelfCheck::None));
    }
}
