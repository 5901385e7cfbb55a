//! Which decisions are told of, and what becomes of a span that has no place.

use super::*;
use crate::{
    authorizer::fixture,
    decision::{Decision, DecisionIds, Fault},
    hop::Outline,
    telemetry::{Metrics, Stopwatch},
};

fn traces(sample: Sample, per_second: u32) -> (Traces, Exporter, Metrics) {
    let metrics = Metrics::new();
    let collector = Collector::parse("http://127.0.0.1:4317", None).unwrap();
    let options = Options { collector, sample, service: "hopguard".to_owned() };
    let (traces, exporter) = Traces::new(options, per_second, metrics.spans());
    (traces, exporter, metrics)
}

fn caller(flags: &str) -> Option<TraceContext> {
    TraceContext::parse(&format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}"), "a=1")
}

#[test]
fn the_caller_chooses_where_it_is_asked_and_nowhere_else() {
    let (parents, _exporter, _) = traces(Sample::Parent, 9);
    assert!(parents.begin(caller("01")).unwrap().sampled);
    assert!(!parents.begin(caller("00")).unwrap().sampled);
    assert_eq!(parents.begin(None), None, "no trace begins here");
    let (all, _exporter, _) = traces(Sample::parse("100%").unwrap(), 9);
    let context = all.begin(caller("00")).unwrap();
    assert!(context.sampled);
    assert_eq!((context.parent, context.state.as_str()), (caller("00").unwrap().parent, "a=1"));
    let begun = all.begin(None).unwrap();
    assert!(begun.sampled && begun.parent.is_none());
    assert_ne!(all.begin(None).unwrap().trace, begun.trace);
    let (few, _exporter, _) = traces(Sample::parse("0.0000001%").unwrap(), 9);
    assert!(!few.begin(caller("01")).unwrap().sampled);
    assert_eq!(few.begin(None), None, "a trace that nobody is told of does not begin");
}

#[test]
fn what_is_not_kept_makes_no_span() {
    let (traces, _exporter, metrics) = traces(Sample::Parent, 9);
    assert!(traces.room(traces.begin(caller("00")).as_ref()).is_none());
    assert!(traces.room(None).is_none());
    assert_eq!(metrics.spans().dropped_so_far(Dropped::Rate), 0);
}

#[test]
fn what_is_too_much_is_dropped_and_counted() {
    let (crowded, exporter, metrics) = traces(Sample::Parent, 1);
    let context = caller("01");
    // The second may turn in between, and then there is no room all the same.
    let held = crowded.room(context.as_ref());
    assert!(held.is_some());
    for _ in 0..3 {
        assert!(crowded.room(context.as_ref()).is_none());
    }
    let counted = metrics.spans();
    assert_eq!(counted.dropped_so_far(Dropped::Rate) + counted.dropped_so_far(Dropped::Queue), 3);
    drop((held, exporter));
    let (closed, exporter, metrics) = traces(Sample::Parent, 9);
    drop(exporter);
    assert!(closed.room(context.as_ref()).is_none());
    assert_eq!(metrics.spans().dropped_so_far(Dropped::Queue), 1);
}

/// The attributes of a span of `decision`, as text.
fn attributes(decision: &Decision) -> Vec<String> {
    let context = caller("01").unwrap();
    let (name, now) = (DecisionIds::new().unwrap().next(), decision.now);
    let watch = Stopwatch::start();
    let told = Told { decision, name, now, watch: &watch };
    let span = Span::new((context, SpanId::new([7; 8]).unwrap()), &told, "spiffe://prod.example/this".to_owned());
    let request = otlp::request("hopguard", &[span]);
    let span = &request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(span.status.is_some(), decision.reason().is_some_and(|reason| reason.as_str() == "internal"));
    span.attributes.iter().map(|pair| format!("{}={:?}", pair.key, pair.value)).collect()
}

#[test]
fn a_span_says_what_was_proved_and_nothing_that_a_stranger_wrote() {
    let (asks, scene) = (fixture::hop(), fixture::emergency());
    let mut decision = scene.decide(&asks);
    decision.outline = Outline {
        method: "SECRET".to_owned(),
        host: "secret.example".to_owned(),
        path: Some("/secret".to_owned()),
        request_id: Some("secret".to_owned()),
        ..decision.outline
    };
    let said = attributes(&decision).join("\n");
    for attribute in ["hopguard.peer=", "hopguard.grant=", "hopguard.purpose=", "hopguard.answered=", "hopguard.self="]
    {
        assert!(said.contains(attribute), "{attribute} in {said}");
    }
    assert!(said.contains("_OTHER") && !said.to_lowercase().contains("secret"), "{said}");
}

#[test]
fn only_what_could_not_be_decided_is_a_failure() {
    let decision = Decision::denied(crate::clock::Timestamp::MIN, Outline::default(), Fault::Internal);
    assert!(attributes(&decision).iter().any(|it| it.starts_with("error.type=") && it.contains("internal")));
    let denied =
        Decision::denied(crate::clock::Timestamp::MIN, Outline::default(), crate::hop::HopError::Malformed("hop.http"));
    assert!(!attributes(&denied).iter().any(|it| it.starts_with("error.type=")));
}
