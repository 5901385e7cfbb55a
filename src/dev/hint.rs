//! The one thing that would change an answer, for the call at hand.

use super::{Answer, Call, TRUST_DOMAIN, Verdict};

/// Says what to do for the opposite answer.
pub fn hint(call: &Call, answer: &Answer) -> String {
    match &answer.verdict {
        Verdict::Allowed { grant: Some(grant), .. } => {
            format!("remove grant `{grant}` from documents/")
        }
        Verdict::Allowed { grant: None, .. } => "tighten policy/authz.rego".to_owned(),
        Verdict::Denied(denied) => denial(call, &denied.reason),
        Verdict::Undecided(_) if answer.status.is_client_error() => {
            "send headers and a path that Envoy itself takes: a header's name has no `_`".to_owned()
        }
        Verdict::Undecided(_) => {
            format!("see that the Hopguard of `{}` runs and answers in time: hopguard/{}.log", call.to, call.to)
        }
    }
}

fn denial(call: &Call, reason: &str) -> String {
    let Call { from, to, method, .. } = call;
    let path = call.path.split('?').next().unwrap_or_default();
    let purpose = call.purpose.as_deref().unwrap_or_default();
    let domain = format!("spiffe://{TRUST_DOMAIN}");
    match reason {
        "purpose_missing" => "say what the call is for: --purpose checkout".to_owned(),
        "purpose_unknown" => format!("add a Purpose named `{purpose}` in documents/, or use one that is there"),
        "purpose_ambiguous" => "send one purpose, once".to_owned(),
        "audience_mismatch" => {
            format!("have the Envoy of `{to}` ask the Hopguard of `{to}`: leave out --miswired")
        }
        "grant_missing" => format!(
            "add a Grant in documents/ with subject {{spiffeId: {domain}/{from}}}, audience {domain}/{to}, \
             actions [{{methods: [{method}], paths: [{path}]}}], purposes [{purpose}]"
        ),
        "grant_inactive" => "activate the grant, or see to the facts of its `while`, in documents/".to_owned(),
        "grant_pending" => "move the grant's `notBefore` in documents/ to a time that is past".to_owned(),
        "grant_expired" => "approve it again: move the grant's `notBefore` and `expiresAt` in documents/".to_owned(),
        "peer_suspended" => format!("set the state of the Workload of `{from}` in documents/ to `active`"),
        "revoked" => "remove the Revocation, or the state of the Workload, that the record names".to_owned(),
        "policy_denied" => "change what policy/authz.rego says about this call, or the call (`amount`)".to_owned(),
        "policy_undefined" => "give `decision` in policy/authz.rego a default".to_owned(),
        "policy_error" | "policy_timeout" => format!("mend policy/authz.rego; hopguard/{to}.log says where"),
        "peer_expired" => format!("call with an SVID of `{from}` that is not over: restart `hopguard dev`"),
        "peer_missing" | "peer_invalid" | "peer_conflict" | "peer_lifetime" => {
            format!("call with the SVID that `hopguard dev` minted for `{from}`")
        }
        "peer_untrusted" | "trust_stale" => {
            format!("list the authority of `{from}` under `trust` in {to}.yaml; restart `hopguard dev` for fresh ones")
        }
        "hop_malformed" | "hop_ambiguous" | "hop_too_large" => {
            "send a path and headers that can be read in one way only".to_owned()
        }
        "not_ready" | "store_stale" => format!("mend what hopguard/{to}.log complains about"),
        "overloaded" | "deadline" => "try again when this machine has less to do".to_owned(),
        "audit_unavailable" => format!("make audit/{to}.jsonl writable"),
        _ => format!("look the decision up in audit/{to}.jsonl"),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn names_the_grant_that_is_missing() {
        let call = Call::new("web", "payments", "/charge?amount=5").method(Method::POST).purpose("checkout");
        assert_eq!(
            denial(&call, "grant_missing"),
            "add a Grant in documents/ with subject {spiffeId: spiffe://dev.hopguard.example/web}, \
             audience spiffe://dev.hopguard.example/payments, actions [{methods: [POST], paths: [/charge]}], purposes [checkout]"
        );
    }
}
