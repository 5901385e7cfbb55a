//! The HTTP filters: Hopguard is asked always, once everything that changes a request has, and right before the router.

use super::{Lint, at::At};

/// Whether a filter asks Hopguard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    /// About every request.
    Always,
    /// About those that a matcher picks.
    Sometimes,
}

/// One HTTP filter.
#[derive(Debug)]
pub(super) struct Filter<'t> {
    pub(super) at: At<'t>,
    pub(super) message: &'t str,
    pub(super) config: Option<At<'t>>,
    pub(super) asked: Asked,
}

/// The filters of a connection manager.
pub(super) fn of<'t>(manager: &At<'t>) -> Vec<Filter<'t>> {
    listed(manager, "http_filters")
}

/// The filters in a field.
pub(super) fn listed<'t>(at: &At<'t>, field: &str) -> Vec<Filter<'t>> {
    at.items(field).into_iter().map(Filter::of).collect()
}

impl<'t> Filter<'t> {
    fn of(at: At<'t>) -> Self {
        let Some(extension) = at.extension("typed_config") else {
            return Self { at, message: "", config: None, asked: Asked::No };
        };
        if extension.message == MATCHED {
            let inner = extension.config.get("extension_config").and_then(|inner| inner.extension("typed_config"));
            let Some(inner) = inner else { return Self { at, message: MATCHED, config: None, asked: Asked::No } };
            let asked = if inner.message == EXT_AUTHZ { Asked::Sometimes } else { Asked::No };
            return Self { at, message: inner.message, config: Some(inner.config), asked };
        }
        let asked = if extension.message == EXT_AUTHZ { Asked::Always } else { Asked::No };
        Self { at, message: extension.message, config: Some(extension.config), asked }
    }

    fn name(&self) -> &'t str {
        self.at.word("name").unwrap_or_default()
    }

    /// The last part of the package, such as `lua`.
    fn family(&self) -> &'t str {
        let rest = self.message.strip_prefix("envoy.extensions.filters.http.").unwrap_or_default();
        rest.split('.').next().unwrap_or_default()
    }
}

impl<'t> Lint<'_, 't> {
    /// Checks the filters of a connection manager, and what its routes do to the one that asks.
    pub(super) fn filters(&mut self, manager: &At<'t>) {
        self.filter_list(manager, "http_filters");
        let names: Vec<_> = of(manager).iter().filter(|filter| filter.asked != Asked::No).map(Filter::name).collect();
        self.per_route(manager, &names);
    }

    /// Checks the filters in a field.
    pub(super) fn filter_list(&mut self, at: &At<'t>, field: &str) {
        let filters = listed(at, field);
        for filter in &filters {
            self.seen(filter);
            if filter.asked == Asked::No {
                continue;
            }
            if filter.asked == Asked::Sometimes {
                let message = "Hopguard is asked only where a matcher says so";
                self.error(
                    "ext_authz.conditional",
                    &filter.at,
                    "typed_config",
                    message,
                    "put the ext_authz filter there without a matcher",
                );
            }
            if !filter.at.is_off("disabled") {
                let message = "the filter is off until a route turns it on";
                self.error("ext_authz.disabled", &filter.at, "disabled", message, "leave it out");
            }
            if !filter.at.is_off("is_optional") {
                let message = "an Envoy that does not know the filter goes on without it";
                self.error("ext_authz.optional", &filter.at, "is_optional", message, "leave it out");
            }
            if let Some(config) = &filter.config {
                self.ext_authz(config);
            }
        }
        let Some(position) = filters.iter().position(|filter| filter.asked != Asked::No) else { return };
        for filter in filters.iter().take(position).filter(|filter| ANSWERS.contains(&filter.family())) {
            let message = "this filter may answer before Hopguard is asked, from what another caller was given";
            self.error("ext_authz.after_cache", &filter.at, "", message, "put ext_authz before it");
        }
        for (index, filter) in filters.iter().enumerate() {
            // Before the question it counts what a filter is known to do; behind it, whether it is known to do nothing.
            if index < position && CHANGES_REQUESTS.contains(&filter.family()) {
                let message = "this filter may change what Hopguard sees, such as the purpose";
                let fix = "leave it out, or make sure that it adds no header that Hopguard reads";
                self.warning("ext_authz.order", &filter.at, "", message, fix);
            } else if index > position && filter.asked == Asked::No {
                let fix = "move ext_authz right before the router, or leave the filter out";
                self.changes_nothing(filter, fix);
            }
            if let Some(router) = filter.config.as_ref().filter(|_| filter.family() == "router") {
                self.upstream_filters(router, "upstream_http_filters");
            }
        }
    }

    /// Checks the filters that a request meets once its route is chosen, which is after the question too.
    pub(super) fn upstream_filters(&mut self, at: &At<'t>, field: &str) {
        for filter in listed(at, field) {
            self.seen(&filter);
            self.changes_nothing(&filter, "leave the filter out");
        }
    }

    /// Reports a filter behind the question, unless it is known to pass on what was judged.
    fn changes_nothing(&mut self, filter: &Filter<'_>, fix: &str) {
        if filter.at.get("typed_config").is_some() && !CHANGES_NOTHING.contains(&filter.family()) {
            let message = "this filter may change a request after it was judged";
            self.warning("ext_authz.order", &filter.at, "", message, fix);
        }
    }

    fn seen(&mut self, filter: &Filter<'_>) {
        if filter.at.get("config_discovery").is_some() {
            let message = "what this filter does comes from elsewhere and is not seen here";
            let fix = "configure it here, or check the admin interface's `/config_dump`";
            self.warning("filter.unseen", &filter.at, "config_discovery", message, fix);
        }
    }
}

pub(super) const EXT_AUTHZ: &str = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz";
const MATCHED: &str = "envoy.extensions.common.matching.v3.ExtensionWithMatcher";

/// Filters that answer from what they have kept.
const ANSWERS: [&str; 2] = ["cache", "cache_v2"];

/// Filters that pass a request on as it is, or not at all.
const CHANGES_NOTHING: [&str; 16] = [
    "adaptive_concurrency",
    "admission_control",
    "bandwidth_limit",
    "buffer",
    "cache",
    "cache_v2",
    "compressor",
    "cors",
    "csrf",
    "fault",
    "grpc_stats",
    "health_check",
    "rbac",
    "router",
    "tap",
    "upstream_codec",
];
/// Filters that write headers or paths, by configuration or by code.
const CHANGES_REQUESTS: [&str; 20] = [
    "api_key_auth",
    "basic_auth",
    "composite",
    "credential_injector",
    "dynamic_forward_proxy",
    "dynamic_modules",
    "ext_proc",
    "golang",
    "grpc_http1_bridge",
    "grpc_http1_reverse_bridge",
    "grpc_json_reverse_transcoder",
    "grpc_json_transcoder",
    "grpc_web",
    "header_mutation",
    "header_to_metadata",
    "jwt_authn",
    "lua",
    "oauth2",
    "set_filter_state",
    "wasm",
];
