//! The table of what may stand where a token is: each row is what a hop carries, and what has to come of it, whichever way it is asked.
//!
//! Its numbers are those of the catalogues of hostile inputs: 25 and 27 of headers, 61 to 80 and 109 to 136 of tokens.

mod claims;
mod header;
mod scheme;
mod shape;
mod signature;
mod transaction;

use crate::harness::{ALONE, FOR_ALICE, World};

/// What a hop carries, and what comes of it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The numbers of the catalogue that it is an example of.
    pub(crate) numbers: &'static [u16],
    /// What is odd about it.
    pub(crate) name: String,
    pub(crate) path: &'static str,
    /// Its purpose header, if it has one.
    pub(crate) purpose: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Allowed, or reason and detail.
    pub(crate) expected: Expected,
    pub(crate) way: Way,
}

pub(crate) type Expected = Result<(), (&'static str, &'static str)>;

/// Which way a row can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a client of Envoy, too.
    Any,
    /// Not through Envoy, which repairs or refuses it itself.
    Direct,
}

impl Row {
    fn new(numbers: &'static [u16], name: impl Into<String>, expected: Expected) -> Self {
        let (headers, purpose) = (Vec::new(), Some("checkout"));
        Self { numbers, name: name.into(), path: ALONE, purpose, headers, expected, way: Way::Any }
    }

    /// A JWT-SVID as a bearer.
    fn svid(numbers: &'static [u16], name: impl Into<String>, token: &str, expected: Expected) -> Self {
        Self::new(numbers, name, expected).header("authorization", format!("Bearer {token}"))
    }

    /// An OIDC token as a bearer, where `alice` is admitted.
    fn oidc(numbers: &'static [u16], name: impl Into<String>, token: &str, expected: Expected) -> Self {
        Self::svid(numbers, name, token, expected).at(FOR_ALICE)
    }

    /// A transaction token, where `alice` is admitted, and no purpose beside it.
    fn txn(numbers: &'static [u16], name: impl Into<String>, token: impl Into<String>, expected: Expected) -> Self {
        let name = format!("transaction token: {}", name.into());
        Self { purpose: None, ..Self::new(numbers, name, expected).header("txn-token", token).at(FOR_ALICE) }
    }

    fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    fn purpose(self, purpose: &'static str) -> Self {
        Self { purpose: Some(purpose), ..self }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn direct(self) -> Self {
        Self { way: Way::Direct, ..self }
    }
}

/// All rows.
pub(crate) fn all(world: &World) -> Vec<Row> {
    [
        header::rows(world),
        claims::rows(world),
        shape::rows(world),
        signature::rows(world),
        scheme::rows(world),
        transaction::rows(world),
    ]
    .concat()
}

/// Numbers of the catalogues that no single hop is an example of, and where they are shown.
pub(super) const ELSEWHERE: [(u16, &str); 4] = [
    // Keys that are unavailable, withdrawn or rotated.
    (69, "tokens/keys.rs"),
    (80, "tokens/keys.rs"),
    // A token that was remembered and has ended since.
    (130, "tokens/times.rs"),
    // Two identities at once.
    (136, "delegation/holders.rs"),
];

/// The numbers of the catalogues, as far as they are about tokens.
/// The one about replay (79) is about several hops and one-time use, which is no matter of a token's content.
pub(super) const CATALOGUE: [u16; 35] = [
    25, 27, 61, 62, 63, 64, 65, 68, 69, 72, 73, 74, 75, 76, 78, 80, 109, 110, 112, 113, 115, 116, 118, 119, 121, 122,
    124, 125, 127, 128, 130, 131, 133, 134, 136,
];
