//! Reads the `act` claim (RFC 8693 §4.1): bounded, without repetition, or not at all.

use serde_json::{Map, Value};

use super::DelegationError;
use crate::{peer::id, token::VerifiedToken};

/// Somebody whom a token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Who vouches for the name, if that is said.
    pub issuer: Option<String>,
    /// The name.
    pub name: String,
}

/// The actors that a token names, the outermost, which is the latest, first.
pub(super) fn actors(token: &VerifiedToken, max_depth: usize) -> Result<Vec<Party>, DelegationError> {
    read(token.claims(), token.subject(), max_depth)
}

fn read(claims: &Map<String, Value>, subject: &str, max_depth: usize) -> Result<Vec<Party>, DelegationError> {
    let mut actors: Vec<Party> = Vec::new();
    let mut next = claims.get("act");
    while let Some(act) = next {
        if actors.len() == max_depth {
            return Err(DelegationError::TooDeep { max: max_depth });
        }
        let act = act.as_object().ok_or(DelegationError::Malformed)?;
        let actor = party(act)?;
        // Not by issuer too: what differs in that alone may be the same actor, and who it is decides nothing else.
        if actor.name == subject || actors.iter().any(|other| other.name == actor.name) {
            return Err(DelegationError::Loop);
        }
        actors.push(actor);
        next = act.get("act");
    }
    Ok(actors)
}

fn party(act: &Map<String, Value>) -> Result<Party, DelegationError> {
    let name = act.get("sub").and_then(Value::as_str).ok_or(DelegationError::Malformed)?;
    let issuer = match act.get("iss") {
        None => None,
        Some(Value::String(issuer)) if is_name(issuer) => Some(issuer.clone()),
        Some(_) => return Err(DelegationError::Malformed),
    };
    // A name that looks like a workload's is one, or none at all.
    let is_workload = name.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"));
    if !is_name(name) || (is_workload && id::parse_workload(name).is_err()) {
        return Err(DelegationError::Malformed);
    }
    Ok(Party { issuer, name: name.to_owned() })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control)
}

const MAX_NAME: usize = 2048;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(act: &Value) -> Result<Vec<String>, DelegationError> {
        let claims = json!({ "act": act });
        let actors = read(claims.as_object().unwrap(), "alice", 3)?;
        Ok(actors.into_iter().map(|actor| actor.name).collect())
    }

    #[test]
    fn the_outermost_actor_is_the_latest() {
        let act = json!({"sub": "spiffe://td/b", "act": {"sub": "spiffe://td/a", "iss": "https://login"}});
        assert_eq!(names(&act).unwrap(), ["spiffe://td/b", "spiffe://td/a"]);
        assert_eq!(read(&Map::new(), "alice", 3), Ok(vec![]));
    }

    #[test]
    fn whatever_is_not_an_actor_makes_the_chain_malformed() {
        for act in [
            json!(null),
            json!("spiffe://td/a"),
            json!([]),
            json!([{"sub": "a"}]),
            json!({}),
            json!({"sub": ""}),
            json!({"sub": null}),
            json!({"sub": 1}),
            json!({"sub": ["a"]}),
            json!({"sub": "a\n"}),
            json!({"sub": "a".repeat(2049)}),
            json!({"sub": "a", "iss": 1}),
            json!({"sub": "a", "iss": ""}),
            json!({"sub": "a", "act": null}),
            json!({"sub": "SPIFFE://td/a"}),
            json!({"sub": "spiffe://TD/a"}),
            json!({"sub": "spiffe://td"}),
            json!({"sub": "spiffe://td/a/../b"}),
        ] {
            assert_eq!(names(&act), Err(DelegationError::Malformed), "{act}");
        }
    }

    #[test]
    fn a_chain_that_comes_back_is_a_loop() {
        for act in [
            json!({"sub": "alice"}),
            json!({"sub": "a", "act": {"sub": "a"}}),
            json!({"sub": "a", "iss": "x", "act": {"sub": "b", "act": {"sub": "a", "iss": "y"}}}),
        ] {
            assert_eq!(names(&act), Err(DelegationError::Loop), "{act}");
        }
    }

    #[test]
    fn a_chain_is_followed_to_its_bound_and_no_further() {
        let three = json!({"sub": "a", "act": {"sub": "b", "act": {"sub": "c"}}});
        assert_eq!(names(&three).unwrap().len(), 3);
        assert_eq!(names(&json!({"sub": "z", "act": three})), Err(DelegationError::TooDeep { max: 3 }));
    }
}
