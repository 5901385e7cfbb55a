//! Grants for the tests of other modules: each covers `GET` on one path for one workload, until a test changes it.

use std::sync::Arc;

use spiffe::SpiffeId;

use super::{
    Action, Approval, Condition, Delegators, Grant, Kind, OnBehalfOf, Reach, Subject, action::Shape, names::Method,
};
use crate::{
    clock::Timestamp,
    hop::PathPattern,
    purpose::{Binding, Purpose},
};

/// What a grant is made of.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) subject: Subject,
    pub(crate) audience: SpiffeId,
    pub(crate) actions: Vec<Action>,
    pub(crate) purposes: Vec<&'static str>,
    /// Issuer, subject and depth.
    pub(crate) behalf: Option<(&'static str, &'static str, usize)>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) approval: Approval,
}

impl Sketch {
    /// A standing grant.
    pub(crate) fn new(name: &str, subject: Subject, audience: SpiffeId, from: Timestamp, until: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Standing,
            subject,
            audience,
            actions: vec![],
            purposes: vec![],
            behalf: None,
            conditions: vec![],
            from,
            until,
            approval: Approval::Sufficient,
        }
    }

    pub(crate) fn grant(self) -> Arc<Grant> {
        let Self { name, kind, subject, audience, actions, purposes, behalf, conditions, from, until, approval } = self;
        let behalf = behalf.map(|(issuer, subject, max_depth)| OnBehalfOf {
            from: vec![Delegators { issuer: issuer.to_owned(), subjects: vec![subject.to_owned()] }],
            max_depth,
        });
        Arc::new(Grant {
            name,
            kind,
            subject,
            reach: vec![Reach { audiences: vec![audience], actions, resource: None }],
            purposes: purposes.into_iter().map(|name| Purpose::parse(name).unwrap()).collect(),
            purpose_binding: Binding::Declared,
            on_behalf_of: behalf,
            relays: vec![],
            owner: "team-ledger".to_owned(),
            requested_by: "bob@example.com".to_owned(),
            approver: "alice@example.com".to_owned(),
            ticket: Some("CHG-1".to_owned()),
            justification: None,
            not_before: from,
            expires_at: until,
            review_by: None,
            exit_criteria: vec![],
            conditions,
            activators: vec![],
            signatures: vec![],
            approval,
        })
    }
}

/// `GET` on what the pattern names.
pub(crate) fn get(path: &str) -> Action {
    let (methods, paths) = (vec![Method::parse("GET").unwrap()], vec![PathPattern::parse(path).unwrap()]);
    Action { shape: Shape::Http { methods, paths, upgrades: vec![] }, hosts: None }
}

/// A connection to a port.
pub(crate) fn port(port: u16) -> Action {
    Action { shape: Shape::Tcp(vec![port]), hosts: None }
}
