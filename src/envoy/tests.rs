//! Each finding, by the smallest change that makes it.

use std::time::Instant;

use super::*;

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
fn finds_each_protection_that_is_taken_out() {
    let rows = [
        (PLAIN, "require_client_certificate", "tls.client_certificate"),
        (PLAIN, "disable_stateless_session", "tls.session_resumption"),
        (PLAIN, "disable_stateful_session", "tls.session_resumption"),
        (PLAIN, "normalize_path", "hcm.normalize_path"),
        (PLAIN, "merge_slashes", "hcm.merge_slashes"),
        (PLAIN, "path_with_escaped", "hcm.escaped_slashes"),
        (PLAIN, "allow_absolute_url", "hcm.absolute_url"),
        (PLAIN, "headers_with_underscores", "hcm.underscores"),
        (PLAIN, " max_stream_duration: 900s", "hcm.max_stream_duration"),
        (PLAIN, "max_connection_duration", "hcm.max_connection_duration"),
        (PLAIN, "use_remote_address", "hcm.remote_address"),
        (PLAIN, "transport_api_version", "ext_authz.api_version"),
        (PLAIN, " timeout: 0.25s", "ext_authz.timeout"),
        (PLAIN, "include_peer_certificate", "ext_authz.include_peer_certificate"),
        (PLAIN, "encode_raw_headers", "ext_authz.encode_raw_headers"),
        (PLAIN, "validate_mutations", "ext_authz.validate_mutations"),
        (PLAIN, "disallow_system", "ext_authz.mutation_rules"),
        (PLAIN, "allow_expression", "ext_authz.mutation_rules"),
        (PLAIN, "disallow_is_error", "ext_authz.mutation_rules"),
        (TCP, "include_peer_certificate", "tcp.include_peer_certificate"),
        (TCP, "max_downstream_connection_duration", "tcp.max_duration"),
        (TCP, "  timeout: 0.25s", "tcp.timeout"),
        (TCP, "require_client_certificate", "tls.client_certificate"),
        (EDGE, "remove: x-hop-purpose", "edge.headers"),
        (EDGE, "remove: txn-token", "edge.headers"),
        (EDGE, "remove_on_match", "edge.headers"),
        (EDGE, "headers_with_underscores", "hcm.underscores"),
        (EDGE, " max_stream_duration: 900s", "hcm.max_stream_duration"),
        (EDGE, "metadata: {filter_metadata", "ext_authz.missing"),
    ];
    for (source, text, code) in rows {
        assert_eq!(codes(&without(source, text)), [code], "without `{text}`");
    }
}

#[test]
fn finds_each_setting_that_undoes_hopguard() {
    let mode = "failure_mode_allow: false";
    let set = |field: &str| format!("{mode}\n                      {field}");
    let with_tls = |field: &str| format!("require_client_certificate: true\n              {field}");
    let client = "require_client_certificate: true";
    let roots = "validation_context_sds_secret_config:\n                  name: roots\n                  sds_config: {resource_api_version: V3, path_config_source: {path: /etc/envoy/plain-roots.yaml}}";
    let rules = "decoder_header_mutation_rules:";
    let xfcc = "forward_client_cert_details: SANITIZE_SET";
    let escaped = "path_with_escaped_slashes_action: REJECT_REQUEST";
    let service = "envoy_grpc: {cluster_name: hopguard, authority: hopguard}";
    let action = "cluster: workload\n                            timeout: 15s";
    let per_route = "match: {prefix: /}";
    let typed = "\"@type\": type.googleapis.com/envoy";
    let rows: Vec<(&str, String, &[&str])> = vec![
        (mode, "failure_mode_allow: true".into(), &["ext_authz.failure_mode_allow"]),
        // All that Envoy reads as true is true.
        (mode, "failureModeAllow: yes".into(), &["ext_authz.failure_mode_allow"]),
        (mode, "failure_mode_allow: \"true\"".into(), &["ext_authz.failure_mode_allow"]),
        (mode, "failure_mode_allow: {value: On}".into(), &["ext_authz.failure_mode_allow"]),
        (mode, "failure_mode_allow: whatever".into(), &["ext_authz.failure_mode_allow"]),
        (mode, "failure_mode_allow: null".into(), &[]),
        (mode, set("shadow_mode: true"), &["ext_authz.shadow_mode"]),
        (mode, set("enable_dynamic_metadata_ingestion: false"), &["ext_authz.dynamic_metadata"]),
        (mode, set("filter_enabled: {default_value: {numerator: 99}}"), &["ext_authz.filter_enabled"]),
        (mode, set("filter_enabled: {default_value: {numerator: 100, denominator: MILLION}}"), &["ext_authz.filter_enabled"]),
        (mode, set("filter_enabled: {default_value: {numerator: 100}}"), &[]),
        (mode, set("filter_enabled: {runtime_key: asked, default_value: {numerator: 100}}"), &["ext_authz.deny_at_disable"]),
        (
            mode,
            set("filter_enabled: {runtime_key: a, default_value: {numerator: 100}}\n                      deny_at_disable: {default_value: true}"),
            &[],
        ),
        (mode, set("filter_enabled_metadata: {filter: x}"), &["ext_authz.filter_enabled"]),
        (mode, set("with_request_body: {max_request_bytes: 1024}"), &["ext_authz.with_request_body"]),
        (mode, set("http_service: {server_uri: {uri: a}}"), &["ext_authz.http_service"]),
        (mode, set("allowed_headers: {patterns: [{prefix: x-}]}"), &["ext_authz.allowed_headers"]),
        (mode, set("allowed_headers: {patterns: [{safe_regex: {regex: \".*\"}}]}"), &[]),
        (mode, set("allowed_headers: {patterns: [{safe_regex: {regex: \".{1,40}\"}}]}"), &["ext_authz.allowed_headers"]),
        (mode, set("allowed_headers: {}"), &["ext_authz.allowed_headers"]),
        (mode, set("disallowed_headers: {patterns: [{exact: Authorization, ignore_case: true}]}"), &["ext_authz.disallowed_headers"]),
        (mode, set("disallowed_headers: {patterns: [{exact: x-secret}]}"), &[]),
        ("clear_route_cache: false", "clear_route_cache: true".into(), &["ext_authz.clear_route_cache"]),
        ("{code: ServiceUnavailable}", "{code: OK}".into(), &["ext_authz.status_on_error"]),
        ("{code: ServiceUnavailable}", "{code: 204}".into(), &["ext_authz.status_on_error"]),
        ("{code: ServiceUnavailable}", "{code: 503}".into(), &[]),
        (service, "envoy_grpc: {cluster_name: hopguard}".into(), &[]),
        (service, "envoy_grpc: {cluster_name: \"outbound|9000||authz.foo\"}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: \"outbound|9000||authz.foo\", authority: authz.local}".into(), &[]),
        (service, "envoy_grpc: {cluster_name: a/b}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: \"unix:/run/a.sock\"}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: an authorizer}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: wächter}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: \"authz:9000\"}".into(), &[]),
        ("timeout: 0.25s", "timeout: 0.1s".into(), &["ext_authz.timeout"]),
        ("timeout: 0.25s", "timeout: 0s".into(), &["ext_authz.timeout"]),
        ("timeout: 0.25s", "timeout: {nanos: 250000000}".into(), &[]),
        (rules, format!("{rules}\n                        disallow_all: true"), &["ext_authz.mutation_rules"; 2]),
        ("\"^(x-forwarded-.*|", "\"^(x-.*|x-forwarded-.*|".into(), &["ext_authz.mutation_rules"; 2]),
        (client, "require_client_certificate: false".into(), &["tls.client_certificate"]),
        (client, with_tls("session_timeout: 60s"), &[]),
        (roots, "validation_context: {}".into(), &["tls.validation_context"]),
        (roots, "validation_context: {trusted_ca: {filename: /r.pem}}".into(), &[]),
        (
            roots,
            "validation_context: {trusted_ca: {filename: /r.pem}, trust_chain_verification: ACCEPT_UNTRUSTED}".into(),
            &["tls.accept_untrusted"],
        ),
        (
            roots,
            "combined_validation_context: {default_validation_context: {trust_chain_verification: 1}, validation_context_sds_secret_config: {name: roots}}".into(),
            &["tls.accept_untrusted"],
        ),
        (
            roots,
            "validation_context: {trusted_ca: {filename: /r.pem}, allow_expired_certificate: true}".into(),
            &["tls.allow_expired"],
        ),
        ("          transport_socket:\n", "          other_socket:\n".into(), &["tls.missing"]),
        (xfcc, "forward_client_cert_details: SANITIZE".into(), &[]),
        (xfcc, "forward_client_cert_details: FORWARD_ONLY".into(), &["hcm.xfcc"]),
        (xfcc, "forwardClientCertDetails: append_forward".into(), &["hcm.xfcc"]),
        (xfcc, "forward_client_cert_details: 4".into(), &["hcm.xfcc"]),
        ("normalize_path: true", "normalize_path: false".into(), &["hcm.normalize_path"]),
        (escaped, "path_with_escaped_slashes_action: KEEP_UNCHANGED".into(), &["hcm.escaped_slashes"]),
        (escaped, "path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT".into(), &[]),
        ("REJECT_REQUEST\n                  # An", "DROP_HEADER\n                  # An".into(), &[]),
        ("REJECT_REQUEST\n                  # An", "ALLOW\n                  # An".into(), &["hcm.underscores"]),
        ("max_connection_duration: 900s", "max_connection_duration: 0s".into(), &["hcm.max_connection_duration"]),
        (" max_stream_duration: 900s", " max_stream_duration: 901s".into(), &["hcm.max_stream_duration"]),
        (" max_stream_duration: 900s", " max_stream_duration: {seconds: 60}".into(), &[]),
        ("{max_stream_duration: 900s}", "{max_stream_duration: 0s}".into(), &["route.max_stream_duration"; 2]),
        ("{max_stream_duration: 900s}", "{grpc_timeout_header_max: 0s}".into(), &["route.max_stream_duration"; 2]),
        ("{max_stream_duration: 900s}", "{}".into(), &[]),
        (action, format!("{action}\n                            prefix_rewrite: /x"), &["route.rewrite"]),
        (
            per_route,
            format!("{per_route}\n                          request_headers_to_add: [{{header: {{key: X-Hopguard-Peer, value: me}}}}]"),
            &["route.headers"],
        ),
        (
            per_route,
            format!("{per_route}\n                          typed_per_filter_config: {{envoy.filters.http.ext_authz: {{{typed}.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true}}}}"),
            &["ext_authz.per_route_disabled"],
        ),
        (
            per_route,
            format!("{per_route}\n                          typedPerFilterConfig: {{envoy.filters.http.ext_authz: {{{typed}.config.route.v3.FilterConfig, disabled: true}}}}"),
            &["ext_authz.per_route_disabled"],
        ),
        (
            per_route,
            format!("{per_route}\n                          typed_per_filter_config: {{other: {{{typed}.config.route.v3.FilterConfig, disabled: true}}}}"),
            &[],
        ),
        (
            per_route,
            format!("{per_route}\n                          typed_per_filter_config: {{a: {{\"@type\": x/xds.type.v3.TypedStruct, type_url: x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, value: {{check_settings: {{http_service: {{path_prefix: /x}}}}}}}}}}"),
            &["ext_authz.http_service"],
        ),
        (
            "                  - name: envoy.filters.http.ext_authz\n",
            format!("                  - {{name: lua, typed_config: {{{typed}.extensions.filters.http.lua.v3.Lua}}}}\n                  - name: envoy.filters.http.ext_authz\n"),
            &["ext_authz.order"],
        ),
        (
            "                  - name: envoy.filters.http.router\n",
            format!("                  - {{name: lua, typed_config: {{{typed}.extensions.filters.http.lua.v3.Lua}}}}\n                  - name: envoy.filters.http.router\n"),
            &["ext_authz.order"],
        ),
        ("- name: envoy.filters.http.ext_authz\n", "- disabled: true\n".into(), &["ext_authz.disabled"]),
        ("- name: envoy.filters.http.ext_authz\n", "- is_optional: true\n".into(), &["ext_authz.optional"]),
        ("upgrade_type: websocket", "upgrade_type: websocket, filters: [{name: router}]".into(), &["ext_authz.missing"]),
        ("route_config:\n", "other_config:\n".into(), &["route.unseen"]),
        (
            "{socket_address: {address: 127.0.0.1, port_value: 9901}}",
            "{socket_address: {address: 0.0.0.0, port_value: 9901}}".into(),
            &["admin.exposed"],
        ),
    ];
    for (from, to, expected) in rows {
        assert_eq!(codes(&changed(PLAIN, from, &to)), expected, "`{from}` to `{to}`");
    }
}

#[test]
fn finds_what_lets_tcp_through() {
    let rows: [(&str, &str, &[&str]); 6] = [
        ("failure_mode_allow: false", "failure_mode_allow: true", &["tcp.failure_mode_allow"]),
        ("failure_mode_allow: false", "shadow_mode: true", &["tcp.shadow_mode"]),
        ("failure_mode_allow: false", "filter_enabled_metadata: {filter: x}", &["tcp.filter_enabled"]),
        ("duration: 900s", "duration: 3600s", &["tcp.max_duration"]),
        ("authority: hopguard}", "authority: a/b}", &["ext_authz.authority"]),
        ("network.ext_authz.v3.ExtAuthz", "network.rbac.v3.RBAC", &["ext_authz.missing"]),
    ];
    for (from, to, expected) in rows {
        assert_eq!(codes(&changed(TCP, from, to)), expected, "`{from}` to `{to}`");
    }
}

#[test]
fn finds_what_opens_the_edge() {
    let rows: [(&str, &str, &[&str]); 5] = [
        (
            "remove_on_match: {key_matcher: {prefix: x-hopguard-, ignore_case: true}}",
            "remove: x-hopguard-peer",
            &["edge.headers"],
        ),
        ("forward_client_cert_details: SANITIZE", "forward_client_cert_details: ALWAYS_FORWARD_ONLY", &["hcm.xfcc"]),
        ("tls_certificate_sds_secret_configs:", "other:", &["edge.svid"]),
        ("combined_validation_context:", "other:", &["edge.upstream"]),
        ("role: edge", "role: Edge", &["ext_authz.missing"]),
    ];
    for (from, to, expected) in rows {
        assert_eq!(codes(&changed(EDGE, from, to)), expected, "`{from}` to `{to}`");
    }
}

#[test]
fn every_way_into_a_listener_is_asked_about() {
    let chain = "  filter_chains:\n        - filters: [{typed_config: {\"@type\": a/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy}}]\n";
    let beside = changed(PLAIN, "  filter_chains:\n", chain);
    assert_eq!(codes(&beside), ["ext_authz.missing"]);
    let other = |address: &str| {
        let listener = format!(
            "  listeners:\n    - address: {{socket_address: {{address: {address}, port_value: 1}}}}\n    {chain}"
        );
        codes(&changed(PLAIN, "  listeners:\n", &listener))
    };
    assert_eq!(other("0.0.0.0"), ["ext_authz.unasked"]);
    assert_eq!(other("127.0.0.1"), [""; 0]);
}

#[test]
fn a_question_per_connection_is_none_per_request() {
    let network = "          filters:\n            - {name: a, typed_config: {\"@type\": a/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz, \
                   transport_api_version: V3, include_peer_certificate: true, grpc_service: {timeout: 1s}}}\n";
    let both = changed(PLAIN, "          filters:\n", network);
    assert_eq!(codes(&both), [""; 0]);
    let once = changed(&both, "filters.http.ext_authz.v3.ExtAuthz", "filters.http.rbac.v3.RBAC");
    assert_eq!(codes(&once), ["ext_authz.missing"]);
}

#[test]
fn what_is_not_in_the_file_is_said_to_be_elsewhere() {
    let elsewhere = |at: &str| {
        let filter = format!("{at}            - {{name: a, config_discovery: {{config_source: {{ads: {{}}}}}}}}\n");
        codes(&changed(PLAIN, at, &filter))
    };
    assert_eq!(elsewhere("          filters:\n"), ["filter.unseen"]);
    let filters = "                http_filters:\n";
    let filter = format!("{filters}                  - {{name: a, config_discovery: {{}}}}\n");
    assert_eq!(codes(&changed(PLAIN, filters, &filter)), ["filter.unseen"]);
}

#[test]
fn a_filter_behind_a_matcher_asks_only_sometimes() {
    let from = "\"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz\n";
    let to = "\"@type\": a/envoy.extensions.common.matching.v3.ExtensionWithMatcher\n                      extension_config: {name: a, typed_config: {\"@type\": a/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz}}\n";
    assert!(codes(&changed(PLAIN, from, to)).contains(&"ext_authz.conditional"));
}

#[test]
fn a_cache_is_asked_about_too() {
    let cache = "                  - {name: a, typed_config: {\"@type\": a/envoy.extensions.filters.http.cache.v3.CacheConfig}}\n";
    let (ask, router) = (
        "                  - name: envoy.filters.http.ext_authz\n",
        "                  - name: envoy.filters.http.router\n",
    );
    assert_eq!(codes(&changed(PLAIN, ask, &format!("{cache}{ask}"))), ["ext_authz.after_cache"]);
    assert_eq!(codes(&changed(PLAIN, router, &format!("{cache}{router}"))), [""; 0]);
}

#[test]
fn broken_versions_and_rules_are_found() {
    assert_eq!(codes(&changed(PLAIN, "_version: TLSv1_2", "_version: TLSv1_1")), ["tls.version"]);
    assert_eq!(codes(&changed(PLAIN, "_version: TLSv1_2", "_version: 3")), [""; 0]);
    let rules = "decoder_header_mutation_rules:";
    let routing = format!("{rules}\n                        allow_all_routing: true");
    assert_eq!(codes(&changed(PLAIN, rules, &routing)), ["ext_authz.mutation_rules"]);
}

#[test]
fn an_empty_list_of_an_upgrades_filters_is_none() {
    assert_eq!(codes(&changed(PLAIN, "upgrade_type: websocket", "upgrade_type: websocket, filters: []")), [""; 0]);
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
fn reads_json_resources_and_dumps() {
    let json = "{\n\t\"static_resources\": {\"listeners\": [{\"name\": \"a\"}]}}";
    assert_eq!(codes(json), ["ext_authz.missing"]);
    let listener = "{\"@type\": \"a/envoy.config.listener.v3.Listener\", \"name\": \"a\"}";
    assert_eq!(codes(&format!("resources: [{listener}]")), ["ext_authz.missing"]);
    let wrapped = format!("{{\"@type\": \"a/envoy.service.discovery.v3.Resource\", \"resource\": {listener}}}");
    assert_eq!(codes(&format!("resources: [{wrapped}]")), ["ext_authz.missing"]);
    let dump =
        format!("{{\"configs\": [{{\"dynamic_listeners\": [{{\"active_state\": {{\"listener\": {listener}}}}}]}}]}}");
    assert_eq!(codes(&dump), ["ext_authz.missing"]);
    assert_eq!(codes("dynamic_resources: {lds_config: {path_config_source: {path: a}}}"), ["listener.unseen"]);
}

#[test]
fn a_file_that_can_be_read_in_two_ways_is_refused() {
    let listener = "static_resources: {listeners: [{name: a}]}\n";
    let rows = [
        ("", None, "the file is empty"),
        ("a: [", None, "not valid YAML"),
        ("a: b", Some(1), "nothing listens here"),
        ("- a", Some(1), "nothing listens here"),
        (&format!("{listener}admin: {{a: 1, a: 2}}"), Some(2), "`a` is there twice"),
        (&format!("{listener}admin: {{aB: 1, a_b: 2}}"), Some(2), "`a_b` is there twice"),
        (&format!("{listener}---\n{listener}"), None, "a second document"),
        (&format!("{listener}admin: {{<<: {{a: 1}}}}"), Some(2), "does not merge"),
        (&format!("{listener}admin: {{[a]: 1}}"), Some(2), "a key that is no name"),
        (&format!("{listener}admin: &a [*a]"), Some(2), "an alias inside"),
    ];
    for (source, line, message) in rows {
        let refused = lint(source, &Expect::default()).unwrap_err();
        assert!(refused.message.contains(message), "{source}: {refused}");
        assert!(line.is_none() || refused.line == line, "{source}: {refused:?}");
    }
}

#[test]
fn a_hostile_file_is_refused_at_once() {
    let bomb = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        let aliases = format!("*a{}, ", n - 1).repeat(9);
        format!("{text}a{n}: &a{n} [{aliases}]\n")
    });
    let files = [
        bomb,
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        format!("a: {}", "x".repeat(10 << 20)),
        "- - ".repeat(50_000),
    ];
    for file in files {
        let started = Instant::now();
        assert!(lint(&file, &Expect::default()).is_err());
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

const PLAIN: &str = include_str!("../../deploy/envoy/plain.yaml");
const README: &str = include_str!("../../deploy/envoy/README.md");
const SPIRE: &str = include_str!("../../deploy/envoy/spire-sds.yaml");
const TCP: &str = include_str!("../../deploy/envoy/tcp.yaml");
const EDGE: &str = include_str!("../../deploy/envoy/edge.yaml");
