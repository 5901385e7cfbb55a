//! Which rule may evaluate which: whether one comes back to itself, and how far one leads, in time that grows with what is written.

use super::names::{Names, Place};

/// Rules, subtrees of rules and builtins, and what evaluating each may evaluate.
#[derive(Debug)]
pub(super) struct Graph {
    edges: Vec<Vec<usize>>,
    places: usize,
}

impl Graph {
    /// One vertex for the rule at each place, and one for everything at and below it. Reading a subtree calls none of its functions.
    pub(super) fn of(names: &Names<'_>) -> Self {
        let mut graph = Self { edges: vec![Vec::new(); names.len().saturating_mul(2)], places: names.len() };
        for place in names.places() {
            let subtree = graph.subtree(place);
            if !names.rules(place).is_empty() && names.function(place).is_none() {
                graph.connect(subtree, graph.rule(place));
            }
            for (_, child) in names.children(place) {
                graph.connect(subtree, graph.subtree(child));
            }
        }
        graph
    }

    /// The vertex of the rule at `place`.
    pub(super) const fn rule(&self, place: Place) -> usize {
        place.index()
    }

    /// The vertex of everything at and below `place`.
    pub(super) const fn subtree(&self, place: Place) -> usize {
        self.places.saturating_add(place.index())
    }

    /// A further vertex.
    pub(super) fn vertex(&mut self) -> usize {
        self.edges.push(Vec::new());
        self.edges.len().saturating_sub(1)
    }

    pub(super) fn connect(&mut self, from: usize, to: usize) {
        if let Some(edges) = self.edges.get_mut(from)
            && edges.last() != Some(&to)
        {
            edges.push(to);
        }
    }

    /// For the rule at each place, in the order of places: whether it may evaluate itself, and the most rules that it leads through.
    /// (Tarjan's strongly connected components, which come out in the order in which the second can be counted.)
    pub(super) fn judge(&self) -> Vec<Verdict> {
        let mut search = Search {
            graph: self,
            index: vec![None; self.edges.len()],
            low: vec![0; self.edges.len()],
            on_stack: vec![false; self.edges.len()],
            stack: Vec::new(),
            count: 0,
            verdicts: vec![Verdict::default(); self.edges.len()],
        };
        for root in 0..self.places {
            search.from(root);
        }
        search.verdicts.truncate(self.places);
        search.verdicts
    }

    fn next(&self, vertex: usize, turn: usize) -> Option<usize> {
        self.edges.get(vertex)?.get(turn).copied()
    }
}

/// What is known of one rule.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verdict {
    pub(super) is_recursive: bool,
    pub(super) depth: usize,
}

struct Search<'a> {
    graph: &'a Graph,
    index: Vec<Option<usize>>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    count: usize,
    verdicts: Vec<Verdict>,
}

impl Search<'_> {
    /// Goes through all that `root` leads to, without recursion of its own: policies choose how far that is.
    fn from(&mut self, root: usize) {
        let mut path = Vec::new();
        self.enter(root, &mut path);
        while let Some((vertex, turn)) = path.pop() {
            match self.graph.next(vertex, turn) {
                Some(next) => {
                    path.push((vertex, turn.saturating_add(1)));
                    match at(&self.index, next).flatten() {
                        None => self.enter(next, &mut path),
                        Some(index) if at(&self.on_stack, next) == Some(true) => self.lower(vertex, index),
                        Some(_) => {}
                    }
                }
                None => {
                    let low = at(&self.low, vertex).unwrap_or_default();
                    if at(&self.index, vertex).flatten() == Some(low) {
                        self.close(vertex);
                    }
                    if let Some((above, _)) = path.last() {
                        self.lower(*above, low);
                    }
                }
            }
        }
    }

    fn enter(&mut self, vertex: usize, path: &mut Vec<(usize, usize)>) {
        if at(&self.index, vertex).flatten().is_some() {
            return;
        }
        set(&mut self.index, vertex, Some(self.count));
        set(&mut self.low, vertex, self.count);
        set(&mut self.on_stack, vertex, true);
        self.count = self.count.saturating_add(1);
        self.stack.push(vertex);
        path.push((vertex, 0));
    }

    fn lower(&mut self, vertex: usize, low: usize) {
        if let Some(known) = self.low.get_mut(vertex) {
            *known = low.min(*known);
        }
    }

    /// All above `vertex` on the stack lead to it and back.
    fn close(&mut self, vertex: usize) {
        let start = self.stack.iter().rposition(|member| *member == vertex).unwrap_or_default();
        let members = self.stack.split_off(start);
        let edges = |member: usize| self.graph.edges.get(member).into_iter().flatten().copied();
        let is_recursive = members.len() > 1 || edges(vertex).any(|next| next == vertex);
        // Within a component the count means nothing, and is not asked for.
        let below = members.iter().flat_map(|member| edges(*member)).filter_map(|next| at(&self.verdicts, next));
        let below = below.map(|verdict| verdict.depth).max().unwrap_or_default();
        for member in members {
            let depth = below.saturating_add(usize::from(member < self.graph.places));
            set(&mut self.verdicts, member, Verdict { is_recursive, depth });
            set(&mut self.on_stack, member, false);
        }
    }
}

fn at<T: Copy>(list: &[T], index: usize) -> Option<T> {
    list.get(index).copied()
}

fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(known) = list.get_mut(index) {
        *known = value;
    }
}
