//! The way to Hopguard: its cluster speaks HTTP/2, and lets nobody but Hopguard answer.

use std::net::IpAddr;

use super::{Lint, at::At, tls::VERSIONS};

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
            self.is_private(&cluster);
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

    /// Checks that whoever is on the way can neither ask nor answer: the question stays here, or both sides show who they are.
    fn is_private(&mut self, cluster: &At<'_>) {
        let matched = cluster.items("transport_socket_matches");
        let sockets: Vec<_> = matched.iter().map(|matched| matched.get("transport_socket")).collect();
        let own = cluster.get("transport_socket");
        let named = own.clone().into_iter().chain(sockets.iter().flatten().cloned());
        let contexts: Vec<_> = named.filter_map(|socket| context(&socket)).collect();
        for context in &contexts {
            self.shows_who_asks(context);
            self.knows_who_answers(context);
            self.version_of_tls(context);
        }
        // A socket that nothing names is one without TLS, and so is what an endpoint gets that matches none.
        if own.is_none() || contexts.len() < sockets.len() + 1 {
            self.stays_here(cluster);
        }
    }

    /// In plain text, only as far as this host goes.
    fn stays_here(&mut self, cluster: &At<'_>) {
        let fix = "use a unix socket or loopback, or mutual TLS as the README of deploy/envoy shows it";
        if cluster.get("load_assignment").is_none() {
            let message = "where this cluster leads is not seen here, and its question leaves in plain text";
            return self.warning("cluster.unseen", cluster, "load_assignment", message, fix);
        }
        for socket in addresses(cluster).iter().filter_map(|address| address.get("socket_address")) {
            if !socket.word("address").is_some_and(is_here) {
                let message = "the question leaves this host in plain text: whoever is on the way can answer it";
                self.error("cluster.plaintext", &socket, "address", message, fix);
            }
        }
    }

    fn shows_who_asks(&mut self, common: &At<'_>) {
        let shown = ["tls_certificates", "tls_certificate_sds_secret_configs", "tls_certificate_provider_instance"];
        if !shown.iter().any(|field| common.get(field).is_some()) {
            let message = "Hopguard lets in nobody without an SVID that its listener names: every Check fails";
            let fix = "name Envoy's SVID in `tls_certificate_sds_secret_configs`";
            self.error("cluster.svid", common, "tls_certificate_sds_secret_configs", message, fix);
        }
    }

    fn knows_who_answers(&mut self, common: &At<'_>) {
        let combined = common.get("combined_validation_context");
        let inline = match &combined {
            Some(combined) => combined.get("default_validation_context"),
            None => common.get("validation_context"),
        };
        let by_sds = combined.as_ref().unwrap_or(common).get("validation_context_sds_secret_config").is_some();
        let inline = inline.as_ref();
        let has_roots = inline.is_some_and(|inline| ROOTS.iter().any(|field| inline.get(field).is_some()));
        let is_lax = inline.is_some_and(|inline| {
            inline.choice("trust_chain_verification", &["VERIFY_TRUST_CHAIN", "ACCEPT_UNTRUSTED"])
                != Some("VERIFY_TRUST_CHAIN")
        });
        let field = "combined_validation_context";
        let fix = "name the roots, and Hopguard's SPIFFE ID in `match_typed_subject_alt_names`";
        if is_lax || !(has_roots || by_sds) {
            let message = "whoever answers is believed to be Hopguard";
            return self.error("cluster.server", common, field, message, fix);
        }
        if inline.is_some_and(|inline| PINS.iter().any(|field| inline.get(field).is_some())) {
            return;
        }
        let names = inline.map(|inline| inline.items("match_typed_subject_alt_names")).unwrap_or_default();
        let is_one = |name: &At<'_>| {
            name.choice("san_type", &SAN_TYPES) == Some("URI") && name.at(&["matcher", "exact"]).is_some()
        };
        if names.is_empty() && !by_sds {
            let message = "any workload that the roots vouch for is believed to be Hopguard";
            self.error("cluster.server", common, field, message, fix);
        } else if names.is_empty() {
            let message = "unless the secret says whose answer is believed, any workload's is";
            self.warning("cluster.server", common, field, message, fix);
        } else if !names.iter().all(is_one) {
            let message = "what is no exact SPIFFE ID may stand for other workloads than Hopguard";
            self.warning("cluster.server", common, field, message, fix);
        }
    }

    fn version_of_tls(&mut self, common: &At<'_>) {
        let params = common.get("tls_params");
        let version = |field: &str| params.as_ref().map_or(Some("TLS_AUTO"), |params| params.choice(field, &VERSIONS));
        let (at, prefix) = params.as_ref().map_or((common, "tls_params."), |params| (params, ""));
        let fix = "set it to TLSv1_3";
        let (oldest, latest) = ("tls_minimum_protocol_version", "tls_maximum_protocol_version");
        if !matches!(version(latest), Some("TLS_AUTO" | "TLSv1_3")) {
            let message = "Hopguard speaks TLS 1.3 only: every Check fails";
            self.error("cluster.tls_version", at, &format!("{prefix}{latest}"), message, fix);
        } else if version(oldest) != Some("TLSv1_3") {
            let message = "versions of TLS that Hopguard does not speak are offered on the way to it";
            self.warning("cluster.tls_version", at, &format!("{prefix}{oldest}"), message, fix);
        }
    }
}

/// What a socket's TLS has for both sides; nothing if it is no TLS.
fn context<'t>(socket: &At<'t>) -> Option<At<'t>> {
    let tls = socket.extension("typed_config").filter(|socket| socket.message == UPSTREAM)?;
    tls.config.get("common_tls_context").or(Some(tls.config))
}

/// The addresses that are written in a cluster.
pub(super) fn addresses<'t>(cluster: &At<'t>) -> Vec<At<'t>> {
    let groups = cluster.get("load_assignment").map(|all| all.items("endpoints")).unwrap_or_default();
    let endpoints = groups.iter().flat_map(|group| group.items("lb_endpoints"));
    let of = |endpoint: At<'t>| {
        let more = endpoint.items("additional_addresses");
        more.into_iter().chain([endpoint]).filter_map(|at| at.get("address")).collect::<Vec<_>>()
    };
    endpoints.filter_map(|endpoint| endpoint.get("endpoint")).flat_map(of).collect()
}

/// Whether a host is this one for sure.
pub(super) fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

const UPSTREAM: &str = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const SAN_TYPES: [&str; 6] = ["SAN_TYPE_UNSPECIFIED", "EMAIL", "DNS", "URI", "IP_ADDRESS", "OTHER_NAME"];
/// What a server's certificate is verified by.
const ROOTS: [&str; 5] = [
    "trusted_ca",
    "ca_certificate_provider_instance",
    "custom_validator_config",
    "verify_certificate_hash",
    "verify_certificate_spki",
];
/// What stands for one certificate or key.
const PINS: [&str; 2] = ["verify_certificate_hash", "verify_certificate_spki"];

#[cfg(test)]
mod tests;
