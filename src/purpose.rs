//! What a hop is for: a name from a closed vocabulary, or a denial.

use std::{
    borrow::{Borrow, Cow},
    collections::HashSet,
    fmt,
    sync::Arc,
};

use crate::hop::Single;

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

/// How firmly a purpose is bound to its hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The proved peer says so.
    Declared,
}

impl Binding {
    /// The word for it in documents and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
        }
    }
}

/// What a proved peer says its hop is for, before the vocabulary has been asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedPurpose<'a> {
    /// The name, as it was sent.
    pub name: Cow<'a, str>,
    /// How firmly it is bound to the hop.
    pub binding: Binding,
}

impl ClaimedPurpose<'static> {
    /// Reads the purpose header of a proved peer.
    ///
    /// # Errors
    /// [`PurposeError::Missing`] without one, [`PurposeError::Ambiguous`] with several.
    pub fn declared(header: &Single<'_>) -> Result<Self, PurposeError> {
        match header {
            Single::Absent => Err(PurposeError::Missing),
            Single::Several | Single::NotUtf8 => Err(PurposeError::Ambiguous),
            Single::Value(name) => Ok(Self { name: Cow::Owned((*name).to_owned()), binding: Binding::Declared }),
        }
    }
}

/// What a hop is for: known to the vocabulary, which alone builds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedPurpose {
    purpose: Purpose,
    binding: Binding,
}

impl StatedPurpose {
    /// The purpose.
    pub const fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// How firmly it is bound to the hop.
    pub const fn binding(&self) -> Binding {
        self.binding
    }
}

/// The purposes that exist. It is closed: every ancestor of a purpose in it is in it too, and nothing else is a purpose.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary(Arc<HashSet<Purpose>>);

impl Vocabulary {
    /// Takes the purposes whose every ancestor is among them, and gives back the orphans, in order.
    pub fn close(purposes: impl IntoIterator<Item = Purpose>) -> (Self, Vec<Purpose>) {
        let mut sorted: Vec<_> = purposes.into_iter().collect();
        sorted.sort_unstable();
        let mut known = HashSet::with_capacity(sorted.len());
        let mut orphans = Vec::new();
        // A parent is a prefix of its children, so it sorts before them.
        for purpose in sorted {
            if parent(purpose.as_str()).is_none_or(|parent| known.contains(parent)) {
                known.insert(purpose);
            } else {
                orphans.push(purpose);
            }
        }
        (Self(Arc::new(known)), orphans)
    }

    /// Whether `purpose` exists.
    pub fn contains(&self, purpose: &Purpose) -> bool {
        self.0.contains(purpose)
    }

    /// Finds the purpose of that name.
    ///
    /// # Errors
    /// [`PurposeError::Unknown`] if there is none, however the name is spelled.
    pub fn resolve(&self, claimed: &str) -> Result<Purpose, PurposeError> {
        let known = self.0.get(claimed).cloned();
        known.ok_or_else(|| PurposeError::Unknown(excerpt(claimed)))
    }

    /// Turns what the peer says into what the hop is for.
    ///
    /// # Errors
    /// [`PurposeError::Unknown`] if the vocabulary does not have it.
    pub fn state(&self, claimed: &ClaimedPurpose<'_>) -> Result<StatedPurpose, PurposeError> {
        let purpose = self.resolve(&claimed.name)?;
        Ok(StatedPurpose { purpose, binding: claimed.binding })
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
}

impl PurposeError {
    /// The stable code below the reason.
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::Ambiguous => "purpose.ambiguous",
            Self::Missing => "purpose.missing",
            Self::Unknown(_) => "purpose.unknown",
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

    fn vocabulary(names: &[&str]) -> Vocabulary {
        let (vocabulary, orphans) = Vocabulary::close(names.iter().map(|name| purpose(name)));
        assert_eq!(orphans, []);
        vocabulary
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

    #[test]
    fn resolves_what_the_documents_define() {
        let known = vocabulary(&["billing", "billing.invoice"]);
        assert_eq!(known.resolve("billing.invoice"), Ok(purpose("billing.invoice")));
    }

    #[test]
    fn everything_else_is_unknown() {
        let known = vocabulary(&["billing", "billing.invoice"]);
        for name in ["", "refund", "billing.", "billing.invoice.send", "Billing", "billing ", "billing,billing"] {
            assert_eq!(known.resolve(name), Err(PurposeError::Unknown(name.to_owned())));
        }
        assert!(Vocabulary::default().resolve("billing").is_err());
    }

    #[test]
    fn an_unknown_purpose_is_quoted_short_and_escaped() {
        let Err(PurposeError::Unknown(quoted)) = vocabulary(&[]).resolve(&"\n".repeat(9_000)) else { panic!() };
        assert_eq!(quoted, "\\n".repeat(64));
    }

    #[test]
    fn a_purpose_without_its_ancestors_is_an_orphan_and_so_are_its_children() {
        let names = ["billing", "refund.eu", "refund.eu.gift", "billing-old", "billing.invoice"];
        let (vocabulary, orphans) = Vocabulary::close(names.map(purpose));
        assert_eq!(orphans, ["refund.eu", "refund.eu.gift"].map(purpose));
        assert!(["billing", "billing-old", "billing.invoice"].iter().all(|name| vocabulary.resolve(name).is_ok()));
        assert!(vocabulary.resolve("refund.eu.gift").is_err());
    }

    #[test]
    fn a_claim_keeps_its_binding() {
        let claimed = ClaimedPurpose { name: "billing".into(), binding: Binding::Declared };
        let stated = vocabulary(&["billing"]).state(&claimed).unwrap();
        assert_eq!((stated.purpose().as_str(), stated.binding()), ("billing", Binding::Declared));
    }
}
