//! Each trust domain vouches for its own workloads only: there is one bundle per domain, and bundles never meet.

use std::{collections::BTreeMap, sync::Arc};

use spiffe::TrustDomain;

pub use authorities::Authorities;
pub use authority::Why;
pub use bundle::TrustBundle;
pub use document::{Document, DocumentError};
pub use endpoint::{Endpoint, EndpointError};
pub use fault::{Fault, LeftOut, Part, TrustError};
pub use map::MapError;
pub use pem::PemError;
pub use source::{Profile, Source, SourceError, SourceKind};

pub(crate) use authority::Authority;

mod authorities;
mod authority;
mod bundle;
pub(crate) mod certificate;
pub mod document;
mod endpoint;
mod fault;
pub mod jwk;
pub mod map;
pub mod pem;
mod source;
pub mod state;

/// The bundles of all trust domains that are trusted, and of no other.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    bundles: BTreeMap<TrustDomain, Arc<TrustBundle>>,
}

impl Trust {
    /// Trusts each of `bundles` for its own domain; of two for one domain neither would be right.
    pub fn new(bundles: impl IntoIterator<Item = Arc<TrustBundle>>) -> Result<Self, DuplicateTrustDomain> {
        let mut map = BTreeMap::new();
        for bundle in bundles {
            let trust_domain = bundle.trust_domain().clone();
            if map.insert(trust_domain.clone(), bundle).is_some() {
                return Err(DuplicateTrustDomain(trust_domain));
            }
        }
        Ok(Self { bundles: map })
    }

    /// The bundle of `trust_domain`, if that is trusted.
    pub fn bundle(&self, trust_domain: &TrustDomain) -> Option<&Arc<TrustBundle>> {
        self.bundles.get(trust_domain)
    }

    /// All bundles, in the order of their trust domains.
    pub fn bundles(&self) -> impl Iterator<Item = &Arc<TrustBundle>> {
        self.bundles.values()
    }
}

/// Two bundles for one trust domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are two bundles for the trust domain `{0}`")]
pub struct DuplicateTrustDomain(pub TrustDomain);

const MAX_TEXT: usize = 1024 * 1024;
const MAX_CERTIFICATES: usize = 100;

#[cfg(test)]
mod tests;
