//! A certificate proves a peer only through a path to the bundle of its own trust domain, whoever asks: a Check, a listener, a client.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use webpki::{EndEntityCert, KeyUsage};

use crate::{
    clock::Timestamp,
    hex,
    peer::{
        Certificate, PeerError, ProvedPeer, Untrusted,
        path::{self, Candidates},
        svid::{self, Svid},
    },
    trust::{TrustBundle, certificate},
};

/// What a certificate is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// To be a client.
    Client,
    /// To be a server.
    Server,
}

impl Usage {
    /// The extended key usage that stands for it (RFC 5280 §4.2.1.12).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "clientAuth",
            Self::Server => "serverAuth",
        }
    }

    pub(super) fn required(self) -> KeyUsage {
        match self {
            Self::Client => KeyUsage::client_auth(),
            Self::Server => KeyUsage::server_auth(),
        }
    }
}

/// Proves the workload that `leaf_der` was issued to, at `now`, by `bundle` alone: the same checks, in the same order, as for a Check.
///
/// `intermediates` is what came with the leaf: in any order, at most ten, and trusted no further than their signatures go. One that cannot be
/// an authority is passed over. `max_lifetime` bounds the whole validity of the leaf.
pub fn verify_chain(
    leaf_der: &[u8],
    intermediates: &[&[u8]],
    usage: Usage,
    bundle: &TrustBundle,
    max_lifetime: Option<Duration>,
    now: Timestamp,
) -> Result<ProvedPeer, PeerError> {
    let der = CertificateDer::from(leaf_der);
    let (svid, leaf) = svid::read(&der, usage)?;
    let candidates = Candidates::new(bundle, intermediates)?;
    prove(&der, svid, &leaf, &candidates, usage, now)?.within(max_lifetime)
}

/// Proves the workload of a leaf that was read already.
pub(super) fn prove(
    der: &[u8],
    svid: Svid,
    leaf: &EndEntityCert<'_>,
    candidates: &Candidates<'_>,
    usage: Usage,
    now: Timestamp,
) -> Result<ProvedPeer, PeerError> {
    let bundle = candidates.bundle();
    if svid.id.trust_domain() != bundle.trust_domain() {
        return Err(PeerError::Untrusted { id: svid.id, why: Untrusted::OtherTrustDomain });
    }
    if bundle.is_stale(now) {
        return Err(PeerError::Stale { trust_domain: bundle.trust_domain().clone() });
    }
    let last_second = path::verify(leaf, &svid, candidates, usage, certificate::seconds(now))?;
    let certificate = Certificate {
        serial: svid.serial,
        fingerprint: hex::encode(digest(&SHA256, der).as_ref()),
        not_after: certificate::timestamp(svid.window.not_after),
        valid_until: certificate::timestamp(last_second.saturating_add(1)),
        lifetime: svid.window.length(),
        revision: Arc::clone(bundle.revision()),
    };
    Ok(ProvedPeer { id: svid.id, certificate: Some(certificate) })
}
