//! Values by path patterns: a look-up costs what the path has segments that some pattern has, however many patterns there are.

use std::{collections::HashMap, str::Split};

use super::{PathPattern, Segment};

/// One value for each pattern.
#[derive(Clone, Debug)]
pub(crate) struct ByPattern<T>(Node<T>);

/// What follows the same segments. Boxed where it may be absent: most nodes are leaves, and there may be very many.
#[derive(Clone, Debug)]
struct Node<T> {
    below: Option<Box<Below<T>>>,
    /// The value of the pattern that ends here.
    end: Option<Box<T>>,
    /// The value of the pattern that goes on with `**`.
    rest: Option<Box<T>>,
}

#[derive(Clone, Debug)]
struct Below<T> {
    any: Option<Node<T>>,
    exactly: HashMap<Box<str>, Node<T>>,
}

impl<T: Default> ByPattern<T> {
    /// The value of this pattern, a new one if it has none yet.
    pub(crate) fn entry(&mut self, pattern: &PathPattern) -> &mut T {
        let mut node = &mut self.0;
        for segment in &pattern.segments {
            let below = node.below.get_or_insert_default();
            node = match segment {
                Segment::Any => below.any.get_or_insert_default(),
                Segment::Exactly(text) => below.exactly.entry(text.clone()).or_default(),
            };
        }
        if pattern.open { node.rest.get_or_insert_default() } else { node.end.get_or_insert_default() }
    }
}

impl<T> ByPattern<T> {
    /// Shows the values of all patterns that match this canonical path, each once.
    pub(crate) fn matching<'a>(&'a self, path: &str, show: &mut impl FnMut(&'a T)) {
        if let Some(path) = path.strip_prefix('/') {
            self.0.matching(path.split('/'), show);
        }
    }

    /// Shows all values.
    pub(crate) fn each_mut(&mut self, show: &mut impl FnMut(&mut T)) {
        self.0.each_mut(show);
    }
}

impl<T> Node<T> {
    fn matching<'a>(&'a self, mut asked: Split<'_, char>, show: &mut impl FnMut(&'a T)) {
        let Some(segment) = asked.next() else {
            self.end.iter().for_each(|value| show(value));
            return;
        };
        self.rest.iter().for_each(|value| show(value));
        let Some(below) = &self.below else { return };
        if let Some(node) = below.exactly.get(segment) {
            node.matching(asked.clone(), show);
        }
        if let Some(node) = below.any.as_ref().filter(|_| Segment::Any.matches(segment)) {
            node.matching(asked, show);
        }
    }

    fn each_mut(&mut self, show: &mut impl FnMut(&mut T)) {
        self.end.iter_mut().chain(&mut self.rest).for_each(|value| show(value));
        if let Some(below) = &mut self.below {
            below.any.iter_mut().chain(below.exactly.values_mut()).for_each(|node| node.each_mut(show));
        }
    }
}

impl<T> Default for ByPattern<T> {
    fn default() -> Self {
        Self(Node::default())
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { below: None, end: None, rest: None }
    }
}

impl<T> Default for Below<T> {
    fn default() -> Self {
        Self { any: None, exactly: HashMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    fn path(segments: &[&str]) -> String {
        format!("/{}", segments.join("/"))
    }

    proptest! {
        #[test]
        fn shows_the_patterns_that_match_and_no_other(
            patterns in vec(vec(select(&["a", "b", "*", "**", ""][..]), 1..5), 0..12),
            asked in vec(vec(select(&["a", "b", "c", "*", ""][..]), 1..5), 1..12),
        ) {
            let patterns: Vec<_> =
                patterns.iter().filter_map(|segments| PathPattern::parse(&path(segments)).ok()).collect();
            let mut by_pattern = ByPattern::<Vec<usize>>::default();
            for (at, pattern) in patterns.iter().enumerate() {
                by_pattern.entry(pattern).push(at);
            }
            for asked in asked.iter().map(|segments| path(segments)).chain([String::new(), "a".to_owned()]) {
                let mut shown: Vec<usize> = vec![];
                by_pattern.matching(&asked, &mut |found| shown.extend(found));
                shown.sort_unstable();
                let expected: Vec<_> = (0..patterns.len()).filter(|at| patterns[*at].matches(&asked)).collect();
                prop_assert_eq!(shown, expected);
            }
            let mut count = 0;
            by_pattern.each_mut(&mut |found| count += found.len());
            prop_assert_eq!(count, patterns.len());
        }
    }

    #[test]
    fn the_longest_pattern_and_path_are_walked() {
        let pattern = PathPattern::parse(&"/*".repeat(1024)).unwrap();
        let mut by_pattern = ByPattern::<bool>::default();
        *by_pattern.entry(&pattern) = true;
        let mut shown = 0;
        by_pattern.matching(&"/a".repeat(1024), &mut |_| shown += 1);
        by_pattern.matching(&"/a".repeat(100_000), &mut |_| shown += 1);
        assert_eq!(shown, 1);
    }
}
