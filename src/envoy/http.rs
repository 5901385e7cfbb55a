//! The HTTP connection manager: one reading of a request before it is judged, and an end to what outlives the answer.

use std::time::Duration;

use super::{
    Lint,
    at::At,
    filters::{self, Asked},
    listener::Role,
};

/// Says whether Hopguard is asked about requests.
pub(super) fn asks(manager: &At<'_>) -> bool {
    filters::of(manager).iter().any(|filter| filter.asked != Asked::No)
}

impl<'t> Lint<'_, 't> {
    /// Checks a connection manager that asks, or that stands at the edge. What others do is not Hopguard's.
    pub(super) fn http_manager(&mut self, manager: &At<'t>, role: Role) {
        if role == Role::Edge {
            self.edge(manager);
        } else if !asks(manager) {
            return;
        }
        self.paths(manager);
        self.protocol(manager, role);
        self.client_certificate_header(manager);
        self.filters(manager);
        self.upgrades(manager, role);
        self.manager_routes(manager);
    }

    fn paths(&mut self, manager: &At<'_>) {
        for (field, code) in [("normalize_path", "hcm.normalize_path"), ("merge_slashes", "hcm.merge_slashes")] {
            if manager.is_on(field) {
                continue;
            }
            let message = "a path that can be read in two ways reaches Hopguard and the workload as it came";
            if manager.get(field).is_none() {
                self.error(code, manager, field, message, "set it to true");
            } else {
                self.warning(
                    code,
                    manager,
                    field,
                    message,
                    "set it to true, or rely on `hop.strict: enforce` alone, which refuses it",
                );
            }
        }
        let (field, code) = ("path_with_escaped_slashes_action", "hcm.escaped_slashes");
        match manager.choice(field, &ESCAPED_SLASHES) {
            Some("REJECT_REQUEST" | "UNESCAPE_AND_REDIRECT") => {}
            Some("KEEP_UNCHANGED" | "UNESCAPE_AND_FORWARD") => {
                let message = "`%2F` may be a slash to one reader and data to the next";
                let fix = "set it to REJECT_REQUEST, unless `hop.escapes` admits it as this workload's data";
                self.warning(code, manager, field, message, fix);
            }
            _ => {
                let message = "what happens to `%2F` is left to Envoy's runtime";
                self.error(code, manager, field, message, "set it to REJECT_REQUEST");
            }
        }
    }

    fn protocol(&mut self, manager: &At<'_>, role: Role) {
        let common = manager.get("common_http_protocol_options");
        let (at, prefix) = match &common {
            Some(common) => (common, ""),
            None => (manager, "common_http_protocol_options."),
        };
        let field = |name: &str| format!("{prefix}{name}");
        let most = self.expect.max_stream.as_secs();
        for (name, code) in [
            ("max_stream_duration", "hcm.max_stream_duration"),
            ("max_connection_duration", "hcm.max_connection_duration"),
        ] {
            if let Err(message) = self.bounded(common.as_ref().and_then(|common| common.span(name))) {
                self.error(code, at, &field(name), message, format!("set it to {most}s"));
            }
        }
        let action = common.as_ref().and_then(|common| common.choice("headers_with_underscores_action", &UNDERSCORES));
        if !matches!(action, Some("REJECT_REQUEST" | "DROP_HEADER")) {
            let message = "many workloads read `x_hop_purpose` as `x-hop-purpose`";
            let (name, fix) = (field("headers_with_underscores_action"), "set it to REJECT_REQUEST");
            match role {
                Role::Inbound => self.warning("hcm.underscores", at, &name, message, fix),
                Role::Edge => self.error("hcm.underscores", at, &name, message, fix),
            }
        }
        // It is on by default.
        let absolute = manager.get("http_protocol_options");
        let refused = absolute
            .as_ref()
            .is_some_and(|http1| http1.get("allow_absolute_url").is_some() && http1.is_off("allow_absolute_url"));
        if !refused {
            let message = "a target with a host of its own is rewritten before it is asked about";
            self.warning(
                "hcm.absolute_url",
                manager,
                "http_protocol_options",
                message,
                "set `allow_absolute_url: false` in it",
            );
        }
        if !manager.is_on("use_remote_address") {
            let message = "the client's own x-forwarded-for and x-request-id are believed";
            self.warning("hcm.remote_address", manager, "use_remote_address", message, "set it to true");
        }
    }

    fn client_certificate_header(&mut self, manager: &At<'_>) {
        let field = "forward_client_cert_details";
        if !matches!(manager.choice(field, &FORWARD), Some("SANITIZE" | "SANITIZE_SET")) {
            let message = "x-forwarded-client-cert comes through as the client wrote it: anybody can be anyone in it";
            self.error("hcm.xfcc", manager, field, message, "set it to SANITIZE_SET or SANITIZE");
        }
    }

    /// An upgrade may have filters of its own, which replace the others.
    fn upgrades(&mut self, manager: &At<'t>, role: Role) {
        for upgrade in manager.items("upgrade_configs") {
            // An empty list is no list: the upgrade takes the others.
            if upgrade.items("filters").is_empty() {
                continue;
            }
            let asked = filters::listed(&upgrade, "filters").iter().any(|filter| filter.asked != Asked::No);
            if asked {
                self.filter_list(&upgrade, "filters");
            } else if role != Role::Edge {
                let message = "an upgrade with filters of its own, without ext_authz: nobody is asked about it";
                self.error(
                    "ext_authz.missing",
                    &upgrade,
                    "filters",
                    message,
                    "leave the filters out, or put ext_authz among them",
                );
            }
        }
    }

    /// Says what is wrong with the bound of what outlives an answer.
    pub(super) fn bounded(&self, span: Option<Duration>) -> Result<(), String> {
        let most = self.expect.max_stream;
        match span {
            None => Err("what was allowed once may go on for ever".to_owned()),
            Some(Duration::ZERO) => Err("0 is no bound: what was allowed once may go on for ever".to_owned()),
            Some(span) if span > most => {
                Err(format!("{}s is longer than hop.max_stream, {}s", span.as_secs_f64(), most.as_secs_f64()))
            }
            Some(_) => Ok(()),
        }
    }
}

const ESCAPED_SLASHES: [&str; 5] = [
    "IMPLEMENTATION_SPECIFIC_DEFAULT",
    "KEEP_UNCHANGED",
    "REJECT_REQUEST",
    "UNESCAPE_AND_REDIRECT",
    "UNESCAPE_AND_FORWARD",
];
const UNDERSCORES: [&str; 3] = ["ALLOW", "REJECT_REQUEST", "DROP_HEADER"];
const FORWARD: [&str; 5] = ["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"];
