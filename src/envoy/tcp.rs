//! TCP: asked before a byte is passed on, and ended in time.

use super::{
    Lint,
    at::{At, Extension},
    listener::{Chain, HTTP_MANAGER},
};

impl Lint<'_, '_> {
    /// Checks the network filter that asks once per connection.
    pub(super) fn tcp_ext_authz(&mut self, authz: &At<'_>) {
        if !authz.is_off("failure_mode_allow") {
            let message = "when Hopguard gives no answer, the connection is let through";
            self.error(
                "tcp.failure_mode_allow",
                authz,
                "failure_mode_allow",
                message,
                "leave it out or set it to false",
            );
        }
        if !authz.is_off("shadow_mode") {
            self.error(
                "tcp.shadow_mode",
                authz,
                "shadow_mode",
                "a denial is written down and not obeyed",
                "leave it out",
            );
        }
        if authz.get("filter_enabled_metadata").is_some() {
            let message = "connections that other metadata singles out are not asked about";
            self.error("tcp.filter_enabled", authz, "filter_enabled_metadata", message, "leave it out");
        }
        self.peer_and_service(authz, "tcp.include_peer_certificate", "tcp.timeout");
    }

    /// Checks that a way in that is asked about once has something at its end that bounds it.
    pub(super) fn tcp_ends(&mut self, chain: &Chain<'_>) {
        let has = |message| chain.filters.iter().any(|filter| filter.message == message);
        // What comes from elsewhere is reported as unseen.
        let is_seen = chain.at.items("filters").iter().all(|filter| filter.get("config_discovery").is_none());
        if has(EXT_AUTHZ) && is_seen && !has(HTTP_MANAGER) && !has(TCP_PROXY) {
            let message = "nothing here is known to end a connection: what was allowed once may go on for ever";
            let fix = "use the filter `envoy.filters.network.tcp_proxy` with `max_downstream_connection_duration`";
            self.error("tcp.max_duration", &chain.at, "filters", message, fix);
        }
    }

    /// Checks the proxy, with the filters before it.
    pub(super) fn tcp_proxy(&mut self, proxy: &At<'_>, before: &[Extension<'_>]) {
        if !before.iter().any(|filter| filter.message == EXT_AUTHZ) {
            return;
        }
        let field = "max_downstream_connection_duration";
        let bound = self.bounded(proxy.span(field));
        if let Err(message) = bound {
            self.error(
                "tcp.max_duration",
                proxy,
                field,
                message,
                format!("set it to {}s", self.expect.max_stream.as_secs()),
            );
        }
        // The filter asks when the client has spoken, and by default the proxy has called the workload by then.
        let field = "upstream_connect_mode";
        if proxy.choice(field, &CONNECT_MODES) != Some("ON_DOWNSTREAM_DATA") {
            let message = "the workload is called before Hopguard is asked: one that speaks first speaks to anybody";
            let fix = "set it to ON_DOWNSTREAM_DATA, with `max_early_data_bytes`, as in tcp.yaml";
            self.error("tcp.connect_mode", proxy, field, message, fix);
        }
    }
}

const CONNECT_MODES: [&str; 3] = ["IMMEDIATE", "ON_DOWNSTREAM_DATA", "ON_DOWNSTREAM_TLS_HANDSHAKE"];
pub(super) const EXT_AUTHZ: &str = "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz";
pub(super) const TCP_PROXY: &str = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
