//! A certificate, what comes with it, and the one answer to it, however it is shown.

use std::collections::BTreeMap;

use crate::harness::{Answer, Guard, Hop, chain::Shown, until};

/// One hostile client, or one that only looks like it.
pub(crate) struct Case {
    /// The rows that it stands for.
    pub(crate) rows: &'static str,
    pub(crate) what: &'static str,
    pub(crate) shown: Shown,
    /// `allow`, or a reason and what is below it.
    pub(crate) expected: &'static str,
}

impl Case {
    pub(crate) fn new(rows: &'static str, what: &'static str, shown: Shown, expected: &'static str) -> Self {
        Self { rows, what, shown, expected }
    }

    /// The hops that show it: each with its name.
    fn hops<'a>(&self, guard: &'a Guard) -> Vec<(String, Hop<'a>)> {
        let name = |form: &str| format!("{}: {}, {form}", self.rows, self.what);
        let (hash, certificate, chain) = (self.shown.hash(), self.shown.certificate(), self.shown.chain());
        let element = format!("Hash={hash};Cert=\"{certificate}\";Chain=\"{chain}\"");
        let alone = guard.hop().with_certificate(certificate);
        let mut hops = vec![
            (name("as certificate and header"), alone.clone().header(XFCC, &element)),
            (name("as header"), guard.hop().by_nobody().header(XFCC, &element)),
            (name("as raw header"), guard.hop().by_nobody().header(XFCC, &element).raw_headers()),
        ];
        if self.shown.above.is_empty() {
            hops.push((name("as certificate"), alone));
        }
        hops
    }
}

/// Shows each case in each way there is.
pub(super) async fn hold(guard: &Guard, cases: &[Case]) {
    let hops = cases.iter().flat_map(|case| case.hops(guard).into_iter().map(|(name, hop)| (name, hop, case.expected)));
    expect(guard, hops.map(|(name, hop, expected)| (name, hop, expected.to_owned())).collect()).await;
}

/// Sends hops, each with its name and its expected outcome.
pub(super) async fn expect(guard: &Guard, hops: Vec<(String, Hop<'_>, String)>) {
    let mut answers = Vec::new();
    for (name, hop, expected) in hops {
        answers.push((name, hop.send().await, expected));
    }
    let ids: Vec<String> = answers.iter().map(|(_, answer, _)| answer.id()).collect();
    let outcomes = outcomes(guard, &ids).await;
    let wrong: Vec<String> = answers
        .iter()
        .filter(|(_, answer, expected)| outcomes[&answer.id()] != *expected)
        .map(|(name, answer, expected)| format!("{name}: {}, not {expected}", outcomes[&answer.id()]))
        .collect();
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
    for (_, answer, expected) in answers {
        match expected.split(' ').next().unwrap() {
            "allow" => drop(answer.allowed()),
            reason => says_nothing(&answer.denied(reason)),
        }
    }
}

/// What the log says of these decisions: `allow`, or reason and detail.
pub(crate) async fn outcomes(guard: &Guard, ids: &[String]) -> BTreeMap<String, String> {
    until("the records of all decisions", async || {
        let outcome = |record: &serde_json::Value| match (record["reason"].as_str(), record["detail"].as_str()) {
            (None, _) => "allow".to_owned(),
            (Some(reason), detail) => [reason, detail.unwrap_or_default()].join(" ").trim_end().to_owned(),
        };
        let records = guard.setup().records();
        let all: BTreeMap<String, String> = records
            .iter()
            .filter_map(|record| Some((record["decision_id"].as_str()?.to_owned(), outcome(record))))
            .collect();
        ids.iter().all(|id| all.contains_key(id)).then_some(all)
    })
    .await
}

/// A caller that is not proved learns nothing of why, and leaves no name behind.
fn says_nothing(answer: &Answer) {
    assert_eq!(answer.body().as_object().unwrap().keys().collect::<Vec<_>>(), ["decision", "error"]);
    if answer.reason().unwrap().starts_with("peer_") {
        assert_eq!(answer.text("peer"), None);
    }
}

pub(super) const XFCC: &str = "x-forwarded-client-cert";
