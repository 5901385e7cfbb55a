//! The cache: it saves time, and changes no answer.

use prop::sample::Index;

use super::*;

/// Verifies as at a given time, with a cache that lives on.
struct Warm(Verifier);

impl Warm {
    fn new() -> Self {
        Self(verifier(Rules::certificate(DAY)))
    }

    fn at(&self, der: &[u8], trust: &Trust, offset: i64) -> String {
        let certificate = escape(&pem(der));
        let shown = PeerEvidence { certificate: &certificate, principal: "", xfcc: None };
        outcome(&self.0.verify(&shown, trust, seconds(offset)))
    }
}

#[test]
fn row_71_what_a_bundle_no_longer_vouches_for_is_denied_at_once() {
    let (old, new) = (Authority::root("root"), Authority::root("root"));
    let warm = Warm::new();
    let der = old.svid(ID);
    assert_eq!(warm.at(&der, &trust(&[&old, &new], &[]), 0), "ok");
    assert_eq!(warm.at(&der, &trust(&[&new], &[]), 0), "untrusted x509.bad_signature");
    assert_eq!(warm.at(&der, &Trust::default(), 0), "untrusted td.not_listed");
    assert_eq!(warm.at(&der, &trust(&[&old, &new], &[]), 0), "ok");
}

#[test]
fn row_73_an_intermediate_that_ends_ends_what_it_vouched_for() {
    let root = Authority::root("root");
    let sub = root.intermediate_with("sub", |p| p.not_after = at(60));
    let trust = trust(&[&root], &[&sub]);
    let warm = Warm::new();
    let der = sub.svid(ID);
    assert_eq!(warm.at(&der, &trust, 0), "ok");
    assert_eq!(warm.at(&der, &trust, 60), "ok");
    assert_eq!(warm.at(&der, &trust, 61), "expired x509.expired");
}

#[test]
fn an_anchor_that_ends_ends_what_it_vouched_for() {
    let root = Authority::root_with("root", |p| p.not_after = at(60));
    let trust = trust(&[&root], &[]);
    let warm = Warm::new();
    let der = root.svid(ID);
    assert_eq!(warm.at(&der, &trust, 60), "ok");
    assert_eq!(warm.at(&der, &trust, 61), "untrusted x509.no_usable_anchor");
}

#[test]
fn row_74_a_clock_that_steps_back_finds_a_certificate_before_its_time() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let warm = Warm::new();
    let der = root.svid(ID);
    assert_eq!(warm.at(&der, &trust, 0), "ok");
    assert_eq!(warm.at(&der, &trust, -11), "invalid x509.not_yet_valid");
    assert_eq!(warm.at(&der, &trust, -10), "ok");
}

#[test]
fn row_86_a_connection_that_outlives_its_certificate_is_denied() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let warm = Warm::new();
    let der = root.svid(ID);
    assert_eq!(warm.at(&der, &trust, 3600), "ok");
    assert_eq!(warm.at(&der, &trust, 3601), "expired x509.expired");
}

#[test]
fn a_bundle_that_goes_stale_vouches_for_nobody_it_vouched_for() {
    let root = Authority::root("root");
    let warm = Warm::new();
    let der = root.svid(ID);
    let stale = bundle(&[&root], &[]).with_stale_at(Some(seconds(5)));
    let stale = Trust::new([Arc::new(stale)]).unwrap();
    assert_eq!(warm.at(&der, &stale, 4), "ok");
    assert_eq!(warm.at(&der, &stale, 5), "stale td.stale");
    assert_eq!(warm.at(&der, &trust(&[&root], &[]), 5), "ok");
}

#[test]
fn what_contradicts_a_certificate_does_so_with_a_warm_cache() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let verifier = verifier(Rules::certificate(DAY));
    let certificate = escape(&pem(&root.svid(ID)));
    let verify = |verifier: &Verifier, principal| {
        let shown = PeerEvidence { certificate: &certificate, principal, xfcc: None };
        outcome(&verifier.verify(&shown, &trust, now()))
    };
    assert_eq!(verify(&verifier, ID), "ok");
    assert_eq!(verify(&verifier, "spiffe://td.test/admin"), "conflict evidence.conflict");
    // Another snapshot, with the same cache and a shorter bound.
    let stricter = Verifier::new(Rules::certificate(Duration::from_secs(60)), Arc::clone(&verifier.cache));
    assert_eq!(verify(&stricter, ID), "lifetime leaf.lifetime");
    assert_eq!(verify(&verifier, ID), "ok");
}

#[test]
fn a_peer_is_kept_once_and_a_failure_never() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let warm = Warm::new();
    let der = root.svid(ID);
    assert_eq!(warm.at(&der, &trust, 3601), "expired x509.expired");
    assert_eq!(warm.0.cache.len(), 0);
    assert_eq!(warm.at(&der, &trust, 0), "ok");
    assert_eq!(warm.at(&der, &trust, 1), "ok");
    assert_eq!(warm.0.cache.len(), 1);
}

/// Trust domains, authorities whose times overlap in many ways, and the leaves below them.
struct Mesh {
    trusts: Vec<Trust>,
    texts: Vec<String>,
    headers: Vec<Option<String>>,
}

impl Mesh {
    fn new() -> Self {
        let ended = |from: i64, to: i64| {
            move |p: &mut rcgen::CertificateParams| (p.not_before, p.not_after) = (at(from), at(to))
        };
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let twin =
            |from, to| Authority::root_with_key("root", rcgen::KeyPair::from_pem(&key).unwrap(), ended(from, to));
        let (early, late, stranger) = (twin(-40, 20), twin(-20, 40), Authority::root("root"));
        let first = late.intermediate_with("sub", ended(-30, 10));
        let second = late.intermediate_with("sub", ended(-10, 30));
        let stale =
            |bundle: TrustBundle, offset| Trust::new([Arc::new(bundle.with_stale_at(Some(seconds(offset))))]).unwrap();
        let trusts = vec![
            trust(&[&early, &late], &[&first, &second]),
            trust(&[&late, &early], &[&second]),
            trust(&[&early], &[]),
            trust(&[&late, &stranger], &[&first]),
            trust(&[&stranger], &[&first, &second]),
            stale(bundle(&[&early, &late], &[&first, &second]), 5),
            Trust::default(),
        ];
        let leaf = |authority: &Authority, from, to| authority.svid_with(ID, ended(from, to));
        let leaves = [leaf(&early, -25, 25), leaf(&first, -15, 35), leaf(&second, -5, 15), leaf(&stranger, -5, 5)];
        let chain = |ders: &[&[u8]]| ders.iter().map(|der| escape(&pem(der))).collect::<String>();
        let mut headers = vec![None, Some(format!("URI={ID}")), Some("URI=spiffe://td.test/x".to_owned())];
        headers
            .extend(leaves.iter().map(|leaf| Some(format!("Chain=\"{}\"", chain(&[leaf, first.der(), second.der()])))));
        Self { trusts, texts: leaves.iter().map(|leaf| escape(&pem(leaf))).collect(), headers }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_depends_on_what_was_asked_before(
        checks in prop::collection::vec((any::<Index>(), any::<Index>(), any::<Index>(), -45_i64..45), 1..40)
    ) {
        thread_local! {
            static MESH: Mesh = Mesh::new();
        }
        MESH.with(|mesh| {
            let rules = Rules { sanitized: true, ..Rules::certificate(Duration::from_secs(45)) };
            let warm = verifier(rules.clone());
            for (trust, text, header, offset) in checks {
                let (certificate, xfcc) = (text.get(&mesh.texts).as_str(), header.get(&mesh.headers).as_deref());
                let shown = PeerEvidence { certificate, principal: "", xfcc };
                let trust = trust.get(&mesh.trusts);
                let cold = verifier(rules.clone()).verify(&shown, trust, seconds(offset));
                assert_eq!(warm.verify(&shown, trust, seconds(offset)), cold);
            }
        });
    }
}
