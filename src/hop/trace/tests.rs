//! What is a place in a trace, and everything near it that is none.

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
        parent().get(..54).unwrap(),
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
        &format!("00-{}g-{SPAN}-01", &TRACE.get(..31).unwrap()),
        &format!("00-{}-{SPAN}-01", &TRACE.get(..31).unwrap()),
        &format!("00-{TRACE}0-{}-01", &SPAN.get(..15).unwrap()),
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
