//! A chain of certificates counts if it leads from its last to its first in one way, and each of them may stand where it does.
//!
//! webpki verifies it, as it does peers; beyond that each issuer must be one by its key usage, and the first one valid now, because here
//! nobody has vouched for it.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::{super::native::Failure, certificate::Certificate};
use crate::{clock::Timestamp, peer::ALGORITHMS};

/// The path from the last certificate to the first, if it is verified for servers, as OPA asks for it.
///
/// # Errors
/// Certificates that could stand in for each other, or whose signatures cost too much: each of them would have to be tried.
pub(super) fn verify<'c, 'a>(
    certificates: &'c [Certificate<'a>],
    now: Timestamp,
) -> Result<Option<Vec<&'c Certificate<'a>>>, Failure> {
    let Some(path) = path(certificates)? else { return Ok(None) };
    let cost = path.iter().skip(1).map(|issuer| issuer.key.cost()).sum::<u32>();
    if cost > MOST {
        return Err(Failure::Bound("the signatures of the chain would cost too much".to_owned()));
    }
    Ok(is_verified(&path, now).then_some(path))
}

fn path<'c, 'a>(certificates: &'c [Certificate<'a>]) -> Result<Option<Vec<&'c Certificate<'a>>>, Failure> {
    let [root, others @ .., leaf] = certificates else { return Ok(None) };
    let mut path = vec![leaf];
    let mut subject = leaf;
    loop {
        let is_issuer = |issuer: &&Certificate<'_>| issuer.raw_subject == subject.raw_issuer;
        let mut issuers = others.iter().chain([root]).filter(is_issuer);
        let Some(issuer) = issuers.next() else { return Ok(None) };
        if issuers.next().is_some() || path.len() > certificates.len() {
            return Err(Failure::Bound(
                "the chain can be read in several ways: leave out what does not belong to it".to_owned(),
            ));
        }
        path.push(issuer);
        if issuer.raw == root.raw {
            return Ok(Some(path));
        }
        subject = issuer;
    }
}

fn is_verified(path: &[&Certificate<'_>], now: Timestamp) -> bool {
    let [leaf, intermediates @ .., root] = path else { return false };
    let der = |certificate: &Certificate<'_>| CertificateDer::from_slice(certificate.raw).into_owned();
    let (leaf_der, root_der) = (der(leaf), der(root));
    let intermediates_der: Vec<_> = intermediates.iter().map(|certificate| der(certificate)).collect();
    let (Ok(entity), Ok(anchor), Ok(second)) =
        (EndEntityCert::try_from(&leaf_der), anchor_from_trusted_cert(&root_der), u64::try_from(now.seconds()))
    else {
        return false;
    };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(second));
    entity
        .verify_for_usage(ALGORITHMS, &[anchor], &intermediates_der, time, KeyUsage::server_auth(), None, None)
        .is_ok()
        && path.iter().skip(1).enumerate().all(|(below, issuer)| is_authority(issuer, below, now))
        && path.iter().all(|certificate| is_plain(certificate))
}

/// Whether an issuer is valid, and may stand above so many others and a server.
fn is_authority(issuer: &Certificate<'_>, below: usize, now: Timestamp) -> bool {
    let known = &issuer.known;
    // RFC 3339 in UTC sorts by time.
    let second = Timestamp::from_seconds(now.seconds()).to_string();
    let is_ca = known.is_ca.unwrap_or(issuer.version < 3);
    let is_deep = u64::try_from(known.max_path).is_ok_and(|most| most < u64::try_from(below).unwrap_or(u64::MAX));
    let signs = known.key_usage == 0 || known.key_usage & CERT_SIGN != 0;
    let serves = known.extended.is_empty() || known.extended.iter().any(|id| *id == *ANY || *id == *SERVER);
    let limits_path = known.is_ca.is_some() && is_deep;
    issuer.not_before <= second && second <= issuer.not_after && is_ca && !limits_path && signs && serves
}

/// Whether nothing in a certificate asks for what is not looked at here.
const fn is_plain(certificate: &Certificate<'_>) -> bool {
    certificate.known.unhandled.is_empty() && certificate.known.require_explicit_policy.is_none()
}

/// In units of about 25 µs.
const MOST: u32 = 32;
const CERT_SIGN: i64 = 1 << 5;
const ANY: &[u32] = &[2, 5, 29, 37, 0];
const SERVER: &[u32] = &[1, 3, 6, 1, 5, 5, 7, 3, 1];
