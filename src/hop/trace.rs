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
        let states: Result<Vec<_>, _> = metadata.get_all("tracestate").iter().map(http::HeaderValue::to_str).collect();
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
mod tests {
    use http::{HeaderMap, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn parent() -> String {
        format!("00-{TRACE}-{SPAN}-01")
    }

    #[test]
    fn a_traceparent_names_trace_span_and_whether_they_are_kept() {
        for (flags, sampled) in [("00", false), ("01", true), ("02", false), ("03", true), ("ff", true)] {
            let context = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-{flags}"), "").unwrap();
            assert_eq!(context.trace.to_string(), TRACE);
            assert_eq!(hex::encode(context.parent.unwrap().as_bytes()), SPAN);
            assert_eq!(context.sampled, sampled, "{flags}");
        }
    }

    #[test]
    fn what_is_not_exactly_one_is_none() {
        let upper = parent().to_uppercase();
        for odd in [
            "",
            "00",
            &parent()[..54],
            &format!("{}-", parent()),
            &format!("{}-what-the-future-holds", parent()),
            &format!(" {}", parent()),
            &format!("{} ", parent()),
            &format!("01-{TRACE}-{SPAN}-01"),
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("0x-{TRACE}-{SPAN}-01"),
            &format!("00_{TRACE}-{SPAN}-01"),
            &format!("00-{TRACE}_{SPAN}-01"),
            &format!("00-{TRACE}-{SPAN}_01"),
            &format!("00-{TRACE}-{SPAN}-1"),
            &format!("00-{TRACE}-{SPAN}-0g"),
            &format!("00-{TRACE}-{SPAN}-0A"),
            &format!("00-{}-{SPAN}-01", "0".repeat(32)),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00-{}g-{SPAN}-01", &TRACE[..31]),
            &format!("00-{}-{SPAN}-01", &TRACE[..31]),
            &format!("00-{TRACE}0-{}-01", &SPAN[..15]),
            &format!("{},{}", parent(), parent()),
            &parent().replace('4', "é"),
            &upper,
        ] {
            assert_eq!(TraceContext::parse(odd, ""), None, "{odd}");
        }
    }

    #[test]
    fn a_state_is_carried_on_if_it_is_one() {
        let many = |count: usize| (0..count).map(|index| format!("k{index}=v")).collect::<Vec<_>>().join(",");
        for (state, carried) in [
            ("", true),
            ("congo=t61rcWkgMzE", true),
            ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true),
            ("a=1, b=2 ,\tc=3,,", true),
            ("tenant@vendor=v", true),
            ("0tenant@vendor=a b", true),
            (&many(32), true),
            (&many(33), false),
            ("a=1,a=2", false),
            ("a", false),
            ("a=", false),
            ("=1", false),
            ("a=1=2", false),
            ("A=1", false),
            ("0a=1", false),
            ("t@0v=1", false),
            ("t@vendor-is-too-long=1", false),
            ("a=\u{7f}", false),
            ("a=é", false),
            ("a=1\n", false),
            (&format!("a={}", "x".repeat(256)), true),
            (&format!("a={}", "x".repeat(257)), false),
            (&format!("a={0},b={0},c={0}", "x".repeat(200)), false),
        ] {
            let context = TraceContext::parse(&parent(), state).unwrap();
            assert_eq!(context.state, if carried { state } else { "" }, "{state}");
        }
    }

    #[test]
    fn what_stands_beside_a_check_counts_alone_even_if_it_is_broken() {
        let map = |rows: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in rows {
                map.append(*name, HeaderValue::from_str(value).unwrap());
            }
            map
        };
        let parent = parent();
        assert_eq!(TraceContext::beside(&map(&[("tracestate", "a=1")])), None);
        assert_eq!(TraceContext::beside(&map(&[("traceparent", "what?")])), Some(None));
        assert_eq!(TraceContext::beside(&map(&[("traceparent", &parent), ("traceparent", &parent)])), Some(None));
        let one = map(&[("traceparent", &parent), ("tracestate", "a=1"), ("tracestate", "b=2")]);
        assert_eq!(TraceContext::beside(&one), Some(TraceContext::parse(&parent, "a=1,b=2")));
    }

    proptest! {
        #[test]
        fn nothing_that_anybody_writes_panics_or_grows(parent in ".{0,80}", state in ".{0,600}") {
            if let Some(context) = TraceContext::parse(&parent, &state) {
                prop_assert!(context.state.len() <= MAX_STATE);
            }
        }

        #[test]
        fn what_is_near_a_traceparent_is_read_only_if_it_is_one(
            place in 0_usize..55, byte in any::<char>(), flags in "[0-9a-f]{2}"
        ) {
            let whole: Vec<char> = format!("00-{TRACE}-{SPAN}-{flags}").chars().collect();
            let mut changed = whole.clone();
            changed[place] = byte;
            let text: String = changed.iter().collect();
            let is_digit = |place: usize| whole[place] != '-' && place > 1;
            let is_one = changed == whole || (is_digit(place) && matches!(byte, '0'..='9' | 'a'..='f'));
            prop_assert_eq!(TraceContext::parse(&text, "").is_some(), is_one, "{}", text);
        }

        #[test]
        fn bytes_beside_a_check_never_panic(parent in prop::collection::vec(any::<u8>(), 0..80), state in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut map = HeaderMap::new();
            for (name, bytes) in [("traceparent", parent), ("tracestate", state)] {
                if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                    map.append(name, value);
                }
            }
            let _ = TraceContext::beside(&map);
        }
    }
}
