//! What was told from outside, for the policy: what is so of the peer or of everybody, as long as it is fresh, and the names of what is not.

use std::collections::BTreeMap;

use super::{
    super::{Input, Reads, engine::Value},
    found,
    names::Names,
    object::Object,
};
use crate::{clock::Timestamp, fact::Fact};

/// Puts in the facts that are read, and the keys of those that are stale.
pub(super) fn put(names: &Names, root: &mut Object<'_>, input: &Input<'_>) {
    if input.facts.is_none() {
        return;
    }
    root.with(&names.facts, |reads| {
        let fresh = read(input, reads).into_iter().filter(|fact| fact.is_fresh(None, input.now));
        let fresh = fresh.map(|fact| (Value::from(fact.key.as_str()), found::value(&fact.value)));
        fresh.collect::<BTreeMap<_, _>>().into()
    });
    root.with(&names.stale_facts, |_| {
        let stale = all(input).filter(|fact| !fact.is_fresh(None, input.now));
        let mut keys: Vec<_> = stale.map(|fact| fact.key.as_str()).collect();
        keys.sort_unstable();
        keys.into_iter().map(Value::from).collect::<Vec<_>>().into()
    });
}

/// When the first of the fresh facts that are read no longer is, and what the policy was shown is no longer so.
pub(in crate::policy) fn until(input: &Input<'_>, reads: &Reads) -> Option<Timestamp> {
    // Who reads the names of stale facts learns of every other one that it is fresh.
    let shown = match (reads.below("stale_facts"), reads.below("facts")) {
        (Some(_), _) => all(input).collect(),
        (None, Some(reads)) => read(input, reads),
        (None, None) => return None,
    };
    shown.into_iter().filter(|fact| fact.is_fresh(None, input.now)).map(|fact| fact.stale_at(None)).min()
}

/// Those that are read.
fn read<'a>(input: &Input<'a>, reads: &Reads) -> Vec<&'a Fact> {
    if reads.is_whole() {
        return all(input).collect();
    }
    reads.fields().filter_map(|(key, _)| of_peer(input, key)).collect()
}

/// Those of the peer and of everybody, each key once.
fn all<'a>(input: &Input<'a>) -> impl Iterator<Item = &'a Fact> {
    let peer = input.peer.map(|peer| peer.id());
    let told = input.facts.into_iter().flat_map(|facts| facts.all());
    // What is told of the peer stands for what is told of everybody.
    told.filter(move |fact| fact.subject.is_none() || fact.subject.as_ref() == peer)
        .filter(|fact| of_peer(input, &fact.key).is_some_and(|counts| std::ptr::eq(counts, &***fact)))
        .map(|fact| &**fact)
}

fn of_peer<'a>(input: &Input<'a>, key: &str) -> Option<&'a Fact> {
    input.facts?.get(key, input.peer.map(|peer| peer.id())).map(|fact| &**fact)
}
