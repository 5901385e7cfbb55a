//! What a token must meet, as a policy says it: nothing unknown, and exactly one kind of key.

use std::sync::Arc;

use super::{
    super::{
        super::engine::Value,
        native::{Failure, now_ns},
    },
    keys::Keys,
    token::field,
};

/// What a token must meet.
pub(super) struct Constraints {
    pub(super) trusted: Trusted,
    /// The algorithm; if empty, any.
    pub(super) alg: String,
    /// The issuer; if empty, any.
    iss: String,
    /// The audience; if empty, the token has none.
    aud: String,
    /// In seconds.
    time: f64,
}

/// What signatures are held against.
pub(super) enum Trusted {
    Keys(Arc<Keys>),
    Secret(String),
}

impl Constraints {
    pub(super) fn read(value: &Value) -> Result<Self, Failure> {
        let Value::Object(object) = value else { return Err(error("the constraints are not an object")) };
        let (mut keys, mut secret, mut alg, mut iss, mut aud) = (None, None, None, None, None);
        let mut time = None;
        for (name, value) in object.iter() {
            let Value::String(name) = name else { return Err(error("a constraint's name is not a string")) };
            let place = match &**name {
                "cert" => {
                    keys = Some(Keys::of(string("cert", value)?)?);
                    continue;
                }
                "time" => {
                    time = Some(nanoseconds(value)?);
                    continue;
                }
                "alg" => &mut alg,
                "aud" => &mut aud,
                "iss" => &mut iss,
                "secret" => &mut secret,
                _ => {
                    return Err(error(
                        "there is a constraint other than `alg`, `aud`, `cert`, `iss`, `secret`, `time`",
                    ));
                }
            };
            *place = Some(string(name, value)?.to_owned());
        }
        let trusted = match (keys, secret.filter(|secret| !secret.is_empty())) {
            (Some(keys), None) => Trusted::Keys(keys),
            (None, Some(secret)) => Trusted::Secret(secret),
            (Some(_), Some(_)) => return Err(error("both `cert` and `secret` are given")),
            (None, None) => return Err(error("neither `cert` nor `secret` is given")),
        };
        let time = match time {
            Some(time) => time,
            None => nanoseconds(&Value::from(now_ns()))?,
        };
        let [alg, iss, aud] = [alg, iss, aud].map(Option::unwrap_or_default);
        Ok(Self { trusted, alg, iss, aud, time: time / 1e9 })
    }

    /// Whether the claims are those that are asked for, and count now.
    pub(super) fn admit(&self, claims: &Value) -> Result<bool, Failure> {
        if !self.iss.is_empty() {
            match field(claims, "iss") {
                None => return Ok(false),
                Some(Value::String(iss)) if **iss != *self.iss => return Ok(false),
                Some(Value::String(_)) => {}
                Some(_) => return Err(error("`iss` is not a string")),
            }
        }
        let is_ours = match field(claims, "aud") {
            None => self.aud.is_empty(),
            Some(Value::Array(audiences)) => audiences.iter().any(|audience| self.is_audience(audience)),
            Some(audience) => self.is_audience(audience),
        };
        if !is_ours || instant(claims, "exp")?.is_some_and(|exp| self.time >= exp) {
            return Ok(false);
        }
        Ok(instant(claims, "nbf")?.is_none_or(|nbf| self.time >= nbf))
    }

    fn is_audience(&self, value: &Value) -> bool {
        matches!(value, Value::String(audience) if **audience == *self.aud)
    }
}

/// A claim in seconds, if it is there.
fn instant(claims: &Value, name: &str) -> Result<Option<f64>, Failure> {
    let claim = field(claims, name);
    claim.map(|claim| float(claim).ok_or_else(|| error(&format!("`{name}` is not a number")))).transpose()
}

/// The number, as near as that is possible; what is beyond 128 bits is beyond any date.
#[expect(clippy::as_conversions, reason = "times are compared as near as OPA compares them")]
fn float(value: &Value) -> Option<f64> {
    let Value::Number(number) = value else { return None };
    Some(match (number.as_i128(), number.as_f64()) {
        (_, Some(float)) => float,
        (Some(integer), None) => integer as f64,
        (None, None) if number.is_positive() => f64::INFINITY,
        (None, None) => f64::NEG_INFINITY,
    })
}

fn nanoseconds(value: &Value) -> Result<f64, Failure> {
    float(value).filter(|time| *time >= 0.0).ok_or_else(|| error("the constraint `time` is not a number, or negative"))
}

fn string<'a>(name: &str, value: &'a Value) -> Result<&'a str, Failure> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(error(&format!("the constraint `{name}` is not a string"))),
    }
}

fn error(message: &str) -> Failure {
    Failure::Error(message.to_owned())
}
