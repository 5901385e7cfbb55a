//! A claim is there in its one type, or it is refused: no text for a number, no fraction for a second, no null for nothing.

use std::time::Duration;

use serde_json::{Map, Value};

use super::error::{Claim, Malformed};
use crate::clock::Timestamp;

/// The claims of a token, by name and type.
#[derive(Clone, Copy)]
pub(super) struct Claims<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Claims<'a> {
    /// A text, if the claim is there.
    pub(super) fn text(self, claim: Claim) -> Result<Option<&'a str>, Malformed> {
        match self.0.get(claim.name()) {
            None => Ok(None),
            Some(Value::String(text)) if is_name(text) => Ok(Some(text)),
            Some(_) => Err(claim.into()),
        }
    }

    /// A text that has to be there.
    pub(super) fn required_text(self, claim: Claim) -> Result<&'a str, Malformed> {
        self.text(claim)?.ok_or_else(|| claim.into())
    }

    /// A text, or several in an array, that has to be there.
    pub(super) fn texts(self, claim: Claim) -> Result<Vec<&'a str>, Malformed> {
        let text = |value: &'a Value| value.as_str().filter(|text| is_name(text)).ok_or(Malformed::Claim(claim));
        match self.0.get(claim.name()) {
            Some(Value::Array(values)) if (1..=MAX_TEXTS).contains(&values.len()) => values.iter().map(text).collect(),
            Some(value @ Value::String(_)) => Ok(vec![text(value)?]),
            _ => Err(claim.into()),
        }
    }

    /// A time, if the claim is there: whole seconds, not before the epoch and not after the year 9999 (RFC 7519 §2, NumericDate).
    pub(super) fn time(self, claim: Claim) -> Result<Option<Timestamp>, Malformed> {
        let Some(value) = self.0.get(claim.name()) else { return Ok(None) };
        match value.as_i64() {
            Some(seconds @ 0..=LAST_SECOND) => Ok(Some(Timestamp::from_seconds(seconds))),
            _ => Err(claim.into()),
        }
    }

    /// When it is valid; `exp` has to be there.
    pub(super) fn times(self) -> Result<Times, Malformed> {
        let expires = self.time(Claim::Expires)?.ok_or(Claim::Expires)?;
        let issued = self.time(Claim::IssuedAt)?;
        let not_before = self.time(Claim::NotBefore)?;
        // A token that ended before it was issued was not made by anybody's clock.
        if issued.is_some_and(|issued| expires <= issued) {
            return Err(Claim::Expires.into());
        }
        Ok(Times { issued, not_before, expires })
    }

    /// The object that a claim is, if it is there.
    pub(super) fn object(self, claim: Claim) -> Result<(), Malformed> {
        match self.0.get(claim.name()) {
            None | Some(Value::Object(_)) => Ok(()),
            Some(_) => Err(claim.into()),
        }
    }
}

/// When a token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) issued: Option<Timestamp>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires: Timestamp,
}

impl Times {
    /// What is wrong with them at `now`, if anything is.
    pub(super) fn check(self, leeway: Duration, max_lifetime: Duration, now: Timestamp) -> Result<(), super::Why> {
        use super::Why;

        for (claim, begins, ahead) in
            [(Claim::IssuedAt, self.issued, MAX_ISSUED_AHEAD), (Claim::NotBefore, self.not_before, leeway)]
        {
            if let Some(begins) = begins
                && begins > now.after(ahead)
            {
                return Err(Why::NotYetValid { claim, begins });
            }
        }
        if now >= self.expires.after(leeway) {
            return Err(Why::Expired { expires: self.expires });
        }
        let from = self.issued.map_or(now, |issued| issued.min(now));
        let lifetime = self.expires.since(from);
        if lifetime > max_lifetime { Err(Why::Lifetime { lifetime, max: max_lifetime }) } else { Ok(()) }
    }
}

/// Whether a text can name something without being taken for something else in a log or a header.
fn is_name(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The longest name; a SPIFFE ID has no more.
const MAX_TEXT: usize = 2048;
/// The most names in one claim.
const MAX_TEXTS: usize = 32;
/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;
/// How far an issuer's clock may be ahead.
const MAX_ISSUED_AHEAD: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Map<String, Value> {
        Map::from_iter([("exp".to_owned(), value)])
    }

    #[test]
    fn a_time_is_whole_seconds() {
        for (value, expected) in [(json!(0), 0), (json!(1_795_165_200), 1_795_165_200)] {
            let time = Claims(&claims(value)).time(Claim::Expires);
            assert_eq!(time, Ok(Some(Timestamp::from_seconds(expected))));
        }
        for value in [
            json!(null),
            json!("1999999999"),
            json!(1.9e9),
            json!(1e17),
            json!(-1),
            json!(-0.0),
            json!(253_402_300_800_i64),
            json!(1_u64 << 63),
            json!(u64::MAX),
            json!(true),
            json!([1]),
            json!({}),
        ] {
            let refused = claims(value);
            assert_eq!(Claims(&refused).time(Claim::Expires), Err(Claim::Expires.into()), "{refused:?}");
        }
    }

    #[test]
    fn a_text_is_a_name() {
        let text = |value: Value| Claims(&claims(value)).text(Claim::Expires).map(|text| text.map(str::to_owned));
        assert_eq!(text(json!("a b")), Ok(Some("a b".into())));
        assert!(text(json!("x".repeat(2048))).is_ok());
        for value in
            [json!(""), json!("x".repeat(2049)), json!("a\nb"), json!("\u{7f}"), json!(1), json!(null), json!(["a"])]
        {
            assert!(text(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn texts_are_one_or_several() {
        let count = |value: Value| Claims(&claims(value)).texts(Claim::Expires).map(|texts| texts.len()).ok();
        assert_eq!(count(json!("a")), Some(1));
        assert_eq!(count(json!(["a", "b"])), Some(2));
        assert_eq!(count(json!(vec!["a"; 32])), Some(32));
        for value in [
            json!([]),
            json!(""),
            json!([""]),
            json!(null),
            json!(1),
            json!(["a", 1]),
            json!([["a"]]),
            json!(vec!["a"; 33]),
        ] {
            assert_eq!(count(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn an_end_before_the_beginning_is_nobodys() {
        let times = |value: Value| Claims(value.as_object().unwrap()).times().is_ok();
        assert!(times(json!({"exp": 11, "iat": 10})));
        assert!(!times(json!({"exp": 10, "iat": 10})));
        assert!(!times(json!({"iat": 10})));
    }
}
