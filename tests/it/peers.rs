//! Nobody is taken for a caller that is not proved: each hostile row of the catalogues is asked of a running Hopguard, and has its reason.
//!
//! A number is a row of the catalogue of hostile SPIFFE input (IDs, leaves, chains, evidence, XFCC); `B` and a number is a row on SPIFFE IDs
//! and X.509-SVIDs in the catalogue of attacks.

pub(crate) mod case;
mod ids;
pub(crate) mod leaves;
pub(crate) mod paths;
mod plumbing;
mod times;
pub(crate) mod world;
mod xfcc;

use std::collections::BTreeSet;

use self::{case::Case, world::World};
use crate::{trust, workload_api};

/// Every row on peers. What is missing here is about tokens, documents and feeds.
const ROWS: &[&str] = &[
    "1", "2", "4", "5", "7", "8", "10", "11", "13", "14", "16", "17", "19", "20", //
    "22", "23", "25", "26", "28", "29", "31", "32", "34", "35", "37", "38", "40", "41", "43", "44", "46", "47", "49",
    "50", "52", //
    "53", "55", "56", "58", "59", "61", "62", "64", "65", "67", "68", "70", "71", "73", "74", "76", //
    "77", "79", "80", "82", "83", "85", "86", "88", //
    "89", "91", "92", "94", "95", "97", "98", "100", "101", "103", "104", "106", "107", //
    "B46", "B47", "B49", "B50", "B52", "B53", "B56", "B57", "B58", "B60",
];

/// Those that a table of cases does not hold, and the test of each.
const TESTS: &[(&str, fn())] = &[
    ("13", ids::no_other_character_is_part_of_an_id),
    ("40 B50", times::a_certificate_is_valid_from_its_first_second_through_its_last),
    ("56", trust::what_an_agent_says_of_others_changes_nothing),
    ("71", trust::what_a_bundle_no_longer_vouches_for_is_denied_by_the_next_answer),
    ("73", times::an_intermediate_that_ends_ends_what_it_vouched_for),
    ("74", times::a_clock_that_steps_back_finds_a_certificate_before_its_time),
    ("76", workload_api::a_withdrawal_counts_within_a_second),
    ("86", times::a_connection_that_outlives_its_certificate_is_denied),
];

#[test]
fn each_row_is_here() {
    let (_, world) = World::new();
    let tables: [Vec<Case>; 2] = [leaves::cases(&world), paths::cases(&world)];
    let rows = tables.iter().flatten().map(|case| case.rows);
    let others = [ids::rows(&world), plumbing::rows(&world), xfcc::rows(&world)].concat();
    let all = rows.chain(others).chain(TESTS.iter().map(|(rows, _)| *rows));
    let seen: BTreeSet<&str> = all.flat_map(str::split_whitespace).collect();
    let wanted: BTreeSet<&str> = ROWS.iter().copied().collect();
    assert_eq!(wanted.difference(&seen).collect::<Vec<_>>(), Vec::<&&str>::new(), "rows without a case");
    assert_eq!(seen.difference(&wanted).collect::<Vec<_>>(), Vec::<&&str>::new(), "cases without a row");
}
