//! What a running Hopguard tells of itself: where Checks spend their time, what reached the log, and how old what it decides by is.

use std::{collections::BTreeMap, fs};

use serde_json::json;

use crate::harness::{ALONE, Guard, Setup, until};

/// Every series, by its name and labels.
async fn scrape(guard: &Guard) -> BTreeMap<String, f64> {
    let (_, text) = guard.get("/metrics").await;
    let text = String::from_utf8(text.to_vec()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    lines.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

/// The value of a series.
pub(crate) async fn number(guard: &Guard, series: &str) -> f64 {
    let all = scrape(guard).await;
    *all.get(series).unwrap_or_else(|| panic!("no `{series}` in {:?}", all.keys()))
}

fn stage(name: &str) -> String {
    format!("hopguard_stage_seconds_count{{stage=\"{name}\"}}")
}

#[tokio::test]
async fn stages_are_timed_as_far_as_hops_come() {
    let guard = Guard::start().await;
    guard.ready().await;
    guard.hop().send().await.let_through();
    guard.hop().path("/refund").send().await.denied("grant_missing");
    guard.hop().path("//").send().await.denied("hop_ambiguous");
    let all = scrape(&guard).await;
    let counted = |name: &str| all[&stage(name)];
    for name in ["read", "hop", "answer"] {
        assert_eq!(counted(name), 3.0, "{name}");
    }
    for name in ["peer", "tokens", "delegation", "purpose", "standing", "grant"] {
        assert_eq!(counted(name), 2.0, "{name}: an ambiguous hop comes no further than this");
    }
    assert_eq!((counted("policy"), counted("claim"), counted("record")), (1.0, 0.0, 0.0));
    let spent = |name: &str| all[&format!("hopguard_stage_seconds_sum{{stage=\"{name}\"}}")];
    let stages: f64 = all
        .keys()
        .filter_map(|key| key.strip_prefix("hopguard_stage_seconds_sum{stage=\""))
        .map(|rest| spent(rest.trim_end_matches("\"}")))
        .sum();
    let whole = all["hopguard_decision_seconds_sum"];
    assert!(0.0 < spent("policy") && stages <= whole, "{stages} of {whole}");
    assert_eq!(all["hopguard_cache_lookups_total{cache=\"svid\",outcome=\"miss\"}"], 1.0);
    assert_eq!(all["hopguard_cache_lookups_total{cache=\"svid\",outcome=\"hit\"}"], 1.0);
}

#[tokio::test]
async fn a_token_that_is_claimed_shows_as_a_stage_of_its_own() {
    let setup = Setup::new().with_tokens().set("tokens.jwt_svid", "{one_time: true}");
    let guard = setup.start().await;
    guard.ready().await;
    // What was issued before the process began may have been spent.
    let world = guard.setup().world();
    let token = world.svid(json!({"jti": "a", "iat": world.at(40)}));
    guard.hop().method("GET").path(ALONE).bearer(&token).send().await.let_through();
    let all = scrape(&guard).await;
    assert_eq!(all[&stage("claim")], 1.0);
    assert_eq!(all["hopguard_one_time_tokens"], 1.0);
    assert!(all["hopguard_one_time_tokens_limit"] > 1.0);
}

#[tokio::test]
async fn a_record_counts_with_its_lag_once_it_is_on_disk() {
    let guard = Guard::start().await;
    guard.ready().await;
    let answer = guard.hop().send().await;
    guard.record(&answer).await;
    let lag = "hopguard_audit_lag_seconds_count";
    until("the lag", async || (number(&guard, lag).await >= 1.0).then_some(())).await;
    let all = scrape(&guard).await;
    assert_eq!(all[lag], all["hopguard_audit_records_total"]);
    assert!(all["hopguard_audit_lag_seconds_sum"] > 0.0);
    assert_eq!((all["hopguard_audit_losses_total"], all["hopguard_audit_broken"]), (0.0, 0.0));
    assert!(all["hopguard_audit_queue"] <= all["hopguard_audit_queue_limit"]);
}

#[tokio::test]
async fn what_cannot_be_read_ages_and_what_can_does_not() {
    let guard = Guard::start().await;
    guard.ready().await;
    let age = |part: &str| format!("hopguard_snapshot_age_seconds{{part=\"{part}\"}}");
    guard.setup().policy("this is no Rego");
    guard.problems("policy").await;
    until("two looks in vain", async || (number(&guard, &age("policy")).await > 2.0).then_some(())).await;
    // Everything else is looked at every second.
    until("a look at the rest", async || {
        let all = scrape(&guard).await;
        let old = all[&age("policy")];
        ["store", "trust", "config"].iter().all(|part| all[&age(part)] < old - 1.0).then_some(())
    })
    .await;
    guard.setup().policy("decision := true");
    guard.repaired("policy").await;
    until("a fresh policy", async || (number(&guard, &age("policy")).await < 2.0).then_some(())).await;
}

#[tokio::test]
async fn a_trust_domain_whose_source_is_gone_ages_until_it_is_relied_on_no_more() {
    let guard = Guard::start().await;
    guard.ready().await;
    let series = |name: &str| format!("hopguard_trust_{name}{{trust_domain=\"prod.example\"}}");
    assert_eq!(number(&guard, &series("age_limit_seconds")).await, 86_400.0);
    assert!(number(&guard, &series("end_timestamp_seconds")).await > guard.setup().now().seconds() as f64);
    let roots = fs::read_to_string(guard.setup().path("roots.pem")).unwrap();
    guard.setup().remove("roots.pem");
    until("age", async || (number(&guard, &series("age_seconds")).await > 2.0).then_some(())).await;
    assert!(number(&guard, "hopguard_snapshot_age_seconds{part=\"trust\"}").await > 1.0);
    guard.setup().write("roots.pem", &roots);
    until("youth", async || (number(&guard, &series("age_seconds")).await < 2.0).then_some(())).await;
}

#[tokio::test]
async fn the_evaluator_in_use_and_the_process_are_told() {
    let guard = Guard::start().await;
    guard.ready().await;
    let all = scrape(&guard).await;
    let evaluator = |name: &str| all[&format!("hopguard_policy_evaluator{{evaluator=\"{name}\"}}")];
    assert_eq!(evaluator("vm") + evaluator("interpreter"), 1.0);
    assert!(all["process_resident_memory_bytes"] > 1e6);
    assert!(all["process_open_fds"] > 3.0);
    let started = all["process_start_time_seconds"];
    assert!((started - guard.setup().now().seconds() as f64).abs() < 600.0, "{started}");
    let build = all.keys().find(|key| key.starts_with("hopguard_build_info{")).unwrap();
    assert!(build.contains(concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"")), "{build}");
}
