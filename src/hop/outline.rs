//! What a record says of a hop: bounded text, never a credential, known even when the hop cannot be judged.

use super::{Escapes, Target, TraceContext};
use crate::pb::CheckRequest;

/// A hop's outline, for the audit record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// As sent, at most 32 bytes.
    pub method: String,
    /// As sent, at most 256 bytes, and without userinfo, which may hold a password.
    pub host: String,
    /// Canonical and without the query, which may hold secrets; absent if it has no canonical form.
    pub path: Option<String>,
    /// The port that a connection without HTTP came to.
    pub port: Option<u16>,
    /// The client's `x-request-id`, at most 128 bytes.
    pub request_id: Option<String>,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

impl Outline {
    /// Sketches a hop. Total: whatever is missing stays empty.
    pub fn of(check: &CheckRequest) -> Self {
        let Some(http) = check.attributes.as_ref().and_then(|it| it.request.as_ref()).and_then(|it| it.http.as_ref())
        else {
            return Self { port: check.attributes.as_ref().and_then(super::port), ..Self::default() };
        };
        let Ok(headers) = super::headers_of(http) else { return Self::default() };
        let lenient = Escapes { slash: true, percent: true, semicolon: true };
        Self {
            method: cut(&http.method, 32),
            host: cut(http.host.rsplit('@').next().unwrap_or_default(), 256),
            path: Target::parse(&http.path, lenient).ok().map(|target| cut(&target.path, 2048)),
            port: None,
            request_id: headers.joined("x-request-id").map(|id| cut(&id, 128)),
            trace: TraceContext::of(headers),
        }
    }
}

fn cut(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::{
        AttributeContext,
        attribute_context::{HttpRequest, Request},
    };

    #[test]
    fn nothing_is_outlined_of_nothing() {
        assert_eq!(Outline::of(&CheckRequest::default()), Outline::default());
    }

    #[test]
    fn a_password_in_the_host_is_left_out() {
        for (host, outlined) in [("a.example:80", "a.example:80"), ("user:pass@a", "a"), ("u@p@a", "a"), ("pass@", "")]
        {
            let http = HttpRequest { host: host.to_owned(), ..HttpRequest::default() };
            let request = Request { http: Some(http), ..Request::default() };
            let attributes = AttributeContext { request: Some(request), ..AttributeContext::default() };
            assert_eq!(Outline::of(&CheckRequest { attributes: Some(attributes) }).host, outlined);
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut("aéé", 4), "aé");
        assert_eq!(cut("aé", 9), "aé");
    }
}
