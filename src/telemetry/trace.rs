//! A span of each decision, for OpenTelemetry: told when it is answered, and never waited for.
//!
//! What is wrong with a collector, or with what a caller says of its trace, costs spans, which are counted, and no answer. The number of
//! spans in a second and of those that wait is bounded, whoever asks for more.

mod collector;
mod export;
mod otlp;
mod sample;
mod span;

use aws_lc_rs::rand;
use tokio::sync::mpsc::{self, Permit, error::TrySendError};

pub use self::{
    collector::Collector,
    export::Exporter,
    sample::{Sample, Share},
    span::{Span, Told},
};
use super::{Dropped, Spans};
use crate::hop::{SpanId, TraceContext, TraceId};

/// What is told of, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where.
    pub collector: Collector,
    /// Which decisions.
    pub sample: Sample,
    /// What the sidecar is called among services.
    pub service: String,
}

/// Takes decisions to be told of.
#[derive(Debug)]
pub struct Traces {
    sample: Sample,
    rate: sample::Rate,
    spans: mpsc::Sender<Span>,
    counted: Spans,
}

/// Room for one span.
#[derive(Debug)]
pub struct Room<'a> {
    context: TraceContext,
    id: SpanId,
    room: Permit<'a, Span>,
}

impl Traces {
    /// What decisions are told to, at most so many `per_second`, and what tells them on. As many may wait.
    pub fn new(options: Options, per_second: u32, counted: Spans) -> (Self, Exporter) {
        let (spans, receiver) = mpsc::channel(usize::try_from(per_second).unwrap_or(usize::MAX).max(1));
        let rate = sample::Rate::new(per_second);
        let exporter = Exporter::new(options.collector, options.service, receiver, counted.clone());
        (Self { sample: options.sample, rate, spans, counted }, exporter)
    }

    /// Whether a decision is told of, as part of which trace. A trace begins here only to be told of.
    pub fn begin(&self, caller: Option<TraceContext>) -> Option<TraceContext> {
        match (self.sample, caller) {
            (Sample::Parent, caller) => caller,
            (Sample::Share(share), Some(caller)) => Some(TraceContext { sampled: share.holds(caller.trace), ..caller }),
            (Sample::Share(share), None) => {
                let trace = TraceId::new(random()?)?;
                let begun = TraceContext { trace, parent: None, sampled: true, state: String::new() };
                share.holds(trace).then_some(begun)
            }
        }
    }

    /// Room for a span, if one is to be made and there is any.
    pub fn room(&self, context: Option<&TraceContext>) -> Option<Room<'_>> {
        let context = context.filter(|context| context.sampled)?;
        if !self.rate.admits() {
            self.counted.dropped(Dropped::Rate, 1);
            return None;
        }
        let room = match self.spans.try_reserve() {
            Ok(room) => room,
            Err(TrySendError::Full(()) | TrySendError::Closed(())) => {
                self.counted.dropped(Dropped::Queue, 1);
                return None;
            }
        };
        Some(Room { context: context.clone(), id: SpanId::new(random()?)?, room })
    }
}

impl Room<'_> {
    /// Tells of a decision that `this` workload has made.
    pub fn tell(self, told: &Told<'_>, this: String) {
        let Self { context, id, room } = self;
        room.send(Span::new((context, id), told, this));
    }
}

/// Random bytes, if the system has any to give.
fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests;
