//! What operators see: how each part stands, the names of all metrics, and a span of each decision.

mod metrics;
mod readings;
mod status;
mod stopwatch;
pub mod trace;

pub use self::{
    metrics::{Census, Dropped, Freshness, Histogram, Metrics, Spans, TrustFreshness},
    readings::{AuditReadings, CacheReadings, Fill, Readings},
    status::{Part, PartStatus, Status},
    stopwatch::{Lap, Stopwatch},
};
