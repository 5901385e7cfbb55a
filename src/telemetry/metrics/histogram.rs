//! A histogram that nobody waits for: what is observed is two additions, also while it is read.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};

/// Durations, by upper bounds in seconds. A copy is the same histogram.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: &'static [f64],
    /// One for each bound, and one for what is above them all.
    counts: Box<[AtomicU64]>,
    nanos: AtomicU64,
}

impl Histogram {
    /// Nothing observed; `bounds` ascend.
    pub fn new(bounds: &'static [f64]) -> Self {
        let counts = std::iter::repeat_with(AtomicU64::default).take(bounds.len() + 1).collect();
        Self(Arc::new(Inner { bounds, counts, nanos: AtomicU64::new(0) }))
    }

    /// Counts `length`.
    pub fn observe(&self, length: Duration) {
        let Inner { bounds, counts, nanos } = &*self.0;
        let seconds = length.as_secs_f64();
        // Inclusive, as `le` says.
        let place = bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        nanos.fetch_add(u64::try_from(length.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let Inner { bounds, counts, nanos } = &*self.0;
        let sum = Duration::from_nanos(nanos.load(Ordering::Relaxed)).as_secs_f64();
        // What is above every bound.
        let bounds = bounds.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(counts.iter().map(|count| count.load(Ordering::Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    #[test]
    fn an_observation_counts_below_every_bound_that_is_not_less() {
        let mut registry = Registry::default();
        let histogram = Histogram::new(&[0.001, 0.1]);
        registry.register("a_seconds", "A", histogram.clone());
        for micros in [1000, 1500, 247_500] {
            histogram.observe(Duration::from_micros(micros));
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "a_seconds_sum 0.25\n",
            "a_seconds_count 3\n",
            "a_seconds_bucket{le=\"0.001\"} 1\n",
            "a_seconds_bucket{le=\"0.1\"} 2\n",
            "a_seconds_bucket{le=\"+Inf\"} 3\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
