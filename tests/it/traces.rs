//! Each decision is a span of the trace that its Check came from, and no collector holds up an answer.

mod proto;

use std::time::{Duration, Instant};

use hopguard::dev::WebAuthority;
use tokio::{io::AsyncReadExt, net::TcpListener};
use tonic::{Code, Request};

use crate::harness::{Answer, Collector, FRONTEND, Guard, Hop, Mood, PAYMENTS, Setup, Told, until};

/// The spans that a caller's sidecar names.
const SPAN: &str = "00f067aa0ba902b7";
const OTHER: &str = "b7ad6b7169203331";

#[tokio::test]
async fn a_decision_is_the_child_of_the_span_that_asked() {
    let collector = Collector::start().await;
    let guard = following(&collector).start().await;
    let trace = trace(1);
    let answer =
        ask(&guard, guard.hop(), &[("traceparent", &parent(&trace, SPAN, "01")), ("tracestate", "a=1,b=2")]).await;
    let answer = answer.allowed();
    let told = collector.trace(&trace, 1).await.remove(0);
    assert_eq!((told.parent().as_str(), told.span.name.as_str()), (SPAN, "hopguard.check"));
    assert_eq!((told.service.as_str(), told.span.kind, told.span.trace_state.as_str()), ("hopguard", 2, "a=1,b=2"));
    assert_eq!(told.span.flags, 0x301, "sampled, and its parent is known to be elsewhere");
    assert_eq!(told.span.status, None);
    for (key, value) in [
        ("rpc.system.name", "grpc"),
        ("rpc.method", "envoy.service.auth.v3.Authorization/Check"),
        ("http.request.method", "POST"),
        ("hopguard.decision_id", answer.id().as_str()),
        ("hopguard.answered", "allow"),
        ("hopguard.allowed", "true"),
        ("hopguard.self", PAYMENTS),
        ("hopguard.peer", FRONTEND),
        ("hopguard.assurance", "verified"),
        ("hopguard.purpose", "checkout"),
    ] {
        assert_eq!(told.attribute(key).as_deref(), Some(value), "{key}");
    }
    let record = guard.record(&answer).await;
    assert_eq!(record["trace_id"], trace);
    assert_eq!(told.attribute("hopguard.grant").as_deref(), record["grant"]["name"].as_str());
    for part in ["trust", "store", "policy", "config"] {
        let revision = told.attribute(&format!("hopguard.revisions.{part}"));
        assert_eq!(revision.as_deref(), record["revisions"][part].as_str(), "{part}");
    }
    assert_eq!(told.attribute("hopguard.reason"), None);
}

#[tokio::test]
async fn a_span_says_how_long_each_stage_took() {
    let collector = Collector::start().await;
    let guard = following(&collector).start().await;
    let trace = trace(2);
    ask(&guard, guard.hop(), &[("traceparent", &parent(&trace, SPAN, "01"))]).await.allowed();
    let Told { span, .. } = collector.trace(&trace, 1).await.remove(0);
    assert!(span.start_time_unix_nano < span.end_time_unix_nano);
    let names: Vec<&str> = span.events.iter().map(|event| event.name.as_str()).collect();
    for stage in ["hopguard.hop", "hopguard.peer", "hopguard.grant", "hopguard.policy", "hopguard.answer"] {
        assert!(names.contains(&stage), "{stage} is not in {names:?}");
    }
    for event in &span.events {
        assert!((span.start_time_unix_nano..=span.end_time_unix_nano).contains(&event.time_unix_nano), "{event:?}");
        assert!(event.attributes.iter().any(|pair| pair.key == "hopguard.duration_ns"));
    }
}

#[tokio::test]
async fn a_denial_says_why_and_nothing_that_a_stranger_wrote() {
    let collector = Collector::start().await;
    let guard = following(&collector).start().await;
    let denied = trace(3);
    let beside = parent(&denied, SPAN, "01");
    ask(&guard, guard.hop().path("/refund?token=secret"), &[("traceparent", &beside)]).await.denied("grant_missing");
    let told = collector.trace(&denied, 1).await.remove(0);
    assert_eq!(told.span.status, None, "a denial is an answer");
    assert_eq!(told.attribute("hopguard.answered").as_deref(), Some("deny"));
    assert_eq!(told.attribute("hopguard.reason").as_deref(), Some("grant_missing"));
    assert_eq!(told.attribute("hopguard.detail").as_deref(), Some("grant.action"));
    assert_eq!(told.attribute("hopguard.peer").as_deref(), Some(FRONTEND), "who was refused");
    let everything = told.everything();
    assert!(!everything.contains("refund") && !everything.contains("secret"), "{everything}");
}

#[tokio::test]
async fn what_could_not_be_decided_is_a_failure() {
    let collector = Collector::start().await;
    let setup = following(&collector);
    setup.policy("decision := true if 1 / to_number(input.parsed_query.by[0]) > 0");
    let guard = setup.start().await;
    let trace = trace(4);
    let hop = guard.hop().path("/charge?by=0");
    ask(&guard, hop, &[("traceparent", &parent(&trace, SPAN, "01"))]).await.denied("policy_error");
    let told = collector.trace(&trace, 1).await.remove(0);
    let status = told.span.status.as_ref().map(|status| (status.code, status.message.as_str()));
    assert_eq!(status, Some((2, "policy_error")));
    assert_eq!(told.attribute("error.type").as_deref(), Some("policy_error"));
}

#[tokio::test]
async fn the_hops_own_headers_name_the_trace_where_nothing_stands_beside_the_check() {
    let collector = Collector::start().await;
    let guard = following(&collector).start().await;
    let [in_headers, beside] = [trace(5), trace(6)];
    let hop = || guard.hop().header("traceparent", parent(&in_headers, OTHER, "01")).header("tracestate", "a=1");
    let answer = ask(&guard, hop(), &[]).await.allowed();
    assert_eq!(collector.trace(&in_headers, 1).await[0].parent(), OTHER);
    assert_eq!(guard.record(&answer).await["trace_id"], in_headers);
    // Envoy's own span is nearer.
    let answer = ask(&guard, hop(), &[("traceparent", &parent(&beside, SPAN, "01"))]).await.allowed();
    assert_eq!(collector.trace(&beside, 1).await[0].parent(), SPAN);
    assert_eq!(guard.record(&answer).await["trace_id"], beside);
    assert_eq!(collector.trace(&in_headers, 1).await.len(), 1);
}

#[tokio::test]
async fn what_is_not_sampled_or_names_no_trace_is_not_told_of() {
    let collector = Collector::start().await;
    let guard = following(&collector).start().await;
    let [unsampled, last] = [trace(7), trace(8)];
    let answer = ask(&guard, guard.hop(), &[("traceparent", &parent(&unsampled, SPAN, "00"))]).await.allowed();
    assert_eq!(guard.record(&answer).await["trace_id"], unsampled, "the record names the trace all the same");
    let valid = parent(&unsampled, SPAN, "01");
    for broken in [valid.to_uppercase(), format!("{valid}0"), valid.replacen("00", "ff", 1), "x".repeat(4000)] {
        let answer = ask(&guard, guard.hop(), &[("traceparent", &broken)]).await.allowed();
        assert_eq!(guard.record(&answer).await.get("trace_id"), None, "{broken}");
    }
    let answer = ask(&guard, guard.hop(), &[("traceparent", &valid), ("traceparent", &valid)]).await.allowed();
    assert_eq!(guard.record(&answer).await.get("trace_id"), None, "which of the two it is, nobody knows");
    ask(&guard, guard.hop(), &[]).await.allowed();
    let odd_state = [("traceparent", parent(&last, SPAN, "01")), ("tracestate", "no state".to_owned())];
    ask(&guard, guard.hop(), &odd_state.each_ref().map(|(name, value)| (*name, value.as_str()))).await.allowed();
    assert_eq!(collector.trace(&last, 1).await[0].span.trace_state, "");
    assert_eq!(collector.told().len(), 1);
    // It is counted once the collector has said so.
    until("a count", async || (guard.metric("hopguard_spans_sent_total").await == 1).then_some(())).await;
}

#[tokio::test]
async fn a_share_is_told_of_whatever_callers_say_and_begins_traces_of_its_own() {
    let collector = Collector::start().await;
    let setup = Setup::new().set(
        "telemetry.otlp",
        &format!("{{endpoint: \"{}\", sample: 100%, service_name: guard-7}}", collector.endpoint),
    );
    let guard = setup.start().await;
    let trace = trace(9);
    ask(&guard, guard.hop(), &[("traceparent", &parent(&trace, SPAN, "00"))]).await.allowed();
    assert_eq!(collector.trace(&trace, 1).await[0].service, "guard-7");
    let answer = ask(&guard, guard.hop(), &[]).await.allowed();
    let record = guard.record(&answer).await;
    let begun = collector.trace(record["trace_id"].as_str().expect("a trace of its own"), 1).await.remove(0);
    assert_eq!(begun.parent(), "");
    assert_eq!(begun.attribute("hopguard.decision_id"), Some(answer.id()));
    assert_ne!(begun.id(), "0".repeat(16));
}

#[tokio::test]
async fn a_collector_that_is_away_or_hangs_costs_no_answer_and_its_spans_are_counted() {
    // Accepts, and says nothing.
    let mute = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mute_at = format!("http://{}", mute.local_addr().unwrap());
    let reading = tokio::spawn(async move {
        while let Ok((mut stream, _)) = mute.accept().await {
            tokio::spawn(async move { while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {} });
        }
    });
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let nobody_at = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let hanging = Collector::start().await;
    hanging.mood(Mood::Hangs);
    for endpoint in [mute_at, nobody_at, hanging.endpoint.clone()] {
        let setup = Setup::new().set("telemetry.otlp", &format!("{{endpoint: \"{endpoint}\"}}"));
        let guard = setup.set("limits.spans_per_second", "20").set("limits.drain", "1s").start().await;
        let check = guard.hop().request();
        let mut client = guard.client();
        let mut slowest = Duration::ZERO;
        for number in 0..300 {
            let mut request = Request::new(check.clone());
            request.metadata_mut().insert("traceparent", parent(&trace(1000 + number), SPAN, "01").parse().unwrap());
            let begun = Instant::now();
            Answer(client.check(request).await.unwrap().into_inner()).allowed();
            slowest = slowest.max(begun.elapsed());
        }
        assert!(slowest < Duration::from_secs(3), "an answer took {slowest:?}, and a collector's patience is longer");
        let mut lost = 0;
        for reason in ["rate", "queue"] {
            lost += guard.metric(&format!("hopguard_spans_dropped_total{{reason=\"{reason}\"}}")).await;
        }
        assert!(lost > 0, "{endpoint}");
        assert_eq!(guard.metric("hopguard_spans_sent_total").await, 0);
        let begun = Instant::now();
        let ended = guard.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.setup.said());
        assert!(begun.elapsed() < Duration::from_secs(15), "it waits for a collector no longer than `limits.drain`");
    }
    reading.abort();
}

#[tokio::test]
async fn what_was_decided_last_is_told_before_the_end() {
    let collector = Collector::start().await;
    let guard = following(&collector).start().await;
    let trace = trace(10);
    for _ in 0..30 {
        ask(&guard, guard.hop(), &[("traceparent", &parent(&trace, SPAN, "01"))]).await.allowed();
    }
    let ended = guard.stop().await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(collector.told().len(), 30);
}

#[tokio::test]
async fn spans_wait_for_a_collector_that_comes_back_and_not_for_one_that_says_no() {
    let collector = Collector::start().await;
    collector.mood(Mood::Refuses(Code::Unavailable));
    let guard = following(&collector).start().await;
    let [kept, lost, most, last] = [trace(11), trace(12), trace(13), trace(14)];
    let tell =
        async |trace: &str| ask(&guard, guard.hop(), &[("traceparent", &parent(trace, SPAN, "01"))]).await.allowed();
    let dropped = async || guard.metric("hopguard_spans_dropped_total{reason=\"collector\"}").await;
    tell(&kept).await;
    until("another attempt", async || (collector.calls() >= 2).then_some(())).await;
    collector.mood(Mood::Takes);
    collector.trace(&kept, 1).await;
    assert_eq!(dropped().await, 0);

    collector.mood(Mood::Refuses(Code::PermissionDenied));
    tell(&lost).await;
    until("a loss", async || (dropped().await == 1).then_some(())).await;
    collector.mood(Mood::TakesMost);
    tell(&most).await;
    until("another loss", async || (dropped().await == 2).then_some(())).await;
    collector.mood(Mood::Takes);
    tell(&last).await;
    collector.trace(&last, 1).await;
    assert!(collector.told().iter().all(|told| told.trace() != lost));
    let said = guard.said();
    assert!(said.contains("Collector does not take spans") && said.contains("Collector takes spans again"), "{said}");
}

#[tokio::test]
async fn a_collector_beyond_this_machine_proves_that_it_is_the_one() {
    let setup = Setup::new();
    let (now, until_then) = (setup.now(), setup.now().after(Duration::from_secs(3600)));
    let [ours, theirs] = [(); 2].map(|()| WebAuthority::new(now, until_then).unwrap());
    let credentials = ours.certify(&["localhost"], now, until_then).unwrap();
    let collector = Collector::with_tls("localhost", &credentials).await;
    setup.write("ours.pem", &ours.pem());
    let otlp = format!("{{endpoint: \"{}\", ca: ours.pem}}", collector.endpoint);
    let guard = setup.set("telemetry.otlp", &otlp).start().await;
    let trusted = trace(15);
    ask(&guard, guard.hop(), &[("traceparent", &parent(&trusted, SPAN, "01"))]).await.allowed();
    collector.trace(&trusted, 1).await;
    let ended = guard.stop().await;

    // The same with another authority's word, and under another name.
    for (ca, host) in [(&theirs, "localhost"), (&ours, "127.0.0.1")] {
        let setup = Setup::new();
        setup.write("ca.pem", &ca.pem());
        let endpoint = collector.endpoint.replace("localhost", host);
        let setup = setup.set("telemetry.otlp", &format!("{{endpoint: \"{endpoint}\", ca: ca.pem}}"));
        let guard = setup.start().await;
        ask(&guard, guard.hop(), &[("traceparent", &parent(&trusted, SPAN, "01"))]).await.allowed();
        until("a refusal", async || guard.said().contains("the server was not verified").then_some(())).await;
        assert_eq!(guard.metric("hopguard_spans_sent_total").await, 0);
    }
    assert_eq!(collector.told().len(), 1);
    drop(ended);
}

#[tokio::test]
async fn a_collector_may_be_behind_a_socket() {
    let setup = Setup::new();
    let collector = Collector::at_socket(&setup.path("otlp.sock"));
    let guard = setup.set("telemetry.otlp", &format!("{{endpoint: \"{}\"}}", collector.endpoint)).start().await;
    let trace = trace(16);
    ask(&guard, guard.hop(), &[("traceparent", &parent(&trace, SPAN, "01"))]).await.allowed();
    collector.trace(&trace, 1).await;
}

#[tokio::test]
async fn a_collector_in_plain_text_elsewhere_is_refused() {
    let setup = Setup::new().set("telemetry.otlp", "{endpoint: \"http://192.0.2.1:4317\"}");
    let ended = setup.refused().await;
    assert_eq!(ended.code, Some(3));
    assert!(ended.setup.said().contains("would tell in plain text"), "{}", ended.setup.said());
}

/// A Hopguard that tells `collector` what callers choose.
fn following(collector: &Collector) -> Setup {
    Setup::new().set("telemetry.otlp", &format!("{{endpoint: \"{}\"}}", collector.endpoint))
}

async fn ask(guard: &Guard, hop: Hop<'_>, beside: &[(&'static str, &str)]) -> Answer {
    let mut request = Request::new(hop.request());
    for (name, value) in beside {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    Answer(guard.client().check(request).await.unwrap().into_inner())
}

fn parent(trace: &str, span: &str, flags: &str) -> String {
    format!("00-{trace}-{span}-{flags}")
}

/// A trace of its own for each test.
fn trace(number: u32) -> String {
    format!("{number:032x}")
}
