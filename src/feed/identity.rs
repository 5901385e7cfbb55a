//! This workload's own SVID, as its agent renews it; when the agent takes it back, there is none. Its key is never written anywhere.

use std::{fmt, sync::Arc};

use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    sign::{CertifiedKey, SigningKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use spiffe::SpiffeId;
use tokio::sync::watch;

use super::{
    agent::{self, Heard},
    board::Board,
    given,
};
use crate::{
    clock::Timestamp,
    pb::workload::{X509svid, X509svidRequest, X509svidResponse},
    peer::id::parse_workload,
    trust::{
        Endpoint,
        certificate::{self, Certificate},
    },
};

/// An X.509-SVID with its key.
#[derive(Clone)]
pub struct OwnSvid {
    id: SpiffeId,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl OwnSvid {
    /// Reads what an agent gave.
    fn read(given: X509svid) -> Result<Self, InvalidOwnSvid> {
        let id = parse_workload(&given.spiffe_id).map_err(|_| InvalidOwnSvid::Id)?;
        let chain = given::split(&given.x509_svid).ok_or(InvalidOwnSvid::Certificate)?;
        let leaf = chain.first().ok_or(InvalidOwnSvid::Certificate)?;
        // The crate finds the one name in the leaf; the strict reading of it is ours.
        let named = spiffe::X509Svid::parse_from_der(&given.x509_svid, &given.x509_svid_key)
            .map_err(|error| InvalidOwnSvid::Svid(error.to_string()))?;
        if named.spiffe_id() != &id {
            return Err(InvalidOwnSvid::Id);
        }
        let window = Certificate::read(leaf).and_then(|leaf| leaf.window()).map_err(|_| InvalidOwnSvid::Certificate)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(given.x509_svid_key));
        let key = any_supported_type(&key).map_err(|_| InvalidOwnSvid::Key)?;
        let chain: Vec<_> = chain.into_iter().map(CertificateDer::from).collect();
        let pair = CertifiedKey::new(chain, key);
        pair.keys_match().map_err(|_| InvalidOwnSvid::Mismatch)?;
        let (not_before, not_after) = (window.not_before, window.not_after);
        let (not_before, not_after) = (certificate::timestamp(not_before), certificate::timestamp(not_after));
        Ok(Self { id, chain: pair.cert, key: pair.key, not_before, not_after })
    }

    /// Who this workload is.
    pub const fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// The leaf, and the intermediates that it hangs on.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Signs for the leaf.
    pub const fn key(&self) -> &Arc<dyn SigningKey> {
        &self.key
    }

    /// The first second in which the leaf is valid.
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last second in which the leaf is valid.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether the leaf has not ended at `now`.
    pub const fn is_current(&self, now: Timestamp) -> bool {
        now.seconds() <= self.not_after.seconds()
    }
}

impl fmt::Debug for OwnSvid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnSvid").field("id", &self.id).field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// Follows this workload's own SVID.
#[derive(Clone, Debug)]
pub struct Identity(watch::Receiver<Standing>);

/// What is known of the own SVID.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    svid: Option<Arc<OwnSvid>>,
    problem: Option<String>,
}

impl Identity {
    pub(super) const fn new(standing: watch::Receiver<Standing>) -> Self {
        Self(standing)
    }

    /// The SVID to show now. `None`: there is none, or it has ended.
    pub fn current(&self, now: Timestamp) -> Option<Arc<OwnSvid>> {
        self.0.borrow().svid.clone().filter(|svid| svid.is_current(now))
    }

    /// The SVID that was last given and not taken back, ended or not.
    pub fn latest(&self) -> Option<Arc<OwnSvid>> {
        self.0.borrow().svid.clone()
    }

    /// What is wrong with the agent, or was with what it last said.
    pub fn problem(&self) -> Option<String> {
        self.0.borrow().problem.clone()
    }

    /// Waits until there is something new. `false`: there never will be.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// Follows the own SVID that `endpoint` gives, until nobody wants to know it any more.
pub(super) async fn follow(
    endpoint: Endpoint,
    this: Option<SpiffeId>,
    standing: watch::Sender<Standing>,
    board: Arc<Board>,
) {
    let client = match agent::client(&endpoint) {
        Ok(client) => client,
        Err(error) => {
            let problem = Some(format!("{endpoint} cannot be called: {error}"));
            standing.send_replace(Standing { svid: None, problem });
            return;
        }
    };
    let hear = async |heard: Heard<X509svidResponse>| {
        let (svid, problem) = match heard {
            Heard::Message(message) => match pick(message.svids, this.as_ref()) {
                Ok(svid) => (Some(Arc::new(svid)), None),
                Err(Unpicked::Unusable(why)) => (standing.borrow().svid.clone(), Some(format!("{endpoint}: {why}"))),
                Err(Unpicked::Absent(why)) => (None, Some(format!("{endpoint} {why}"))),
            },
            Heard::Refusal { why, .. } => (None, Some(format!("{endpoint} refuses an SVID: {why}"))),
            Heard::Outage(why) => (standing.borrow().svid.clone(), Some(format!("{endpoint} gives no SVID: {why}"))),
        };
        if let Some(problem) = &problem {
            tracing::warn!(problem, "Own SVID is not renewed");
        } else if let Some(svid) = &svid {
            tracing::info!(spiffe_id = %svid.id, not_after = %svid.not_after, "Own SVID taken");
        }
        standing.send_replace(Standing { svid, problem });
        board.announce();
    };
    let listen = agent::listen(async || client.clone().fetch_x509svid(X509svidRequest {}).await, hear);
    tokio::select! {
        () = listen => {}
        () = standing.closed() => {}
    }
}

/// Why none of the SVIDs of a message is shown.
enum Unpicked {
    /// The agent no longer gives it.
    Absent(String),
    /// What the agent gives cannot be read.
    Unusable(String),
}

/// The SVID of `this`, or the only one.
fn pick(mut svids: Vec<X509svid>, this: Option<&SpiffeId>) -> Result<OwnSvid, Unpicked> {
    if svids.len() > MAX_SVIDS {
        return Err(Unpicked::Unusable(format!("more than {MAX_SVIDS} SVIDs")));
    }
    let all = svids.len();
    if let Some(this) = this {
        svids.retain(|svid| svid.spiffe_id == this.to_string());
    }
    let given = match (svids.len(), this) {
        (1, _) => svids.pop(),
        // One workload under several hints: each is its own.
        (2.., Some(_)) => svids.into_iter().next(),
        _ => None,
    };
    match (given, this) {
        (Some(given), _) => OwnSvid::read(given).map_err(|error| Unpicked::Unusable(error.to_string())),
        (None, Some(this)) => Err(Unpicked::Absent(format!("gives no SVID for `{this}`, only {all} others"))),
        (None, None) if all == 0 => Err(Unpicked::Absent("gives no SVID".to_owned())),
        (None, None) => Err(Unpicked::Absent(format!("gives {all} SVIDs: name the one to use as `self`"))),
    }
}

/// Why what an agent gave is not an SVID to be shown.
#[derive(Debug, thiserror::Error)]
enum InvalidOwnSvid {
    #[error("the SVID is not given under the SPIFFE ID that it names")]
    Id,
    #[error("the SVID is not the DER of certificates")]
    Certificate,
    #[error("the SVID cannot be used: {0}")]
    Svid(String),
    #[error("the SVID's key is of a kind that is not supported")]
    Key,
    #[error("the SVID's key is that of another certificate")]
    Mismatch,
}

const MAX_SVIDS: usize = 100;
