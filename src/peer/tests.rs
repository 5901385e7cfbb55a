//! Peers as a whole: what is proved, in which order it is refused, and that nothing altered is.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use proptest::prelude::*;
use rcgen::SanType;

use super::{fixture::*, *};
use crate::{hex, trust::TrustBundle};

mod cache;
mod chain;
mod evidence;
mod leaf;
mod path;
mod rows;

const ID: &str = "spiffe://td.test/web";
const DAY: Duration = Duration::from_secs(25 * 3600);

/// The bundle of `td.test`.
fn bundle(anchors: &[&Authority], intermediates: &[&Authority]) -> TrustBundle {
    let text = |authorities: &[&Authority]| authorities.iter().map(|authority| authority.pem()).collect::<String>();
    let intermediates = (!intermediates.is_empty()).then(|| text(intermediates));
    let td = id::parse_trust_domain("td.test").unwrap();
    TrustBundle::from_pem(td, text(anchors).as_bytes(), intermediates.as_deref().map(str::as_bytes)).unwrap()
}

fn trust(anchors: &[&Authority], intermediates: &[&Authority]) -> Trust {
    Trust::new([Arc::new(bundle(anchors, intermediates))]).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn seconds(offset: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + offset)
}

fn verify_at(der: &[u8], trust: &Trust, now: Timestamp) -> Result<ProvedPeer, PeerError> {
    let certificate = escape(&pem(der));
    let evidence = PeerEvidence { certificate: &certificate, principal: "", xfcc: None };
    verifier(Rules::certificate(DAY)).verify(&evidence, trust, now)
}

fn verify(der: &[u8], trust: &Trust) -> Result<ProvedPeer, PeerError> {
    verify_at(der, trust, now())
}

/// A verifier with nothing in its cache.
fn verifier(rules: Rules) -> Verifier {
    Verifier::new(rules, Arc::default())
}

/// Reason and detail, or `ok`.
fn outcome(result: &Result<ProvedPeer, PeerError>) -> String {
    let reason = match result {
        Ok(peer) if peer.assurance() == Assurance::Asserted => return "ok asserted".to_owned(),
        Ok(_) => return "ok".to_owned(),
        Err(PeerError::Missing) => "missing",
        Err(PeerError::Invalid(_)) => "invalid",
        Err(PeerError::Conflict { .. }) => "conflict",
        Err(PeerError::Untrusted { .. }) => "untrusted",
        Err(PeerError::Stale { .. }) => "stale",
        Err(PeerError::Expired { .. }) => "expired",
        Err(PeerError::Lifetime { .. }) => "lifetime",
    };
    format!("{reason} {}", result.as_ref().unwrap_err().detail())
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

#[test]
fn proves_a_workload() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let der = root.svid_with(ID, |params| params.serial_number = Some(vec![0x00, 0xAB, 0x01].into()));
    let peer = verify(&der, &trust).unwrap();
    assert_eq!(peer.id().to_string(), ID);
    assert_eq!(peer.trust_domain().as_str(), "td.test");
    assert_eq!(peer.certificate().unwrap().serial(), "ab01");
    assert_eq!(peer.certificate().unwrap().fingerprint(), hex::encode(digest(&SHA256, &der).as_ref()));
    assert_eq!(peer.certificate().unwrap().not_after(), seconds(3600));
    assert_eq!(peer.valid_until(), Some(seconds(3601)));
    assert_eq!(peer.certificate().unwrap().bundle_revision().len(), 64);
}

#[test]
fn a_long_lived_leaf_is_refused_last() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let lasting = |seconds: i64| root.svid_with(ID, |p| (p.not_before, p.not_after) = (at(-10), at(seconds - 10)));
    assert_eq!(outcome(&verify(&lasting(25 * 3600), &trust)), "ok");
    let long = lasting(25 * 3600 + 1);
    assert_eq!(outcome(&verify(&long, &trust)), "lifetime leaf.lifetime");
    assert_eq!(outcome(&verify_at(&long, &trust, seconds(25 * 3600))), "expired x509.expired");
}

#[test]
fn a_stale_bundle_proves_nothing() {
    let root = Authority::root("root");
    let bundle = bundle(&[&root], &[]).with_stale_at(Some(now()));
    let trust = Trust::new([Arc::new(bundle)]).unwrap();
    let der = root.svid(ID);
    assert_eq!(outcome(&verify_at(&der, &trust, Timestamp::from_nanos(now().nanos() - 1))), "ok");
    assert_eq!(outcome(&verify(&der, &trust)), "stale td.stale");
    let stranger = Authority::root("stranger");
    assert_eq!(outcome(&verify(&stranger.svid(ID), &trust)), "stale td.stale");
    assert_eq!(outcome(&verify(&stranger.svid("spiffe://third.test/x"), &trust)), "untrusted td.not_listed");
}

#[test]
fn the_rest_of_the_check_must_not_contradict() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let verifier = verifier(Rules::certificate(DAY));
    let certificate = escape(&pem(&root.svid(ID)));
    let one = r#"By=spiffe://td.test/x;Subject="CN=a,b";URI=spiffe://td.test/web"#;
    for (principal, xfcc, expected) in [
        ("", None, "ok"),
        (ID, None, "ok"),
        (ID, Some(one), "ok"),
        ("spiffe://td.test/admin", None, "conflict evidence.conflict"),
        ("SPIFFE://td.test/web", None, "conflict evidence.conflict"),
        ("spiffe://td.test/web ", None, "conflict evidence.conflict"),
        ("CN=spiffe://td.test/web,O=y", None, "conflict evidence.conflict"),
        ("web.test", None, "conflict evidence.conflict"),
        (ID, Some(","), "conflict xfcc.element_count"),
        (ID, Some(""), "conflict xfcc.element_count"),
        (ID, Some("URI=spiffe://td.test/web,URI=spiffe://td.test/web"), "conflict xfcc.element_count"),
        (ID, Some("Subject=\"x"), "conflict xfcc.syntax"),
    ] {
        let evidence = PeerEvidence { certificate: &certificate, principal, xfcc };
        assert_eq!(outcome(&verifier.verify(&evidence, &trust, now())), expected, "{principal} {xfcc:?}");
    }
}

#[test]
fn the_first_failure_is_the_reason() {
    let root = Authority::root("root");
    let verifier = verifier(Rules::certificate(Duration::from_secs(60)));
    let verify = |der: Option<&[u8]>, principal: &str, trust: &Trust| {
        let certificate = der.map(|der| escape(&pem(der))).unwrap_or_default();
        let evidence = PeerEvidence { certificate: &certificate, principal, xfcc: Some(",") };
        outcome(&verifier.verify(&evidence, trust, now()))
    };
    let long = root.svid(ID);
    assert_eq!(verify(None, "spiffe://td.test/x", &Trust::default()), "missing evidence.absent");
    assert_eq!(verify(Some(&[0]), "spiffe://td.test/x", &Trust::default()), "invalid cert.malformed");
    assert_eq!(verify(Some(&long), "spiffe://td.test/x", &Trust::default()), "conflict evidence.conflict");
    assert_eq!(verify(Some(&long), ID, &Trust::default()), "conflict xfcc.element_count");
}

#[test]
fn sentences_name_the_workload_and_no_bytes() {
    let root = Authority::root("root");
    let error = verify_at(&root.svid(ID), &trust(&[&root], &[]), seconds(3601)).unwrap_err();
    assert_eq!(error.to_string(), "the certificate of `spiffe://td.test/web` ended at 2026-11-20T10:00:00Z");
    let error = verify(&root.svid(ID), &Trust::default()).unwrap_err();
    assert_eq!(error.to_string(), "`spiffe://td.test/web` is not trusted: its trust domain is not listed in `trust`");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_altered_certificate_is_proved(position in any::<prop::sample::Index>(), mask in 1..=255_u8) {
        thread_local! {
            static WORLD: (Vec<u8>, Trust) = {
                let root = Authority::root("root");
                let sub = root.intermediate("sub");
                (sub.svid(ID), trust(&[&root], &[&sub]))
            };
        }
        WORLD.with(|(der, trust)| {
            assert!(verify(der, trust).is_ok());
            let mut altered = der.clone();
            altered[position.index(der.len())] ^= mask;
            assert!(verify(&altered, trust).is_err());
        });
    }

    #[test]
    fn no_text_is_a_certificate(text in "\\PC{0,200}") {
        let evidence = PeerEvidence { certificate: &text, principal: "", xfcc: None };
        prop_assert!(verifier(Rules::certificate(Duration::MAX)).verify(&evidence, &Trust::default(), now()).is_err());
    }

    #[test]
    fn no_bytes_break_a_parser(der in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verify(&der, &Trust::default()).is_err());
    }
}
