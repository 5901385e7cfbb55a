//! Which headers a policy may touch, and what their names and values may be: nothing that makes another hop of the one that was judged.

use std::collections::BTreeSet;

use super::{Pairs, Style, fault};
use crate::{policy::PolicyError, yaml::quote};

/// How decisions are read, and which headers they may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    style: Style,
    /// What speaks for the caller: tokens and the purpose.
    credentials: BTreeSet<String>,
    /// What the administrator protects besides.
    protected: BTreeSet<String>,
    /// What the administrator frees.
    free: BTreeSet<String>,
}

/// Why a name cannot be protected or freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is none.
    #[error("is not the name of a header, in lower case")]
    Malformed,
    /// Freed, it would let policy make another hop of the one that was judged, or speak for Hopguard.
    #[error("can never be freed: it decides where a hop goes, where it ends, or what Hopguard says of it")]
    Framing,
}

impl Rules {
    /// How decisions are read in `style`. `credentials` are the headers that speak for the caller; no policy touches them unless `free`
    /// names them, in any style but OPA's.
    pub fn new<'a>(
        style: Style,
        credentials: impl IntoIterator<Item = &'a str>,
        protected: impl IntoIterator<Item = &'a str>,
        free: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let (credentials, protected) = (credentials.into_iter().map(alike), protected.into_iter().map(alike));
        Self {
            style,
            credentials: credentials.collect(),
            protected: protected.collect(),
            free: free.into_iter().map(alike).collect(),
        }
    }

    /// The style in which decisions are read.
    pub const fn style(&self) -> Style {
        self.style
    }

    /// Reads the name of a header that an administrator protects.
    ///
    /// # Errors
    /// [`NameError::Malformed`].
    pub fn protect(name: &str) -> Result<String, NameError> {
        let is_name = is_token(name) && !name.bytes().any(|byte| byte.is_ascii_uppercase());
        if is_name { Ok(name.to_owned()) } else { Err(NameError::Malformed) }
    }

    /// Reads the name of a header that an administrator frees.
    ///
    /// # Errors
    /// [`NameError`] for what is no name, or can never be freed.
    pub fn free(name: &str) -> Result<String, NameError> {
        // A pseudo-header is no token, and must not be called malformed.
        if name.starts_with(':') || is_framing(&alike(name)) {
            return Err(NameError::Framing);
        }
        Self::protect(name)
    }

    /// Headers to set, each name in lower case, and no name in two spellings.
    pub(super) fn set(&self, what: &str, groups: Vec<Pairs>) -> Result<Pairs, PolicyError> {
        let mut headers = Pairs::new();
        for (name, value) in groups.into_iter().flatten() {
            let name = self.name(what, &name)?;
            if !is_value(&value) {
                return Err(fault(format!("`{what}`: {} has a value that no header can have", quote(&name))));
            }
            headers.push((name, value));
        }
        let spellings: BTreeSet<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names: BTreeSet<String> = spellings.iter().map(|name| alike(name)).collect();
        if names.len() < spellings.len() {
            return Err(fault(format!("`{what}` has one header in two spellings that some servers take for the same")));
        }
        Ok(headers)
    }

    /// Names of headers to remove, in lower case.
    pub(super) fn remove(&self, what: &str, names: &[String]) -> Result<Vec<String>, PolicyError> {
        names.iter().map(|name| self.name(what, name)).collect()
    }

    fn name(&self, what: &str, name: &str) -> Result<String, PolicyError> {
        if !is_token(name.strip_prefix(':').unwrap_or(name)) {
            return Err(fault(format!("`{what}`: {} is not the name of a header", quote(name))));
        }
        if self.is_protected(name) {
            return Err(fault(format!("`{what}`: policy may not touch the header {}", quote(name))));
        }
        Ok(name.to_ascii_lowercase())
    }

    fn is_protected(&self, name: &str) -> bool {
        let alike = alike(name);
        let is_protected = self.credentials.contains(&alike)
            || CREDENTIALS.contains(&alike.as_str())
            || OTHERS.iter().any(|prefix| alike.starts_with(prefix));
        self.protected.contains(&alike)
            || name.starts_with(':')
            || is_framing(&alike)
            || (is_protected && !self.free.contains(&alike))
    }

    /// Headers as OPA's plugin passes them on: as they come, as long as each is one header.
    pub(super) fn pass(&self, what: &str, groups: Vec<Pairs>) -> Result<Pairs, PolicyError> {
        let headers: Pairs = groups.into_iter().flatten().collect();
        for (name, value) in &headers {
            if !is_token(name.strip_prefix(':').unwrap_or(name)) {
                return Err(fault(format!("`{what}`: {} is not the name of a header", quote(name))));
            }
            self.passes(what, name)?;
            if value.bytes().any(is_control) {
                return Err(fault(format!("`{what}`: {} has a value that no header can have", quote(name))));
            }
        }
        Ok(headers)
    }

    /// Holds a name against what is protected by configuration.
    pub(super) fn passes(&self, what: &str, name: &str) -> Result<(), PolicyError> {
        if self.protected.contains(&alike(name)) {
            return Err(fault(format!("`{what}`: policy may not touch the header {}", quote(name))));
        }
        Ok(())
    }
}

/// What a server that follows CGI may take a header's name for: of letters and digits in lower case, and hyphens for all else.
pub fn alike(name: &str) -> String {
    let plain = |byte: u8| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' };
    name.bytes().map(plain).map(char::from).collect()
}

/// Whether a header decides where a hop goes or ends, or what Hopguard says of it.
fn is_framing(alike: &str) -> bool {
    alike.starts_with(OURS) || FRAMING.contains(&alike) || REWRITING.contains(&alike)
}

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_tchar)
}

/// RFC 9110 §5.5.
fn is_value(value: &str) -> bool {
    let is_blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    let bytes = value.as_bytes();
    value.len() <= MAX_VALUE
        && !is_blank(bytes.first())
        && !is_blank(bytes.last())
        && !bytes.iter().copied().any(is_control)
}

const fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

const OURS: &str = "x-hopguard-";

/// Where a message ends, and what its connection does next.
const FRAMING: [&str; 11] = [
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// Headers by which some servers let anybody replace the method or the path. An allow removes them after all that it sets.
pub const REWRITING: [&str; 5] =
    ["x-envoy-original-path", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"];

const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

const OTHERS: [&str; 2] = ["x-envoy-", "x-forwarded-"];

const MAX_NAME: usize = 256;
const MAX_VALUE: usize = 8 * 1024;
