//! What operators see: how each part stands, and the names of all metrics.

mod metrics;
mod readings;
mod status;
mod stopwatch;

pub use self::{
    metrics::{Census, Freshness, Histogram, Metrics, TrustFreshness},
    readings::{AuditReadings, CacheReadings, Fill, Readings},
    status::{Part, PartStatus, Status},
    stopwatch::{Lap, Stopwatch},
};
