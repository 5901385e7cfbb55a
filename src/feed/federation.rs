//! A foreign trust domain says for itself whom it trusts, at the one endpoint that is configured for it, and never less than it said before
//! ([SPIFFE Federation] §5).
//!
//! [SPIFFE Federation]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Federation.md

use std::{path::PathBuf, sync::Arc, time::Duration};

use spiffe::TrustDomain;

use super::{
    board::Held,
    https::{Client, FetchError, Limits, Roots, RootsError, Server, aside, read},
};
use crate::{
    clock::Timestamp,
    trust::{DocumentError, Profile, TrustBundle, document},
};

pub(super) use follow::Followers;
pub use relationship::{Relationship, RelationshipError};

mod follow;
mod relationship;

/// What came of an answer that was accepted.
#[derive(Clone, Debug)]
struct Accepted {
    /// What it says.
    held: Held,
    /// How it differs from what was held before.
    change: Change,
    /// When its publisher would have it fetched again.
    refresh_hint: Duration,
}

/// How an answer differs from what was held before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Not at all.
    Same,
    /// It is the first, or has other keys.
    Other,
    /// It has other keys under the same sequence number.
    OtherSameSequence,
}

impl Change {
    /// What its publisher should know of it.
    fn problem(self) -> Option<String> {
        let why = "other keys came under the same sequence number, which their publisher should have counted up";
        (self == Self::OtherSameSequence).then(|| why.to_owned())
    }
}

/// Fetches once at `now`. `held` is what the endpoint said last; `neighbour` is the bundle of the endpoint's own trust domain, if that is
/// another one.
async fn fetch(
    relationship: &Relationship,
    held: Option<&Held>,
    neighbour: Option<Arc<TrustBundle>>,
    limits: Limits,
    now: Timestamp,
) -> Result<Accepted, FederationError> {
    let server = server(relationship, held, neighbour, limits).await?;
    let text = Client::new(server, limits).get(&relationship.url, now).await?;
    accept(&relationship.trust_domain, held, &text)
}

/// How the endpoint has to prove itself now.
async fn server(
    relationship: &Relationship,
    held: Option<&Held>,
    neighbour: Option<Arc<TrustBundle>>,
    limits: Limits,
) -> Result<Server, FederationError> {
    let (id, bootstrap) = match &relationship.profile {
        Profile::HttpsWeb { ca } => {
            let roots = ca.clone().map_or(Roots::System, Roots::File);
            return Ok(Server::WebPki(aside(limits, move || roots.load()).await??));
        }
        Profile::HttpsSpiffe { endpoint_spiffe_id, bootstrap } => (endpoint_spiffe_id, bootstrap),
    };
    let bundle = match (held, bootstrap) {
        _ if !relationship.is_self_serving() => {
            neighbour.ok_or_else(|| FederationError::NoEndpointBundle { trust_domain: id.trust_domain().clone() })?
        }
        // Whatever was fetched replaces the bootstrap bundle for good, a withdrawal too (SPIFFE Federation §5.2.2).
        (Some(held), _) => Arc::clone(&held.bundle),
        (None, Some(path)) => bootstrapped(relationship.trust_domain.clone(), path.clone(), limits).await?,
        (None, None) => return Err(FederationError::NoBootstrap),
    };
    Ok(Server::Spiffe { id: id.clone(), bundle })
}

async fn bootstrapped(
    trust_domain: TrustDomain,
    path: PathBuf,
    limits: Limits,
) -> Result<Arc<TrustBundle>, FederationError> {
    let reading = move || {
        let refused = |why: String| FederationError::Bootstrap { path: path.clone(), why };
        let text = read(&path).map_err(|error| refused(error.to_string()))?;
        let document = document::parse(trust_domain, &text).map_err(|error| refused(error.to_string()))?;
        Ok(Arc::new(document.bundle))
    };
    aside(limits, reading).await?
}

/// Takes an answer in, unless it is older than what is held.
fn accept(trust_domain: &TrustDomain, held: Option<&Held>, text: &[u8]) -> Result<Accepted, FederationError> {
    // Of this trust domain because it was fetched for it: what a document says of itself proves nothing.
    let document = document::parse(trust_domain.clone(), text)?;
    let change = match held {
        None => Change::Other,
        Some(held) => match (held.sequence, document.sequence) {
            (Some(before), Some(received)) if received < before => {
                return Err(FederationError::Rollback { before, received });
            }
            _ if held.bundle.revision() == document.bundle.revision() => Change::Same,
            (Some(before), Some(received)) if received == before => Change::OtherSameSequence,
            _ => Change::Other,
        },
    };
    let held =
        Held { bundle: Arc::new(document.bundle), authorities: document.authorities, sequence: document.sequence };
    Ok(Accepted { held, change, refresh_hint: document.refresh_hint.unwrap_or(DEFAULT_HINT) })
}

/// Why an endpoint was not heard.
#[derive(Debug, thiserror::Error)]
enum FederationError {
    /// The bootstrap bundle cannot be used.
    #[error("bootstrap `{}`: {why}", .path.display())]
    Bootstrap {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// What the endpoint gave is no bundle document.
    #[error("the endpoint gives no bundle document: {0}")]
    Document(#[from] DocumentError),
    /// It was not fetched.
    #[error("{0}")]
    Fetch(#[from] FetchError),
    /// There is nothing to hold the endpoint's first certificate against.
    #[error("nothing is known yet of the endpoint's own trust domain: name its bundle with `bootstrap`")]
    NoBootstrap,
    /// The endpoint is of a trust domain whose bundle is not there.
    #[error("the endpoint is of `{trust_domain}`, whose bundle is not there")]
    NoEndpointBundle {
        /// That trust domain.
        trust_domain: TrustDomain,
    },
    /// The endpoint gives an older bundle than before.
    #[error(
        "rollback: the endpoint gives sequence {received} after {before}, so the newer one stays; \
         if its publisher began anew, stop, and remove what `state` keeps of the trust domain"
    )]
    Rollback {
        /// The sequence number of what is held.
        before: u64,
        /// That of what was given.
        received: u64,
    },
    /// The authorities of the Web PKI cannot be used.
    #[error("{0}")]
    Roots(#[from] RootsError),
}

impl FederationError {
    /// A stable word for it.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Bootstrap { .. } | Self::NoBootstrap => "bootstrap",
            Self::Document(_) => "document",
            Self::Fetch(_) => "fetch",
            Self::NoEndpointBundle { .. } => "endpoint_bundle",
            Self::Rollback { .. } => "rollback",
            Self::Roots(_) => "roots",
        }
    }
}

/// What a document means that gives no hint (SPIFFE Trust Domain and Bundle §4.1.2).
const DEFAULT_HINT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;
