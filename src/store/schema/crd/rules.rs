//! What types and patterns cannot say: rules in the [expressions](https://kubernetes.io/docs/reference/using-api/cel/) of API servers, each
//! with the reader's words for its breach.

use serde_json::{Value, json};

use super::structural::is_hidden;
use crate::store::schema::{Then, table::Shape};

/// One rule about a mapping or a text.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::schema) struct Rule {
    /// What has to be so.
    so: &'static str,
    /// What is wrong otherwise, and how to repair it.
    else_message: &'static str,
    /// The same as an expression, where it depends.
    else_says: Option<&'static str>,
    /// The field that is to be repaired.
    field: Option<&'static str>,
}

impl Rule {
    const fn of(so: &'static str, else_message: &'static str) -> Self {
        Self { so, else_message, else_says: None, field: None }
    }

    const fn on(field: &'static str, so: &'static str, else_message: &'static str) -> Self {
        Self { so, else_message, else_says: None, field: Some(field) }
    }

    pub(super) fn json(self) -> Value {
        let mut rule = rule(self.so.trim(), self.else_message, self.field.unwrap_or_default(), INVALID);
        if let (Some(says), Value::Object(rule)) = (self.else_says, &mut rule) {
            rule.insert("messageExpression".to_owned(), json!(says));
        }
        rule
    }
}

fn rule(so: &str, message: &str, field: &str, reason: &str) -> Value {
    let mut rule = json!({"rule": so, "message": message, "reason": reason});
    if let (false, Value::Object(rule)) = (field.is_empty(), &mut rule) {
        rule.insert("fieldPath".to_owned(), json!(format!(".{field}")));
    }
    rule
}

/// All rules of a mapping: what its fields demand of each other, and its own.
pub(super) fn of(shape: &Shape) -> Vec<Value> {
    let mut rules = one_of(shape);
    rules.extend(shape.when.iter().map(|(field, words, then)| {
        let listed = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        let named = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        match then {
            Then::Needs(name) => rule(
                &format!("!(self.{field} in [{listed}]) || has(self.{name})"),
                &format!("is required where `{field}` is one of {named}"),
                name,
                "FieldValueRequired",
            ),
            Then::Excludes(name) => rule(
                &format!("!(self.{field} in [{listed}]) || !has(self.{name})"),
                &format!("has nothing to say where `{field}` is one of {named}: leave it out"),
                name,
                "FieldValueForbidden",
            ),
        }
    }));
    rules.extend(shape.rules.iter().map(|rule| rule.json()));
    rules
}

/// That one thing is said in exactly one way, and then whole.
fn one_of(shape: &Shape) -> Vec<Value> {
    let seen = |way: &&[&'static str]| -> Vec<_> {
        way.iter().copied().filter(|name| !is_hidden(shape.fields, name)).collect()
    };
    let ways: Vec<Vec<_>> = shape.one_of.iter().map(seen).collect();
    if ways.is_empty() {
        return Vec::new();
    }
    let has = |way: &Vec<_>| way.iter().map(|name| format!("has(self.{name})")).collect::<Vec<_>>();
    let any: Vec<_> = ways.iter().map(|way| has(way).join(" || ")).collect();
    let named =
        shape.one_of.iter().map(|way| way.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" with "));
    let named = named.collect::<Vec<_>>().join(", ");
    let one = format!("[{}].exists_one(said, said)", any.join(", "));
    let mut rules = vec![rule(&one, &format!("needs exactly one of {named}"), "", INVALID)];
    rules.extend(ways.iter().filter(|way| way.len() > 1).map(|way| {
        let named = way.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        rule(&has(way).join(" == "), &format!("{named} come together"), "", INVALID)
    }));
    rules
}

const INVALID: &str = "FieldValueInvalid";

/// Of a maximal age.
pub(super) const DURATION: Rule = Rule::of(
    "self.matches('^0*1d$') || (self.matches('^0*([0-9]{1,8}ms|[0-9]{1,5}s|[0-9]{1,4}m|[0-9]{1,2}h)$') \
     && duration(self) >= duration('1ms') && duration(self) <= duration('24h'))",
    "must be between 1ms and 1d",
);

/// Of a time: that it is one, as API servers take a list, too, where a text has this format; and one that is counted in nanoseconds.
pub(super) const TIME: Rule = Rule::of(
    "self >= timestamp('1677-09-21T00:12:43.145224192Z') && self <= timestamp('2262-04-11T23:47:16.854775807Z')",
    "expected a time in UTC such as `2026-11-20T09:00:00Z`",
);

/// Of an action.
pub(in crate::store::schema) const ACTION: &[Rule] = &[
    Rule::on(
        "upgrade",
        "!has(self.upgrade) || has(self.methods)",
        "is said of `methods` and `paths` only: leave it out, or make it an action of its own",
    ),
    Rule::on("hosts", "!has(self.hosts) || !has(self.tcp)", "`tcp` says it already: leave it out"),
    Rule::on(
        "methods",
        "!has(self.methods) || !('CONNECT' in self.methods)",
        "`connect` is not built yet: name the methods and paths of requests",
    ),
    Rule::on(
        "upgrade",
        "!has(self.upgrade) || !('h2c' in self.upgrade)",
        "an upgrade to `h2c` would carry hops that are not decided",
    ),
];

/// Of an activation.
pub(in crate::store::schema) const ACTIVATION: &[Rule] = &[
    Rule::on("until", "self.until > self.from", "is not later than `from`"),
    // A configuration may allow as much; an hour is what it allows unless it says otherwise.
    Rule::on(
        "until",
        "self.until - self.from <= duration('24h')",
        "is too late: an activation ends 1d after `from` at the latest",
    ),
    Rule::of("has(self.reviewedBy) == has(self.reviewedAt)", REVIEW),
    Rule::on(
        "reviewedAt",
        "!has(self.reviewedAt) || self.reviewedAt >= self.from",
        "is earlier than `from`: a review comes afterwards",
    ),
];

const REVIEW: &str = "`reviewedBy` and `reviewedAt` come together: say who looked at it and when";

/// Of a grant.
pub(in crate::store::schema) const GRANT: &[Rule] = &[
    Rule::on("expiresAt", "self.expiresAt > self.notBefore", "is not later than `notBefore`"),
    Rule {
        so: MAX_TTL,
        else_message: "is too late for a grant of this type",
        else_says: Some(
            "'is too late: a grant of type `' + self.type + '` ends ' \
             + {'standing': '365d', 'eligible': '365d', 'jit': '1d', 'exception': '90d', 'break_glass': '365d'}[self.type] \
             + ' after `notBefore` at the latest'",
        ),
        field: Some("expiresAt"),
    },
    Rule::on(
        "reviewBy",
        "!has(self.reviewBy) || self.reviewBy < self.expiresAt",
        "is not earlier than `expiresAt`: a review comes before the end",
    ),
    Rule::on("approver", OTHER_PERSON, "is also the requester: somebody else has to approve"),
    Rule::on("type", "self.type == oldSelf.type", "never changes: request another grant"),
    Rule::of(
        "oldSelf.type != 'jit' || self == oldSelf",
        "a grant of type `jit` never changes, as it was approved for one task: request another one",
    ),
];

pub(super) const MAX_TTL: &str = "self.expiresAt - self.notBefore <= duration({'standing': '8760h', 'eligible': '8760h', \
     'jit': '24h', 'exception': '2160h', 'break_glass': '8760h'}[self.type])";

/// Letter case, the `+tag` of an e-mail address and the dots behind its domain make no other person.
const OTHER_PERSON: &str = "self.approver.lowerAscii() != self.requestedBy.lowerAscii() && (
  !self.approver.contains('@') || !self.requestedBy.contains('@')
  || (self.approver.matches('^[^+]+[+].*@') ? self.approver.lowerAscii().find('^[^+]+') + '@'
    : self.approver.lowerAscii().find('^.*@'))
  != (self.requestedBy.matches('^[^+]+[+].*@') ? self.requestedBy.lowerAscii().find('^[^+]+') + '@'
    : self.requestedBy.lowerAscii().find('^.*@'))
  || self.approver.lowerAscii().find('[^@]*$').find('^.*[^.]')
  != self.requestedBy.lowerAscii().find('[^@]*$').find('^.*[^.]')
)";

/// Of a revocation.
pub(in crate::store::schema) const REVOCATION: &[Rule] = &[Rule::on(
    "until",
    "!has(self.until) || self.until > self.at",
    "is not later than `at`: nothing would be revoked",
)];

/// Of a workload.
pub(in crate::store::schema) const WORKLOAD: &[Rule] = &[Rule::on(
    "roles",
    "!has(self.roles) || self.roles.all(role, self.roles.exists_one(other, other == role))",
    "is there twice: leave it out",
)];
