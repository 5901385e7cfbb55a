//! What is said of a hop's purpose, by a token or by the peer, before the vocabulary has been asked.

use super::PurposeError;
use crate::hop::Single;

/// What is said of a hop's purpose, before the vocabulary has been asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimedPurpose {
    /// A proved peer's word.
    Declared(String),
    /// What a token that a proved peer holds was signed for.
    Signed {
        /// The values of its scope; one of them is to be a purpose.
        scope: Vec<String>,
        /// What the peer itself says, which may be narrower.
        declared: Option<String>,
    },
}

impl ClaimedPurpose {
    /// Reads what a proved peer says: the scope of the token that it holds, if there is one, and its purpose header. `None`: nothing.
    ///
    /// # Errors
    /// [`PurposeError::Ambiguous`] if there are several headers.
    pub fn of(scope: Option<&[String]>, header: &Single<'_>) -> Result<Option<Self>, PurposeError> {
        let declared = match header {
            Single::Absent => None,
            Single::Several | Single::NotUtf8 => return Err(PurposeError::Ambiguous),
            Single::Value(name) => Some((*name).to_owned()),
        };
        Ok(match scope {
            Some(scope) => Some(Self::Signed { scope: scope.to_vec(), declared }),
            None => declared.map(Self::Declared),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_scope_goes_before_what_the_peer_declares() {
        let scope = ["a".to_owned(), "b".to_owned()];
        let declared = |name: &str| Some(name.to_owned());
        for (scope, header, expected) in [
            (None, Single::Absent, None),
            (None, Single::Value("a"), Some(ClaimedPurpose::Declared("a".to_owned()))),
            (Some(&scope[..]), Single::Absent, Some(ClaimedPurpose::Signed { scope: scope.to_vec(), declared: None })),
            (
                Some(&scope[..]),
                Single::Value("a"),
                Some(ClaimedPurpose::Signed { scope: scope.to_vec(), declared: declared("a") }),
            ),
            (Some(&[][..]), Single::Absent, Some(ClaimedPurpose::Signed { scope: vec![], declared: None })),
        ] {
            assert_eq!(ClaimedPurpose::of(scope, &header), Ok(expected), "{header:?}");
        }
        for header in [Single::Several, Single::NotUtf8] {
            assert_eq!(ClaimedPurpose::of(None, &header), Err(PurposeError::Ambiguous));
            assert_eq!(ClaimedPurpose::of(Some(&scope), &header), Err(PurposeError::Ambiguous));
        }
    }
}
