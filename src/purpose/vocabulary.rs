//! The purposes that there are: a closed list, from which alone it is known what a hop is for.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use super::{Binding, ClaimedPurpose, Purpose, PurposeError, StatedPurpose};

/// The purposes that exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary(Known);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    /// These: every ancestor of a purpose in it is in it too, and nothing else is a purpose.
    Closed(Arc<HashSet<Purpose>>),
    /// Whatever is spelled as one.
    Open,
}

impl Default for Vocabulary {
    /// A vocabulary without a purpose.
    fn default() -> Self {
        Self(Known::Closed(Arc::default()))
    }
}

impl Vocabulary {
    /// Where there are no documents that could define purposes, a well-formed one is taken as it is.
    pub const fn open() -> Self {
        Self(Known::Open)
    }

    /// Takes the purposes whose every ancestor is among them, and gives back the orphans, in order.
    pub fn close(purposes: impl IntoIterator<Item = Purpose>) -> (Self, Vec<Purpose>) {
        let mut sorted: Vec<_> = purposes.into_iter().collect();
        sorted.sort_unstable();
        let mut known = HashSet::with_capacity(sorted.len());
        let mut orphans = Vec::new();
        // A parent is a prefix of its children, so it sorts before them.
        for purpose in sorted {
            if super::parent(purpose.as_str()).is_none_or(|parent| known.contains(parent)) {
                known.insert(purpose);
            } else {
                orphans.push(purpose);
            }
        }
        (Self(Known::Closed(Arc::new(known))), orphans)
    }

    /// Whether `purpose` exists.
    pub fn contains(&self, purpose: &Purpose) -> bool {
        match &self.0 {
            Known::Closed(known) => known.contains(purpose),
            Known::Open => true,
        }
    }

    /// Finds the purpose of that name.
    ///
    /// # Errors
    /// [`PurposeError::Unknown`] if there is none, however the name is spelled.
    pub fn resolve(&self, claimed: &str) -> Result<Purpose, PurposeError> {
        self.find(claimed).ok_or_else(|| PurposeError::Unknown(super::excerpt(claimed)))
    }

    /// Turns what is said into what the hop is for: of a signed scope the one value that is a purpose, which the peer may narrow.
    ///
    /// # Errors
    /// [`PurposeError::Unknown`] if the vocabulary has none of it, [`PurposeError::Ambiguous`] if several values are purposes,
    /// [`PurposeError::Widened`] if the peer says something that the signed purpose does not include.
    pub fn state(&self, claimed: &ClaimedPurpose) -> Result<StatedPurpose, PurposeError> {
        let (scope, declared) = match claimed {
            ClaimedPurpose::Declared(name) => {
                return Ok(StatedPurpose { purpose: self.resolve(name)?, binding: Binding::Declared });
            }
            ClaimedPurpose::Signed { scope, declared } => (scope, declared),
        };
        let known: BTreeSet<Purpose> = scope.iter().filter_map(|value| self.find(value)).collect();
        let mut known = known.into_iter();
        let signed = match (known.next(), known.next()) {
            (Some(purpose), None) => purpose,
            (Some(_), Some(_)) => return Err(PurposeError::Ambiguous),
            (None, _) => return Err(PurposeError::Unknown(super::excerpt(&scope.join(" ")))),
        };
        let purpose = match declared {
            None => signed,
            Some(name) => match self.resolve(name)? {
                narrower if signed.includes(&narrower) => narrower,
                wider => return Err(PurposeError::Widened { signed, declared: wider }),
            },
        };
        Ok(StatedPurpose { purpose, binding: Binding::Signed })
    }

    fn find(&self, claimed: &str) -> Option<Purpose> {
        match &self.0 {
            Known::Closed(known) => known.get(claimed).cloned(),
            Known::Open => Purpose::parse(claimed),
        }
    }
}

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
        let known = vocabulary(&["billing"]);
        let stated = known.state(&ClaimedPurpose::Declared("billing".to_owned())).unwrap();
        assert_eq!((stated.purpose().as_str(), stated.binding()), ("billing", Binding::Declared));
        let scope = vec!["billing".to_owned()];
        let stated = known.state(&ClaimedPurpose::Signed { scope, declared: None }).unwrap();
        assert_eq!((stated.purpose().as_str(), stated.binding()), ("billing", Binding::Signed));
    }

    /// What a scope and a header come to.
    fn signed(scope: &str, declared: Option<&str>) -> Result<String, &'static str> {
        let scope = scope.split(' ').map(str::to_owned).collect();
        let claimed = ClaimedPurpose::Signed { scope, declared: declared.map(str::to_owned) };
        let known = vocabulary(&["billing", "billing.invoice", "refund"]);
        known.state(&claimed).map(|stated| stated.purpose().to_string()).map_err(|error| error.detail())
    }

    #[test]
    fn exactly_one_value_of_a_scope_is_a_purpose() {
        assert_eq!(signed("openid billing.invoice trace", None), Ok("billing.invoice".to_owned()));
        assert_eq!(signed("billing billing", None), Ok("billing".to_owned()));
        assert_eq!(signed("openid", None), Err("purpose.unknown"));
        assert_eq!(signed("", None), Err("purpose.unknown"));
        assert_eq!(signed("billing refund", None), Err("purpose.ambiguous"));
        // A child says more than its parent does: there are two.
        assert_eq!(signed("billing billing.invoice", None), Err("purpose.ambiguous"));
    }

    #[test]
    fn a_peer_narrows_what_was_signed_and_never_widens_it() {
        assert_eq!(signed("billing", Some("billing")), Ok("billing".to_owned()));
        assert_eq!(signed("billing", Some("billing.invoice")), Ok("billing.invoice".to_owned()));
        assert_eq!(signed("billing.invoice", Some("billing")), Err("purpose.widened"));
        assert_eq!(signed("billing", Some("refund")), Err("purpose.widened"));
        assert_eq!(signed("billing", Some("Billing")), Err("purpose.unknown"));
        assert_eq!(signed("billing", Some("billing.gift")), Err("purpose.unknown"));
    }

    #[test]
    fn without_documents_what_is_spelled_as_a_purpose_is_one() {
        let open = Vocabulary::open();
        assert!(open.resolve("anything.at-all").is_ok());
        assert!(open.resolve("Anything").is_err());
        assert!(open.contains(&purpose("x")));
    }
}
