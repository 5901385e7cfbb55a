//! Hostile policies and what is sent to break good ones, live: each costs its own hop or its own loading, and nothing else.

mod elsewhere;
mod load;
mod rows;
mod steady;

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use self::{
    elsewhere::{ARCHIVES, ELSEWHERE},
    rows::{Row, Works},
};
use crate::harness::{Answer, Grant, Guard, Hop, Setup, until};

/// The numbers of the catalogue of policy engines and what they are asked.
const CATALOGUE: [u16; 16] = [81, 82, 83, 84, 86, 87, 90, 92, 93, 94, 95, 96, 97, 98, 99, 100];

#[test]
fn every_number_of_the_catalogue_has_a_row_or_a_test_elsewhere() {
    let mut shown: BTreeSet<u16> = rows::all().iter().map(|row| row.number).collect();
    shown.extend(load::REFUSED.iter().map(|row| row.number));
    for &(number, file, test) in ELSEWHERE {
        assert!(shown.insert(number), "{number} has rows, and need not be shown elsewhere");
        stands(file, test);
    }
    assert_eq!(shown, BTreeSet::from(CATALOGUE));
    for &(number, file, test) in ARCHIVES {
        assert!((113..=118).contains(&number));
        stands(file, test);
    }
}

/// That a test stands where it is said to.
pub(crate) fn stands(file: &str, test: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(text.contains(&format!("fn {test}(")), "{test} is not in {file}");
}

#[tokio::test]
async fn every_row_costs_its_own_hop_alone() {
    let guard = start("strict").await;
    let mut wrong = Vec::new();
    for (place, row) in rows::all().iter().enumerate() {
        let answer = ask(&guard, place, row).await;
        let reason = answer.reason();
        if reason.as_deref() != row.expected {
            let said = if answer.is_allow() { Value::Null } else { answer.body()["message"].clone() };
            wrong.push(format!("{} {}: {reason:?} and not {:?}: {said}", row.number, row.name, row.expected));
        }
        guard.hop().send().await.allowed();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    unharmed(&guard).await;
}

#[tokio::test]
async fn where_policies_run_as_in_opa_no_row_is_allowed_that_fails() {
    let guard = start("compatible").await;
    let mut wrong = Vec::new();
    for (place, row) in rows::all().iter().enumerate().filter(|(_, row)| row.works == Works::Alike) {
        let answer = ask(&guard, place, row).await;
        if answer.is_allow() != row.expected.is_none() {
            wrong.push(format!("{} {}: {:?} and not {:?}", row.number, row.name, answer.reason(), row.expected));
        }
        guard.hop().send().await.allowed();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    unharmed(&guard).await;
}

/// A Hopguard whose policy answers each row at a path of its own.
async fn start(gate: &str) -> Guard {
    let setup = Setup::new().set("policy.gate", gate).set("policy.timeout", "200ms").set("response.reveal", "full");
    let setup = setup.set("limits.request_bytes", "4MiB");
    setup.more_grants(&[Grant::to("/**", setup.now()).named("everything")]);
    setup.policy(&rows::policy());
    // Says at once why, if it does not load.
    setup.loader().refresh(setup.now());
    setup.start().await
}

async fn ask(guard: &Guard, place: usize, row: &Row) -> Answer {
    let hop: Hop<'_> = guard.hop().path(&format!("/row/{place}{}", row.below));
    let hop = row.headers.iter().fold(hop, |hop, (name, value)| hop.header(name, value));
    match &row.body {
        Some(body) => hop.body("application/json", body),
        None => hop,
    }
    .send()
    .await
}

/// It is alive, says so, nothing panicked, and it still allows what may happen.
async fn unharmed(guard: &Guard) {
    assert!(guard.is_ready().await);
    assert_eq!(guard.metric("hopguard_panics_total").await, 0);
    let answer = guard.hop().send().await.allowed();
    guard.record(&answer).await;
}

/// A refusal takes a second at most, and good ones are allowed all the while.
async fn refused(guard: &Guard, problem: &str) -> String {
    until(problem, async || {
        guard.hop().send().await.allowed();
        let problems = guard.problems("policy").await;
        problems.contains(problem).then_some(problems)
    })
    .await
}
