//! What operators see: how each part stands, and the names of all metrics.

mod metrics;
mod status;

pub use self::{
    metrics::{Census, Metrics, Readings},
    status::{Part, PartStatus, Status},
};
