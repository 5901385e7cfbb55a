//! Each way in, and what stands on it: nobody comes by Hopguard.

use super::*;

#[test]
fn finds_what_lets_tcp_through() {
    let rows: [(&str, &str, &[&str]); 10] = [
        ("tcp_proxy.v3.TcpProxy", "redis_proxy.v3.RedisProxy", &["tcp.max_duration"]),
        ("failure_mode_allow: false", "failure_mode_allow: true", &["tcp.failure_mode_allow"]),
        ("_mode: ON_DOWNSTREAM_DATA", "_mode: ON_DOWNSTREAM_TLS_HANDSHAKE", &["tcp.connect_mode"]),
        ("_mode: ON_DOWNSTREAM_DATA", "_mode: IMMEDIATE", &["tcp.connect_mode"]),
        ("_mode: ON_DOWNSTREAM_DATA", "_mode: 1", &[]),
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
    let more = "127.0.0.1, port_value: 1}}\n      additional_addresses: [{address: {socket_address: {address: 0.0.0.0, port_value: 2}}}]\n      other: {a: {b: c";
    assert_eq!(other(more), ["ext_authz.unasked"]);
}

#[test]
fn nothing_leads_around_the_question() {
    let beside = |listener: &str, proxy: &str| {
        let listener = format!(
            "  listeners:\n    - {listener}\n      filter_chains: [{{filters: [{{typed_config: {{\"@type\": a/envoy.extensions.filters.network.{proxy}}}}}]}}]\n"
        );
        let other = "  clusters:\n    - {name: other, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: 8080}}}}]}]}}\n";
        codes(&changed(&changed(PLAIN, "  listeners:\n", &listener), "  clusters:\n", other))
    };
    let address = |host: &str| format!("address: {{socket_address: {{address: {host}, port_value: 1}}}}");
    let edge = format!("{}\n      metadata: {{filter_metadata: {{hopguard: {{role: edge}}}}}}", address("0.0.0.0"));
    assert_eq!(beside(&address("0.0.0.0"), "tcp_proxy.v3.TcpProxy, cluster: elsewhere"), ["ext_authz.unasked"]);
    assert_eq!(beside(&edge, "tcp_proxy.v3.TcpProxy, cluster: elsewhere"), [""; 0]);
    let same = [
        "tcp_proxy.v3.TcpProxy, cluster: workload",
        "tcp_proxy.v3.TcpProxy, weighted_clusters: {clusters: [{name: workload-grpc}]}",
        "tcp_proxy.v3.TcpProxy, cluster: other",
        "redis_proxy.v3.RedisProxy, prefix_routes: {catch_all_route: {cluster: workload}}",
    ];
    for same in same {
        assert_eq!(beside(&address("0.0.0.0"), same), ["ext_authz.around", "ext_authz.unasked"], "{same}");
        assert_eq!(beside(&address("127.0.0.1"), same), [""; 0], "{same}");
        assert_eq!(beside(&edge, same), ["ext_authz.around"], "{same}");
    }
}

#[test]
fn no_filter_of_a_cluster_changes_what_was_judged() {
    let filter =
        |kind: &str| format!("[{{name: a, typed_config: {{\"@type\": a/envoy.extensions.filters.http.{kind}.v3.A}}}}]");
    let of = |cluster: &str, kind: &str| {
        let options = format!("typed_extension_protocol_options: {{a: {{http_filters: {}}}}}", filter(kind));
        codes(&changed(
            PLAIN,
            "    - name: workload\n",
            &format!("    - name: {cluster}\n      {options}\n    - name: workload\n"),
        ))
    };
    let on = |options: &str| {
        let cluster = "    - name: workload\n";
        codes(&changed(PLAIN, cluster, &format!("{cluster}      typed_extension_protocol_options: {{a: {options}}}\n")))
    };
    assert_eq!(on(&format!("{{http_filters: {}}}", filter("lua"))), ["ext_authz.order"]);
    assert_eq!(on(&format!("{{http_filters: {}}}", filter("upstream_codec"))), [""; 0]);
    assert_eq!(on("{http_filters: [{name: a, config_discovery: {}}]}"), ["filter.unseen"]);
    assert_eq!(of("elsewhere", "lua"), [""; 0], "nobody is asked about what goes there");
    let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n";
    let upstream = format!("{router}                      upstream_http_filters: {}\n", filter("header_mutation"));
    assert_eq!(codes(&changed(PLAIN, router, &upstream)), ["ext_authz.order"]);
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
fn an_empty_list_of_an_upgrades_filters_is_none() {
    assert_eq!(codes(&changed(PLAIN, "upgrade_type: websocket", "upgrade_type: websocket, filters: []")), [""; 0]);
}
