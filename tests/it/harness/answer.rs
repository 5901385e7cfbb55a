//! An answer, and what every answer must hold.

use hopguard::pb::{CheckResponse, DeniedHttpResponse, OkHttpResponse, check_response::HttpResponse};
use prost_types::value::Kind;

/// What Hopguard said, as the messages that Envoy reads.
#[derive(Clone, Debug)]
pub(crate) struct Answer(pub(crate) CheckResponse);

impl Answer {
    /// That the hop may happen.
    #[track_caller]
    pub(crate) fn allowed(self) -> Self {
        self.ok();
        self
    }

    /// That the hop may not happen, for this reason; and that Envoy will take it for nothing else.
    #[track_caller]
    pub(crate) fn denied(self, reason: &str) -> Self {
        assert_eq!(self.reason().as_deref(), Some(reason), "{self:?}");
        let status = self.0.status.as_ref().expect("an answer without a status is an allow");
        assert_ne!(status.code, 0, "a status of 0 is an allow");
        let http = self.denial().status.as_ref().expect("a denial has an HTTP status").code;
        assert_eq!(http, http_status(reason), "{reason}");
        assert_eq!(self.metadata("allowed"), Some(Kind::BoolValue(false)));
        assert_eq!(self.text("decision_id"), Some(self.id()));
        assert_eq!(self.metadata("valid_until"), Some(Kind::NullValue(0)));
        assert_eq!(self.names(), METADATA);
        self
    }

    /// What an allow carries.
    #[track_caller]
    pub(crate) fn ok(&self) -> &OkHttpResponse {
        assert_eq!(self.reason(), None, "{self:?}");
        assert_eq!(self.metadata("allowed"), Some(Kind::BoolValue(true)));
        self.let_through()
    }

    /// What an allow carries, be it one only because a layer watches and does not enforce.
    #[track_caller]
    pub(crate) fn let_through(&self) -> &OkHttpResponse {
        assert_eq!(self.0.status.as_ref().map(|status| status.code), Some(0), "{self:?}");
        assert_eq!(self.metadata("allowed"), Some(Kind::BoolValue(self.reason().is_none())));
        assert_eq!(self.names(), METADATA);
        match &self.0.http_response {
            Some(HttpResponse::OkResponse(ok)) => ok,
            other => panic!("an allow without its headers: {other:?}"),
        }
    }

    /// What a denial carries.
    #[track_caller]
    pub(crate) fn denial(&self) -> &DeniedHttpResponse {
        match &self.0.http_response {
            Some(HttpResponse::DeniedResponse(denied)) => denied,
            other => panic!("not a denial: {other:?}"),
        }
    }

    pub(crate) fn is_allow(&self) -> bool {
        self.0.status.as_ref().is_none_or(|status| status.code == 0)
    }

    pub(crate) fn reason(&self) -> Option<String> {
        self.text("reason")
    }

    /// The decision's ID.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        self.text("decision_id").expect("a decision has an ID")
    }

    /// The JSON that the caller gets.
    #[track_caller]
    pub(crate) fn body(&self) -> serde_json::Value {
        serde_json::from_str(&self.denial().body).unwrap()
    }

    /// A field of the dynamic metadata, if it is text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.metadata(name) {
            Some(Kind::StringValue(text)) => Some(text),
            _ => None,
        }
    }

    fn metadata(&self, name: &str) -> Option<Kind> {
        self.0.dynamic_metadata.as_ref()?.fields.get(name)?.kind.clone()
    }

    fn names(&self) -> Vec<&str> {
        let metadata = self.0.dynamic_metadata.as_ref();
        metadata.into_iter().flat_map(|metadata| metadata.fields.keys().map(String::as_str)).collect()
    }
}

/// The HTTP status of each reason.
#[track_caller]
pub(crate) fn http_status(reason: &str) -> i32 {
    let row = STATUS.iter().find(|(_, reasons)| reasons.contains(&reason));
    row.unwrap_or_else(|| panic!("`{reason}` is not a reason")).0
}

const METADATA: [&str; 8] = ["allowed", "decision_id", "grant", "peer", "purpose", "reason", "revision", "valid_until"];

const STATUS: [(i32, &[&str]); 4] = [
    (400, &["hop_ambiguous", "hop_malformed", "hop_too_large"]),
    (
        401,
        &[
            "peer_conflict",
            "peer_expired",
            "peer_invalid",
            "peer_lifetime",
            "peer_missing",
            "peer_untrusted",
            "token_audience",
            "token_expired",
            "token_lifetime",
            "token_malformed",
            "token_missing",
            "token_not_yet_valid",
            "token_replayed",
            "token_signature",
            "token_untrusted",
        ],
    ),
    (
        403,
        &[
            "audience_mismatch",
            "delegation_invalid",
            "grant_expired",
            "grant_inactive",
            "grant_missing",
            "grant_pending",
            "peer_suspended",
            "policy_denied",
            "policy_undefined",
            "purpose_ambiguous",
            "purpose_missing",
            "purpose_unknown",
            "purpose_widened",
            "revoked",
            "token_not_held",
        ],
    ),
    (
        503,
        &[
            "audit_unavailable",
            "deadline",
            "internal",
            "not_ready",
            "overloaded",
            "policy_error",
            "policy_timeout",
            "store_stale",
            "trust_stale",
        ],
    ),
];
