//! The ways in to a scene: Envoy's configuration as it is rendered for everybody, but for one setting each.

use std::path::Path;

use serde_json::{Value, json};

/// A way in: the configuration as it is rendered for everybody, but for one setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// As it is rendered.
    Inbound,
    /// Headers joined and repaired, as Envoy shows them by default.
    Joined,
    /// Open when Hopguard gives no answer.
    Open,
    /// Clients without a certificate come in.
    Optional,
    /// Headers with underscores come in.
    Underscores,
    /// Connections may become websockets.
    Websockets,
    /// A client's word for the client's certificate comes in.
    Forwards,
    /// Envoy buffers 32 bytes of a body.
    Bodies,
    /// Envoy answers under another workload's name.
    Elsewhere,
    /// Envoy takes answers as they are.
    Mutable,
    /// The cluster of Hopguard has a name that is no HTTP/2 authority, and none is set.
    Unnamed,
}

impl Door {
    pub(super) const ALL: [Self; 11] = [
        Self::Inbound,
        Self::Joined,
        Self::Open,
        Self::Optional,
        Self::Underscores,
        Self::Websockets,
        Self::Forwards,
        Self::Bodies,
        Self::Elsewhere,
        Self::Mutable,
        Self::Unnamed,
    ];

    pub(super) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Changes the one setting.
    pub(super) fn adapt(self, listener: &mut Value, folder: &Path) {
        let chain = &mut listener["filter_chains"][0];
        let tls = &mut chain["transport_socket"]["typed_config"];
        match self {
            Self::Optional => tls["require_client_certificate"] = json!(false),
            Self::Elsewhere => {
                let common = tls["common_tls_context"].as_object_mut().unwrap();
                common.remove("tls_certificate_sds_secret_configs").unwrap();
                let [certificate, key] =
                    ["orders.pem", "orders.key"].map(|name| json!({"filename": folder.join(name)}));
                common
                    .insert("tls_certificates".into(), json!([{"certificate_chain": certificate, "private_key": key}]));
            }
            _ => {}
        }
        let manager = &mut chain["filters"][0]["typed_config"];
        let authz = &mut manager["http_filters"][0]["typed_config"];
        match self {
            Self::Joined => authz["encode_raw_headers"] = json!(false),
            Self::Bodies => {
                authz["with_request_body"] = json!({"max_request_bytes": 32, "allow_partial_message": true});
            }
            Self::Unnamed => authz["grpc_service"]["envoy_grpc"] = json!({"cluster_name": ODD_CLUSTER}),
            Self::Underscores => {
                manager["common_http_protocol_options"]["headers_with_underscores_action"] = json!("ALLOW");
            }
            Self::Mutable => authz["validate_mutations"] = json!(false),
            Self::Websockets => manager["upgrade_configs"] = json!([{"upgrade_type": "websocket"}]),
            Self::Forwards => manager["forward_client_cert_details"] = json!("ALWAYS_FORWARD_ONLY"),
            Self::Inbound | Self::Open | Self::Optional | Self::Elsewhere => {}
        }
        manager["access_log"] = json!([{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": folder.join("access.log"),
                "log_format": {"json_format": {
                    "decision_id": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:decision_id)%",
                    "reason": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:reason)%",
                    "allowed": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:allowed)%",
                    "tenant": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:tenant)%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                }},
            },
        }]);
    }
}

/// A name that HTTP/2 cannot carry as an authority.
pub(super) const ODD_CLUSTER: &str = "outbound|9000||authz";
