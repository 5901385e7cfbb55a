//! What one reading of documents says that another does not.

use std::{collections::HashMap, sync::Arc};

use crate::{clock::Timestamp, inventory::WorkloadState, store::Documents};

/// A change of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::reload) struct Change {
    /// When it was published.
    pub(in crate::reload) published: Timestamp,
    /// Whether it takes access away by name.
    pub(in crate::reload) withdraws: bool,
}

/// Whether two readings act in the same way.
pub(super) fn is_same(one: &Documents, other: &Documents) -> bool {
    one.revision == other.revision
        && same(&one.revocations, &other.revocations)
        && same(&one.workloads, &other.workloads)
        && same(&one.activations, &other.activations)
        && same(&one.resources, &other.resources)
        && same(&one.facts, &other.facts)
        && same(&one.grants, &other.grants)
        && one.vocabulary == other.vocabulary
}

/// Whether two lists say the same.
pub(in crate::reload) fn same<T: PartialEq>(one: &[Arc<T>], other: &[Arc<T>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other) || one == other)
}

/// Whether `after` takes something away by name that `before` did not.
pub(super) fn withdraws(before: &Documents, after: &Documents) -> bool {
    !added(before, after, |it| &it.revocations, |it| &it.name).is_empty()
        || added(before, after, |it| &it.workloads, |it| &it.name).iter().any(|it| it.state != WorkloadState::Active)
}

/// `before`, without what `newer` takes away by name.
pub(super) fn without(before: &Documents, newer: &Documents) -> Documents {
    let mut documents = before.clone();
    documents.revocations.extend(added(before, newer, |it| &it.revocations, |it| &it.name));
    let workloads = added(before, newer, |it| &it.workloads, |it| &it.name);
    documents.workloads.extend(workloads.into_iter().filter(|it| it.state != WorkloadState::Active));
    documents
}

/// What a list of `after` has that the one of `before` has not.
fn added<T: PartialEq>(
    before: &Documents,
    after: &Documents,
    list: impl Fn(&Documents) -> &[Arc<T>],
    name: impl Fn(&T) -> &str,
) -> Vec<Arc<T>> {
    let mut known: HashMap<&str, Vec<&Arc<T>>> = HashMap::new();
    for each in list(before) {
        known.entry(name(each)).or_default().push(each);
    }
    let is_new = |each: &&Arc<T>| !known.get(name(each)).is_some_and(|known| known.contains(each));
    list(after).iter().filter(is_new).cloned().collect()
}
