//! Each finding, by the smallest change that makes it.

use std::path::Path;

use super::*;

mod reading;
mod settings;
mod ways;

fn codes(source: &str) -> Vec<&'static str> {
    let findings = lint(source, &Expect::default()).unwrap_or_else(|why| panic!("{why:?}\n{source}"));
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    for code in &codes {
        assert!(README.contains(&format!("`{code}`")), "{code} is in no table of the README");
    }
    codes
}

/// The file with one place of it changed.
fn changed(source: &str, from: &str, to: &str) -> String {
    assert!(source.contains(from), "{from}");
    source.replace(from, to)
}

/// The file without the lines that hold a text.
fn without(source: &str, text: &str) -> String {
    assert!(source.contains(text), "{text}");
    source.lines().filter(|line| !line.contains(text)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn finds_nothing_in_what_is_shipped() {
    for source in [PLAIN, SPIRE, TCP, EDGE] {
        assert_eq!(lint(source, &Expect::default()).unwrap(), []);
    }
}

#[test]
fn findings_without_number_are_cut_and_errors_are_not_among_them() {
    let router = "                  - name: envoy.filters.http.router\n";
    let lua = "                  - {name: a, typed_config: {\"@type\": a/envoy.extensions.filters.http.lua.v3.Lua}}\n"
        .repeat(2000);
    let source = changed(PLAIN, router, &format!("{lua}{router}"));
    let source = changed(&source, "max_connection_duration: 900s", "max_connection_duration: 0s");
    let findings = lint(&source, &Expect::default()).unwrap();
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    assert_eq!((errors, findings.len()), (1, 501));
}

#[test]
fn says_where_and_what_to_write_instead() {
    let source = changed(PLAIN, "failure_mode_allow: false", "failure_mode_allow: true");
    let findings = lint(&source, &Expect::default()).unwrap();
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    let line = source.lines().position(|line| line.contains("failure_mode_allow")).unwrap() + 1;
    assert_eq!((finding.line, finding.severity), (Some(line), Severity::Error));
    assert_eq!(
        finding.path,
        "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.failure_mode_allow"
    );
    assert_eq!(finding.fix, "leave it out or set it to false");
}

#[test]
fn holds_a_file_to_what_is_configured() {
    let expect = Expect {
        max_stream: Duration::from_secs(60),
        deadline: Duration::from_millis(300),
        purpose_header: "x-why".to_owned(),
        token_headers: vec!["x-token".to_owned()],
    };
    let found = |source| lint(source, &expect).unwrap().iter().map(|finding| finding.code).collect::<Vec<_>>();
    let mut plain = found(PLAIN);
    plain.sort_unstable();
    plain.dedup();
    assert_eq!(
        plain,
        ["ext_authz.timeout", "hcm.max_connection_duration", "hcm.max_stream_duration", "route.max_stream_duration"]
    );
    assert!(found(EDGE).contains(&"edge.headers"));
}

#[test]
fn expects_what_a_configuration_says() {
    let expect = |rest: &str| {
        let least = "self: spiffe://td.test/a\nlisten: [{address: \"unix:/c.sock\"}]\nstore: {directory: d}\n\
                     policy: {directory: p}\naudit: {file: a.jsonl}\n";
        let trust = "trust: [{trust_domain: td.test, workload_api: \"unix:/agent.sock\"}]\n";
        let config = Config::parse(Path::new("hopguard.yaml"), &format!("{least}{trust}{rest}"));
        Expect::from(&config.unwrap_or_else(|problems| panic!("{problems}")))
    };
    let silent = Expect { token_headers: Vec::new(), ..Expect::default() };
    assert_eq!(expect(""), silent, "a header that no block names is the application's");
    let tokens = "{jwt_svid: {}, transaction: {header: x-txn, audience: td.test, issuers: [{issuer: \"spiffe://td.test/txn\"}]}}";
    let all =
        format!("hop: {{max_stream: 90s}}\npurpose: {{header: x-why}}\nlimits: {{deadline: 40ms}}\ntokens: {tokens}");
    assert_eq!(
        expect(&all),
        Expect {
            max_stream: Duration::from_secs(90),
            deadline: Duration::from_millis(40),
            purpose_header: "x-why".to_owned(),
            token_headers: vec!["authorization".to_owned(), "x-txn".to_owned()],
        }
    );
}

const PLAIN: &str = include_str!("../../deploy/envoy/plain.yaml");
const README: &str = include_str!("../../deploy/envoy/README.md");
const SPIRE: &str = include_str!("../../deploy/envoy/spire-sds.yaml");
const TCP: &str = include_str!("../../deploy/envoy/tcp.yaml");
const EDGE: &str = include_str!("../../deploy/envoy/edge.yaml");
