//! What the input can hold: every field that a hop may have, by its name in Rego.

use super::super::engine::Value;
use crate::yaml;

/// What stands at one place of the input.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything: a caller or an operator chooses it.
    Any,
    Bool,
    /// Texts by header name, which is in lower case.
    Headers,
    List(&'static Self),
    /// Values by names that are not known here.
    Map(&'static Self),
    Number,
    /// These fields and no others.
    Object(&'static [(&'static str, Self)]),
    Text(Form),
}

/// What a text looks like.
#[derive(Debug)]
pub(super) enum Form {
    Any,
    Lower,
    OneOf(&'static [&'static str]),
    Upper,
}

/// One step below a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// A name that is written.
    Field(&'a str),
    /// A number that is written.
    Index,
    /// Chosen while the policy runs.
    Any,
}

impl Shape {
    /// The whole input.
    pub(super) const fn input() -> &'static Self {
        &INPUT
    }

    /// What stands one step below.
    ///
    /// # Errors
    /// Why nothing ever does.
    pub(super) fn below(&'static self, step: Step<'_>) -> Result<&'static Self, String> {
        match (self, step) {
            (Self::Any, _) | (Self::Object(_), Step::Any) => Ok(&Self::Any),
            (Self::Object(fields), Step::Field(name)) => {
                let names = || fields.iter().map(|(name, _)| *name);
                fields.iter().find(|(field, _)| *field == name).map(|(_, shape)| shape).ok_or_else(|| {
                    match yaml::nearest(name, names()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None if fields.len() > MANY => "see the documentation of the input".to_owned(),
                        None => format!(
                            "there is {}",
                            names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                        ),
                    }
                })
            }
            (Self::Headers, Step::Field(name)) if name.chars().any(char::is_uppercase) => {
                Err(format!("header names are in lower case: write {}", yaml::quote(&name.to_lowercase())))
            }
            (Self::Headers, Step::Field(_) | Step::Any) => Ok(&TEXT),
            (Self::Map(value), Step::Field(_) | Step::Any) | (Self::List(value), Step::Index | Step::Any) => Ok(value),
            (Self::List(_), Step::Field(_)) => Err("it is a list: choose one of it with `some ... in`".to_owned()),
            (Self::Object(_) | Self::Map(_) | Self::Headers, Step::Index) => Err("its fields have names".to_owned()),
            (Self::Bool | Self::Number | Self::Text(_), _) => Err(format!("it is {}", self.kind())),
        }
    }

    /// What a `some ... in` gives of it, if it is known.
    pub(super) const fn item(&'static self) -> Option<&'static Self> {
        match self {
            Self::Headers => Some(&TEXT),
            Self::List(item) | Self::Map(item) => Some(item),
            _ => None,
        }
    }

    /// Why it is never equal to `value`, if so.
    pub(super) fn excludes(&self, value: &Value) -> Option<String> {
        match (self, value) {
            (Self::Text(form), Value::String(text)) => form.excludes(text),
            (Self::Text(_), Value::Undefined)
            | (Self::Any, _)
            | (Self::Bool, Value::Bool(_))
            | (Self::Number, Value::Number(_))
            | (Self::List(_), Value::Array(_))
            | (Self::Headers | Self::Map(_) | Self::Object(_), Value::Object(_)) => None,
            _ => Some(format!("it is {}", self.kind())),
        }
    }

    /// Whether two places can hold the same value.
    pub(super) fn meets(&self, other: &Self) -> bool {
        matches!(self, Self::Any) || matches!(other, Self::Any) || self.kind() == other.kind()
    }

    /// Whether something can be in it.
    pub(super) const fn is_collection(&self) -> bool {
        !matches!(self, Self::Bool | Self::Number | Self::Text(_))
    }

    /// What it is, in words.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Bool => "a boolean",
            Self::Headers | Self::Map(_) | Self::Object(_) => "an object",
            Self::List(_) => "a list",
            Self::Number => "a number",
            Self::Text(_) => "a text",
        }
    }
}

impl Form {
    fn excludes(&self, text: &str) -> Option<String> {
        match self {
            Self::Lower if text.chars().any(char::is_uppercase) => Some("it is in lower case".to_owned()),
            Self::Upper if text.chars().any(char::is_lowercase) => Some("it is in upper case".to_owned()),
            Self::OneOf(names) if !names.contains(&text) => {
                Some(format!("it is {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")))
            }
            Self::Any | Self::Lower | Self::OneOf(_) | Self::Upper => None,
        }
    }
}

/// More fields than a message can name.
const MANY: usize = 12;

const TEXT: Shape = Shape::Text(Form::Any);
const TEXTS: Shape = Shape::Map(&TEXT);
const LIST: Shape = Shape::List(&TEXT);

const INPUT: Shape = Shape::Object(&[
    ("actor", ACTOR),
    ("attributes", ATTRIBUTES),
    ("facts", Shape::Map(&Shape::Any)),
    ("grant", GRANT),
    ("grants", Shape::List(&GRANT)),
    ("hop", HOP),
    ("now", Shape::Number),
    ("parsed_body", Shape::Any),
    ("parsed_path", LIST),
    ("parsed_query", Shape::Map(&LIST)),
    ("peer", PEER),
    ("purpose", PURPOSE),
    ("resource", RESOURCE),
    ("self", TEXT),
    ("source_principal", TEXT),
    ("stale_facts", LIST),
    ("tokens", TOKENS),
    ("truncated_body", Shape::Bool),
    ("version", Shape::Object(&[("encoding", TEXT), ("ext_authz", TEXT)])),
]);

const ACTIVATION: Shape =
    Shape::Object(&[("name", TEXT), ("reason", TEXT), ("requested_by", TEXT), ("ticket", TEXT), ("until", TEXT)]);

const ACTOR: Shape = Shape::Object(&[
    ("chain", LIST),
    ("effective", TEXT),
    ("subject", Shape::Object(&[("issuer", TEXT), ("name", TEXT)])),
    ("type", Shape::Text(Form::OneOf(&["human", "workload", "delegated"]))),
]);

const ATTRIBUTES: Shape = Shape::Object(&[
    ("contextExtensions", TEXTS),
    ("destination", END),
    ("metadataContext", METADATA),
    ("request", Shape::Object(&[("http", HTTP), ("time", TIME)])),
    ("routeMetadataContext", METADATA),
    ("source", END),
    ("tlsSession", Shape::Object(&[("sni", TEXT)])),
]);

const END: Shape = Shape::Object(&[
    ("address", ADDRESS),
    ("certificate", TEXT),
    ("labels", TEXTS),
    ("principal", TEXT),
    ("service", TEXT),
]);

const ADDRESS: Shape = Shape::Object(&[
    ("envoyInternalAddress", Shape::Object(&[("endpointId", TEXT), ("serverListenerName", TEXT)])),
    ("pipe", Shape::Object(&[("mode", Shape::Number), ("path", TEXT)])),
    (
        "socketAddress",
        Shape::Object(&[
            ("address", TEXT),
            ("ipv4Compat", Shape::Bool),
            ("namedPort", TEXT),
            ("portValue", Shape::Number),
            ("protocol", Shape::Number),
            ("resolverName", TEXT),
        ]),
    ),
]);

const HTTP: Shape = Shape::Object(&[
    ("body", TEXT),
    ("fragment", TEXT),
    ("headers", Shape::Headers),
    ("host", TEXT),
    ("id", TEXT),
    ("method", TEXT),
    ("path", TEXT),
    ("protocol", TEXT),
    ("query", TEXT),
    ("rawBody", TEXT),
    ("scheme", TEXT),
    ("size", Shape::Number),
]);

const TIME: Shape = Shape::Object(&[("nanos", Shape::Number), ("seconds", Shape::Number)]);

const METADATA: Shape =
    Shape::Object(&[("filterMetadata", Shape::Map(&Shape::Any)), ("typedFilterMetadata", Shape::Map(&Shape::Any))]);

const GRANT: Shape = Shape::Object(&[
    ("activation", ACTIVATION),
    ("approver", TEXT),
    ("expires_at", TEXT),
    ("name", TEXT),
    ("not_before", TEXT),
    ("owner", TEXT),
    ("requested_by", TEXT),
    ("ticket", TEXT),
    ("type", Shape::Text(Form::OneOf(&["standing", "eligible", "jit", "exception", "break_glass"]))),
]);

const HOP: Shape = Shape::Object(&[
    ("host", Shape::Text(Form::Lower)),
    ("method", Shape::Text(Form::Upper)),
    ("path", TEXT),
    ("port", Shape::Number),
    ("upgrade", TEXT),
]);

const PEER: Shape = Shape::Object(&[
    ("assurance", Shape::Text(Form::OneOf(&["verified", "asserted"]))),
    ("fingerprint", Shape::Text(Form::Lower)),
    ("labels", TEXTS),
    ("not_after", TEXT),
    ("owner", TEXT),
    ("path", TEXT),
    ("roles", LIST),
    ("serial", TEXT),
    ("spiffe_id", TEXT),
    ("trust_domain", Shape::Text(Form::Lower)),
]);

const PURPOSE: Shape =
    Shape::Object(&[("binding", Shape::Text(Form::OneOf(&["signed", "declared", "implied"]))), ("name", TEXT)]);

const RESOURCE: Shape = Shape::Object(&[
    ("audience", TEXT),
    ("name", TEXT),
    ("owner", TEXT),
    ("sensitivity", Shape::Text(Form::OneOf(&["low", "medium", "high"]))),
]);

const TOKENS: Shape = Shape::Object(&[("jwt_svid", TOKEN), ("oidc", TOKEN), ("transaction", TOKEN)]);

const TOKEN: Shape = Shape::Object(&[
    ("audiences", LIST),
    ("claims", Shape::Map(&Shape::Any)),
    ("expires", TEXT),
    ("id", TEXT),
    ("issuer", TEXT),
    ("subject", TEXT),
]);
