//! The way to Hopguard: its cluster speaks HTTP/2, and lets nobody on the way answer instead.

use std::net::IpAddr;

use super::{Lint, at::At};

impl Lint<'_, '_> {
    /// Checks the cluster behind a gRPC service.
    pub(super) fn way_to_hopguard(&mut self, service: &At<'_>) {
        if service.get("google_grpc").is_some() {
            let message = "where Google's gRPC client goes is not seen here, nor is it tested with Hopguard";
            self.warning("cluster.unseen", service, "google_grpc", message, "use `envoy_grpc` instead");
        }
        let name = service.get("envoy_grpc").and_then(|envoy| envoy.word("cluster_name"));
        // Envoy itself refuses a name that nobody has.
        if let Some(cluster) = name.and_then(|name| self.source.cluster(name)).cloned() {
            self.speaks_http2(&cluster);
            self.stays_here(&cluster);
        }
    }

    fn speaks_http2(&mut self, cluster: &At<'_>) {
        let options = cluster.get("typed_extension_protocol_options");
        let options: Vec<_> =
            options.iter().flat_map(At::entries).map(|(_, options)| options.into_extension()).collect();
        let configured = options.iter().any(|options| {
            ["explicit_http_config", "use_downstream_protocol_config", "auto_config"]
                .iter()
                .any(|way| options.config.at(&[way, "http2_protocol_options"]).is_some())
        });
        if !configured && cluster.get("http2_protocol_options").is_none() {
            let message = "gRPC needs HTTP/2, and this cluster does not speak it: every Check fails";
            let fix =
                "add HttpProtocolOptions with `explicit_http_config: {http2_protocol_options: {}}`, as in plain.yaml";
            self.error("cluster.http2", cluster, "typed_extension_protocol_options", message, fix);
        }
    }

    /// In plain text, only as far as this host goes.
    fn stays_here(&mut self, cluster: &At<'_>) {
        if cluster.get("transport_socket").is_some() || cluster.get("transport_socket_matches").is_some() {
            return;
        }
        let Some(assignment) = cluster.get("load_assignment") else { return };
        let endpoints = assignment.items("endpoints");
        for endpoint in endpoints.iter().flat_map(|group| group.items("lb_endpoints")) {
            let Some(socket) = endpoint.at(&["endpoint", "address", "socket_address"]) else { continue };
            if !socket.word("address").is_some_and(is_here) {
                let message = "the question leaves this host in plain text: whoever is on the way can answer it";
                let fix = "use a unix socket or loopback, or a `transport_socket` with mutual TLS";
                self.error("cluster.plaintext", &socket, "address", message, fix);
            }
        }
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use crate::envoy::{Expect, lint};

    const PLAIN: &str = include_str!("../../deploy/envoy/plain.yaml");
    const README: &str = include_str!("../../deploy/envoy/README.md");

    #[test]
    fn a_question_arrives_where_hopguard_is() {
        let asked = "envoy_grpc: {cluster_name: hopguard, authority: hopguard}";
        let http2 = "{http2_protocol_options: {}}\n      load_assignment:\n        cluster_name: hopguard";
        let pipe = "{pipe: {path: /run/hopguard/check.sock}}";
        let socket = |host: &str| format!("{{socket_address: {{address: {host}, port_value: 9191}}}}");
        let rows: [(&str, String, &[&str]); 9] = [
            (asked, "google_grpc: {target_uri: \"unix:/run/hopguard/check.sock\"}".to_owned(), &["cluster.unseen"]),
            (http2, http2.replace("http2_protocol_options", "http_protocol_options"), &["cluster.http2"]),
            (http2, http2.replace("http2_protocol_options: {}", "http2_protocol_options: null"), &["cluster.http2"]),
            (pipe, socket("127.0.0.1"), &[]),
            (pipe, socket("\"::1\""), &[]),
            (pipe, socket("localhost"), &[]),
            (pipe, socket("10.0.0.7"), &["cluster.plaintext"]),
            (pipe, socket("localhost.example"), &["cluster.plaintext"]),
            (pipe, socket("hopguard"), &["cluster.plaintext"]),
        ];
        for (from, to, expected) in rows {
            assert_eq!(found(from, &to), expected, "`{from}` to `{to}`");
        }
        let encrypted =
            http2.replace("\n      load_assignment", "\n      transport_socket: {name: tls}\n      load_assignment");
        let away = PLAIN.replace(pipe, &socket("hopguard")).replace(http2, &encrypted);
        assert_eq!(lint(&away, &Expect::default()).unwrap(), []);
    }

    fn found(from: &str, to: &str) -> Vec<&'static str> {
        assert!(PLAIN.contains(from), "{from}");
        let findings = lint(&PLAIN.replace(from, to), &Expect::default()).unwrap();
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        for code in &codes {
            assert!(README.contains(&format!("`{code}`")), "{code} is in no table of the README");
        }
        codes
    }
}
