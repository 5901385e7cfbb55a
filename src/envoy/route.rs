//! The routes: none of them takes the question back, sends on something else than what was judged, or goes on for ever.

use super::{
    Lint,
    at::{At, Extension},
};

impl<'t> Lint<'_, 't> {
    /// Checks what routes do to the filters with these names.
    pub(super) fn per_route(&mut self, manager: &At<'t>, names: &[&str]) {
        let Some(routes) = self.routes_of(manager).filter(|_| !names.is_empty()) else { return };
        let mut judged = self.expect.token_headers.clone();
        // A workload's own credential for what is behind it is no word of a caller's.
        judged.retain(|name| name != "authorization");
        judged.push(self.expect.purpose_header.clone());
        let judged: Vec<_> = judged.iter().map(|name| name.replace('_', "-")).collect();
        each(&routes, &mut |at| {
            for (name, config) in at.get("typed_per_filter_config").iter().flat_map(At::entries) {
                self.route_filter(&config.into_extension(), names.contains(&name));
            }
            for header in at.items("request_headers_to_add") {
                let name =
                    header.get("header").and_then(|header| header.word("key")).unwrap_or_default().to_ascii_lowercase();
                // Many workloads read `x_hop_purpose` as `x-hop-purpose`.
                let read = name.replace('_', "-");
                if judged.contains(&read) || read.starts_with("x-hopguard-") {
                    let message =
                        format!("`{name}` is written after the question: the workload reads what nobody judged");
                    self.warning("route.headers", &header, "", message, "leave it out");
                }
            }
            for field in REWRITES {
                if at.get(field).is_some() {
                    let message = "the workload gets another path or host than the one that was judged";
                    self.warning(
                        "route.rewrite",
                        at,
                        field,
                        message,
                        "leave it out, or grant what is sent and not what is asked",
                    );
                }
            }
        });
    }

    /// Checks how long streams may be on each route.
    pub(super) fn manager_routes(&mut self, manager: &At<'t>) {
        let Some(routes) = self.routes_of(manager) else {
            let message = "routes come from elsewhere: whether one turns the question off is not seen here";
            let fix = "check the admin interface's `/config_dump` instead";
            return self.warning("route.unseen", manager, "", message, fix);
        };
        if routes.get("vhds").is_some() {
            let message = "virtual hosts come from elsewhere: whether one turns the question off is not seen here";
            let fix = "configure them here, or check the admin interface's `/config_dump`";
            self.warning("route.unseen", &routes, "vhds", message, fix);
        }
        each(&routes, &mut |at| {
            let Some(bound) = at.get("max_stream_duration").filter(|bound| bound.entries().next().is_some()) else {
                return;
            };
            for field in ["max_stream_duration", "grpc_timeout_header_max"] {
                // Absent here, the connection manager's holds.
                if bound.get(field).is_none() {
                    continue;
                }
                if let Err(message) = self.bounded(bound.span(field)) {
                    let fix = format!(
                        "set it to {}s, or leave it to the connection manager's",
                        self.expect.max_stream.as_secs()
                    );
                    self.error("route.max_stream_duration", &bound, field, message, fix);
                }
            }
        });
    }

    /// The routes of a connection manager, here or by name.
    pub(super) fn routes_of(&self, manager: &At<'t>) -> Option<At<'t>> {
        let named = || self.source.routes(manager.get("rds")?.word("route_config_name")?).cloned();
        manager.get("route_config").or_else(named)
    }

    /// A filter's settings of one route; `asks` if they are for the filter that asks, by its name.
    fn route_filter(&mut self, own: &Extension<'t>, asks: bool) {
        let config = &own.config;
        if own.message == FILTER_CONFIG {
            if asks && !config.is_off("disabled") {
                self.unasked(config);
            }
            if let Some(inner) = config.extension("config") {
                self.route_filter(&inner, asks);
            }
        }
        if own.message != PER_ROUTE {
            return;
        }
        if !config.is_off("disabled") {
            self.unasked(config);
        }
        let Some(settings) = config.get("check_settings") else { return };
        if settings.get("http_service").is_some() {
            self.error(
                "ext_authz.http_service",
                &settings,
                "http_service",
                "this route asks somebody else",
                "leave it out",
            );
        }
        if settings.get("grpc_service").is_some() {
            let message = "this route asks another service than its listener does";
            self.warning(
                "ext_authz.service_override",
                &settings,
                "grpc_service",
                message,
                "leave it out, unless that is a Hopguard too",
            );
        }
        if settings.get("with_request_body").is_some() {
            let message = "the question waits for the body: a gRPC stream or a websocket hangs";
            let fix = "leave it out unless a policy reads bodies";
            self.warning("ext_authz.with_request_body", &settings, "with_request_body", message, fix);
        }
    }

    fn unasked(&mut self, config: &At<'_>) {
        let fix = "leave it out; what needs no caller is a public route of Hopguard's: `hop.public`";
        self.error("ext_authz.per_route_disabled", config, "disabled", "this route is not asked about", fix);
    }
}

/// Shows every mapping below a place, and the place itself.
pub(super) fn each<'t>(at: &At<'t>, show: &mut impl FnMut(&At<'t>)) {
    show(at);
    for (_, value) in at.entries() {
        each(&value, show);
    }
    for item in at.listed() {
        each(&item, show);
    }
}

const PER_ROUTE: &str = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute";
const FILTER_CONFIG: &str = "envoy.config.route.v3.FilterConfig";
const REWRITES: [&str; 8] = [
    "prefix_rewrite",
    "regex_rewrite",
    "path_rewrite",
    "path_rewrite_policy",
    "host_rewrite_literal",
    "host_rewrite_header",
    "host_rewrite_path_regex",
    "auto_host_rewrite",
];
