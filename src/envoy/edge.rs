//! The edge: outside clients speak none of the mesh's words, and the mesh is called with an SVID.

use super::{Lint, around, at::At, pattern};

impl<'t> Lint<'_, 't> {
    /// Checks a connection manager that faces outside clients.
    pub(super) fn edge(&mut self, manager: &At<'t>) {
        let mut words: Vec<&str> = self.expect.token_headers.iter().map(String::as_str).collect();
        // People outside have tokens too, and their issuer is whom Hopguard believes.
        words.retain(|name| *name != "authorization");
        words.push(&self.expect.purpose_header);
        let kept: Vec<_> =
            words.into_iter().chain(OWN).filter(|name| !is_removed(manager, name)).map(str::to_owned).collect();
        if !kept.is_empty() {
            let message = format!("outside clients may send {}", kept.join(", "));
            let fix = "remove them by `early_header_mutation_extensions`, as in edge.yaml";
            self.error("edge.headers", manager, "early_header_mutation_extensions", message, fix);
        }
        self.clusters_are_called_with_an_svid(manager);
    }

    fn clusters_are_called_with_an_svid(&mut self, manager: &At<'t>) {
        let Some(routes) = self.routes_of(manager) else { return };
        let names = around::clusters(&routes);
        for cluster in names.iter().filter_map(|name| self.source.cluster(name)).cloned().collect::<Vec<_>>() {
            let tls = cluster.get("transport_socket").and_then(|socket| socket.extension("typed_config"));
            let common = tls.and_then(|tls| tls.config.get("common_tls_context"));
            let has = |fields: &[&str]| {
                common.as_ref().is_some_and(|common| fields.iter().any(|field| common.get(field).is_some()))
            };
            if !has(&["tls_certificates", "tls_certificate_sds_secret_configs", "tls_certificate_provider_instance"]) {
                let message = "the mesh is called without an SVID: Hopguard denies it as `peer_missing`";
                self.warning(
                    "edge.svid",
                    &cluster,
                    "transport_socket",
                    message,
                    "give it a certificate, as in edge.yaml",
                );
            }
            if !has(&["validation_context", "validation_context_sds_secret_config", "combined_validation_context"]) {
                let message = "whoever answers is believed to be the workload";
                self.warning(
                    "edge.upstream",
                    &cluster,
                    "transport_socket",
                    message,
                    "name the roots and the workload's SPIFFE ID, as in edge.yaml",
                );
            }
        }
    }
}

/// Says whether a header is taken off before anything reads it, or at least before it leaves.
fn is_removed(manager: &At<'_>, name: &str) -> bool {
    let early = manager.items("early_header_mutation_extensions");
    let mutations = early.iter().filter_map(|extension| extension.extension("typed_config"));
    let is_early = mutations.flat_map(|extension| extension.config.items("mutations")).any(|mutation| {
        let by_match = mutation.get("remove_on_match").and_then(|matched| matched.get("key_matcher"));
        mutation.word("remove").is_some_and(|removed| removed.eq_ignore_ascii_case(name))
            || by_match.is_some_and(|matcher| pattern::matches(&matcher, name) == Some(true))
    });
    let routes =
        manager.get("route_config").map(|routes| routes.items("request_headers_to_remove")).unwrap_or_default();
    is_early || routes.iter().any(|removed| removed.text().is_some_and(|removed| removed.eq_ignore_ascii_case(name)))
}

/// Hopguard's own, and one that stands for all of the prefix.
const OWN: [&str; 2] = ["x-hopguard-peer", "x-hopguard-forged"];
