//! What operators see: how each part stands, and the names of all metrics.

mod metrics;
mod status;
mod stopwatch;

pub use self::{
    metrics::{Census, Histogram, Metrics, Readings},
    status::{Part, PartStatus, Status},
    stopwatch::{Lap, Stopwatch},
};
