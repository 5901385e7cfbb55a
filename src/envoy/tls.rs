//! The peer: every client of an asking listener has shown a certificate, to Envoy, on this connection.

use super::{Lint, at::At};

impl Lint<'_, '_> {
    /// Reports whatever lets a connection in that has no certificate to prove its peer by.
    pub(super) fn peer_is_proved(&mut self, chain: &At<'_>) {
        let tls = chain.get("transport_socket").and_then(|socket| socket.extension("typed_config"));
        let tls = match tls {
            Some(tls) if tls.message == DOWNSTREAM => Some(tls.config),
            Some(tls) if tls.message == QUIC => tls.config.get("downstream_tls_context"),
            _ => None,
        };
        let Some(tls) = tls else {
            let message =
                "without TLS there is no peer to prove: every hop is `peer_missing`, or anybody's word is taken";
            return self.error(
                "tls.missing",
                chain,
                "transport_socket",
                message,
                "add a DownstreamTlsContext, as in plain.yaml",
            );
        };
        if !tls.is_on("require_client_certificate") {
            let message = "clients without a certificate get in";
            self.error("tls.client_certificate", &tls, "require_client_certificate", message, "set it to true");
        }
        self.validation(&tls);
        let versions = tls.at(&["common_tls_context", "tls_params"]);
        let oldest = "tls_minimum_protocol_version";
        if let Some(versions) = versions.filter(|versions| {
            versions.get(oldest).is_some()
                && !matches!(versions.choice(oldest, &VERSIONS), Some("TLS_AUTO" | "TLSv1_2" | "TLSv1_3"))
        }) {
            let message = "versions of TLS before 1.2 are broken";
            self.warning("tls.version", &versions, oldest, message, "set it to TLSv1_2, or leave it out");
        }
        // Off only for those who say so, twice.
        for field in ["disable_stateless_session_resumption", "disable_stateful_session_resumption"] {
            if !tls.is_on(field) {
                let message =
                    "a resumed session presents no certificate again: its caller outlives the SVID it once showed";
                self.warning("tls.session_resumption", &tls, field, message, "set it to true");
            }
        }
    }

    fn validation(&mut self, tls: &At<'_>) {
        let common = tls.get("common_tls_context").unwrap_or_else(|| tls.clone());
        let combined = common.get("combined_validation_context");
        let inline = match &combined {
            Some(combined) => combined.get("default_validation_context"),
            None => common.get("validation_context"),
        };
        let by_sds = combined.as_ref().unwrap_or(&common).get("validation_context_sds_secret_config").is_some();
        let anchors = [
            "trusted_ca",
            "ca_certificate_provider_instance",
            "custom_validator_config",
            "verify_certificate_spki",
            "verify_certificate_hash",
        ];
        let has_anchor = inline.as_ref().is_some_and(|inline| anchors.iter().any(|field| inline.get(field).is_some()));
        if !by_sds && !has_anchor {
            let message = "a client's certificate is not verified by Envoy: anybody's is as good";
            let fix = "name the roots in `trusted_ca`, or a validation context by SDS";
            self.error("tls.validation_context", &common, "validation_context", message, fix);
        }
        let Some(inline) = inline else { return };
        if inline.choice("trust_chain_verification", &["VERIFY_TRUST_CHAIN", "ACCEPT_UNTRUSTED"])
            != Some("VERIFY_TRUST_CHAIN")
        {
            let message = "a certificate that leads to no root is taken and shown as the peer's";
            self.error(
                "tls.accept_untrusted",
                &inline,
                "trust_chain_verification",
                message,
                "leave it at VERIFY_TRUST_CHAIN",
            );
        }
        if !inline.is_off("allow_expired_certificate") {
            let message = "expired certificates get in; Hopguard refuses them, one Check each";
            self.warning("tls.allow_expired", &inline, "allow_expired_certificate", message, "leave it out");
        }
    }
}

pub(super) const VERSIONS: [&str; 5] = ["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"];
const DOWNSTREAM: &str = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const QUIC: &str = "envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport";
