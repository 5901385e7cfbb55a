//! `io.jwt`: tokens as OPA reads and verifies them, each call bounded. Nothing is signed here.
//!
//! What costs most, a signature, is verified once; that it was, and what it cost, is all that is remembered.

mod constraints;
mod encoding;
mod jwk;
mod keys;
mod signature;
mod token;

use std::sync::LazyLock;

use aws_lc_rs::{
    digest::{Context, SHA256},
    hmac,
};
use quick_cache::sync::Cache;

pub(super) use self::encoding::base64;
use self::{
    constraints::{Constraints, Trusted},
    keys::{Digest, Keys},
    signature::{Budget, Key, Scheme},
    token::{Header, Token, field},
};
use super::{
    super::{
        engine::Value,
        json::{self, Dialect, JsonError},
    },
    native::{Failure, Native},
};
use crate::{hex, trust::jwk::Algorithm};

pub(super) const JWT: &[Native] = &[
    Native { name: "io.jwt.decode", arity: 1, call: decode },
    Native { name: "io.jwt.decode_verify", arity: 2, call: decode_verify },
    Native { name: "io.jwt.verify_eddsa", arity: 2, call: |arguments| verify(arguments, Scheme::EdDsa) },
    Native { name: "io.jwt.verify_es256", arity: 2, call: |arguments| verify_public(arguments, Algorithm::ES256) },
    Native { name: "io.jwt.verify_es384", arity: 2, call: |arguments| verify_public(arguments, Algorithm::ES384) },
    Native { name: "io.jwt.verify_es512", arity: 2, call: |arguments| verify_public(arguments, Algorithm::ES512) },
    Native { name: "io.jwt.verify_hs256", arity: 2, call: |arguments| verify_secret(arguments, hmac::HMAC_SHA256) },
    Native { name: "io.jwt.verify_hs384", arity: 2, call: |arguments| verify_secret(arguments, hmac::HMAC_SHA384) },
    Native { name: "io.jwt.verify_hs512", arity: 2, call: |arguments| verify_secret(arguments, hmac::HMAC_SHA512) },
    Native { name: "io.jwt.verify_ps256", arity: 2, call: |arguments| verify_public(arguments, Algorithm::PS256) },
    Native { name: "io.jwt.verify_ps384", arity: 2, call: |arguments| verify_public(arguments, Algorithm::PS384) },
    Native { name: "io.jwt.verify_ps512", arity: 2, call: |arguments| verify_public(arguments, Algorithm::PS512) },
    Native { name: "io.jwt.verify_rs256", arity: 2, call: |arguments| verify_public(arguments, Algorithm::RS256) },
    Native { name: "io.jwt.verify_rs384", arity: 2, call: |arguments| verify_public(arguments, Algorithm::RS384) },
    Native { name: "io.jwt.verify_rs512", arity: 2, call: |arguments| verify_public(arguments, Algorithm::RS512) },
];

/// Header, payload and the signature in hex, of the innermost token.
fn decode(arguments: &[Value]) -> Result<Value, Failure> {
    let mut whole = token(arguments)?.as_bytes().to_vec();
    loop {
        let token = Token::split(&whole)?;
        let header = token.header()?;
        let payload = token.payload()?;
        match field(&header, "cty") {
            // A token in a token, which some write in quotes. It is shorter than the one around it.
            Some(Value::String(cty)) if **cty == *"JWT" => {
                let inner = |byte: &u8| !matches!(byte, b'"' | b'\'');
                let begin = payload.iter().position(inner).unwrap_or(payload.len());
                let end = payload.iter().rposition(inner).map_or(begin, |last| last.saturating_add(1));
                whole = payload.get(begin..end).unwrap_or_default().to_vec();
            }
            None | Some(Value::String(_)) => {
                let payload = object(&payload, "payload")?;
                let signature = hex::encode(&token.signature()?);
                return Ok(vec![header, payload, signature.into()].into());
            }
            Some(_) => return Err(error("`cty` of the header is not a string")),
        }
    }
}

/// Whether a token, its header and its claims meet the constraints; if so, with the innermost header and claims.
fn decode_verify(arguments: &[Value]) -> Result<Value, Failure> {
    let mut whole = token(arguments)?.as_bytes().to_vec();
    let constraints = Constraints::read(arguments.get(1).unwrap_or(&Value::Undefined))?;
    let refused = || Ok(vec![false.into(), Value::new_object(), Value::new_object()].into());
    let mut budget = Budget::new();
    loop {
        let token = Token::split(&whole)?;
        let header = token.header()?;
        let known = Header::read(&header)?;
        if known.alg.is_empty() || known.is_beyond_us {
            return refused();
        }
        if !constraints.alg.is_empty() && constraints.alg != known.alg {
            return refused();
        }
        let signature = token.signature()?;
        // What is no algorithm here, "none" before all, has no signatures.
        let Some(scheme) = Scheme::parse(&known.alg) else { return refused() };
        let is_valid = match &constraints.trusted {
            Trusted::Keys(keys) => remembered("any", keys, &token, &mut budget, |budget| {
                among(keys, &known, scheme, &token, &signature, budget)
            })?,
            Trusted::Secret(secret) => {
                Key::Secret(secret.clone().into_bytes()).verify(scheme, token.signed, &signature, &mut budget)?
            }
        };
        if !is_valid {
            return refused();
        }
        let payload = token.payload()?;
        if known.cty.eq_ignore_ascii_case("JWT") {
            whole = payload;
            continue;
        }
        let claims = object(&payload, "payload")?;
        if !constraints.admit(&claims)? {
            return refused();
        }
        return Ok(vec![true.into(), header, claims].into());
    }
}

/// Reads the object that `bytes` hold, as OPA reads JSON.
fn object(bytes: &[u8], what: &str) -> Result<Value, Failure> {
    match json::read(bytes, Dialect::Go) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) | Err(JsonError::Syntax | JsonError::Repeated) => {
            Err(Failure::Error(format!("the {what} is not a JSON object")))
        }
        Err(error @ (JsonError::TooDeep | JsonError::Number)) => {
            Err(Failure::Bound(format!("the {what} is not read: {error}")))
        }
    }
}

fn verify_public(arguments: &[Value], algorithm: Algorithm) -> Result<Value, Failure> {
    verify(arguments, Scheme::Public(algorithm))
}

/// Whether the token's signature is, under the scheme that the policy names, one of the keys'.
fn verify(arguments: &[Value], scheme: Scheme) -> Result<Value, Failure> {
    let token = Token::split(token(arguments)?.as_bytes())?;
    let keys = Keys::of(text(arguments, 1)?)?;
    let signature = token.signature()?;
    let header = Header::read(&token.header()?)?;
    let mut budget = Budget::new();
    let name = match scheme {
        Scheme::Public(algorithm) => algorithm.as_str(),
        Scheme::EdDsa | Scheme::Secret(_) => "EdDSA",
    };
    let is_valid = remembered(name, &keys, &token, &mut budget, |budget| {
        among(&keys, &header, scheme, &token, &signature, budget)
    })?;
    Ok(is_valid.into())
}

fn verify_secret(arguments: &[Value], algorithm: hmac::Algorithm) -> Result<Value, Failure> {
    let token = Token::split(token(arguments)?.as_bytes())?;
    let secret = text(arguments, 1)?;
    if secret.len() > MAX_TOKEN {
        return Err(Failure::Bound(format!("the secret is longer than {MAX_TOKEN} bytes")));
    }
    let signature = token.signature()?;
    Ok(hmac::verify(&hmac::Key::new(algorithm, secret.as_bytes()), token.signed, &signature).is_ok().into())
}

/// Whether one of the keys made the signature: the one that the header names if it is there, else any that may be for its algorithm.
fn among(
    keys: &Keys,
    header: &Header,
    scheme: Scheme,
    token: &Token<'_>,
    signature: &[u8],
    budget: &mut Budget,
) -> Result<bool, Failure> {
    if let Some(named) = keys.named(&header.kid) {
        return named.key.verify(scheme, token.signed, signature, budget);
    }
    for candidate in &keys.keys {
        if (candidate.alg.is_empty() || candidate.alg == header.alg)
            && candidate.key.verify(scheme, token.signed, signature, budget)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What verifying this token with these keys in this way came to, whether it is done now or was done before: at the same cost to the call.
fn remembered(
    way: &str,
    keys: &Keys,
    token: &Token<'_>,
    budget: &mut Budget,
    verify: impl FnOnce(&mut Budget) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let mut context = Context::new(&SHA256);
    // No name of a way is the beginning of another, and the second part has always one length.
    [way.as_bytes(), &keys.digest, token.whole].iter().for_each(|part| context.update(part));
    let mut digest: Digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    if let Some((is_valid, cost)) = VERIFIED.get(&digest) {
        budget.spend(cost)?;
        return Ok(is_valid);
    }
    let left = budget.left();
    let is_valid = verify(budget)?;
    VERIFIED.insert(digest, (is_valid, budget.since(left)));
    Ok(is_valid)
}

/// The token, which is the first argument.
fn token(arguments: &[Value]) -> Result<&str, Failure> {
    let token = text(arguments, 0)?;
    if token.len() > MAX_TOKEN {
        return Err(Failure::Bound(format!("the token is longer than {MAX_TOKEN} bytes")));
    }
    Ok(token)
}

fn text(arguments: &[Value], index: usize) -> Result<&str, Failure> {
    match arguments.get(index) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(error(&format!("argument {} is not a string", index.saturating_add(1)))),
    }
}

fn error(message: &str) -> Failure {
    Failure::Error(message.to_owned())
}

/// What one call can read in well under a millisecond.
const MAX_TOKEN: usize = 16 * 1024;

static VERIFIED: LazyLock<Cache<Digest, (bool, u32)>> = LazyLock::new(|| Cache::new(MOST_VERIFIED));
const MOST_VERIFIED: usize = 16_384;

#[cfg(test)]
mod tests;
