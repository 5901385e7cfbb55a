//! What a hop is for: a name from a closed vocabulary, or a denial.

mod claim;
mod vocabulary;

use std::{borrow::Borrow, fmt, sync::Arc};

pub use self::{claim::ClaimedPurpose, vocabulary::Vocabulary};

/// The name of a purpose: dotted segments of `[a-z0-9][a-z0-9_-]*`, at most 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(Arc<str>);

impl Purpose {
    /// Reads a name; `None` if it is not spelled as one.
    pub fn parse(name: &str) -> Option<Self> {
        (name.len() <= MAX_NAME && name.split('.').all(is_segment)).then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this purpose or one of its descendants. A purpose never includes its parent.
    pub fn includes(&self, other: &Self) -> bool {
        let rest = other.0.strip_prefix(&*self.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The names of its ancestors, the nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(parent(&self.0), |name| parent(name))
    }
}

impl Borrow<str> for Purpose {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How firmly a purpose is bound to its hop, the least firm first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Binding {
    /// Nobody said so: the grant that covers the hop has one purpose only.
    Implied,
    /// The proved peer says so.
    Declared,
    /// A verified token says so.
    Signed,
}

impl Binding {
    /// The word for it in documents and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Implied => "implied",
            Self::Declared => "declared",
            Self::Signed => "signed",
        }
    }
}

/// What a hop is for: known to the vocabulary, which builds it, or implied by the grant that alone covers the hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedPurpose {
    purpose: Purpose,
    binding: Binding,
}

impl StatedPurpose {
    /// The only purpose of the grant that covers a hop which cannot state one.
    pub(crate) const fn implied(purpose: Purpose) -> Self {
        Self { purpose, binding: Binding::Implied }
    }

    /// The purpose.
    pub const fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// How firmly it is bound to the hop.
    pub const fn binding(&self) -> Binding {
        self.binding
    }
}

/// Why it is not known what a hop is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PurposeError {
    /// The hop says several purposes.
    #[error("the hop states its purpose more than once; exactly one is needed")]
    Ambiguous,
    /// The hop says none.
    #[error("the hop states no purpose")]
    Missing,
    /// The vocabulary does not have it. Holds the beginning of what was said, escaped.
    #[error("no document defines the purpose `{0}`")]
    Unknown(String),
    /// The peer says more than what the token was signed for.
    #[error("the hop is declared to be for `{declared}`, which the token's purpose `{signed}` does not include")]
    Widened {
        /// What the token was signed for.
        signed: Purpose,
        /// What the peer says.
        declared: Purpose,
    },
}

impl PurposeError {
    /// The stable code below the reason.
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::Ambiguous => "purpose.ambiguous",
            Self::Missing => "purpose.missing",
            Self::Unknown(_) => "purpose.unknown",
            Self::Widened { .. } => "purpose.widened",
        }
    }
}

fn parent(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(parent, _)| parent)
}

fn is_segment(segment: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    segment.bytes().next().is_some_and(word) && segment.bytes().all(|byte| word(byte) || matches!(byte, b'_' | b'-'))
}

fn excerpt(claimed: &str) -> String {
    claimed.chars().flat_map(char::escape_debug).take(MAX_NAME).collect()
}

const MAX_NAME: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose(name: &str) -> Purpose {
        Purpose::parse(name).unwrap()
    }

    #[test]
    fn reads_dotted_names() {
        for name in ["billing", "billing.invoice", "a", "0", "a-b_c.d1", &"a".repeat(128)] {
            assert_eq!(Purpose::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_what_is_not_spelled_as_a_name() {
        let long = "a".repeat(129);
        for name in ["", ".", "a.", ".a", "a..b", "A", "a b", "a,b", "-a", "_a", "a.-b", "ä", "a*", "*", " a", &long] {
            assert_eq!(Purpose::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_purpose_includes_itself_and_its_descendants() {
        let billing = purpose("billing");
        for name in ["billing", "billing.invoice", "billing.invoice.send"] {
            assert!(billing.includes(&purpose(name)), "{name}");
        }
    }

    #[test]
    fn a_purpose_includes_neither_its_parent_nor_a_namesake() {
        let invoice = purpose("billing.invoice");
        for name in ["billing", "billing.invoices", "billing.invoice-draft", "billing.refund", "invoice"] {
            assert!(!invoice.includes(&purpose(name)), "{name}");
        }
    }

    #[test]
    fn ancestors_come_nearest_first() {
        assert_eq!(purpose("a.b.c").ancestors().collect::<Vec<_>>(), ["a.b", "a"]);
        assert_eq!(purpose("a").ancestors().count(), 0);
    }
}
