//! Evidence: which piece decides, what must agree with it, and what XFCC may and may not say.
//!
//! Row numbers are those of the catalogue of hostile inputs (`facts/spiffe.md` §3.4 and §3.5).

use super::*;

const SANITIZED: &str = "By=spiffe://td.test/x";

/// A world with one root, one intermediate that only comes with leaves, and rules under test.
struct World {
    root: Authority,
    sub: Authority,
    trust: Trust,
    rules: Rules,
}

impl World {
    fn new(evidence: &[EvidenceKind]) -> Self {
        let root = Authority::root("root");
        let sub = root.intermediate("sub");
        let trust = trust(&[&root], &[]);
        let asserted = BTreeSet::from([id::parse_trust_domain("td.test").unwrap()]);
        let rules = Rules { evidence: evidence.to_vec(), sanitized: true, json: false, asserted, max_lifetime: DAY };
        Self { root, sub, trust, rules }
    }

    /// The outcome, which must be the same with a warm cache.
    fn verify(&self, certificate: &str, principal: &str, xfcc: Option<&str>) -> String {
        let verifier = verifier(self.rules.clone());
        let shown = PeerEvidence { certificate, principal, xfcc };
        let cold = verifier.verify(&shown, &self.trust, now());
        assert_eq!(verifier.verify(&shown, &self.trust, now()), cold);
        outcome(&cold)
    }

    fn verify_xfcc(&self, xfcc: &str) -> String {
        self.verify("", "", Some(xfcc))
    }
}

fn text(der: &[u8]) -> String {
    escape(&pem(der))
}

fn hash(der: &[u8]) -> String {
    hex::encode(digest(&SHA256, der).as_ref())
}

/// What Envoy writes about a leaf that came with `chain`.
fn element(leaf: &[u8], chain: &[&[u8]], uri: &str) -> String {
    let all: String = std::iter::once(&leaf).chain(chain).map(|der| text(der)).collect();
    let hash = hash(leaf);
    format!("{SANITIZED};Hash={hash};Cert=\"{}\";Chain=\"{all}\";Subject=\"O=SPIRE\";URI={uri}", text(leaf))
}

#[test]
fn the_first_evidence_that_is_present_decides() {
    use EvidenceKind::*;
    let all = World::new(&[Certificate, Xfcc, XfccUri, Principal]);
    let good = all.root.svid(ID);
    let xfcc = element(&good, &[], ID);
    let uri = format!("{SANITIZED};URI={ID}");
    assert_eq!(all.verify(&text(&good), ID, Some(&xfcc)), "ok");
    assert_eq!(all.verify("", ID, Some(&xfcc)), "ok");
    assert_eq!(all.verify("", ID, None), "ok asserted");
    assert_eq!(all.verify("", "", None), "missing evidence.absent");

    // Present and bad is a denial, whatever weaker evidence would say.
    let bad = Authority::root("stranger").svid(ID);
    assert_eq!(all.verify(&text(&bad), ID, Some(&uri)), "untrusted x509.no_path");
    assert_eq!(all.verify("%20", ID, Some(&uri)), "invalid evidence.pem");
    assert_eq!(all.verify("", ID, Some(&element(&bad, &[], ID))), "untrusted x509.no_path");
    assert_eq!(all.verify("", ID, Some(&uri)), "invalid xfcc.no_cert");
    assert_eq!(all.verify("", ID, Some("URI=")), "invalid xfcc.no_cert");
    assert_eq!(all.verify("", ID, Some("")), "conflict xfcc.element_count");

    let asserting = World::new(&[XfccUri, Principal]);
    assert_eq!(asserting.verify("", ID, Some(&uri)), "ok asserted");
    assert_eq!(asserting.verify("", ID, Some("URI=")), "invalid xfcc.no_uri");
    assert_eq!(asserting.verify("", "", Some("URI=https://td.test/web")), "invalid id.scheme");

    // What is not listed does not speak.
    let none = World::new(&[]);
    assert_eq!(none.verify(&text(&good), ID, Some(&xfcc)), "missing evidence.absent");
    let one = World::new(&[Certificate]);
    assert_eq!(one.verify("", ID, Some(&xfcc)), "missing evidence.absent");
}

#[test]
fn all_that_is_there_must_agree_listed_or_not() {
    use EvidenceKind::*;
    for kinds in [&[Certificate][..], &[Certificate, Xfcc, XfccUri, Principal]] {
        let world = World::new(kinds);
        let good = world.root.svid(ID);
        let other = world.root.svid("spiffe://td.test/other");
        let certificate = text(&good);
        let hash = hash(&good);
        for (principal, xfcc, expected) in [
            (ID, element(&good, &[], ID), "ok"),
            ("", format!("{SANITIZED};Hash={hash}"), "ok"),
            ("", format!("Cert=\"{certificate}\""), "ok"),
            ("spiffe://td.test/other", element(&good, &[], ID), "conflict evidence.conflict"),
            ("", element(&good, &[], "spiffe://td.test/other"), "conflict evidence.conflict"),
            ("", element(&other, &[], "spiffe://td.test/other"), "conflict evidence.conflict"),
            ("", format!("{SANITIZED};URI="), "conflict evidence.conflict"),
            ("", format!("{SANITIZED};URI={ID};URI={ID}"), "conflict san.multiple_uri"),
            ("", format!("{SANITIZED};Hash=00;URI={ID}"), "conflict xfcc.hash"),
            ("", format!("{SANITIZED};Hash={};URI={ID}", hash.to_uppercase()), "conflict xfcc.hash"),
            ("", format!("Cert=\"{}\";URI={ID}", text(&other)), "conflict evidence.conflict"),
            ("", format!("Cert=\"{certificate}{certificate}\";URI={ID}"), "invalid evidence.several"),
            ("", format!("Cert=\"%\";URI={ID}"), "invalid evidence.encoding"),
            ("", format!("Chain=\"\";URI={ID}"), "invalid evidence.pem"),
            ("", element(&good, &[], ID).replace(";URI", ";Hash=00;URI"), "conflict xfcc.duplicate_key"),
        ] {
            assert_eq!(world.verify(&certificate, principal, Some(&xfcc)), expected, "{principal} {xfcc:.60}");
        }
    }
}

#[test]
fn a_certificate_that_is_not_listed_contradicts_a_header_about_another() {
    let world = World::new(&[EvidenceKind::Xfcc]);
    let (good, other) = (world.root.svid(ID), world.root.svid(ID));
    let xfcc = element(&good, &[], ID);
    assert_eq!(world.verify("", "", Some(&xfcc)), "ok");
    assert_eq!(world.verify(&text(&good), ID, Some(&xfcc)), "ok");
    assert_eq!(world.verify(&text(&other), ID, Some(&xfcc)), "conflict evidence.conflict");
    assert_eq!(world.verify("%", ID, Some(&xfcc)), "invalid evidence.encoding");
}

#[test]
fn a_header_that_anybody_may_have_written_says_nothing() {
    use EvidenceKind::*;
    let mut world = World::new(&[Certificate, Xfcc, XfccUri, Principal]);
    world.rules.sanitized = false;
    let good = world.root.svid(ID);
    let other = world.root.svid("spiffe://td.test/other");
    let below = world.sub.svid(ID);
    for (certificate, principal, xfcc, expected) in [
        (text(&good), "", element(&other, &[], "spiffe://td.test/other"), "ok"),
        (text(&good), "", "not a pair".to_owned(), "ok"),
        (
            text(&good),
            "",
            format!("{},{}", element(&good, &[], ID), element(&good, &[], ID)),
            "conflict xfcc.element_count",
        ),
        (text(&good), "", "Subject=\"x".to_owned(), "conflict xfcc.syntax"),
        (text(&below), "", element(&below, &[world.sub.der()], ID), "untrusted x509.no_path"),
        (String::new(), "", element(&good, &[], ID), "missing evidence.absent"),
        (String::new(), ID, element(&other, &[], "spiffe://td.test/other"), "ok asserted"),
    ] {
        assert_eq!(world.verify(&certificate, principal, Some(&xfcc)), expected, "{xfcc:.60}");
    }
}

#[test]
fn envoys_word_does_for_listed_trust_domains_only() {
    let world = World::new(&[EvidenceKind::Principal]);
    for (row, principal, expected) in [
        (0, ID, "ok asserted"),
        (0, "spiffe://other.test/web", "untrusted td.not_asserted"),
        (0, "spiffe://td.test", "invalid id.root_path"),
        (4, "SPIFFE://td.test/web", "invalid id.non_canonical"),
        (14, "spiffe://td.test/web ", "invalid id.bad_char"),
        (82, "CN=spiffe://td.test/web,O=y", "invalid id.scheme"),
        (82, "web.test", "invalid id.scheme"),
    ] {
        assert_eq!(world.verify("", principal, None), expected, "row {row}: {principal}");
        let uri = World::new(&[EvidenceKind::XfccUri]);
        if !principal.contains([' ', ',']) {
            assert_eq!(uri.verify_xfcc(&format!("URI={principal}")), expected, "row {row}: URI={principal}");
        }
    }
    let peer = verifier(world.rules.clone())
        .verify(&PeerEvidence { certificate: "", principal: ID, xfcc: None }, &Trust::default(), now())
        .unwrap();
    assert_eq!(peer.assurance(), Assurance::Asserted);
    assert_eq!((peer.certificate(), peer.valid_until(), peer.bundle_revision()), (None, None, None));
    // A certificate does not become an assertion, nor the other way round.
    let der = world.root.svid(ID);
    assert_eq!(world.verify(&text(&der), "", None), "missing evidence.absent");
    let verified = World::new(&[EvidenceKind::Certificate]);
    assert_eq!(verified.verify("", ID, None), "missing evidence.absent");
}

#[test]
fn a_hostile_id_is_refused_wherever_it_stands() {
    let root = Authority::root("root");
    let domain = trust(&[&root], &[]);
    let (principal, header) = (World::new(&[EvidenceKind::Principal]), World::new(&[EvidenceKind::XfccUri]));
    for (row, raw, detail) in id::hostile() {
        let name = tlv(0x30, &tlv(0x86, raw.as_bytes()));
        let der = root.svid_with(ID, |p| {
            p.subject_alt_names.clear();
            p.custom_extensions.push(extension(SUBJECT_ALT_NAME, &name));
        });
        let expected = format!("invalid {detail}");
        assert_eq!(outcome(&verify(&der, &domain)), expected, "row {row}: {raw:?} in a certificate");
        // Without a text there is no principal.
        let expected = if raw.is_empty() { "missing evidence.absent" } else { &expected };
        assert_eq!(principal.verify("", &raw, None), expected, "row {row}: {raw:?} as principal");
        let in_header = header.verify_xfcc(&format!("URI={raw}"));
        let can_be_unquoted =
            raw.bytes().all(|byte| byte.is_ascii_graphic()) && !raw.contains([',', ';', '=', '"', '\\']);
        match can_be_unquoted {
            _ if raw.is_empty() => assert_eq!(in_header, "invalid xfcc.no_uri"),
            true => assert_eq!(in_header, expected, "row {row}: {raw:?} in a header"),
            false => assert!(in_header.starts_with("conflict xfcc."), "row {row}: {raw:?} in a header: {in_header}"),
        }
    }
}

#[test]
fn holds_source_certificate_to_its_form() {
    let world = World::new(&[EvidenceKind::Certificate]);
    let der = world.root.svid(ID);
    let good = text(&der);
    for (row, certificate, expected) in [
        (77, pem(&der), "invalid evidence.encoding"),
        (77, good.replace('%', "%25"), "invalid evidence.encoding"),
        (77, format!("{good}%0"), "invalid evidence.encoding"),
        (77, format!("{good}%ZZ"), "invalid evidence.encoding"),
        (77, good.replace("%20", "+"), "invalid evidence.encoding"),
        (79, format!("{good}{good}"), "invalid evidence.several"),
        (80, String::new(), "missing evidence.absent"),
        (80, " ".to_owned(), "invalid evidence.encoding"),
        (80, "%20".to_owned(), "invalid evidence.pem"),
        (80, "%0A".to_owned(), "invalid evidence.pem"),
        (52, "A".repeat(10 << 20), "invalid limit.cert_size"),
    ] {
        assert_eq!(world.verify(&certificate, "", None), expected, "row {row}");
    }
    assert_eq!(world.verify(&good, "spiffe://td.test/admin", None), "conflict evidence.conflict", "row 82");
    let stranger = Authority::root("stranger").svid(ID);
    assert_eq!(world.verify(&text(&stranger), ID, None), "untrusted x509.no_path", "row 85");
}

#[test]
fn a_chain_in_the_header_stands_in_for_configured_intermediates() {
    use EvidenceKind::*;
    for (world, in_attribute) in [(World::new(&[Certificate]), true), (World::new(&[Xfcc]), false)] {
        let leaf = world.sub.svid(ID);
        let certificate = if in_attribute { text(&leaf) } else { String::new() };
        let verify = |xfcc: &str| world.verify(&certificate, "", Some(xfcc));
        let other = Authority::root("other");
        let (sub, root) = (world.sub.der(), world.root.der());
        let oversized = [0x30; 17 * 1024];
        assert_eq!(verify(&element(&leaf, &[sub], ID)), "ok");
        assert_eq!(verify(&element(&leaf, &[root, other.der(), sub], ID)), "ok", "row 65");
        assert_eq!(verify(&element(&leaf, &[&oversized, &[5, 0], sub], ID)), "ok");
        assert_eq!(verify(&element(&leaf, &[&[other.der(); 9][..], &[sub]].concat(), ID)), "ok");
        assert_eq!(
            verify(&element(&leaf, &[&[other.der(); 10][..], &[sub]].concat(), ID)),
            "invalid limit.chain_length",
            "row 67"
        );
        assert_eq!(verify(&element(&leaf, &[], ID)), "untrusted x509.no_path", "row 64");
        assert_eq!(verify(&element(&leaf, &[other.der()], ID)), "untrusted x509.no_path");
        let reversed = format!(
            "{};Chain=\"{}{}\"",
            element(&leaf, &[], ID).split(";Chain").next().unwrap(),
            text(sub),
            text(&leaf)
        );
        assert_eq!(verify(&reversed), "conflict evidence.conflict", "row 101");
    }
}

#[test]
fn a_certificate_in_the_header_is_bound_by_its_hash() {
    let world = World::new(&[EvidenceKind::Xfcc]);
    let good = world.root.svid(ID);
    let other = world.root.svid("spiffe://td.test/other");
    let (certificate, hash) = (text(&good), hash(&good));
    for (row, xfcc, expected) in [
        (0, format!("Hash={hash};Cert=\"{certificate}\""), "ok"),
        (0, format!("Hash={hash};Chain=\"{certificate}\""), "ok"),
        (98, format!("hash={hash};CERT=\"{certificate}\";uri={ID}"), "ok"),
        (107, format!("URI={ID};Cert=\"{certificate}\";Subject=\"x\";Hash={hash};By=spiffe://td.test/x"), "ok"),
        (0, format!("Hash={hash};URI={ID}"), "invalid xfcc.no_cert"),
        (0, format!("Cert=\"{certificate}\";URI={ID}"), "invalid xfcc.no_hash"),
        (0, format!("Hash=;Cert=\"{certificate}\";URI={ID}"), "conflict xfcc.hash"),
        (0, format!("Hash={hash};Cert=\"{}\";URI={ID}", text(&other)), "conflict evidence.conflict"),
        (0, format!("Hash={hash};Cert=\"{}\"", text(&other)), "conflict xfcc.hash"),
        (101, format!("Hash={hash};Cert=\"{certificate}\";Chain=\"{}\"", text(&other)), "conflict evidence.conflict"),
        (101, format!("Hash={hash};Cert=\"{}\";Chain=\"{certificate}\"", text(&other)), "conflict evidence.conflict"),
        (0, format!("Hash={hash};Cert=\"{certificate}{certificate}\""), "invalid evidence.several"),
        (0, format!("Hash={hash};Cert=\"\""), "invalid evidence.pem"),
        (0, format!("Hash={hash};Chain=\"\""), "invalid evidence.pem"),
        (0, format!("Hash={hash};Cert=\"{}\"", certificate.replace('%', "%25")), "invalid evidence.encoding"),
        (
            92,
            format!("Hash={hash};Cert=\"{certificate}\";URI={ID};URI=spiffe://td.test/b"),
            "conflict san.multiple_uri",
        ),
        (100, format!("Hash={hash};Cert=\"{certificate}\";Cert=\"{certificate}\""), "conflict xfcc.duplicate_key"),
    ] {
        assert_eq!(world.verify_xfcc(&xfcc), expected, "row {row}: {xfcc:.80}");
    }
    let uris = world.root.svid_with(ID, |p| p.subject_alt_names.push(uri("spiffe://td.test/admin")));
    assert_eq!(world.verify_xfcc(&element(&uris, &[], ID)), "invalid san.multiple_uri", "row 23");
}

#[test]
fn one_element_speaks_for_one_caller() {
    let world = World::new(&[EvidenceKind::XfccUri]);
    for (row, xfcc, expected) in [
        (0, format!("URI={ID}"), "ok asserted"),
        (90, format!("URI={ID},URI={ID}"), "conflict xfcc.element_count"),
        (91, "URI=spiffe://td.test/admin,Hash=00".to_owned(), "conflict xfcc.element_count"),
        (91, "Hash=00".to_owned(), "invalid xfcc.no_uri"),
        (92, "URI=spiffe://td.test/a;URI=spiffe://td.test/b".to_owned(), "invalid san.multiple_uri"),
        (94, "Subject=\"x".to_owned(), "conflict xfcc.syntax"),
        (94, format!("Subject=\"x\"y;URI={ID}"), "conflict xfcc.syntax"),
        (94, "Subject=\"x\\".to_owned(), "conflict xfcc.syntax"),
        (95, format!(r#"Subject="x\";URI=spiffe://td.test/admin;y=";URI={ID}"#), "ok asserted"),
        (97, format!("URI={ID};URI=spiffe://td.test/admin"), "invalid san.multiple_uri"),
        (97, format!("URI={ID},By=spiffe://td.test/y;URI=spiffe://td.test/admin"), "conflict xfcc.element_count"),
        (98, format!("uri={ID}"), "ok asserted"),
        (98, format!(" URI={ID}"), "conflict xfcc.syntax"),
        (98, format!("URI ={ID}"), "conflict xfcc.syntax"),
        (100, format!("Hash=00;Hash=00;URI={ID}"), "conflict xfcc.duplicate_key"),
        (103, ",".to_owned(), "conflict xfcc.element_count"),
        (104, "x".repeat(1 << 20), "conflict limit.xfcc"),
        (104, vec!["URI=x"; 10_000].join(","), "conflict limit.xfcc"),
        (104, vec!["URI=x"; 10_000].join(";"), "conflict limit.xfcc"),
        (106, "URI=spiffe://td.test/\u{e9}".to_owned(), "conflict xfcc.syntax"),
        (106, format!("URI={ID}!"), "invalid id.bad_char"),
        (107, format!("URI={ID};Subject=\"x\";Hash=00"), "ok asserted"),
        (0, format!("[{{\"uri\":[\"{ID}\"]}}]"), "conflict xfcc.json"),
    ] {
        assert_eq!(world.verify_xfcc(&xfcc), expected, "row {row}: {xfcc:.80}");
    }
    let unsanitized = World { rules: Rules { sanitized: false, ..world.rules.clone() }, ..world };
    assert_eq!(unsanitized.verify_xfcc(&format!("URI={ID}")), "missing evidence.absent", "row 89");
}

#[test]
fn json_says_what_text_says() {
    let mut world = World::new(&[EvidenceKind::Xfcc]);
    world.rules.json = true;
    let leaf = world.sub.svid(ID);
    let json = |uri: &str, hash: &str| {
        let element = serde_json::json!([{
            "by": ["spiffe://td.test/x"],
            "hash": hash,
            "cert": pem(&leaf),
            "chain": [pem(&leaf), pem(world.sub.der())],
            "subject": "CN=a=b \\C3\\A9",
            "uri": [uri],
            "dns": ["web.test"],
        }]);
        element.to_string()
    };
    assert_eq!(world.verify_xfcc(&json(ID, &hash(&leaf))), "ok");
    assert_eq!(world.verify(&text(&leaf), ID, Some(&json(ID, &hash(&leaf)))), "ok");
    assert_eq!(world.verify_xfcc(&json("spiffe://td.test/admin", &hash(&leaf))), "conflict evidence.conflict");
    assert_eq!(world.verify_xfcc(&json(ID, "00")), "conflict xfcc.hash");
    let twice = json(ID, &hash(&leaf)).replace("\"subject\"", "\"hash\":\"00\",\"subject\"");
    assert_eq!(world.verify_xfcc(&twice), "conflict xfcc.duplicate_key");
    world.rules.json = false;
    assert_eq!(world.verify_xfcc(&json(ID, &hash(&leaf))), "conflict xfcc.json");
}

#[test]
fn conflicts_say_what_contradicts_whom() {
    let world = World::new(&[EvidenceKind::Certificate]);
    let certificate = text(&world.root.svid(ID));
    let shown = PeerEvidence { certificate: &certificate, principal: "", xfcc: Some("Hash=00") };
    let error = verifier(world.rules).verify(&shown, &world.trust, now()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the caller shows itself to be `spiffe://td.test/web`, but the `Hash` in `x-forwarded-client-cert` is not that of the certificate"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_altered_header_proves_nobody_else(position in any::<prop::sample::Index>(), byte in b' '..=b'~') {
        thread_local! {
            static SCENE: (World, String, ProvedPeer) = {
                let world = World::new(&[EvidenceKind::Xfcc]);
                let leaf = world.sub.svid(ID);
                let header = element(&leaf, &[world.sub.der()], ID);
                let shown = PeerEvidence { certificate: "", principal: "", xfcc: Some(&header) };
                let peer = verifier(world.rules.clone()).verify(&shown, &world.trust, now()).unwrap();
                (world, header, peer)
            };
        }
        SCENE.with(|(world, header, peer)| {
            let mut altered = header.clone().into_bytes();
            altered[position.index(header.len())] = byte;
            let altered = String::from_utf8(altered).unwrap();
            let shown = PeerEvidence { certificate: "", principal: "", xfcc: Some(&altered) };
            if let Ok(found) = verifier(world.rules.clone()).verify(&shown, &world.trust, now()) {
                assert_eq!(&found, peer, "{altered}");
            }
        });
    }
}
