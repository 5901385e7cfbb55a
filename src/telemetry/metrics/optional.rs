//! A gauge that is left out of a scrape while there is nothing to tell.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric},
};

/// A number, or none, which is kept as what is no number. A copy is the same gauge.
#[derive(Clone, Debug)]
pub(super) struct Optional(Arc<AtomicU64>);

impl Optional {
    /// From now on it is `value`, or is not there.
    pub(super) fn set(&self, value: Option<f64>) {
        self.0.store(value.unwrap_or(f64::NAN).to_bits(), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Option<f64> {
        Some(f64::from_bits(self.0.load(Ordering::Relaxed))).filter(|value| !value.is_nan())
    }
}

impl Default for Optional {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(f64::NAN.to_bits())))
    }
}

impl EncodeMetric for Optional {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        self.get().map_or(Ok(()), |value| encoder.encode_gauge(&value))
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }

    fn is_empty(&self) -> bool {
        self.get().is_none()
    }
}

impl TypedMetric for Optional {
    const TYPE: MetricType = MetricType::Gauge;
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    use super::*;

    #[test]
    fn what_is_not_there_is_not_told() {
        let (optional, mut registry) = (Optional::default(), Registry::default());
        registry.register("a", "A", optional.clone());
        let told = |value| {
            optional.set(value);
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text
        };
        assert_eq!(told(None), "# EOF\n");
        assert!(told(Some(2.0)).contains("\na 2.0\n"));
        assert_eq!(told(None), "# EOF\n");
    }
}
