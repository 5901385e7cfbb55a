//! The `net` builtins as OPA answers them (Go's `net` package): an IPv4-mapped address is the IPv4 address, an address with a zone is none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    super::engine::Value,
    arguments::{self, any, bound, error, members, text},
    native::{Failure, Native},
};

pub(super) const NET: &[Native] = &[
    Native { name: "net.cidr_contains", arity: 2, call: contains },
    Native { name: "net.cidr_contains_matches", arity: 2, call: contains_matches },
    Native { name: "net.cidr_expand", arity: 1, call: expand },
    Native { name: "net.cidr_intersects", arity: 2, call: intersects },
    Native { name: "net.cidr_is_valid", arity: 1, call: is_valid },
    Native { name: "net.cidr_merge", arity: 1, call: merge },
];

/// A network: its first address and the length of its prefix, in 128 bits whatever its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    first: u128,
    prefix: u32,
    family: Family,
}

/// How a network was written. An IPv4-mapped one compares as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    Mapped,
    V6,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        if prefix.is_empty() || prefix.len() > 32 || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let prefix: u32 = prefix.parse().ok()?;
        match address.parse().ok()? {
            IpAddr::V4(address) if prefix <= 32 => {
                let prefix = prefix.saturating_add(96);
                Some(Self { first: mapped(address) & mask(prefix), prefix, family: Family::V4 })
            }
            IpAddr::V6(address) if prefix <= 128 => {
                let first = u128::from(address) & mask(prefix);
                let family = if is_mapped(first) { Family::Mapped } else { Family::V6 };
                Some(Self { first, prefix, family })
            }
            _ => None,
        }
    }

    const fn last(&self) -> u128 {
        self.first | !mask(self.prefix)
    }

    /// Whether an address is in it; one of the other family never is.
    fn contains(&self, address: u128) -> bool {
        is_mapped(address) == (self.family != Family::V6) && address & mask(self.prefix) == self.first
    }

    fn covers(&self, other: &Self) -> bool {
        if self.family == Family::V6 && other.family == Family::V6 {
            return self.prefix <= other.prefix && other.first & mask(self.prefix) == self.first;
        }
        self.contains(other.first) && self.contains(other.last())
    }
}

fn contains(arguments: &[Value]) -> Result<Value, Failure> {
    Ok(Value::Bool(holds(text(arguments, 0)?, text(arguments, 1)?)?))
}

fn holds(network: &str, inner: &str) -> Result<bool, Failure> {
    let Some(network) = Network::parse(network) else { return error("argument 1 must be a CIDR") };
    if let Ok(address) = inner.parse::<IpAddr>() {
        return Ok(network.contains(number(address)));
    }
    match Network::parse(inner) {
        Some(inner) => Ok(network.covers(&inner)),
        None => error("argument 2 must be an address or a CIDR"),
    }
}

fn intersects(arguments: &[Value]) -> Result<Value, Failure> {
    let parsed = |place| match Network::parse(text(arguments, place)?) {
        Some(network) => Ok(network),
        None => error("an argument must be a CIDR"),
    };
    let (one, other) = (parsed(0)?, parsed(1)?);
    Ok(Value::Bool(one.contains(other.first) || other.contains(one.first)))
}

fn is_valid(arguments: &[Value]) -> Result<Value, Failure> {
    Ok(Value::Bool(matches!(any(arguments, 0)?, Value::String(text) if Network::parse(text).is_some())))
}

fn contains_matches(arguments: &[Value]) -> Result<Value, Failure> {
    let outer = listed(any(arguments, 0)?)?;
    // Where nothing could hold them, nobody looks at what they are.
    let inner = if outer.is_empty() { Vec::new() } else { listed(any(arguments, 1)?)? };
    if outer.len().saturating_mul(inner.len()) > MOST_PAIRS {
        return bound("there are more pairs of networks than a builtin may compare");
    }
    let mut found = Vec::new();
    for (network, index) in &outer {
        for (address, at) in &inner {
            let (Value::String(network), Value::String(address)) = (network, address) else {
                return error("a network must be a string");
            };
            if holds(network, address)? {
                found.push(Value::from(vec![index.clone(), at.clone()]));
            }
        }
    }
    Ok(arguments::set(found))
}

/// The networks of an operand, and where each stands; what is no collection holds none.
fn listed(value: &Value) -> Result<Vec<(&Value, Value)>, Failure> {
    fn network(value: &Value) -> Result<&Value, Failure> {
        match value {
            Value::String(_) => Ok(value),
            Value::Array(items) => items.first().ok_or_else(|| Failure::Error("a network is missing".to_owned())),
            _ => error("a network must be a string, or an array that begins with one"),
        }
    }
    match value {
        Value::String(_) => Ok(vec![(value, value.clone())]),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| Ok((network(item)?, arguments::count(index)))).collect()
        }
        Value::Set(items) => items.iter_sorted().map(|item| Ok((network(item)?, item.clone()))).collect(),
        Value::Object(items) => items.iter_sorted().map(|(key, item)| Ok((network(item)?, key.clone()))).collect(),
        _ => Ok(Vec::new()),
    }
}

fn expand(arguments: &[Value]) -> Result<Value, Failure> {
    let Some(network) = Network::parse(text(arguments, 0)?) else { return error("argument 1 must be a CIDR") };
    let last = network.last();
    if last.saturating_sub(network.first) >= MOST_ADDRESSES {
        return bound("the network has more addresses than a builtin may list: use `net.cidr_contains`");
    }
    let addresses = (network.first..=last).map(|address| Value::from(shown(address)));
    Ok(arguments::set(addresses))
}

/// The fewest networks that hold the same addresses. A network that merges with no other stays as it was written.
fn merge(arguments: &[Value]) -> Result<Value, Failure> {
    let Some(items) = members(any(arguments, 0)?) else { return error("argument 1 must be an array or a set") };
    let mut ranges = items.into_iter().map(range).collect::<Result<Vec<_>, _>>()?;
    if ranges.len() > MOST_MERGED {
        return bound("there are more networks than a builtin may merge");
    }
    let is_v6 = |range: &Range| !is_mapped(range.first);
    if ranges.iter().any(is_v6) && !ranges.iter().all(is_v6) {
        return merge_families(ranges);
    }
    ranges.sort_by_key(|range| (range.last, range.first));
    merged(ranges)
}

/// Networks of both families: they do not merge with each other.
fn merge_families(ranges: Vec<Range>) -> Result<Value, Failure> {
    let (mut v4, mut v6): (Vec<_>, Vec<_>) = ranges.into_iter().partition(|range| is_mapped(range.first));
    let touches =
        |range: &Range| range.first <= MAPPED_LAST.saturating_add(1) && range.last >= MAPPED.saturating_sub(1);
    if v6.iter().any(touches) {
        // Where IPv6 surrounds the mapped addresses, what OPA says depends on the order of bytes alone.
        return bound("an IPv6 network holds the IPv4-mapped addresses");
    }
    v4.append(&mut v6);
    v4.sort_by_key(|range| (range.last, range.first));
    merged(v4)
}

struct Range {
    first: u128,
    last: u128,
    /// As it was written, unless it has merged.
    text: Option<String>,
}

fn range(value: &Value) -> Result<Range, Failure> {
    let Value::String(text) = value else { return error("a network must be a string") };
    match text.parse::<IpAddr>() {
        Ok(address) => {
            let address = number(address);
            if !is_mapped(address) {
                return error("an IPv6 network needs a prefix");
            }
            // A lone address stands for the network of its class, as in Go.
            let octet = address >> 24 & 0xff;
            let prefix: u32 = if octet < 0x80 {
                8
            } else if octet < 0xc0 {
                16
            } else {
                24
            };
            let mask = mask(prefix.saturating_add(96));
            let text = Some(format!("{}/{prefix}", shown(address)));
            Ok(Range { first: address & mask, last: address | !mask, text })
        }
        Err(_) => match Network::parse(text) {
            Some(network) if network.family == Family::Mapped => bound("an IPv4-mapped network does not merge"),
            Some(network) => {
                let shift = if network.family == Family::V4 { 96 } else { 0 };
                let text = format!("{}/{}", shown(network.first), network.prefix.saturating_sub(shift));
                Ok(Range { first: network.first, last: network.last(), text: Some(text) })
            }
            None => error("a network must be an address or a CIDR"),
        },
    }
}

fn merged(ranges: Vec<Range>) -> Result<Value, Failure> {
    let mut kept: Vec<Range> = Vec::with_capacity(ranges.len());
    // From the last one down: each either takes in the one before it or stands alone.
    for range in ranges.into_iter().rev() {
        match kept.last_mut() {
            Some(above) if before(above.first) <= range.last => {
                above.first = above.first.min(range.first);
                above.text = None;
            }
            _ => kept.push(range),
        }
    }
    let mut texts = Vec::new();
    for range in kept {
        match range.text {
            Some(text) => texts.push(Value::from(text)),
            None if !is_mapped(range.first) && range.first >> 120 == 0 => {
                return bound("IPv6 networks below 100::/8 do not merge");
            }
            None => networks(range.first, range.last, &mut texts),
        }
    }
    Ok(arguments::set(texts))
}

/// The networks that make up a range.
fn networks(mut first: u128, last: u128, texts: &mut Vec<Value>) {
    let shift = if is_mapped(first) { 96 } else { 0 };
    loop {
        let mut host = first.trailing_zeros().min(128_u32.saturating_sub(shift));
        while host > 0 && !mask(128_u32.saturating_sub(host)) > last.saturating_sub(first) {
            host = host.saturating_sub(1);
        }
        let prefix = 128_u32.saturating_sub(host);
        texts.push(Value::from(format!("{}/{}", shown(first), prefix.saturating_sub(shift))));
        match (first | !mask(prefix)).checked_add(1) {
            Some(next) if next <= last => first = next,
            _ => return,
        }
    }
}

/// The address before another; the first of a family has none.
const fn before(address: u128) -> u128 {
    if address == MAPPED { address } else { address.saturating_sub(1) }
}

const fn mask(prefix: u32) -> u128 {
    match u128::MAX.checked_shl(128_u32.saturating_sub(prefix)) {
        Some(mask) => mask,
        None => 0,
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => mapped(address),
        IpAddr::V6(address) => address.into(),
    }
}

fn mapped(address: Ipv4Addr) -> u128 {
    address.to_ipv6_mapped().into()
}

const fn is_mapped(address: u128) -> bool {
    address >= MAPPED && address <= MAPPED_LAST
}

fn shown(address: u128) -> String {
    let address = Ipv6Addr::from(address);
    address.to_ipv4_mapped().map_or_else(|| address.to_string(), |address| address.to_string())
}

const MAPPED: u128 = 0xffff_0000_0000;
const MAPPED_LAST: u128 = 0xffff_ffff_ffff;

const MOST_ADDRESSES: u128 = 4096;
const MOST_PAIRS: usize = 8192;
const MOST_MERGED: usize = 4096;
