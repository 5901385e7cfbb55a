//! What a request says and what may come of it: secrets go to the configured server alone, and "not changed" counts of nothing else than what
//! was named.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::Empty;

use super::{FetchError, HttpsUrl};

/// What is said beyond the document's name.
#[derive(Clone)]
pub struct Question {
    /// What is understood.
    pub accept: HeaderValue,
    /// Said to whoever is asked.
    pub headers: HeaderMap,
    /// Said to the configured server, and to none that it points to.
    pub secrets: HeaderMap,
    /// The version that is known: it need not be given again.
    pub known: Option<Tag>,
    /// How much longer the answer may take than otherwise, because it is asked to come when there is news.
    pub wait: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The document.
    Document(Document),
    /// What is known is still so.
    Unchanged,
}

/// A document that came whole.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its content.
    pub bytes: Bytes,
    /// What its server calls this version.
    pub tag: Option<Tag>,
    /// What its server calls its kind.
    pub content_type: Option<HeaderValue>,
}

/// What a server calls a version of a document ([RFC 9110] §8.8.3), weak or strong.
///
/// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(HeaderValue);

impl Default for Question {
    fn default() -> Self {
        Self {
            accept: HeaderValue::from_static("application/json"),
            headers: HeaderMap::new(),
            secrets: HeaderMap::new(),
            known: None,
            wait: Duration::ZERO,
        }
    }
}

impl Question {
    pub(super) fn request(&self, url: &HttpsUrl, is_configured: bool) -> http::Result<Request<Empty<Bytes>>> {
        let mut request = Request::get(url.target())
            .header(header::HOST, url.authority())
            .header(header::ACCEPT, &self.accept)
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::CONNECTION, "close");
        if let Some(Tag(known)) = &self.known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        for (name, value) in self.headers.iter().chain(self.secrets.iter().filter(|_| is_configured)) {
            request = request.header(name, value);
        }
        request.body(Empty::new())
    }
}

/// Without the values of headers, which may be secrets.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("known", &self.known).field("wait", &self.wait).finish_non_exhaustive()
    }
}

/// What an answer 304 says, to whoever knows `known`.
pub(super) fn unchanged(known: &Tag, headers: &HeaderMap) -> Result<Answer, FetchError> {
    match Tag::of(headers) {
        Some(tag) if tag.opaque() != known.opaque() => Err(FetchError::OtherTag),
        _ => Ok(Answer::Unchanged),
    }
}

impl Tag {
    /// Reads a tag as it is written in a header. `None`: it is none, or longer than anybody needs.
    pub fn parse(text: &str) -> Option<Self> {
        let opaque = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?.strip_suffix('"')?;
        let is_tag = opaque.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        (is_tag && text.len() <= MAX_TAG).then(|| HeaderValue::from_str(text).ok().map(Self))?
    }

    /// As it is written in a header.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The one tag among `headers`.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut tags = headers.get_all(header::ETAG).iter();
        match (tags.next(), tags.next()) {
            (Some(tag), None) => Self::parse(tag.to_str().ok()?),
            _ => None,
        }
    }

    /// What is compared: a weak tag is as good as a strong one for a document that is only fetched whole.
    fn opaque(&self) -> &str {
        let text = self.as_str();
        text.strip_prefix("W/").unwrap_or(text)
    }
}

const MAX_TAG: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_quoted_and_short() {
        for tag in ["\"\"", "\"a-b\"", "W/\"1\"", "\"a,b\""] {
            assert_eq!(Tag::parse(tag).unwrap().as_str(), tag);
        }
        let long = format!("\"{}\"", "x".repeat(MAX_TAG));
        for none in
            ["", "a", "\"", "\"a", "a\"", "\"a\"b\"", "\"a b\"", "w/\"1\"", "\"\u{e4}\"", "\"\n\"", long.as_str()]
        {
            assert_eq!(Tag::parse(none), None, "{none:?}");
        }
    }

    #[test]
    fn two_tags_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(Tag::of(&headers), None);
        headers.append(header::ETAG, HeaderValue::from_static("\"a\""));
        assert_eq!(Tag::of(&headers), Tag::parse("\"a\""));
        headers.append(header::ETAG, HeaderValue::from_static("\"a\""));
        assert_eq!(Tag::of(&headers), None);
    }

    #[test]
    fn only_what_is_known_can_be_unchanged() {
        let known = Tag::parse("\"a\"").unwrap();
        let headers = |tag: &'static str| HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static(tag))]);
        for same in ["\"a\"", "W/\"a\""] {
            assert!(unchanged(&known, &headers(same)).is_ok());
        }
        assert!(unchanged(&known, &HeaderMap::new()).is_ok());
        assert!(matches!(unchanged(&known, &headers("\"b\"")), Err(FetchError::OtherTag)));
    }

    #[test]
    fn prints_no_secret() {
        let mut question = Question::default();
        question.secrets.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer hidden"));
        question.headers.insert(header::USER_AGENT, HeaderValue::from_static("hidden"));
        assert!(!format!("{question:?}").contains("hidden"));
    }
}
