//! What a scrape tells: every metric from the start, each as `docs/metrics.md` describes it, and nothing that is not described there.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    clock::{Steps, Timestamp},
    decision::{self, Modes},
    feed::bundle::{Counts, Status},
    telemetry::{AuditReadings, CacheReadings, Fill},
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn readings() -> Readings {
    let fill = Fill { is: 1, most: 2 };
    Readings {
        now: NOW,
        started: Timestamp::from_seconds(1_700_000_000),
        ready: true,
        in_flight: fill,
        connections: fill,
        one_time: fill,
        audit: AuditReadings { records: 7, losses: 3, unsaid: 2, broken: false, queue: fill, waiting: Duration::ZERO },
        clock: Steps { backward: 1, forward: 0, returned: 0 },
        modes: Modes::default(),
        evaluator: Some("vm"),
        policy_fallbacks: 0,
        svids: CacheReadings { hits: 5, misses: 1 },
        tokens: CacheReadings::default(),
        svid: Some((ago(60), NOW.after(Duration::from_secs(60)))),
    }
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.seconds() - seconds)
}

fn freshness() -> Freshness {
    let trust = |name: &str, last_anchor| TrustFreshness {
        trust_domain: name.to_owned(),
        confirmed: ago(30),
        limit: Duration::from_secs(86400),
        last_anchor,
    };
    Freshness {
        parts: vec![(Part::Store, ago(90)), (Part::Trust, ago(30))],
        store_limit: Some(Duration::from_secs(3600)),
        trust: vec![trust("prod.example", Some((ago(600), NOW))), trust("new.example", None)],
        issuers: vec![("https://login.example".to_owned(), ago(10))],
    }
}

/// Metrics of a process that has one of everything.
fn metrics() -> Metrics {
    let metrics = Metrics::new();
    metrics.fresh(freshness());
    Part::ALL.into_iter().for_each(|part| metrics.reloaded(part, true));
    metrics.bundles(&[Status {
        name: "authz".to_owned(),
        origin: "https://bundles.example".to_owned(),
        revision: None,
        digest: Some("d".to_owned()),
        from_state: false,
        heard: Some(NOW),
        downloaded: None,
        activated: Some(NOW),
        failed: None,
        failure: None,
        counts: Counts::default(),
    }]);
    metrics
}

/// Name, type and labels of each metric, by its text in the Prometheus format.
fn told(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut told: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            last = name.to_owned();
            assert!(told.insert(last.clone(), (kind.to_owned(), BTreeSet::new())).is_none(), "{name} is told twice");
        } else if !line.starts_with('#') {
            let (sample, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
            assert!(name.starts_with(&last), "{line} is not under its name, {last}");
            let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| label.split_once("=\""));
            let names = labels.map(|(name, _)| name.to_owned()).filter(|name| name != "le");
            told.get_mut(&last).unwrap().1.extend(names);
        }
    }
    told
}

/// The rows of the tables in `docs/metrics.md`.
fn described() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let rows = include_str!("../../../docs/metrics.md").lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, labels, meaning] = cells[..] else { panic!("four columns: {line}") };
        assert!(meaning.len() > 10, "a metric without a meaning: {line}");
        let plain = |text: &str| text.trim().trim_matches('`').to_owned();
        let labels = labels.split(',').map(plain).filter(|label| !label.is_empty()).collect();
        (plain(name), (kind.to_owned(), labels))
    });
    let mut described = BTreeMap::new();
    for (name, row) in rows {
        assert!(described.insert(name.clone(), row).is_none(), "{name} is described twice");
    }
    described
}

#[test]
fn every_metric_is_described_and_every_description_is_of_a_metric() {
    let told = told(&metrics().scrape_plain(&readings()).unwrap());
    assert_eq!(told, described(), "docs/metrics.md");
}

#[test]
fn what_an_alert_counts_is_there_before_the_first_of_it() {
    let text = Metrics::new().scrape_plain(&readings()).unwrap();
    for line in [
        "hopguard_decisions_total{answered=\"allow\",reason=\"none\"} 0\n",
        "hopguard_decisions_total{answered=\"deny\",reason=\"policy_error\"} 0\n",
        "hopguard_decisions_total{answered=\"allow\",reason=\"grant_missing\"} 0\n",
        "hopguard_break_glass_total 0\n",
        "hopguard_panics_total 0\n",
        "hopguard_askers_refused_total 0\n",
        "hopguard_reloads_total{part=\"store\",outcome=\"failed\"} 0\n",
        "hopguard_revocation_lag_seconds_count 0\n",
        "hopguard_stage_seconds_count{stage=\"policy\"} 0\n",
        "hopguard_audit_lag_seconds_count 0\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[test]
fn ages_are_told_as_of_the_scrape() {
    let text = metrics().scrape(&readings()).unwrap();
    for line in [
        "hopguard_snapshot_age_seconds{part=\"store\"} 90.0\n",
        "hopguard_store_age_limit_seconds 3600.0\n",
        "hopguard_trust_age_seconds{trust_domain=\"prod.example\"} 30.0\n",
        "hopguard_trust_age_limit_seconds{trust_domain=\"prod.example\"} 86400.0\n",
        "hopguard_trust_begin_timestamp_seconds{trust_domain=\"prod.example\"} 1799999400\n",
        "hopguard_trust_end_timestamp_seconds{trust_domain=\"prod.example\"} 1800000000\n",
        "hopguard_trust_end_timestamp_seconds{trust_domain=\"new.example\"} 0\n",
        "hopguard_issuer_keys_age_seconds{issuer=\"https://login.example\"} 10.0\n",
        "hopguard_svid_end_timestamp_seconds 1800000060.0\n",
        "hopguard_policy_evaluator{evaluator=\"vm\"} 1\n",
        "hopguard_policy_evaluator{evaluator=\"interpreter\"} 0\n",
        "hopguard_audit_losses_total 3\n",
        "hopguard_audit_queue_limit 2\n",
        "hopguard_cache_lookups_total{cache=\"svid\",outcome=\"hit\"} 5\n",
        "hopguard_clock_steps_total{direction=\"backward\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[test]
fn what_is_not_configured_any_more_is_not_told_any_more() {
    let metrics = metrics();
    assert!(metrics.scrape(&readings()).unwrap().contains("new.example"));
    metrics.fresh(Freshness::default());
    metrics.bundles(&[]);
    let text = metrics.scrape(&Readings { svid: None, evaluator: None, ..readings() }).unwrap();
    for gone in ["new.example", "login.example", "hopguard_store_age_limit", "hopguard_svid_", "hopguard_bundle_ok{"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert!(text.contains("hopguard_policy_evaluator{evaluator=\"vm\"} 0\n"), "{text}");
}

#[test]
fn the_size_of_a_scrape_does_not_depend_on_what_is_asked() {
    let metrics = metrics();
    let before = metrics.scrape(&readings()).unwrap().lines().count();
    for reason in Reason::ALL {
        metrics.decided(false, Some(reason), Duration::from_millis(3));
        metrics.decided(true, None, Duration::from_millis(3));
    }
    assert_eq!(metrics.scrape(&readings()).unwrap().lines().count(), before);
    assert!(before < 700, "{before} lines");
}

#[test]
fn alerts_and_the_dashboard_tell_what_could_not_be_decided_from_what_was_denied() {
    let undecided = Reason::ALL.into_iter().filter(|reason| reason.status() == decision::Status::ServiceUnavailable);
    let undecided: BTreeSet<_> = undecided.map(Reason::as_str).collect();
    let rules = include_str!("../../../deploy/k8s/charts/hopguard/alerts/hopguard.rules.yaml");
    let dashboard = include_str!("../../../deploy/k8s/charts/hopguard/dashboards/hopguard.json").replace('\\', "");
    for text in [rules, &dashboard] {
        let lists: Vec<_> = text
            .split("reason")
            .filter_map(|rest| rest.split('"').nth(1).filter(|_| rest.starts_with(['=', '!'])))
            .collect();
        let lists: Vec<_> = lists.into_iter().filter(|list| list.contains('|')).collect();
        assert!(!lists.is_empty());
        for list in lists {
            assert_eq!(list.split('|').collect::<BTreeSet<_>>(), undecided, "{list}");
        }
    }
}
