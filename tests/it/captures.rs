//! What Envoy really sends is decided, in process and live, for the reason that the table beside the captures gives.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Arc,
};

use hopguard::{
    clock::Timestamp,
    decision::{Decision, Denial},
    hop::Hop,
    pb::{CheckRequest, HeaderValue, attribute_context::HttpRequest},
    peer::{EvidenceKind, PeerEvidence, Rules, Verifier},
    server::Snapshot,
};
use prost::Message;

use crate::harness::{Grant, Setup};

#[test]
fn each_capture_is_decided_as_the_table_says() {
    let snapshot = setup().loader().refresh(NOW);
    assert_eq!(outcomes(&snapshot, captures()), table());
}

#[tokio::test]
async fn each_capture_is_answered_live_as_it_is_decided_in_process() {
    let setup = setup();
    let snapshot = setup.loader().refresh(NOW);
    let guard = setup.start().await;
    for (name, check) in captures() {
        let answer = guard.check(check.clone()).await;
        let record = guard.record(&answer).await;
        // The certificates of the captures are over one day, and then are denied for that, here as there.
        let then = Timestamp::parse(record["time"].as_str().unwrap()).unwrap();
        let decision = snapshot.authorizer.decide(&check, then);
        let reason = decision.reason().map(|reason| reason.as_str()).expect("no capture is allowed");
        assert_eq!(record["reason"], reason, "{name}");
        assert_eq!(record["detail"].as_str(), decision.verdict.unwrap_err().detail(), "{name}");
        answer.denied(reason);
    }
}

#[test]
fn what_lacked_a_purpose_alone_is_allowed_with_one_and_a_grant() {
    let setup = setup();
    let paths = ["/p", "/p.S/M", "/pkg.Svc/Method"];
    let grant = |path| Grant::to(path, NOW).methods("GET, POST").audience(BACKEND).subject(FRONTEND);
    let via = grant("/p").named("via").subject("spiffe://example.org/viaint");
    setup.grants(&paths.into_iter().map(grant).chain([via]).collect::<Vec<_>>());
    let snapshot = setup.loader().refresh(NOW);
    let missing: BTreeSet<String> = table()
        .into_iter()
        .filter_map(|(name, outcome)| outcome.starts_with("purpose_missing").then_some(name))
        .collect();
    assert!(missing.contains("mtls_http2"));
    let purposed = captures().into_iter().filter(|(name, _)| missing.contains(name)).map(|(name, mut check)| {
        add_header(http(&mut check), "x-hop-purpose", "checkout");
        (name, check)
    });
    for (name, outcome) in outcomes(&snapshot, purposed) {
        // A grant for requests is none for what comes after an upgrade.
        let expected = if name.starts_with("websocket") { "grant_missing grant.action" } else { "allow" };
        assert_eq!(outcome, expected, "{name}");
    }
}

#[test]
fn a_policy_that_reads_the_body_is_not_asked_about_a_part_of_it_unless_it_says_so() {
    let reads_body = "decision := true if input.parsed_body.x == 1";
    let reads_both = "decision := {\"allowed\": false, \"reason\": \"too long to judge\"} if {
	input.truncated_body
	input.parsed_body == null
}
decision := true if not input.truncated_body";
    let reads_none = "decision := true";
    for (policy, expected) in [
        (
            reads_body,
            [
                ("body_empty_post", "policy_undefined -"),
                ("body_exact32", "hop_malformed body.json"),
                ("body_partial_big", "hop_too_large body.truncated"),
                ("body_partial_nonutf8", "hop_malformed body.json"),
                ("body_partial_small", "allow"),
                ("body_small", "allow"),
            ],
        ),
        (
            reads_both,
            [
                ("body_empty_post", "allow"),
                ("body_exact32", "hop_malformed body.json"),
                ("body_partial_big", "policy_denied -"),
                ("body_partial_nonutf8", "hop_malformed body.json"),
                ("body_partial_small", "allow"),
                ("body_small", "allow"),
            ],
        ),
        (
            reads_none,
            [
                ("body_empty_post", "allow"),
                ("body_exact32", "allow"),
                ("body_partial_big", "allow"),
                ("body_partial_nonutf8", "allow"),
                ("body_partial_small", "allow"),
                ("body_small", "allow"),
            ],
        ),
    ] {
        let setup = setup();
        setup.policy(policy);
        setup.grants(&[Grant::to("/p", NOW).audience(BACKEND).subject(FRONTEND)]);
        let snapshot = setup.loader().refresh(NOW);
        let names = expected.map(|(name, _)| name);
        let bodies = captures().into_iter().filter(|(name, _)| names.contains(&name.as_str())).map(over_mutual_tls);
        let expected = expected.map(|(name, outcome)| (name.to_owned(), outcome.to_owned()));
        assert_eq!(outcomes(&snapshot, bodies), BTreeMap::from(expected), "{policy}");
    }
}

#[test]
fn nothing_of_an_allowed_capture_can_be_altered_and_still_be_the_frontends() {
    let setup = setup();
    setup.grants(&[Grant::to("/p", NOW).methods("GET").audience(BACKEND).subject(FRONTEND)]);
    let snapshot = setup.loader().refresh(NOW);
    let mut allowed = capture("mtls_http2");
    add_header(http(&mut allowed), "x-hop-purpose", "checkout");
    assert_eq!(outcome(&decide(&snapshot, &allowed)), "allow");
    let certificate = allowed.attributes.as_ref().unwrap().source.as_ref().unwrap().certificate.clone();
    for index in 0..certificate.len() {
        let mut bytes = certificate.clone().into_bytes();
        // Another character of base64, so that many of these are certificates still.
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let mut altered = allowed.clone();
        altered.attributes.as_mut().unwrap().source.as_mut().unwrap().certificate = String::from_utf8(bytes).unwrap();
        let decision = decide(&snapshot, &altered);
        assert!(decision.verdict.is_err(), "character {index}");
    }
}

#[test]
fn the_header_that_envoy_alone_writes_is_evidence_and_any_other_is_none() {
    let snapshot = setup_with("").loader().refresh(NOW);
    let days = std::time::Duration::from_secs(10 * 24 * 3_600);
    let sanitized = |evidence| Rules { evidence: vec![evidence], sanitized: true, ..Rules::certificate(days) };
    // Without a configured intermediate, `viaint` is proved by the chain in the header alone.
    for (rules, expected) in [
        (
            Rules::certificate(days),
            [
                ("xfcc_always_forward_only", "ok"),
                ("xfcc_append_forward", "peer_conflict xfcc.element_count"),
                ("xfcc_append_injection", "peer_invalid san.multiple_uri"),
                ("xfcc_forward_only", "ok"),
                ("xfcc_injection", "peer_invalid san.multiple_uri"),
                ("xfcc_plain_always_forward", "peer_missing evidence.absent"),
                ("xfcc_plain_default", "peer_missing evidence.absent"),
                ("xfcc_sanitize", "ok"),
                ("xfcc_sanitize_set", "ok"),
                ("xfcc_sanitize_set_chain", "peer_untrusted x509.no_path"),
                ("xfcc_sanitize_set_multi", "peer_invalid san.multiple_uri"),
                ("xfcc_sanitize_set_weird", "peer_invalid id.bad_char"),
            ],
        ),
        (
            sanitized(EvidenceKind::Certificate),
            [
                ("xfcc_always_forward_only", "peer_conflict evidence.conflict"),
                ("xfcc_append_forward", "peer_conflict xfcc.element_count"),
                ("xfcc_append_injection", "peer_invalid san.multiple_uri"),
                ("xfcc_forward_only", "peer_conflict evidence.conflict"),
                ("xfcc_injection", "peer_invalid san.multiple_uri"),
                ("xfcc_plain_always_forward", "peer_missing evidence.absent"),
                ("xfcc_plain_default", "peer_missing evidence.absent"),
                ("xfcc_sanitize", "ok"),
                ("xfcc_sanitize_set", "ok"),
                ("xfcc_sanitize_set_chain", "ok"),
                ("xfcc_sanitize_set_multi", "peer_invalid san.multiple_uri"),
                ("xfcc_sanitize_set_weird", "peer_invalid id.bad_char"),
            ],
        ),
        (
            sanitized(EvidenceKind::Xfcc),
            [
                ("xfcc_always_forward_only", "peer_invalid xfcc.no_cert"),
                ("xfcc_append_forward", "peer_conflict xfcc.element_count"),
                ("xfcc_append_injection", "peer_conflict xfcc.element_count"),
                ("xfcc_forward_only", "peer_invalid xfcc.no_cert"),
                ("xfcc_injection", "peer_conflict xfcc.element_count"),
                ("xfcc_plain_always_forward", "peer_invalid xfcc.no_cert"),
                ("xfcc_plain_default", "peer_missing evidence.absent"),
                ("xfcc_sanitize", "peer_missing evidence.absent"),
                ("xfcc_sanitize_set", "ok"),
                ("xfcc_sanitize_set_chain", "ok"),
                ("xfcc_sanitize_set_multi", "peer_invalid san.multiple_uri"),
                ("xfcc_sanitize_set_weird", "peer_conflict xfcc.syntax"),
            ],
        ),
        (
            sanitized(EvidenceKind::XfccUri),
            [
                ("xfcc_always_forward_only", "peer_conflict evidence.conflict"),
                ("xfcc_append_forward", "peer_conflict xfcc.element_count"),
                ("xfcc_append_injection", "peer_conflict xfcc.element_count"),
                ("xfcc_forward_only", "peer_conflict evidence.conflict"),
                ("xfcc_injection", "peer_conflict xfcc.element_count"),
                ("xfcc_plain_always_forward", "peer_untrusted td.not_asserted"),
                ("xfcc_plain_default", "peer_missing evidence.absent"),
                ("xfcc_sanitize", "peer_missing evidence.absent"),
                ("xfcc_sanitize_set", "peer_untrusted td.not_asserted"),
                ("xfcc_sanitize_set_chain", "peer_untrusted td.not_asserted"),
                ("xfcc_sanitize_set_multi", "peer_invalid san.multiple_uri"),
                ("xfcc_sanitize_set_weird", "peer_conflict xfcc.syntax"),
            ],
        ),
    ] {
        let verifier = Verifier::new(rules.clone(), Arc::default());
        for (name, expected) in expected {
            let check = capture(name);
            let hop = Hop::decode(&check, &snapshot.authorizer.rules).unwrap();
            let evidence = PeerEvidence {
                certificate: hop.credentials.certificate,
                principal: hop.credentials.principal,
                xfcc: hop.credentials.xfcc.as_deref(),
            };
            let outcome = match verifier.verify(&evidence, &snapshot.authorizer.trust, NOW).map_err(Denial::from) {
                Ok(_) => "ok".to_owned(),
                Err(denial) => format!("{} {}", denial.reason().as_str(), denial.detail().unwrap_or("-")),
            };
            assert_eq!(outcome, expected, "{name} by {:?}", rules.evidence);
        }
    }
}

/// The Hopguard of `backend`, which trusts who issued the certificates in the captures, for as long as they were issued.
fn setup() -> Setup {
    setup_with(&format!(", intermediates: \"{}\"", folder().join("intermediates.pem").display()))
}

fn setup_with(intermediates: &str) -> Setup {
    let roots = folder().join("roots.pem");
    let trust = format!("[{{trust_domain: example.org, pem: \"{}\"{intermediates}}}]", roots.display());
    Setup::new().set("self", BACKEND).set("trust", &trust).set("peer.max_lifetime", "10d")
}

fn decide(snapshot: &Snapshot, check: &CheckRequest) -> Decision {
    snapshot.authorizer.decide(check, NOW)
}

/// `allow`, or the reason and what is below it.
fn outcome(decision: &Decision) -> String {
    match &decision.verdict {
        Ok(_) => "allow".to_owned(),
        Err(denial) => format!("{} {}", denial.reason().as_str(), denial.detail().unwrap_or("-")),
    }
}

fn outcomes(snapshot: &Snapshot, checks: impl IntoIterator<Item = (String, CheckRequest)>) -> BTreeMap<String, String> {
    checks.into_iter().map(|(name, check)| (name, outcome(&decide(snapshot, &check)))).collect()
}

/// The same request, had it come from the frontend over mutual TLS and stated a purpose.
fn over_mutual_tls((name, mut check): (String, CheckRequest)) -> (String, CheckRequest) {
    let mutual = capture("mtls_http2").attributes.unwrap();
    let attributes = check.attributes.as_mut().unwrap();
    (attributes.source, attributes.destination) = (mutual.source, mutual.destination);
    add_header(http(&mut check), "x-hop-purpose", "checkout");
    (name, check)
}

fn http(check: &mut CheckRequest) -> &mut HttpRequest {
    check.attributes.as_mut().unwrap().request.as_mut().unwrap().http.as_mut().unwrap()
}

/// Adds a header in the form that the others have.
fn add_header(http: &mut HttpRequest, name: &str, value: &str) {
    match &mut http.header_map {
        Some(map) => map.headers.push(HeaderValue {
            key: name.to_owned(),
            value: String::new(),
            raw_value: value.as_bytes().to_vec(),
        }),
        None => drop(http.headers.insert(name.to_owned(), value.to_owned())),
    }
}

fn table() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join("../captures.txt")).unwrap_or_default();
    let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let mut words = row.split_whitespace();
        (words.next().unwrap().to_owned(), words.collect::<Vec<_>>().join(" "))
    })
    .collect()
}

fn capture(name: &str) -> CheckRequest {
    captures().into_iter().find(|(found, _)| found == name).expect("a capture of that name").1
}

fn captures() -> Vec<(String, CheckRequest)> {
    let mut captures: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, CheckRequest::decode(&*fs::read(&path).unwrap()).unwrap())
        })
        .collect();
    captures.sort_by(|(a, _), (b, _)| a.cmp(b));
    captures
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/captures")
}

const BACKEND: &str = "spiffe://example.org/ns/default/sa/backend";
const FRONTEND: &str = "spiffe://example.org/ns/default/sa/frontend";

/// A time at which the captured certificates were valid: 2026-11-20T23:35:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_795_217_700);
