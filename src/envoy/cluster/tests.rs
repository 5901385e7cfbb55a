//! Each way to Hopguard, by the smallest change of the one that is shown.

use crate::envoy::{Expect, lint};

#[test]
fn a_question_arrives_where_hopguard_is() {
    let asked = "envoy_grpc: {cluster_name: hopguard, authority: hopguard}";
    let http2 = "{http2_protocol_options: {}}\n      load_assignment:\n        cluster_name: hopguard";
    let pipe = "{pipe: {path: /run/hopguard/check.sock}}";
    let socket = |host: &str| format!("{{socket_address: {{address: {host}, port_value: 9191}}}}");
    let more = format!("{}, additional_addresses: [{{address: {}}}]", socket("127.0.0.1"), socket("10.0.0.7"));
    let rows: [(&str, String, &[&str]); 11] = [
        (asked, "google_grpc: {target_uri: \"unix:/run/hopguard/check.sock\"}".to_owned(), &["cluster.unseen"]),
        (http2, http2.replace("http2_protocol_options", "http_protocol_options"), &["cluster.http2"]),
        (http2, http2.replace("http2_protocol_options: {}", "http2_protocol_options: null"), &["cluster.http2"]),
        (http2, http2.replace("load_assignment", "eds_cluster_config"), &["cluster.unseen"]),
        (pipe, socket("127.0.0.1"), &[]),
        (pipe, socket("\"::1\""), &[]),
        (pipe, socket("localhost"), &[]),
        (pipe, socket("10.0.0.7"), &["cluster.plaintext"]),
        (pipe, more, &["cluster.plaintext"]),
        (pipe, socket("localhost.example"), &["cluster.plaintext"]),
        (pipe, socket("hopguard"), &["cluster.plaintext"]),
    ];
    for (from, to, expected) in rows {
        assert_eq!(found(&changed(PLAIN, from, &to)), expected, "`{from}` to `{to}`");
    }
}

#[test]
fn beyond_this_host_both_sides_show_who_they_are() {
    let shown = over_tls();
    assert_eq!(found(&shown), [""; 0]);
    let socket = "      transport_socket:\n        name: envoy";
    let matches = "      transport_socket_matches: [{name: a, transport_socket: {name: b}}]\n";
    let minimum = "tls_minimum_protocol_version: TLSv1_3";
    let params = "tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}";
    let svid = "\n            tls_certificate_sds_secret_configs:";
    let names = "match_typed_subject_alt_names:";
    let exact = "matcher: {exact: \"spiffe://prod.example/ns/shop/sa/api\"}";
    let roots = "\n              validation_context_sds_secret_config:";
    let plain = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
    let tls = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
    let rows: Vec<(&str, String, &[&str])> = vec![
        (socket, "      other_socket:\n        name: envoy".to_owned(), &["cluster.plaintext"]),
        (socket, format!("{matches}{socket}"), &["cluster.plaintext"]),
        (tls, plain.to_owned(), &["cluster.plaintext"]),
        (tls, String::new(), &["cluster.plaintext"]),
        (minimum, "tls_minimum_protocol_version: TLSv1_2".to_owned(), &["cluster.tls_version"]),
        (minimum, "tls_minimum_protocol_version: TLS_AUTO".to_owned(), &["cluster.tls_version"]),
        (minimum, "tls_minimum_protocol_version: 4".to_owned(), &[]),
        (
            "_maximum_protocol_version: TLSv1_3",
            "_maximum_protocol_version: TLSv1_2".to_owned(),
            &["cluster.tls_version"],
        ),
        (
            "_maximum_protocol_version: TLSv1_3",
            "_maximum_protocol_version: TLSv1_4".to_owned(),
            &["cluster.tls_version"],
        ),
        (params, "tls_params: {}".to_owned(), &["cluster.tls_version"]),
        (params, "other: {}".to_owned(), &["cluster.tls_version"]),
        (svid, svid.replace("tls_certificate_sds_secret_configs", "other"), &["cluster.svid"]),
        ("combined_validation_context:", "other:".to_owned(), &["cluster.server"]),
        (roots, "\n              other:".to_owned(), &["cluster.server"]),
        (names, format!("trust_chain_verification: ACCEPT_UNTRUSTED\n                {names}"), &["cluster.server"]),
        (names, "other:".to_owned(), &["cluster.server"]),
        (exact, "matcher: {prefix: \"spiffe://prod.example/\"}".to_owned(), &["cluster.server"]),
        ("san_type: URI", "san_type: DNS".to_owned(), &["cluster.server"]),
    ];
    for (from, to, expected) in rows {
        assert_eq!(found(&changed(&shown, from, &to)), expected, "`{from}` to `{to}`");
    }
}

/// The whole Envoy with the cluster that the README shows for another host.
fn over_tls() -> String {
    let (_, block) = README.split_once("```yaml\n- name: hopguard\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let cluster: String = block.lines().map(|line| format!("    {line}\n")).collect();
    let (before, rest) = PLAIN.split_once("    - name: hopguard\n").unwrap();
    let (_, after) = rest.split_once("    - name: workload\n").unwrap();
    format!("{before}    - name: hopguard\n{cluster}    - name: workload\n{after}")
}

fn changed(source: &str, from: &str, to: &str) -> String {
    assert_eq!(source.matches(from).count(), 1, "{from}");
    source.replace(from, to)
}

fn found(source: &str) -> Vec<&'static str> {
    let findings = lint(source, &Expect::default()).unwrap_or_else(|why| panic!("{why:?}\n{source}"));
    let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    for code in &codes {
        assert!(README.contains(&format!("`{code}`")), "{code} is in no table of the README");
    }
    codes
}

const PLAIN: &str = include_str!("../../../deploy/envoy/plain.yaml");
const README: &str = include_str!("../../../deploy/envoy/README.md");
