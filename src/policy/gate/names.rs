//! The names of all rules as one tree: what a path may evaluate is found in as many steps as the path has names.

use std::collections::BTreeMap;

use super::tree::{Module, Name, Rule};

/// A place in the tree of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(usize);

/// Full paths of rules and functions, without `data`.
#[derive(Debug)]
pub(super) struct Names<'a> {
    nodes: Vec<Node<'a>>,
}

#[derive(Debug, Default)]
struct Node<'a> {
    children: BTreeMap<Name, Place>,
    rules: Vec<(&'a Module, &'a Rule)>,
}

impl Place {
    /// The root: `data` itself.
    pub(super) const ROOT: Self = Self(0);

    pub(super) const fn index(self) -> usize {
        self.0
    }
}

impl<'a> Names<'a> {
    pub(super) fn of(modules: &'a [Module]) -> Self {
        let mut names = Self { nodes: vec![Node::default()] };
        for module in modules {
            for rule in &module.rules {
                let place = names.insert(&rule.path);
                if let Some(node) = names.nodes.get_mut(place.0) {
                    node.rules.push((module, rule));
                }
            }
        }
        names
    }

    fn insert(&mut self, path: &[Name]) -> Place {
        let mut place = Place::ROOT;
        for name in path {
            let next = Place(self.nodes.len());
            let Some(node) = self.nodes.get_mut(place.0) else { return place };
            place = *node.children.entry(name.clone()).or_insert(next);
            if place == next {
                self.nodes.push(Node::default());
            }
        }
        place
    }

    /// How many places there are.
    pub(super) const fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        (0..self.nodes.len()).map(Place)
    }

    /// The place one name below.
    pub(super) fn below(&self, place: Place, name: &str) -> Option<Place> {
        self.nodes.get(place.0)?.children.get(name).copied()
    }

    /// The place at the end of `path`.
    pub(super) fn at(&self, path: &[Name]) -> Option<Place> {
        path.iter().try_fold(Place::ROOT, |place, name| self.below(place, name))
    }

    pub(super) fn children(&self, place: Place) -> impl Iterator<Item = (&Name, Place)> {
        self.nodes.get(place.0).into_iter().flat_map(|node| node.children.iter().map(|(name, place)| (name, *place)))
    }

    /// All that is written of the rule at `place`.
    pub(super) fn rules(&self, place: Place) -> &[(&'a Module, &'a Rule)] {
        self.nodes.get(place.0).map_or(&[], |node| &node.rules)
    }

    /// The function at `place`.
    pub(super) fn function(&self, place: Place) -> Option<&'a Rule> {
        self.rules(place).iter().map(|(_, rule)| *rule).find(|rule| rule.is_function())
    }

    /// The first rule strictly below `place` that `wanted` is true of.
    pub(super) fn find_below(&self, place: Place, wanted: &impl Fn(&Rule) -> bool) -> Option<&'a Rule> {
        let mut ahead: Vec<Place> = self.children(place).map(|(_, child)| child).collect();
        while let Some(next) = ahead.pop() {
            if let Some((_, rule)) = self.rules(next).iter().find(|(_, rule)| wanted(rule)) {
                return Some(rule);
            }
            ahead.extend(self.children(next).map(|(_, child)| child));
        }
        None
    }
}
