//! Every listener: whether each of its ways in is asked about, and by a peer that can be proved.

use super::{
    Lint,
    at::{At, Extension},
};

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Hops come in, or nothing is said about it.
    Inbound,
    /// Outside clients come in, who have no SVID: said in the listener's metadata.
    Edge,
}

/// One way in: the filters that a connection meets.
pub(super) struct Chain<'t> {
    pub(super) at: At<'t>,
    pub(super) filters: Vec<Extension<'t>>,
    pub(super) asks: bool,
}

impl<'t> Lint<'_, 't> {
    pub(super) fn everything(&mut self) {
        self.admin();
        let mut asks = false;
        for listener in self.source.listeners.clone() {
            asks |= self.listener(&listener);
        }
        self.ways_around();
        let only_edges = self.source.listeners.iter().all(|listener| role(listener) == Role::Edge);
        let Some(first) = self.source.listeners.first().or(self.source.dynamic.as_ref()) else { return };
        let first = first.clone();
        if let Some(dynamic) = self.source.dynamic.as_ref().filter(|_| !self.source.is_dump) {
            let dynamic = dynamic.clone();
            let fix = "check the admin interface's `/config_dump` instead, or the files it comes from";
            self.warning("listener.unseen", &dynamic, "", "listeners come from elsewhere and are not seen here", fix);
        } else if !asks && !only_edges {
            let fix = "add the filter `envoy.filters.http.ext_authz` before the router, as in plain.yaml";
            self.error("ext_authz.missing", &first, "", "no listener asks Hopguard", fix);
        }
    }

    /// Says whether the listener asks Hopguard.
    fn listener(&mut self, listener: &At<'t>) -> bool {
        let role = role(listener);
        let chains = Chain::all(listener);
        let asks = chains.iter().any(|chain| chain.asks);
        for chain in &chains {
            self.chain(chain, role);
            if role == Role::Edge || chain.asks || chain.filters.is_empty() {
                continue;
            }
            if asks {
                let message = "this way in is not asked about, another of the same listener is: a client may choose";
                self.error(
                    "ext_authz.missing",
                    &chain.at,
                    "filters",
                    message,
                    "put the ext_authz filter into every filter chain",
                );
            } else if !is_local(listener) && self.source.listeners.len() > 1 {
                let message = "what comes in here is not asked about";
                let fix = "add the ext_authz filter, bind the listener to loopback if it is for the workload's own calls, or, at the \
                           edge, say `metadata: {filter_metadata: {hopguard: {role: edge}}}`";
                self.warning("ext_authz.unasked", &chain.at, "filters", message, fix);
            }
        }
        asks
    }

    fn chain(&mut self, chain: &Chain<'t>, role: Role) {
        if chain.asks && role != Role::Edge {
            self.peer_is_proved(&chain.at);
        }
        for filter in chain.at.items("filters").iter().filter(|filter| filter.get("config_discovery").is_some()) {
            let message = "what this filter does comes from elsewhere and is not seen here";
            let fix = "configure it here, or check the admin interface's `/config_dump`";
            self.warning("filter.unseen", filter, "config_discovery", message, fix);
        }
        for (index, filter) in chain.filters.iter().enumerate() {
            if filter.message == HTTP_MANAGER && role != Role::Edge && chain.asks && !super::http::asks(&filter.config)
            {
                let message = "connections are asked about, the requests on them are not";
                let fix = "put `envoy.filters.http.ext_authz` before the router, as in plain.yaml";
                self.error("ext_authz.missing", &filter.config, "http_filters", message, fix);
            }
            match filter.message {
                HTTP_MANAGER => self.http_manager(&filter.config, role),
                super::tcp::EXT_AUTHZ => self.tcp_ext_authz(&filter.config),
                super::tcp::TCP_PROXY => self.tcp_proxy(&filter.config, chain.filters.get(..index).unwrap_or_default()),
                _ => {}
            }
        }
        self.tcp_ends(chain);
    }

    fn admin(&mut self) {
        let Some(admin) = self.source.admin.clone() else { return };
        let address = admin.at(&["address", "socket_address"]).and_then(|socket| socket.word("address"));
        if address.is_some_and(|address| !is_loopback(address)) {
            let message = "whoever reaches the admin interface can stop Envoy and read its configuration";
            self.warning("admin.exposed", &admin, "address", message, "bind it to 127.0.0.1");
        }
    }
}

impl<'t> Chain<'t> {
    /// The ways into a listener.
    pub(super) fn all(listener: &At<'t>) -> Vec<Self> {
        let mut chains = listener.items("filter_chains");
        chains.extend(listener.get("default_filter_chain"));
        chains.into_iter().map(Self::of).collect()
    }

    fn of(at: At<'t>) -> Self {
        let filters: Vec<_> =
            at.items("filters").iter().filter_map(|filter| filter.extension("typed_config")).collect();
        let asks = filters.iter().any(|filter| match filter.message {
            HTTP_MANAGER => super::http::asks(&filter.config),
            message => message == super::tcp::EXT_AUTHZ,
        });
        Self { at, filters, asks }
    }
}

pub(super) fn role(listener: &At<'_>) -> Role {
    let role = listener.at(&["metadata", "filter_metadata", "hopguard"]).and_then(|hopguard| hopguard.word("role"));
    if role == Some("edge") { Role::Edge } else { Role::Inbound }
}

pub(super) fn is_local(listener: &At<'_>) -> bool {
    let more = listener.items("additional_addresses");
    more.iter().chain([listener]).all(|at| match at.at(&["address", "socket_address"]) {
        Some(socket) => socket.word("address").is_some_and(is_loopback),
        // A pipe, or a listener that only Envoy itself reaches.
        None => true,
    })
}

fn is_loopback(address: &str) -> bool {
    address.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

pub(super) const HTTP_MANAGER: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
