//! How much a decision may hold: what Envoy would drop, or fail over, is not half applied.

use super::{Pairs, Style, fault};
use crate::policy::PolicyError;

/// The most of everything.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Entries of one field.
    pub(super) entries: usize,
    /// Bytes of names and values, all fields together.
    pub(super) bytes: usize,
    /// Bytes of a body.
    pub(super) body: usize,
    /// Levels of metadata.
    pub(super) depth: usize,
    /// Bytes of metadata, with what each value costs by itself.
    pub(super) metadata: usize,
}

impl Style {
    pub(super) const fn bounds(self) -> &'static Bounds {
        match self {
            Self::Hopguard => &Bounds { entries: 64, bytes: 32 << 10, body: 64 << 10, depth: 16, metadata: 64 << 10 },
            // Envoy reads Protocol Buffers to 100 levels, of which an object takes three.
            Self::Opa { .. } => {
                &Bounds { entries: 1024, bytes: 256 << 10, body: 1 << 20, depth: 30, metadata: 1 << 20 }
            }
        }
    }
}

impl Bounds {
    /// Holds headers, query parameters and a body against them.
    pub(super) fn hold(&self, pairs: &[&Pairs], names: &[&Vec<String>], body: Option<&str>) -> Result<(), PolicyError> {
        let most = pairs.iter().map(|pairs| pairs.len()).chain(names.iter().map(|names| names.len())).max();
        let pairs = pairs.iter().flat_map(|pairs| pairs.iter()).map(|(name, value)| name.len() + value.len());
        let names = names.iter().flat_map(|names| names.iter()).map(String::len);
        if most.unwrap_or_default() > self.entries || pairs.chain(names).sum::<usize>() > self.bytes {
            return Err(fault("the decision has more headers or query parameters than Envoy should be given"));
        }
        if body.is_some_and(|body| body.len() > self.body) {
            return Err(fault("`body` is too large"));
        }
        Ok(())
    }
}
