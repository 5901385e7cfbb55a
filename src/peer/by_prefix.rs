//! Values by the prefixes of workloads' names: a look-up costs what the name is long, however many prefixes there are.

use std::collections::HashMap;

use spiffe::{SpiffeId, TrustDomain};

use super::IdPrefix;

/// One value for each prefix.
#[derive(Clone, Debug)]
pub(crate) struct ByPrefix<T>(HashMap<TrustDomain, Node<T>>);

#[derive(Clone, Debug)]
struct Node<T> {
    value: Option<T>,
    below: HashMap<Box<str>, Self>,
}

impl<T> ByPrefix<T> {
    /// The value of this prefix; `new` if it has none yet.
    pub(crate) fn entry(&mut self, prefix: &IdPrefix, new: impl FnOnce() -> T) -> &mut T {
        let mut node = self.0.entry(prefix.trust_domain().clone()).or_default();
        for segment in segments(prefix.path().strip_suffix('/').unwrap_or_default()) {
            node = node.below.entry(segment.into()).or_default();
        }
        node.value.get_or_insert_with(new)
    }

    /// The values of all prefixes that include the name, the shortest first.
    pub(crate) fn including(&self, id: &SpiffeId) -> impl Iterator<Item = &T> {
        let mut node = self.0.get(id.trust_domain());
        // A prefix ends before a segment, so the last one is never part of it.
        segments(id.path()).filter_map(move |segment| {
            let here = node?;
            node = here.below.get(segment);
            here.value.as_ref()
        })
    }
}

impl<T> Default for ByPrefix<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { value: None, below: HashMap::new() }
    }
}

/// The segments of a path that has no slash at its end.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::id;

    #[test]
    fn finds_every_prefix_that_includes_a_name_and_no_other() {
        let prefixes = [
            "spiffe://prod.example/",
            "spiffe://prod.example/ns/",
            "spiffe://prod.example/ns/billing/",
            "spiffe://prod.example/ns/billing/sa/",
            "spiffe://prod.example/ns/bill/",
            "spiffe://other.example/",
            "spiffe://other.example/ns/billing/",
        ]
        .map(|text| IdPrefix::parse(text).unwrap());
        let mut by_prefix = ByPrefix::default();
        for prefix in &prefixes {
            by_prefix.entry(prefix, || prefix.clone());
        }
        for name in [
            "spiffe://prod.example",
            "spiffe://prod.example/ns",
            "spiffe://prod.example/ns/billing",
            "spiffe://prod.example/ns/billing/sa",
            "spiffe://prod.example/ns/billing/sa/api",
            "spiffe://prod.example/ns/billing-old/sa/api",
            "spiffe://prod.example/ns/bill/a/b/c/d",
            "spiffe://other.example/ns/a",
            "spiffe://other.example/ns/billing/a",
            "spiffe://third.example/ns/billing/a",
        ] {
            let name = id::parse(name).unwrap();
            let mut expected: Vec<_> = prefixes.iter().filter(|prefix| prefix.includes(&name)).collect();
            expected.sort_by_key(|prefix| prefix.path().len());
            assert_eq!(by_prefix.including(&name).collect::<Vec<_>>(), expected, "{name}");
        }
    }

    #[test]
    fn a_prefix_has_one_value() {
        let prefix = IdPrefix::parse("spiffe://prod.example/ns/").unwrap();
        let mut by_prefix = ByPrefix::default();
        *by_prefix.entry(&prefix, || 1) += 1;
        *by_prefix.entry(&prefix, || 1) += 1;
        assert_eq!(by_prefix.including(&id::parse("spiffe://prod.example/ns/a").unwrap()).collect::<Vec<_>>(), [&3]);
    }
}
