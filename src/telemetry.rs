//! What operators see: how each part stands, the names of all metrics, and a span of each decision.

mod metrics;
mod status;
mod stopwatch;
pub mod trace;

pub use self::{
    metrics::{Census, Dropped, Histogram, Metrics, Readings, Spans},
    status::{Part, PartStatus, Status},
    stopwatch::{Lap, Stopwatch},
};
