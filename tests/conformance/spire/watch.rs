//! What the agent gives out, as a client of the Workload API sees it that is not ours: from then on Hopguard must act by it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use spiffe::{TrustDomain, WorkloadApiClient, X509Bundle};
use tokio::{task::AbortHandle, time::timeout};
use tokio_stream::{Stream, StreamExt};
use x509_parser::{extensions::ParsedExtension, prelude::*};

use super::{Agent, authority::Kind};
use crate::svid::pem;

/// The authorities of one trust domain, as they come.
pub(crate) struct Watch {
    client: WorkloadApiClient,
    domain: TrustDomain,
    kind: Kind,
    deliveries: Deliveries,
    last: BTreeSet<String>,
}

/// The authorities with every delivery; nothing if the agent has ended the stream.
type Deliveries = Box<dyn Stream<Item = Option<BTreeSet<String>>> + Send + Unpin>;

impl Watch {
    /// Begins to watch.
    pub(crate) async fn of(agent: &Agent, domain: &str, kind: Kind) -> Self {
        let (client, domain) = (agent.client().await, TrustDomain::new(domain).unwrap());
        let deliveries: Deliveries = Box::new(tokio_stream::empty());
        let mut watch = Self { client, domain, kind, deliveries, last: BTreeSet::new() };
        watch.next().await;
        watch
    }

    /// Waits until exactly these are given out, and says when that was.
    pub(crate) async fn only(&mut self, wanted: &[&str]) -> Instant {
        let wanted: BTreeSet<_> = wanted.iter().map(|id| (*id).to_owned()).collect();
        while self.last != wanted {
            self.next().await;
        }
        Instant::now()
    }

    /// Waits until this one is given out, whatever else is, and says when that was.
    pub(crate) async fn with(&mut self, wanted: &str) -> Instant {
        while !self.last.contains(wanted) {
            self.next().await;
        }
        Instant::now()
    }

    async fn next(&mut self) {
        let next = async {
            loop {
                if let Some(Some(authorities)) = self.deliveries.next().await {
                    return authorities;
                }
                // An agent that renews what was tainted knows nobody for some milliseconds, and says so.
                self.deliveries = open(&self.client, &self.domain, self.kind).await;
            }
        };
        self.last = timeout(PATIENCE, next).await.expect("a delivery");
    }
}

async fn open(client: &WorkloadApiClient, domain: &TrustDomain, kind: Kind) -> Deliveries {
    let domain = domain.clone();
    match kind {
        Kind::X509 => Box::new(client.stream_x509_bundles().await.unwrap().map(move |bundles| {
            let bundle = bundles.ok()?.get(&domain);
            Some(bundle.iter().flat_map(|bundle| subject_key_ids(bundle)).collect())
        })),
        Kind::Jwt => Box::new(client.stream_jwt_bundles().await.unwrap().map(move |bundles| {
            let bundle = bundles.ok()?.get(&domain);
            let keys = bundle.iter().flat_map(|bundle| bundle.jwt_authorities());
            Some(keys.map(|key| key.key_id().to_owned()).collect())
        })),
    }
}

/// A helper that keeps a PEM file as the agent gives the bundle out, for whoever cannot speak the Workload API. It ends when it is dropped.
pub(crate) struct Helper {
    pub(crate) file: PathBuf,
    task: AbortHandle,
}

impl Helper {
    pub(crate) async fn start(agent: &Agent, domain: &str, file: &Path) -> Self {
        let (client, domain, path) = (agent.client().await, TrustDomain::new(domain).unwrap(), file.to_owned());
        write(&client.fetch_x509_bundles().await.unwrap().get(&domain).unwrap(), &path);
        let task = tokio::spawn(async move {
            loop {
                let mut stream = client.stream_x509_bundles().await.unwrap();
                while let Some(Ok(bundles)) = stream.next().await {
                    write(&bundles.get(&domain).unwrap(), &path);
                }
            }
        });
        Self { file: file.to_owned(), task: task.abort_handle() }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Replaces the file in one step.
fn write(bundle: &X509Bundle, file: &Path) {
    let aside = file.with_extension("aside");
    let text: String = bundle.authorities().iter().map(|authority| pem(authority.as_bytes())).collect();
    fs::write(&aside, text).unwrap();
    fs::rename(aside, file).unwrap();
}

fn subject_key_ids(bundle: &X509Bundle) -> Vec<String> {
    bundle.authorities().iter().map(|authority| subject_key_id(authority.as_bytes())).collect()
}

fn subject_key_id(der: &[u8]) -> String {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    let id = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
        _ => None,
    });
    id.expect("an authority has an ID").iter().map(|byte| format!("{byte:02x}")).collect()
}

const PATIENCE: Duration = Duration::from_secs(20);
