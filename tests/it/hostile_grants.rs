//! Hostile documents, and what is done to good ones: what was approved is what counts, for as long as was approved, whatever is written beside.

mod planes;
mod shown;
mod signed;
mod swaps;

use std::collections::{BTreeMap, BTreeSet};

use hopguard::clock::Timestamp;

use self::shown::SHOWN;
use crate::{
    harness::{Hop, Loaded},
    hostile_policy::stands,
};

/// The numbers of the catalogue of grants and what opens them, and of documents and how they are taken up.
const CATALOGUE: [u16; 13] = [101, 102, 103, 104, 106, 107, 109, 138, 139, 141, 143, 144, 146];

#[test]
fn every_number_of_the_catalogue_has_tests_that_are_there() {
    let mut tests: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for &(number, file, test) in SHOWN {
        assert!(tests.entry(number).or_default().insert(test), "{number} names {test} twice");
        stands(file, test);
    }
    assert_eq!(tests.into_keys().collect::<Vec<_>>(), CATALOGUE);
}

/// Why a hop is refused by the documents as they are now; nothing if it is not.
fn reason(loaded: &mut Loaded, hop: &Hop<'_>, at: Timestamp) -> Option<&'static str> {
    let decision = loaded.refresh(at).authorizer.decide(&hop.request(), at);
    decision.reason().map(|reason| reason.as_str())
}
