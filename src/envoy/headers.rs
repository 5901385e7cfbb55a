//! The headers: Hopguard sees those it judges, and Envoy takes from its answer what it says and nothing more.

use super::{Lint, at::At, pattern};

impl Lint<'_, '_> {
    /// Reports lists that keep from Hopguard what it must see.
    pub(super) fn shown(&mut self, authz: &At<'_>) {
        for (field, code) in
            [("allowed_headers", "ext_authz.allowed_headers"), ("disallowed_headers", "ext_authz.disallowed_headers")]
        {
            let Some(list) = authz.get(field) else { continue };
            let patterns = list.items("patterns");
            let needed = self.needed();
            let is_hidden = |name: &str| {
                let listed = any(patterns.iter().map(|matcher| pattern::matches(matcher, name)));
                if field == "allowed_headers" { listed.map(|shown| !shown) } else { listed }
            };
            let verdicts: Vec<_> = needed.iter().map(|name| (name.as_str(), is_hidden(name))).collect();
            let hidden: Vec<_> =
                verdicts.iter().filter(|(_, hidden)| *hidden == Some(true)).map(|(name, _)| *name).collect();
            let fix = "leave the list out: Hopguard keeps credentials from policies and records itself";
            if !hidden.is_empty() {
                let message = format!(
                    "Hopguard does not see {}: what it does not see it neither verifies nor removes",
                    hidden.join(", ")
                );
                self.error(code, authz, field, message, fix);
            } else if verdicts.iter().any(|(_, hidden)| hidden.is_none()) {
                let message = "whether Hopguard sees what it must see cannot be told from these patterns";
                self.warning(code, authz, field, message, fix);
            }
        }
    }

    /// What is judged, verified or removed.
    fn needed(&self) -> Vec<String> {
        let mut needed = self.expect.token_headers.clone();
        needed.push(self.expect.purpose_header.clone());
        needed.extend(JUDGED.map(str::to_owned));
        needed.sort_unstable();
        needed.dedup();
        needed
    }

    /// Checks what Envoy takes from an answer.
    pub(super) fn mutations(&mut self, authz: &At<'_>) {
        if !authz.is_on("validate_mutations") {
            let message = "a header that would be two lines is written as it is";
            self.warning("ext_authz.validate_mutations", authz, "validate_mutations", message, "set it to true");
        }
        let field = "decoder_header_mutation_rules";
        let Some(rules) = authz.get(field) else {
            let message = "an answer may rewrite the path, method and host that were judged";
            return self.warning("ext_authz.mutation_rules", authz, field, message, "copy the rules of plain.yaml");
        };
        let is_error = rules.is_on("disallow_is_error");
        if !is_error {
            let message = "of an answer with a forbidden header the rest is applied";
            self.warning("ext_authz.mutation_rules", &rules, "disallow_is_error", message, "set it to true");
        }
        if permitted(&rules, ":path") != Some(false) {
            let message = "an answer may rewrite the path that was judged";
            self.warning("ext_authz.mutation_rules", &rules, "disallow_system", message, "set it to true");
        }
        if !rules.is_off("allow_all_routing") {
            let message = "an answer may rewrite the method and host that were judged";
            self.warning("ext_authz.mutation_rules", &rules, "allow_all_routing", message, "leave it out");
        }
        self.own_headers(&rules, &SET, is_error);
        self.own_headers(&rules, &REMOVED, is_error);
    }

    fn own_headers(&mut self, rules: &At<'_>, names: &[&str], is_error: bool) {
        let verdicts: Vec<_> = names.iter().map(|name| (*name, permitted(rules, name))).collect();
        let blocked: Vec<_> =
            verdicts.iter().filter(|(_, verdict)| *verdict == Some(false)).map(|(name, _)| *name).collect();
        let fix = "admit the names in `allow_expression`, and take them out of `disallow_expression`";
        if !blocked.is_empty() {
            let what = if is_error {
                "every allowed request fails"
            } else {
                "what the client wrote there reaches the workload"
            };
            let message = format!("Hopguard cannot set or remove {}: {what}", blocked.join(", "));
            self.error("ext_authz.mutation_rules", rules, "", message, fix);
        } else if verdicts.iter().any(|(_, verdict)| verdict.is_none()) {
            let message = "whether Hopguard can set its headers cannot be told from these expressions";
            self.warning("ext_authz.mutation_rules", rules, "", message, fix);
        }
    }
}

/// Says whether rules let an answer change a header, in Envoy's order; nothing if an expression cannot be read here.
fn permitted(rules: &At<'_>, name: &str) -> Option<bool> {
    let expression = |field: &str| match rules.get(field) {
        Some(expression) => pattern::regex(expression.word("regex").unwrap_or_default(), name),
        None => Some(false),
    };
    if expression("disallow_expression")? {
        return Some(false);
    }
    if expression("allow_expression")? {
        return Some(true);
    }
    let is_system = name.starts_with(':') && !rules.is_off("disallow_system");
    let is_routing = matches!(name, "host" | ":authority" | ":scheme" | ":method") && !rules.is_on("allow_all_routing");
    let is_envoy = name.starts_with("x-envoy-") && !rules.is_on("allow_envoy");
    Some(rules.is_off("disallow_all") && !is_system && !is_routing && !is_envoy)
}

/// Whether one of several is so; unknown if none is for sure and one may be.
fn any(verdicts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(false);
    for verdict in verdicts {
        match verdict {
            Some(true) => return Some(true),
            Some(false) => {}
            None => all = None,
        }
    }
    all
}

/// Hopguard judges these, or removes them because it has seen them.
const JUDGED: [&str; 9] = [
    // There twice, they are refused, whether or not they hold a token here.
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "txn-token",
    "upgrade",
    "x-forwarded-client-cert",
    // Names that nobody would list stand for all of that prefix.
    "x-hopguard-forged",
    "x_hopguard_peer",
];
/// In every answer, set or removed.
const SET: [&str; 6] = [
    "x-hopguard-decision",
    "x-hopguard-peer",
    "x-hopguard-actor",
    "x-hopguard-purpose",
    "x-hopguard-grant",
    "x-hopguard-break-glass",
];
/// Removed by every answer.
const REMOVED: [&str; 5] =
    ["x-envoy-original-path", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"];
