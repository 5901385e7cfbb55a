//! Spans as OTLP writes them, by OpenTelemetry's semantic conventions where there are any.

use super::Span;
use crate::{
    clock::Timestamp,
    decision::{Reason, Stage},
    pb::opentelemetry::proto::{
        collector::trace::v1::ExportTraceServiceRequest,
        common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value::Value},
        resource::v1::Resource,
        trace::v1::{
            ResourceSpans, ScopeSpans, Span as Message, Status,
            span::{Event, SpanKind},
            status::StatusCode,
        },
    },
    telemetry::Lap,
};

/// A request that tells of all of them.
pub(super) fn request(service: &str, spans: &[Span]) -> ExportTraceServiceRequest {
    let attributes = vec![text("service.name", service), text("service.version", env!("CARGO_PKG_VERSION"))];
    let scope = InstrumentationScope { name: SCOPE.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let spans = ScopeSpans { scope: Some(scope), spans: spans.iter().map(message).collect() };
    let resource = Some(Resource { attributes });
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource, scope_spans: vec![spans] }] }
}

fn message(span: &Span) -> Message {
    let failure = span.failure();
    let parent = span.context.parent;
    Message {
        trace_id: span.context.trace.as_bytes().to_vec(),
        span_id: span.id.as_bytes().to_vec(),
        trace_state: span.context.state.clone(),
        parent_span_id: parent.map(|parent| parent.as_bytes().to_vec()).unwrap_or_default(),
        name: NAME.to_owned(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: nanos(span.started()),
        end_time_unix_nano: nanos(span.ended),
        attributes: attributes(span),
        events: span.watch.laps().map(|(stage, lap)| event(span.started(), stage, lap)).collect(),
        status: failure.map(|reason| Status { message: reason.as_str().to_owned(), code: StatusCode::Error.into() }),
        flags: SAMPLED | PARENT_KNOWN | if parent.is_some() { PARENT_REMOTE } else { 0 },
    }
}

/// When a stage began, and how long it took. It is an event, because a span of its own for each would make a trace of one hop a dozen spans.
fn event(started: Timestamp, stage: Stage, lap: Lap) -> Event {
    let length = i64::try_from(lap.length.as_nanos()).unwrap_or(i64::MAX);
    Event {
        time_unix_nano: nanos(started.after(lap.offset)),
        name: format!("hopguard.{}", stage.as_str()),
        attributes: vec![pair("hopguard.duration_ns", Value::IntValue(length))],
    }
}

fn attributes(span: &Span) -> Vec<KeyValue> {
    let revisions = span.revisions.as_deref();
    let observed = |reasons: &[Reason]| reasons.iter().map(|reason| any(reason.as_str())).collect();
    let optional = [
        ("http.request.method", span.method),
        ("error.type", span.failure().map(Reason::as_str)),
        ("hopguard.reason", span.reason.map(Reason::as_str)),
        ("hopguard.detail", span.detail),
        ("hopguard.self", Some(span.this.as_str()).filter(|this| !this.is_empty())),
        ("hopguard.peer", span.peer.as_deref()),
        ("hopguard.assurance", span.assurance),
        ("hopguard.purpose", span.purpose.as_deref()),
        ("hopguard.grant", span.grant.as_deref()),
        ("hopguard.revisions.trust", revisions.map(|revisions| revisions.trust.as_str())),
        ("hopguard.revisions.store", revisions.map(|revisions| revisions.store.as_str())),
        ("hopguard.revisions.policy", revisions.map(|revisions| revisions.policy.as_str())),
        ("hopguard.revisions.config", revisions.map(|revisions| revisions.config.as_str())),
    ];
    let mut attributes = vec![
        text("rpc.system.name", "grpc"),
        text("rpc.method", METHOD),
        // A denial is an answer: no Check ends in a gRPC error.
        text("rpc.response.status_code", "OK"),
        text("hopguard.decision_id", &span.decision.to_string()),
        text("hopguard.answered", if span.permit { "allow" } else { "deny" }),
        pair("hopguard.allowed", Value::BoolValue(span.allowed)),
    ];
    attributes.extend(optional.into_iter().filter_map(|(key, value)| Some(text(key, value?))));
    if span.public {
        attributes.push(pair("hopguard.public", Value::BoolValue(true)));
    }
    if !span.observed.is_empty() {
        let values = observed(&span.observed);
        attributes.push(pair("hopguard.observed", Value::ArrayValue(ArrayValue { values })));
    }
    attributes
}

fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.nanos()).unwrap_or_default()
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

fn any(value: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value.to_owned())) }
}

const NAME: &str = "hopguard.check";
const METHOD: &str = "envoy.service.auth.v3.Authorization/Check";
const SCOPE: &str = "hopguard";
/// The trace's own flag, and what is known of the parent (`SpanFlags` of OTLP).
const SAMPLED: u32 = 1;
const PARENT_KNOWN: u32 = 0x100;
const PARENT_REMOTE: u32 = 0x200;
