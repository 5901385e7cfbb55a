//! A foreign trust domain says for itself whom it trusts, at the one endpoint that is configured for it, and never less than it said before
//! ([SPIFFE Federation] §5).
//!
//! [SPIFFE Federation]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Federation.md

use std::{path::PathBuf, sync::Arc, time::Duration};

use spiffe::TrustDomain;
use tokio::time::sleep;

use crate::{
    clock::Timestamp,
    feed::https::{Bounds, Client, FetchError, Limits, Pace, Roots, RootsError, Server, aside, read},
    trust::{Authorities, DocumentError, Profile, TrustBundle, document},
};

pub use relationship::{Relationship, RelationshipError};

mod relationship;

/// A relationship, and what its endpoint said last.
#[derive(Clone, Debug)]
pub struct Federation {
    relationship: Relationship,
    limits: Limits,
    held: Option<Arc<Held>>,
}

/// What an endpoint said last.
#[derive(Clone, Debug)]
pub struct Held {
    /// The bundle; empty, if it was withdrawn.
    pub bundle: Arc<TrustBundle>,
    /// What the bundle was made of.
    pub authorities: Authorities,
    /// The publisher's number of it.
    pub sequence: Option<u64>,
    /// When the endpoint last stood by it.
    pub confirmed: Timestamp,
}

/// What came of an answer that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// What it says.
    pub held: Arc<Held>,
    /// Whether it says something else than the one before.
    pub change: Change,
    /// When its publisher would have it fetched again.
    pub refresh_hint: Duration,
}

/// How an answer differs from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not at all.
    Same,
    /// It is the first, or has other keys.
    Other,
    /// It has other keys under the same sequence number, which its publisher should have counted up.
    OtherSameSequence,
}

/// Where a task takes from and gives to what outlives one fetch.
pub trait Keeper {
    /// The time.
    fn now(&self) -> Timestamp;
    /// The bundle of another trust domain, as it is relied on now.
    fn bundle(&self, trust_domain: &TrustDomain) -> Option<Arc<TrustBundle>>;
    /// Takes what the endpoint of `trust_domain` says: `confirmed` is new each time, the rest if `change` says so.
    fn accept(&self, trust_domain: &TrustDomain, held: &Arc<Held>, change: Change);
    /// Takes why it was not heard this time. What it said before stands.
    fn fail(&self, trust_domain: &TrustDomain, error: &FederationError);
}

/// Fetches again and again, for as long as it is polled.
pub async fn run(mut federation: Federation, bounds: Bounds, keeper: &impl Keeper) {
    let mut pace = Pace::new(bounds);
    sleep(pace.first(federation.held.is_some())).await;
    loop {
        let outcome = federation.fetch(|trust_domain| keeper.bundle(trust_domain), keeper.now()).await;
        let trust_domain = &federation.relationship.trust_domain;
        let url = &federation.relationship.url;
        let wait = match outcome {
            Ok(Accepted { held, change, refresh_hint }) => {
                log(&federation.relationship, &held, change);
                keeper.accept(trust_domain, &held, change);
                pace.answered(refresh_hint)
            }
            Err(error) => {
                tracing::warn!(%trust_domain, %url, kind = error.kind(), %error, "Bundle not fetched");
                keeper.fail(trust_domain, &error);
                pace.failed()
            }
        };
        sleep(wait).await;
    }
}

/// Says what was fetched (SPIFFE Federation §7.6).
fn log(relationship: &Relationship, held: &Held, change: Change) {
    let Relationship { trust_domain, url, .. } = relationship;
    let (sequence, revision) = (held.sequence, held.bundle.revision());
    match change {
        Change::Same => tracing::debug!(%trust_domain, %url, sequence, %revision, "Bundle confirmed"),
        Change::Other => tracing::info!(%trust_domain, %url, sequence, %revision, "Bundle fetched"),
        Change::OtherSameSequence => {
            tracing::warn!(%trust_domain, %url, sequence, %revision, "Bundle has other keys under the same sequence number");
        }
    }
}

impl Federation {
    /// Begins with what the endpoint said before a restart, if that was kept.
    pub fn new(relationship: Relationship, limits: Limits, held: Option<Held>) -> Self {
        Self { relationship, limits, held: held.map(Arc::new) }
    }

    /// The relationship.
    pub const fn relationship(&self) -> &Relationship {
        &self.relationship
    }

    /// What the endpoint said last.
    pub const fn held(&self) -> Option<&Arc<Held>> {
        self.held.as_ref()
    }

    /// Fetches once at `now`; `bundle` gives those of other trust domains. After an error everything is as before.
    ///
    /// # Errors
    /// If the endpoint does not answer as it should, or takes back what it said.
    pub async fn fetch(
        &mut self,
        bundle: impl FnOnce(&TrustDomain) -> Option<Arc<TrustBundle>>,
        now: Timestamp,
    ) -> Result<Accepted, FederationError> {
        let server = self.server(bundle).await?;
        let text = Client::new(server, self.limits).get(&self.relationship.url, now).await?;
        self.accept(&text, now)
    }

    /// How the endpoint has to prove itself now.
    async fn server(
        &self,
        bundle: impl FnOnce(&TrustDomain) -> Option<Arc<TrustBundle>>,
    ) -> Result<Server, FederationError> {
        let (id, bootstrap) = match &self.relationship.profile {
            Profile::HttpsWeb { ca } => {
                let roots = ca.clone().map_or(Roots::System, Roots::File);
                let roots = aside(self.limits, move || roots.load()).await?;
                return Ok(Server::WebPki(roots?));
            }
            Profile::HttpsSpiffe { endpoint_spiffe_id, bootstrap } => (endpoint_spiffe_id, bootstrap),
        };
        let bundle = match (&self.held, bootstrap) {
            _ if !self.relationship.is_self_serving() => bundle(id.trust_domain())
                .ok_or_else(|| FederationError::NoEndpointBundle { trust_domain: id.trust_domain().clone() })?,
            // Whatever was fetched replaces the bootstrap bundle for good, a withdrawal too (SPIFFE Federation §5.2.2).
            (Some(held), _) => Arc::clone(&held.bundle),
            (None, Some(path)) => self.bootstrap(path.clone()).await?,
            (None, None) => return Err(FederationError::NoBootstrap),
        };
        Ok(Server::Spiffe { id: id.clone(), bundle })
    }

    async fn bootstrap(&self, path: PathBuf) -> Result<Arc<TrustBundle>, FederationError> {
        let trust_domain = self.relationship.trust_domain.clone();
        aside(self.limits, move || {
            let refused = |why: String| FederationError::Bootstrap { path: path.clone(), why };
            let text = read(&path).map_err(|error| refused(error.to_string()))?;
            let document = document::parse(trust_domain, &text).map_err(|error| refused(error.to_string()))?;
            Ok(Arc::new(document.bundle))
        })
        .await?
    }

    /// Takes an answer in, unless it is older than what is held.
    fn accept(&mut self, text: &[u8], now: Timestamp) -> Result<Accepted, FederationError> {
        // Of this trust domain because it was fetched for it: what a document says of itself proves nothing.
        let document = document::parse(self.relationship.trust_domain.clone(), text)?;
        let change = match &self.held {
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
        let held = Arc::new(Held {
            bundle: Arc::new(document.bundle),
            authorities: document.authorities,
            sequence: document.sequence,
            confirmed: now,
        });
        self.held = Some(Arc::clone(&held));
        Ok(Accepted { held, change, refresh_hint: document.refresh_hint.unwrap_or(DEFAULT_HINT) })
    }
}

/// Why an endpoint was not heard.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
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
        "the endpoint gives sequence {received} after {before}, so the newer one stays; \
         if its publisher began anew, remove what `state` keeps of the trust domain"
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
    /// A stable word for it, for logs and metrics.
    pub const fn kind(&self) -> &'static str {
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
