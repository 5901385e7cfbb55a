//! A sanitised `x-forwarded-client-cert` says one thing about one caller; whatever else it might be read as is refused.

pub use element::Element;

mod element;
mod json;

/// Reads the one element of a header value that Envoy alone has written (`SANITIZE_SET`), and in its JSON format only if that is expected.
pub fn read(value: &str, json: bool) -> Result<Element<'_>, XfccError> {
    if value.len() > MAX_VALUE {
        return Err(XfccError::Limit);
    }
    if value.starts_with(['[', '{']) {
        return if json { json::read(value) } else { Err(XfccError::Json) };
    }
    match xfcc_elements(value) {
        None => Err(XfccError::Syntax),
        Some(1) => Element::parse(value),
        Some(elements) if elements > MAX_ELEMENTS => Err(XfccError::Limit),
        Some(_) => Err(XfccError::ElementCount),
    }
}

/// Counts the elements of a header value: what commas outside of quotes separate.
///
/// A quote opens right after `=` and closes before `;`, `,` or the end; inside, a backslash takes the next byte with it. Envoy does not
/// escape URIs (envoyproxy/envoy#32945), so a quote anywhere else is a caller's attempt to hide a comma: `None`, like one that never closes.
pub fn xfcc_elements(value: &str) -> Option<usize> {
    if value.is_empty() {
        return Some(0);
    }
    let mut elements = 1;
    let mut previous = b',';
    let mut bytes = value.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' => elements += 1,
            b'"' if previous == b'=' => {
                close(&mut bytes)?;
                if !matches!(bytes.peek(), None | Some(b';' | b',')) {
                    return None;
                }
            }
            b'"' => return None,
            _ => {}
        }
        previous = byte;
    }
    Some(elements)
}

/// Takes what is left of a quoted value, and its closing quote.
fn close(bytes: &mut impl Iterator<Item = u8>) -> Option<()> {
    loop {
        match bytes.next()? {
            b'"' => return Some(()),
            b'\\' => drop(bytes.next()?),
            _ => {}
        }
    }
}

/// Why a header value is not one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XfccError {
    /// There is no element, or more than one.
    #[error(
        "`x-forwarded-client-cert` does not have exactly one element: Envoy must replace what clients send (`SANITIZE_SET`)"
    )]
    ElementCount,
    /// A quote, a key or a character is out of place.
    #[error("`x-forwarded-client-cert` is not written the way Envoy does it")]
    Syntax,
    /// A key that may stand once stands twice.
    #[error("`x-forwarded-client-cert` has a key twice")]
    DuplicateKey,
    /// It is longer than 64 KiB, or has more than 8 elements or 32 pairs.
    #[error("`x-forwarded-client-cert` has more than 64 KiB, 8 elements or 32 pairs")]
    Limit,
    /// It is JSON, which is not expected.
    #[error("`x-forwarded-client-cert` is in Envoy's JSON format: set `peer.xfcc.json: true` if it is meant to be")]
    Json,
}

impl XfccError {
    /// The stable code, below the reason of a denial.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::ElementCount => "xfcc.element_count",
            Self::Syntax => "xfcc.syntax",
            Self::DuplicateKey => "xfcc.duplicate_key",
            Self::Limit => "limit.xfcc",
            Self::Json => "xfcc.json",
        }
    }
}

const MAX_VALUE: usize = 64 * 1024;
const MAX_ELEMENTS: usize = 8;
const MAX_PAIRS: usize = 32;

#[cfg(test)]
mod tests;
