//! An issuer's keys are what its own endpoint said last, for as long as it can be relied on; no token makes anybody ask for more.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{
    clock::Timestamp,
    feed::https::{Bounds, Client, FetchError, HttpsUrl, Limits, Pace, Roots, RootsError, Server, aside},
    trust::jwk::{Ignored, JwkError, JwtKeys, Uses},
};

/// Where an issuer publishes its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The issuer: the keys count for its tokens and no others.
    pub issuer: String,
    /// The URL of its JWK set ([RFC 7517] §5).
    ///
    /// [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517
    pub url: HttpsUrl,
    /// The file of the roots that may vouch for its host, PEM; without one, those of the system.
    pub ca: Option<PathBuf>,
    /// How often it is asked; 30 s at least, a day at most.
    pub refresh: Duration,
}

/// An endpoint, and what it said last.
#[derive(Clone, Debug)]
pub struct Jwks {
    endpoint: Endpoint,
    limits: Limits,
    held: Option<Arc<Held>>,
}

/// What an issuer's endpoint said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The keys; none, if they were withdrawn.
    pub keys: JwtKeys,
    /// The keys of the set that were left out.
    pub ignored: Vec<Ignored>,
    /// When the endpoint last stood by it.
    pub confirmed: Timestamp,
}

impl Held {
    /// When the keys cease to be relied on if the endpoint is not heard again.
    pub fn stale_at(&self, max_stale: Duration) -> Timestamp {
        self.confirmed.after(max_stale)
    }
}

/// Where a task gives what it hears.
pub trait Keeper {
    /// The time.
    fn now(&self) -> Timestamp;
    /// Takes what the endpoint of `issuer` says: `confirmed` is new each time, the rest if `changed`.
    fn accept(&self, issuer: &str, held: &Arc<Held>, changed: bool);
    /// Takes why it was not heard this time. What it said before stands.
    fn fail(&self, issuer: &str, error: &JwksError);
}

/// Fetches again and again, for as long as it is polled.
pub async fn run(mut jwks: Jwks, bounds: Bounds, keeper: &impl Keeper) {
    let mut pace = Pace::new(bounds);
    sleep(pace.first(false)).await;
    loop {
        let outcome = jwks.fetch(keeper.now()).await;
        let Endpoint { issuer, url, refresh, .. } = &jwks.endpoint;
        let wait = match outcome {
            Ok((held, changed)) => {
                if changed {
                    let (keys, left_out) = (held.keys.len(), held.ignored.len());
                    tracing::info!(issuer, %url, keys, left_out, revision = %held.keys.revision(), "Key set fetched");
                } else {
                    tracing::debug!(issuer, %url, "Key set confirmed");
                }
                keeper.accept(issuer, &held, changed);
                pace.answered(*refresh)
            }
            Err(error) => {
                tracing::warn!(issuer, %url, %error, "Key set not fetched");
                keeper.fail(issuer, &error);
                pace.failed()
            }
        };
        sleep(wait).await;
    }
}

/// The bounds of the pace at which key sets are fetched.
pub const BOUNDS: Bounds =
    Bounds { least: Duration::from_secs(30), most: Duration::from_secs(86_400), retry: Duration::from_secs(5) };

impl Jwks {
    /// Nothing heard yet.
    pub const fn new(endpoint: Endpoint, limits: Limits) -> Self {
        Self { endpoint, limits, held: None }
    }

    /// The endpoint.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What it said last.
    pub const fn held(&self) -> Option<&Arc<Held>> {
        self.held.as_ref()
    }

    /// Fetches once at `now`, and says whether the keys are others than before, or the first. After an error everything is as before.
    ///
    /// # Errors
    /// If the endpoint does not answer as it should.
    pub async fn fetch(&mut self, now: Timestamp) -> Result<(Arc<Held>, bool), JwksError> {
        let roots = self.endpoint.ca.clone().map_or(Roots::System, Roots::File);
        let roots = aside(self.limits, move || roots.load()).await??;
        let text = Client::new(Server::WebPki(roots), self.limits).get(&self.endpoint.url, now).await?;
        let (keys, ignored) = JwtKeys::parse(&text, Uses::Plain)?;
        let changed = self.held.as_ref().is_none_or(|held| held.keys != keys);
        let held = Arc::new(Held { keys, ignored, confirmed: now });
        self.held = Some(Arc::clone(&held));
        Ok((held, changed))
    }
}

/// Why an issuer's endpoint was not heard.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// It was not fetched.
    #[error("{0}")]
    Fetch(#[from] FetchError),
    /// What it gave is no key set.
    #[error("the endpoint gives no key set: {0}")]
    Keys(#[from] JwkError),
    /// The authorities of the Web PKI cannot be used.
    #[error("{0}")]
    Roots(#[from] RootsError),
}

#[cfg(test)]
mod tests;
