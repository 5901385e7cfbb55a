//! A certificate proves a peer only through a path to the bundle of its own trust domain, whoever asks: a Check, a listener, a client.

use std::{sync::Arc, time::Duration};

use rustls_pki_types::CertificateDer;
use webpki::{EndEntityCert, KeyUsage};

use crate::{
    clock::Timestamp,
    peer::{
        Certificate, InvalidSvid, PeerError, ProvedPeer, Untrusted,
        path::{self, Candidates},
        svid::{self, Svid},
    },
    trust::{
        TrustBundle,
        certificate::{self, Window},
    },
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
    if intermediates.len() > MAX_PRESENTED {
        return Err(InvalidSvid::ChainLength.into());
    }
    let candidates = Candidates::new(bundle, intermediates.iter().copied());
    prove(svid, &leaf, &candidates, usage, now)?.peer.within(max_lifetime)
}

/// A peer, and for how long the same certificates prove it in the same way.
pub(super) struct Proof {
    pub(super) peer: ProvedPeer,
    pub(super) steady: Window,
}

/// Proves the workload of a leaf that was read already.
pub(super) fn prove(
    svid: Svid,
    leaf: &EndEntityCert<'_>,
    candidates: &Candidates<'_>,
    usage: Usage,
    now: Timestamp,
) -> Result<Proof, PeerError> {
    let bundle = candidates.bundle();
    if svid.id.trust_domain() != bundle.trust_domain() {
        return Err(PeerError::Untrusted { id: svid.id, why: Untrusted::OtherTrustDomain });
    }
    if bundle.is_stale(now) {
        return Err(PeerError::Stale { trust_domain: bundle.trust_domain().clone() });
    }
    if bundle.anchors().is_empty() {
        return Err(PeerError::Untrusted { id: svid.id, why: Untrusted::EmptyBundle });
    }
    let found = path::verify(leaf, &svid, candidates, usage, certificate::seconds(now))?;
    let certificate = Certificate {
        serial: svid.serial,
        fingerprint: svid.fingerprint,
        not_after: certificate::timestamp(svid.window.not_after),
        valid_until: certificate::timestamp(found.last_second.saturating_add(1)),
        lifetime: svid.window.length(),
        revision: Arc::clone(bundle.revision()),
    };
    Ok(Proof { peer: ProvedPeer::verified(svid.id, certificate), steady: found.steady })
}

/// As many intermediates as are looked at; a mesh has one or two.
pub(super) const MAX_PRESENTED: usize = 10;
