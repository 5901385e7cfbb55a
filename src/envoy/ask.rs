//! The question: Envoy asks about every request, shows what the answer needs, waits for it and obeys it.

use std::time::Duration;

use super::{Lint, at::At};

impl Lint<'_, '_> {
    /// Checks the HTTP filter that asks.
    pub(super) fn ext_authz(&mut self, authz: &At<'_>) {
        self.obeyed(authz);
        self.asked_always(authz);
        if authz.get("http_service").is_some() {
            let message = "Hopguard answers gRPC only";
            self.error("ext_authz.http_service", authz, "http_service", message, "use `grpc_service` instead");
        } else {
            self.peer_and_service(authz, "ext_authz.include_peer_certificate", "ext_authz.timeout");
        }
        if !authz.is_on("encode_raw_headers") {
            let message = "headers are shown joined and repaired: two of a name look like one with a comma";
            self.warning("ext_authz.encode_raw_headers", authz, "encode_raw_headers", message, "set it to true");
        }
        if authz.get("with_request_body").is_some() {
            let message = "the question waits for the body: a gRPC stream or a websocket hangs";
            self.warning(
                "ext_authz.with_request_body",
                authz,
                "with_request_body",
                message,
                "leave it out unless a policy reads bodies",
            );
        }
        self.shown(authz);
        self.mutations(authz);
    }

    fn obeyed(&mut self, authz: &At<'_>) {
        if !authz.is_off("failure_mode_allow") {
            let message = "when Hopguard gives no answer, the request is let through";
            self.error(
                "ext_authz.failure_mode_allow",
                authz,
                "failure_mode_allow",
                message,
                "leave it out or set it to false",
            );
        }
        if !authz.is_off("shadow_mode") {
            let message = "a denial is written down and not obeyed";
            self.error(
                "ext_authz.shadow_mode",
                authz,
                "shadow_mode",
                message,
                "leave it out; `mode: observe` is Hopguard's own",
            );
        }
        let status = authz.get("status_on_error");
        if let Some(status) = status.filter(|status| status.word("code").is_none_or(|code| !is_refusal(code))) {
            let message = "a client is told that all is well when Hopguard gives no answer";
            self.error("ext_authz.status_on_error", &status, "code", message, "set it to ServiceUnavailable");
        }
        if !authz.is_off("clear_route_cache") {
            let message =
                "the answer may send a request by another route than the one that was there when it was judged";
            self.warning("ext_authz.clear_route_cache", authz, "clear_route_cache", message, "leave it out");
        }
        // It is on by default.
        let ingest = "enable_dynamic_metadata_ingestion";
        if authz.get(ingest).is_some() && !authz.is_on(ingest) {
            let message = "the decision's id and reason do not reach the access log";
            self.warning("ext_authz.dynamic_metadata", authz, ingest, message, "leave it out");
        }
    }

    fn asked_always(&mut self, authz: &At<'_>) {
        let enabled = authz.get("filter_enabled");
        if let Some(enabled) = &enabled {
            if !is_everything(enabled) {
                let message = "only a part of the requests is asked about";
                self.error("ext_authz.filter_enabled", authz, "filter_enabled", message, "leave it out");
            } else if enabled.get("runtime_key").is_some() && !denies_when_off(authz) {
                let message = "the runtime may turn the filter off, and then requests are let through";
                self.warning(
                    "ext_authz.deny_at_disable",
                    authz,
                    "deny_at_disable",
                    message,
                    "set its `default_value` to true, or leave `filter_enabled` out",
                );
            }
        }
        if authz.get("filter_enabled_metadata").is_some() {
            let message = "requests that other metadata singles out are not asked about";
            self.error("ext_authz.filter_enabled", authz, "filter_enabled_metadata", message, "leave it out");
        }
    }

    /// Checks what both filters have: what proves the peer, and the service that is asked.
    pub(super) fn peer_and_service(&mut self, authz: &At<'_>, certificate: &'static str, timeout: &'static str) {
        if !authz.is_on("include_peer_certificate") {
            let message = "Hopguard sees no certificate: it can prove no peer";
            self.error(certificate, authz, "include_peer_certificate", message, "set it to true");
        }
        if authz.choice("transport_api_version", &["AUTO", "V2", "V3"]) != Some("V3") {
            let message = "Hopguard speaks the V3 API only";
            self.error("ext_authz.api_version", authz, "transport_api_version", message, "set it to V3");
        }
        let Some(service) = authz.get("grpc_service") else {
            return self.error(
                "ext_authz.grpc_service",
                authz,
                "grpc_service",
                "nobody is asked",
                "name Hopguard's cluster in it",
            );
        };
        self.timeout(&service, timeout);
        self.authority(&service);
        self.way_to_hopguard(&service);
    }

    fn timeout(&mut self, service: &At<'_>, code: &'static str) {
        let deadline = self.expect.deadline;
        let fix = format!(
            "set it to {}s: Hopguard's own deadline and a little more",
            (deadline + Duration::from_millis(150)).as_secs_f64()
        );
        let message = match service.span("timeout") {
            Some(Duration::ZERO) => "0 is no timeout: requests pile up behind a Hopguard that stands still".to_owned(),
            Some(timeout) if timeout > deadline => return,
            Some(timeout) => format!(
                "Envoy gives up after {}s, Hopguard answers within {}s: a late denial becomes an error",
                timeout.as_secs_f64(),
                deadline.as_secs_f64()
            ),
            None => "how long Envoy waits is left to its default of 0.2s".to_owned(),
        };
        self.error(code, service, "timeout", message, fix);
    }

    /// Envoy sends the cluster's name as `:authority`, and servers of HTTP/2 refuse what is no authority.
    fn authority(&mut self, service: &At<'_>) {
        let Some(envoy) = service.get("envoy_grpc") else { return };
        let (field, name) = match envoy.word("authority").filter(|authority| !authority.is_empty()) {
            Some(authority) => ("authority", authority),
            None => ("cluster_name", envoy.word("cluster_name").unwrap_or_default()),
        };
        if http::uri::Authority::try_from(name).is_err() {
            let message = format!(
                "{} is no HTTP/2 authority: every Check is refused before Hopguard sees it",
                crate::yaml::quote(name)
            );
            self.error("ext_authz.authority", &envoy, field, message, "set `authority: hopguard` beside it");
        }
    }
}

/// Whether a status, by its name or number, refuses.
fn is_refusal(code: &str) -> bool {
    match code.parse::<u16>() {
        Ok(number) => (400..600).contains(&number),
        Err(_) => !NOT_REFUSALS.iter().any(|name| name.eq_ignore_ascii_case(code)),
    }
}

/// Whether a runtime fraction is all of it; what cannot be read is not.
fn is_everything(enabled: &At<'_>) -> bool {
    let Some(fraction) = enabled.get("default_value") else { return false };
    let numerator = fraction.word("numerator").and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let of = match fraction.choice("denominator", &["HUNDRED", "TEN_THOUSAND", "MILLION"]) {
        Some("HUNDRED") => 100,
        Some("TEN_THOUSAND") => 10_000,
        _ => 1_000_000,
    };
    numerator >= of
}

fn denies_when_off(authz: &At<'_>) -> bool {
    authz.get("deny_at_disable").is_some_and(|deny| deny.is_on("default_value"))
}

/// Envoy's names of the statuses below 400.
const NOT_REFUSALS: [&str; 20] = [
    "Empty",
    "Continue",
    "OK",
    "Created",
    "Accepted",
    "NonAuthoritativeInformation",
    "NoContent",
    "ResetContent",
    "PartialContent",
    "MultiStatus",
    "AlreadyReported",
    "IMUsed",
    "MultipleChoices",
    "MovedPermanently",
    "Found",
    "SeeOther",
    "NotModified",
    "UseProxy",
    "TemporaryRedirect",
    "PermanentRedirect",
];
