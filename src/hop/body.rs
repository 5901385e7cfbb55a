//! The body as far as Envoy buffered it.

use super::Headers;
use crate::pb::attribute_context::HttpRequest;

/// A request body, or the part of it that Envoy sent along.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// The buffered bytes; empty if there are none or Envoy buffers none.
    pub bytes: &'a [u8],
    /// Whether Envoy cut it: the rest reaches the upstream unseen.
    pub truncated: bool,
}

impl<'a> Body<'a> {
    pub(super) fn of(http: &'a HttpRequest, headers: Headers<'_>) -> Self {
        let bytes = if http.body.is_empty() { http.raw_body.as_slice() } else { http.body.as_bytes() };
        // Envoy sets the marker itself and takes away a client's; a length beyond what was buffered says the same.
        let marked = headers.joined("x-envoy-auth-partial-body").is_some_and(|value| value == "true");
        let declared = headers.joined("content-length").and_then(|length| length.parse::<u64>().ok());
        // A body that Envoy does not buffer at all is cut to nothing.
        let short = declared.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > bytes.len()));
        Self { bytes, truncated: marked || short }
    }
}
