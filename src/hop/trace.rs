//! The trace that a hop belongs to, as [W3C Trace Context] level 1 writes it: whatever is not exactly that is no trace, and never an error.
//!
//! Anybody may write these headers. What is taken from them is bounded, and says nothing about whether the hop may happen.
//!
//! [W3C Trace Context]: https://www.w3.org/TR/trace-context-1/

use std::{collections::BTreeSet, fmt};

use super::{Headers, Single};
use crate::hex;

/// A place in a trace, for a span to be the next one there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span that comes before; absent at the beginning of the trace.
    pub parent: Option<SpanId>,
    /// Whether spans of the trace are kept.
    pub sampled: bool,
    /// What tracing systems tell each other on the way (`tracestate`): valid, and at most 512 bytes.
    pub state: String,
}

impl TraceContext {
    /// What a hop's own headers say.
    pub(super) fn of(headers: Headers<'_>) -> Option<Self> {
        let Single::Value(parent) = headers.single("traceparent") else { return None };
        let state = headers.joined("tracestate");
        Self::parse(parent, state.as_deref().unwrap_or_default())
    }

    /// What stands beside a Check, if anything does there: Envoy's own span. What is there and broken says that there is no trace.
    pub fn beside(metadata: &http::HeaderMap) -> Option<Option<Self>> {
        let mut parents = metadata.get_all("traceparent").iter();
        let first = parents.next()?;
        if parents.next().is_some() {
            return Some(None);
        }
        let states = metadata.get_all("tracestate");
        // A client may have sent megabytes of it.
        let is_short = states.iter().map(http::HeaderValue::len).sum::<usize>() <= MAX_STATE;
        let states = states.iter().filter(|_| is_short).map(http::HeaderValue::to_str).collect::<Result<Vec<_>, _>>();
        let states = states.unwrap_or_default().join(",");
        Some(first.to_str().ok().and_then(|parent| Self::parse(parent, &states)))
    }

    /// Reads `traceparent` (§3.2) of version 00, and with it `tracestate` (§3.3); a state that is not valid is left out.
    pub fn parse(parent: &str, state: &str) -> Option<Self> {
        let [b'0', b'0', b'-', rest @ ..] = parent.as_bytes() else { return None };
        let (trace, rest) = rest.split_first_chunk::<32>()?;
        let [b'-', rest @ ..] = rest else { return None };
        let (span, rest) = rest.split_first_chunk::<16>()?;
        let [b'-', high, low] = rest else { return None };
        let [flags] = decode(&[*high, *low])?;
        Some(Self {
            trace: TraceId::new(decode(trace)?)?,
            parent: Some(SpanId::new(decode(span)?)?),
            sampled: flags & SAMPLED != 0,
            state: if is_state(state) { state.to_owned() } else { String::new() },
        })
    }
}

/// Names a trace: 16 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// Takes any bytes but none at all.
    pub fn new(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

/// Names a span within its trace: 8 bytes, not all of them zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

impl SpanId {
    /// Takes any bytes but none at all.
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({})", hex::encode(&self.0))
    }
}

/// Lower-case hex: upper case is no `traceparent`.
fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// A list of members, each key once (§3.3.1); empty members are allowed.
fn is_state(state: &str) -> bool {
    let mut keys = BTreeSet::new();
    let members = state.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty());
    state.len() <= MAX_STATE
        && members.enumerate().all(|(index, member)| {
            let Some((key, value)) = member.split_once('=') else { return false };
            index < MAX_MEMBERS && is_key(key) && is_value(value) && keys.insert(key)
        })
}

/// A vendor's name, or a tenant's with its vendor's after an `@` (§3.3.1.3.1).
fn is_key(key: &str) -> bool {
    let is_part = |part: &str, most: usize, may_begin: fn(&u8) -> bool| {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
        part.len() <= most && part.as_bytes().first().is_some_and(may_begin) && part.bytes().all(allowed)
    };
    match key.split_once('@') {
        None => is_part(key, 256, u8::is_ascii_lowercase),
        Some((tenant, vendor)) => {
            is_part(tenant, 241, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                && is_part(vendor, 14, u8::is_ascii_lowercase)
        }
    }
}

/// Printable ASCII without comma and equals sign, not ending in a space (§3.3.1.3.2).
fn is_value(value: &str) -> bool {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=256).contains(&value.len()) && value.bytes().all(is_plain) && !value.ends_with(' ')
}

/// §3.2.2.5.1
const SAMPLED: u8 = 1;
/// What everybody should pass on at least (§3.3.1.5); we pass on no more.
const MAX_STATE: usize = 512;
/// §3.3.1.1
const MAX_MEMBERS: usize = 32;

#[cfg(test)]
mod tests;
