//! What is wrong with a bundle's files, by certificate and line.

use std::fmt;

use super::{PemError, Why};

/// A certificate that a bundle does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificate {certificate}{} of the {part} is left out: {why}", InBrackets(*.line))]
pub struct LeftOut {
    /// Where it stood.
    pub part: Part,
    /// Which one it is, counted from one.
    pub certificate: usize,
    /// The line on which it begins, if it came in a text.
    pub line: Option<usize>,
    /// Why.
    pub why: Why,
}

/// The two texts that a bundle is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The trust anchors.
    Anchors,
    /// The intermediates.
    Intermediates,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anchors => "trust anchors",
            Self::Intermediates => "intermediates",
        })
    }
}

/// Why a text is not a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {fault}")]
pub struct TrustError {
    /// The text.
    pub part: Part,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a text of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It has more than 1 MiB.
    #[error("more than 1 MiB")]
    TooLarge,
    /// It has more certificates than a bundle may have.
    #[error("more than {} certificates", super::MAX_CERTIFICATES)]
    TooMany,
    /// It is not PEM of certificates.
    #[error("{0}")]
    Pem(PemError),
    /// A block does not hold a certificate.
    #[error("certificate {certificate} cannot be read")]
    Malformed {
        /// Which one, counted from one.
        certificate: usize,
        /// The line on which it begins, if it came in a text.
        line: Option<usize>,
    },
    /// None of its certificates can be an authority.
    #[error("no certificate can be used; the first{} is left out because {}", OnLine(.0.line), .0.why)]
    NothingUsable(LeftOut),
}

impl Fault {
    /// The line that it is about, counted from one, if it is about one.
    pub const fn line(self) -> Option<usize> {
        match self {
            Self::TooLarge | Self::TooMany => None,
            Self::Pem(error) => Some(error.line()),
            Self::Malformed { line, .. } => line,
            Self::NothingUsable(first) => first.line,
        }
    }
}

/// ` (line 42)`, if there is a line.
struct InBrackets(Option<usize>);

impl fmt::Display for InBrackets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

/// `, on line 42,`, if there is a line.
struct OnLine(Option<usize>);

impl fmt::Display for OnLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ", on line {line},"))
    }
}
