//! Reads the `spec` of a `Grant` document: what comes out keeps every rule, and all breaches are reported at once.

use std::{sync::Arc, time::Duration};

use super::{
    Approval, Condition, Delegators, ExitCriterion, Grant, Kind, MaxTtl, OnBehalfOf, Reach, Subject,
    field::{document_name, exactly_one, field, key, line, list, purpose, role, signatures},
};
use crate::{
    approval::same_person,
    clock::Timestamp,
    peer::{IdPrefix, id},
    purpose::Binding,
    yaml::{self, Mapping, Position, Value, show_duration},
};

pub(crate) use self::action::action;

mod action;

/// A grant, and where its document names what has to be defined elsewhere.
#[derive(Debug)]
pub(crate) struct Document {
    /// It has no approval and reaches no resource yet.
    pub(crate) grant: Arc<Grant>,
    pub(crate) purposes_at: Vec<Position>,
    /// The resources that it names instead of an audience and actions.
    pub(crate) resources: Vec<(String, Position)>,
}

/// Reads a `spec`; what is wrong with it is with its reader, and then there may be nothing.
pub(crate) fn read(name: Option<String>, mut spec: Mapping<'_>, max_ttl: &MaxTtl) -> Option<Document> {
    let kind = spec.required("type").one_of(&KINDS.map(|kind| (kind.as_str(), kind)));
    let is = |one: Kind| kind == Some(one);
    let subject = subject(&mut spec);
    let (reach, resources) = reach(&mut spec);
    let purposes = list(&spec.required("purposes"), |item| Some((item.parsed(purpose)?, item.at())));
    let behalf_field = spec.optional("onBehalfOf");
    let delegated = spec.has("onBehalfOf");
    let on_behalf_of = behalf_field.is_present().then(|| on_behalf_of(behalf_field)).flatten();
    let default = if delegated { Binding::Signed } else { Binding::Declared };
    let binding_field = spec.optional("purposeBinding");
    let purpose_binding = if binding_field.is_present() { binding_field.one_of(&BINDINGS) } else { Some(default) };
    let relays = list(&spec.optional("relays"), |item| item.parsed(id::parse_workload));
    let conditions = list(&spec.optional("while"), condition);
    let activators_field = field(&mut spec, "activators", is(Kind::Eligible));
    if activators_field.is_present() && kind.is_some_and(|kind| kind != Kind::Eligible) {
        activators_field.problem("only a grant of type `eligible` has activators: leave it out");
    }
    let activators = list(&activators_field, |item| item.parsed(line));
    let owner = spec.required("owner").parsed(line);
    let (requested_by, approver) = people(&mut spec);
    let needs_ticket = matches!(kind, Some(Kind::Jit | Kind::Exception | Kind::BreakGlass));
    let ticket = field(&mut spec, "ticket", needs_ticket).parsed(line);
    let justification = spec.optional("justification").string();
    let (not_before, expires_at) = life(&mut spec, kind, max_ttl);
    let review_by = review_by(&mut spec, kind, expires_at);
    let exit_criteria = list(&field(&mut spec, "exitCriteria", is(Kind::Exception)), exit_criterion);
    let signatures = signatures(&mut spec);
    spec.finish();
    if delegated && on_behalf_of.is_none() {
        return None;
    }
    let (purposes, purposes_at) = purposes?.into_iter().unzip();
    let grant = Grant {
        name: name?,
        kind: kind?,
        subject: subject?,
        reach: reach?,
        purposes,
        purpose_binding: purpose_binding?,
        on_behalf_of,
        relays: relays.unwrap_or_default(),
        owner: owner?,
        requested_by: requested_by?,
        approver: approver?,
        ticket,
        justification,
        not_before: not_before?,
        expires_at: expires_at?,
        review_by,
        exit_criteria: exit_criteria.unwrap_or_default(),
        conditions: conditions.unwrap_or_default(),
        activators: activators.unwrap_or_default(),
        signatures,
        approval: Approval::Lacking,
    };
    Some(Document { grant: Arc::new(grant), purposes_at, resources })
}

impl Grant {
    /// The same grant, as those who signed it and the resources that it names make it.
    pub(crate) fn settle(grant: &mut Arc<Self>, approval: Approval, resources: Option<Vec<Reach>>) {
        if grant.approval != approval {
            Arc::make_mut(grant).approval = approval;
        }
        if let Some(reach) = resources.filter(|reach| *reach != grant.reach) {
            Arc::make_mut(grant).reach = reach;
        }
    }
}

/// Who may call.
fn subject(spec: &mut Mapping<'_>) -> Option<Subject> {
    let mut subject = spec.required("subject").mapping();
    let one = exactly_one(&mut subject, &["spiffeId", "prefix", "role"]);
    subject.finish();
    let (key, value) = one?;
    match key {
        "spiffeId" => value.parsed(id::parse_workload).map(Subject::Workload),
        "prefix" => value.parsed(IdPrefix::parse).map(Subject::Prefix),
        _ => value.parsed(role).map(Subject::Role),
    }
}

/// What may be called: an audience and actions, or the names of resources that say both.
fn reach(spec: &mut Mapping<'_>) -> (Option<Vec<Reach>>, Vec<(String, Position)>) {
    if spec.has("resources") {
        for key in ["audience", "actions"] {
            if spec.has(key) {
                spec.optional(key).problem("`resources` says it already: leave it out, or leave out `resources`");
            }
        }
        let names = list(&spec.required("resources"), |item| Some((item.parsed(document_name)?, item.at())));
        return (names.is_some().then(Vec::new), names.unwrap_or_default());
    }
    let audience = spec.required("audience");
    let audiences = match audience.node().map(|node| &node.kind) {
        Some(yaml::Kind::Sequence(_)) => list(&audience, |item| item.parsed(id::parse_workload)),
        _ => audience.parsed(id::parse_workload).map(|id| vec![id]),
    };
    let actions = list(&spec.required("actions"), action);
    let reach = |(audiences, actions)| vec![Reach { audiences, actions, resource: None }];
    (audiences.zip(actions).map(reach), Vec::new())
}

/// On whose behalf the subject may act.
fn on_behalf_of(value: Value<'_>) -> Option<OnBehalfOf> {
    let mut behalf = value.mapping();
    let from = list(&behalf.required("from"), |item| {
        let mut delegators = item.mapping();
        let issuer = delegators.required("issuer").parsed(line);
        let subjects = list(&delegators.required("subjects"), |item| item.parsed(line));
        delegators.finish();
        Some(Delegators { issuer: issuer?, subjects: subjects? })
    });
    let depth = behalf.optional("maxDepth");
    // One workload may act for the subject, unless it is said that it may have been handed on.
    let max_depth = if depth.is_present() { depth.integer_in(1..=MAX_DEPTH) } else { Some(1) };
    behalf.finish();
    Some(OnBehalfOf { from: from?, max_depth: usize::try_from(max_depth?).ok()? })
}

/// What has to be so all the while.
fn condition(item: Value<'_>) -> Option<Condition> {
    let mut condition = item.mapping();
    let fact = condition.required("fact").parsed(key);
    let equals = condition.required("equals").json();
    let age = condition.optional("maxAge");
    let max_age = age.duration_in(MIN_AGE..=MAX_AGE);
    condition.finish();
    if age.is_present() && max_age.is_none() {
        return None;
    }
    Some(Condition { fact: fact?, equals: equals?, max_age })
}

/// Who asked and who approved: two people.
fn people(spec: &mut Mapping<'_>) -> (Option<String>, Option<String>) {
    let requested_by = spec.required("requestedBy").parsed(line);
    let approver_field = spec.required("approver");
    let approver = approver_field.parsed(line);
    if approver.as_ref().zip(requested_by.as_ref()).is_some_and(|(a, b)| same_person(a, b)) {
        approver_field.problem("is also the requester: somebody else has to approve");
    }
    (requested_by, approver)
}

/// The first instant and the end, no further apart than the type allows.
fn life(spec: &mut Mapping<'_>, kind: Option<Kind>, max_ttl: &MaxTtl) -> (Option<Timestamp>, Option<Timestamp>) {
    let not_before = spec.required("notBefore").timestamp();
    let end = spec.required("expiresAt");
    let expires_at = end.timestamp();
    if let Some((from, until)) = not_before.zip(expires_at) {
        if until <= from {
            end.problem("is not later than `notBefore`");
        } else if let Some(kind) = kind.filter(|kind| until.since(from) > max_ttl.of(*kind)) {
            let (kind, longest) = (kind.as_str(), show_duration(max_ttl.of(kind)));
            end.problem(format!(
                "is too late: a grant of type `{kind}` ends {longest} after `notBefore` at the latest"
            ));
        }
    }
    (not_before, expires_at)
}

fn review_by(spec: &mut Mapping<'_>, kind: Option<Kind>, expires_at: Option<Timestamp>) -> Option<Timestamp> {
    let review = field(spec, "reviewBy", kind == Some(Kind::Standing));
    let review_by = review.timestamp()?;
    if expires_at.is_some_and(|end| end <= review_by) {
        review.problem("is not earlier than `expiresAt`: a review comes before the end");
    }
    Some(review_by)
}

fn exit_criterion(item: Value<'_>) -> Option<ExitCriterion> {
    let mut criterion = item.mapping();
    let what = criterion.required("what").string();
    let owner = criterion.required("owner").parsed(line);
    criterion.finish();
    Some(ExitCriterion { what: what?, owner: owner? })
}

const KINDS: [Kind; 5] = [Kind::Standing, Kind::Eligible, Kind::Jit, Kind::Exception, Kind::BreakGlass];
const BINDINGS: [(&str, Binding); 2] = [("declared", Binding::Declared), ("signed", Binding::Signed)];
const MAX_DEPTH: i64 = 16;
const MIN_AGE: Duration = Duration::from_millis(1);
const MAX_AGE: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests;
