//! Reads the `spec` of a `Grant` document: what comes out keeps every rule, and all breaches are reported at once.

use spiffe::SpiffeId;

use super::{
    Action, Approval, Delegators, ExitCriterion, Grant, Kind, OnBehalfOf, Reach, Subject,
    action::Shape,
    names::{GrpcPath, Host, Method, Upgrade},
};
use crate::{
    clock::Timestamp,
    hop::PathPattern,
    peer::id,
    purpose::{Binding, Purpose},
    yaml::{self, Mapping, Position, Value, quote},
};

/// A grant, and where its document names each of its purposes.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) grant: Grant,
    pub(crate) purposes_at: Vec<Position>,
}

/// Reads a `spec`; what is wrong with it is with its reader, and then there may be nothing.
pub(crate) fn read(name: Option<String>, mut spec: Mapping<'_>) -> Option<Document> {
    refuse_unbuilt(&mut spec);
    let kind = spec.required("type").parsed(kind);
    let subject = subject(&mut spec);
    let audience = spec.required("audience");
    let audiences = match audience.node().map(|node| &node.kind) {
        Some(yaml::Kind::Sequence(_)) => list(&audience, |item| item.parsed(id::parse_workload)),
        _ => audience.parsed(id::parse_workload).map(|id| vec![id]),
    };
    let actions = list(&spec.required("actions"), action);
    let purposes = list(&spec.required("purposes"), |item| Some((item.parsed(purpose)?, item.at())));
    let on_behalf_of_field = spec.optional("onBehalfOf");
    let delegated = on_behalf_of_field.is_present();
    let on_behalf_of = delegated.then(|| on_behalf_of(&on_behalf_of_field)).flatten();
    let default = if delegated { Binding::Signed } else { Binding::Declared };
    let binding_field = spec.optional("purposeBinding");
    let purpose_binding = if binding_field.is_present() { binding_field.parsed(binding) } else { Some(default) };
    let relays = list(&spec.optional("relays"), |item| item.parsed(id::parse_workload));
    let owner = spec.required("owner").parsed(line);
    let (requested_by, approver) = people(&mut spec);
    let ticket = field(&mut spec, "ticket", matches!(kind, Some(Kind::Jit | Kind::Exception))).parsed(line);
    let justification = spec.optional("justification").string();
    let (not_before, expires_at) = life(&mut spec, kind);
    let review_by = review_by(&mut spec, kind, expires_at);
    let exit_criteria = field(&mut spec, "exitCriteria", kind == Some(Kind::Exception));
    let exit_criteria = list(&exit_criteria, exit_criterion).unwrap_or_default();
    spec.finish();
    let (purposes, purposes_at) = purposes?.into_iter().unzip();
    let grant = Grant {
        name: name?,
        kind: kind?,
        subject: Subject::Workload(subject?),
        reach: vec![Reach { audiences: audiences?, actions: actions?, resource: None }],
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
        exit_criteria,
        conditions: Vec::new(),
        activators: Vec::new(),
        signatures: Vec::new(),
        approval: Approval::Sufficient,
    };
    if delegated && grant.on_behalf_of.is_none() {
        return None;
    }
    Some(Document { grant, purposes_at })
}

/// On whose behalf the subject may act.
fn on_behalf_of(value: &Value<'_>) -> Option<OnBehalfOf> {
    let mut behalf = value.clone().mapping();
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

/// Refuses, rather than ignores, what would make a grant narrower or otherwise than it reads.
fn refuse_unbuilt(spec: &mut Mapping<'_>) {
    for (key, what) in [
        ("resources", "`Resource` documents; write `audience` and `actions`"),
        ("while", "facts"),
        ("activators", "activations"),
        ("signatures", "signed approvals"),
    ] {
        spec.not_built(key, what);
    }
}

fn kind(name: &str) -> Result<Kind, String> {
    match name {
        "standing" => Ok(Kind::Standing),
        "jit" => Ok(Kind::Jit),
        "exception" => Ok(Kind::Exception),
        "eligible" | "break_glass" => Err(format!("the type `{name}` is not built yet: it needs activations")),
        _ => Err(format!("{} is not one of `standing`, `jit`, `exception`", quote(name))),
    }
}

fn subject(spec: &mut Mapping<'_>) -> Option<SpiffeId> {
    let mut subject = spec.required("subject").mapping();
    subject.not_built("prefix", "name one workload with `spiffeId`");
    subject.not_built("role", "name one workload with `spiffeId`");
    let otherwise = subject.has("prefix") || subject.has("role");
    let id = field(&mut subject, "spiffeId", !otherwise).parsed(id::parse_workload);
    subject.finish();
    id
}

fn action(item: Value<'_>) -> Option<Action> {
    let mut action = item.mapping();
    action.not_built("connect", "name the methods and paths of requests");
    let unbuilt = action.has("connect");
    let tcp = action.has("tcp");
    let hosts = list(&action.optional("hosts"), |item| item.parsed(Host::parse));
    let shape = if tcp {
        alone(&mut action, "tcp", &["methods", "paths", "upgrade", "grpc", "hosts"]);
        let mut connection = action.required("tcp").mapping();
        let port = |item: Value<'_>| item.integer_in(1..=65_535).and_then(|port| u16::try_from(port).ok());
        let ports = list(&connection.required("ports"), port);
        connection.finish();
        ports.map(Shape::Tcp)
    } else if action.has("grpc") {
        alone(&mut action, "grpc", &["methods", "paths", "upgrade"]);
        list(&action.required("grpc"), |item| item.parsed(GrpcPath::parse)).map(Shape::Grpc)
    } else {
        let methods = list(&field(&mut action, "methods", !unbuilt), |item| item.parsed(Method::parse));
        let paths = list(&field(&mut action, "paths", !unbuilt), |item| item.parsed(PathPattern::parse));
        let upgrades = list(&action.optional("upgrade"), |item| item.parsed(Upgrade::parse)).unwrap_or_default();
        methods.zip(paths).map(|(methods, paths)| Shape::Http { methods, paths, upgrades })
    };
    action.finish();
    Some(Action { shape: shape?, hosts })
}

/// Refuses what an action of one kind cannot also say.
fn alone(action: &mut Mapping<'_>, kind: &str, others: &[&'static str]) {
    for key in others {
        if action.has(key) {
            let message = format!("`{kind}` says it already: leave it out, or make it an action of its own");
            action.optional(key).problem(message);
        }
    }
}

/// Reads the name of a purpose.
pub(crate) fn purpose(name: &str) -> Result<Purpose, &'static str> {
    Purpose::parse(name).ok_or("a purpose is lower-case words joined by dots, as in `billing.invoice`")
}

fn binding(name: &str) -> Result<Binding, String> {
    match name {
        "declared" => Ok(Binding::Declared),
        "signed" => Ok(Binding::Signed),
        _ => Err(format!("{} is not one of `declared`, `signed`", quote(name))),
    }
}

/// Who asked and who approved: two people.
fn people(spec: &mut Mapping<'_>) -> (Option<String>, Option<String>) {
    let requested_by = spec.required("requestedBy").parsed(line);
    let approver_field = spec.required("approver");
    let approver = approver_field.parsed(line);
    let folded = |name: &Option<String>| name.as_deref().map(str::to_lowercase);
    if approver.is_some() && folded(&approver) == folded(&requested_by) {
        approver_field.problem("is also the requester: somebody else has to approve");
    }
    (requested_by, approver)
}

/// The first instant and the end, no further apart than the type allows.
fn life(spec: &mut Mapping<'_>, kind: Option<Kind>) -> (Option<Timestamp>, Option<Timestamp>) {
    let not_before = spec.required("notBefore").timestamp();
    let end = spec.required("expiresAt");
    let expires_at = end.timestamp();
    if let Some((from, until)) = not_before.zip(expires_at) {
        if until <= from {
            end.problem("is not later than `notBefore`");
        } else if let Some(kind) = kind.filter(|kind| until.since(from) > kind.max_ttl()) {
            let hours = kind.max_ttl().as_secs() / 3600;
            end.problem(format!(
                "is too late: a grant of type `{}` ends {hours} h after `notBefore` at the latest",
                kind.as_str()
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

fn field<'a>(mapping: &mut Mapping<'a>, key: &'static str, required: bool) -> Value<'a> {
    if required { mapping.required(key) } else { mapping.optional(key) }
}

/// A list with something in it.
fn list<'a, T>(value: &Value<'a>, read: impl FnMut(Value<'a>) -> Option<T>) -> Option<Vec<T>> {
    if matches!(value.node().map(|node| &node.kind), Some(yaml::Kind::Sequence(items)) if items.is_empty()) {
        value.problem("is an empty list: name at least one");
    }
    value.list(read)
}

/// A name on one line, as people and tickets have it.
pub(crate) fn line(text: &str) -> Result<String, &'static str> {
    if text.trim() != text {
        Err("begins or ends with a space: leave it out")
    } else if text.len() > MAX_LINE || text.chars().any(char::is_control) {
        Err("is not one line of at most 256 bytes")
    } else {
        Ok(text.to_owned())
    }
}

const MAX_LINE: usize = 256;
const MAX_DEPTH: i64 = 16;

#[cfg(test)]
mod tests;
