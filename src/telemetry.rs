//! What operators see: logs, and the names of all metrics.

mod metrics;

pub use self::metrics::Metrics;
