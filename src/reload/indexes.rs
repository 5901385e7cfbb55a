//! Documents and facts, indexed for this workload: what has not changed is the same as in the snapshot before, whatever else has.

use std::sync::Arc;

use spiffe::SpiffeId;

use super::store::same;
use crate::{
    fact::Facts,
    grant::Grants,
    inventory::Inventory,
    resource::Resources,
    revocation::Revocations,
    store::{Documents, FactDocuments},
};

/// All look-ups, and what they were made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Indexes {
    of: Option<Arc<Documents>>,
    audience: Option<SpiffeId>,
    told: Option<Arc<FactDocuments>>,
    /// The workloads that are known.
    pub(super) inventory: Inventory,
    /// What was taken back.
    pub(super) revocations: Revocations,
    /// What is so.
    pub(super) facts: Facts,
    /// Where both places of facts speak of one thing.
    pub(super) disputes: Vec<String>,
    /// What is touched.
    pub(super) resources: Resources,
    /// What was approved; absent if nobody asks.
    pub(super) grants: Option<Grants>,
}

impl Indexes {
    /// Makes them of `documents`, and of the facts in a directory of their own; the grants are those for `audience`, if grants are asked for.
    pub(super) fn update(
        &mut self,
        documents: Option<&Arc<Documents>>,
        told: Option<&Arc<FactDocuments>>,
        audience: Option<&SpiffeId>,
    ) {
        let before = self.of.take();
        let (was, is) = (before.as_deref(), documents.map(Arc::as_ref));
        let unchanged = |is_same: fn(&Documents, &Documents) -> bool| match (was, is) {
            (Some(was), Some(is)) => std::ptr::eq(was, is) || is_same(was, is),
            (None, None) => true,
            _ => false,
        };
        if !unchanged(|was, is| same(&was.workloads, &is.workloads)) {
            self.inventory = Inventory::new(is.into_iter().flat_map(|is| is.workloads.iter().cloned()));
        }
        if !unchanged(|was, is| same(&was.revocations, &is.revocations)) {
            self.revocations = Revocations::new(is.into_iter().flat_map(|is| is.revocations.iter().cloned()));
        }
        if !unchanged(|was, is| same(&was.resources, &is.resources)) {
            self.resources = Resources::new(is.into_iter().flat_map(|is| is.resources.iter().cloned()));
        }
        let is_told = self.told.as_ref().map(Arc::as_ptr) == told.map(Arc::as_ptr);
        if !is_told || !unchanged(|was, is| same(&was.facts, &is.facts)) {
            let (facts, disputes) = match (told, is) {
                (Some(told), Some(is)) => told.beside(is),
                (Some(told), None) => (told.facts.clone(), Vec::new()),
                (None, is) => (is.map(|is| is.facts.clone()).unwrap_or_default(), Vec::new()),
            };
            self.facts = Facts::new(facts);
            self.disputes = disputes.iter().map(ToString::to_string).collect();
            self.told = told.cloned();
        }
        let has_grants = unchanged(|was, is| same(&was.grants, &is.grants)) && self.audience.as_ref() == audience;
        let has_activations = unchanged(|was, is| same(&was.activations, &is.activations));
        self.grants = match (audience, is, self.grants.take()) {
            (Some(_), Some(_), Some(grants)) if has_grants && has_activations => Some(grants),
            (Some(_), Some(is), Some(grants)) if has_grants => Some(grants.with_activations(&is.activations)),
            (Some(audience), Some(is), _) => Some(Grants::new(audience.clone(), &is.grants, &is.activations)),
            _ => None,
        };
        self.audience = audience.cloned();
        self.of = documents.cloned();
    }
}
