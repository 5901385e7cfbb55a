//! Header look-up that gives the same verdict in both of Envoy's header modes.

use std::{borrow::Cow, collections::BTreeMap};

use super::HopError;
use crate::pb::HeaderMap;

/// The headers of a hop as Envoy relays them: a map of joined values, or raw entries in wire order.
#[derive(Clone, Copy, Debug)]
pub enum Headers<'a> {
    /// Duplicates joined with a comma, bytes that are not UTF-8 already shown as `!`.
    Joined(&'a BTreeMap<String, String>),
    /// Under `encode_raw_headers`.
    Raw(&'a HeaderMap),
}

/// What a header that must stand alone holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Single<'a> {
    /// The header is not there.
    Absent,
    /// Several entries, or a comma in Envoy's joined form.
    Several,
    /// Bytes that are not UTF-8, or the `!` that Envoy puts in their place.
    NotUtf8,
    /// One value.
    Value(&'a str),
}

impl<'a> Headers<'a> {
    /// The number of entries.
    pub fn len(self) -> usize {
        match self {
            Self::Joined(map) => map.len(),
            Self::Raw(map) => map.headers.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The names, in lower case, as often as they occur.
    pub fn names(self) -> impl Iterator<Item = &'a str> {
        let (joined, raw) = match self {
            Self::Joined(map) => (Some(map.keys().map(String::as_str)), None),
            Self::Raw(map) => (None, Some(map.headers.iter().map(|header| header.key.as_str()))),
        };
        joined.into_iter().flatten().chain(raw.into_iter().flatten())
    }

    /// How many entries of that name are known to be there.
    pub fn entries(self, name: &str) -> usize {
        match self {
            Self::Joined(map) => usize::from(map.contains_key(name)),
            Self::Raw(map) => map.headers.iter().filter(|header| header.key == name).count(),
        }
    }

    /// A header's value in Envoy's joined form: entries joined by a comma, each byte that is not UTF-8 as `!`.
    pub fn joined(self, name: &str) -> Option<Cow<'a, str>> {
        match self {
            Self::Joined(map) => map.get(name).map(|value| Cow::Borrowed(value.as_str())),
            Self::Raw(map) => {
                let mut values =
                    map.headers.iter().filter(|header| header.key == name).map(|header| lossy(bytes(header)));
                let first = values.next()?;
                Some(values.fold(first, |joined, value| join(joined, name, &value)))
            }
        }
    }

    /// A header that must stand alone.
    ///
    /// In the joined form a comma stands for a second entry and `!` for a byte that is not UTF-8. Both are taken for what they may
    /// stand for in raw form too, so that the answer does not hang on how Envoy was told to write headers.
    pub fn single(self, name: &str) -> Single<'a> {
        let value = match self {
            Self::Joined(map) => match map.get(name) {
                Some(value) => value.as_bytes(),
                None => return Single::Absent,
            },
            Self::Raw(map) => {
                let mut entries = map.headers.iter().filter(|header| header.key == name);
                let Some(first) = entries.next() else { return Single::Absent };
                let mut others = entries.map(bytes).peekable();
                if others.peek().is_some() {
                    let odd = std::iter::once(bytes(first)).chain(others).any(|value| !is_plain(value));
                    return if odd { Single::NotUtf8 } else { Single::Several };
                }
                bytes(first)
            }
        };
        match std::str::from_utf8(value) {
            _ if !is_plain(value) => Single::NotUtf8,
            Ok(value) if value.contains(',') => Single::Several,
            Ok(value) => Single::Value(value),
            Err(_) => Single::NotUtf8,
        }
    }

    /// A header that must stand alone, where anything else makes the hop ambiguous.
    pub fn unambiguous(self, name: &'static str, detail: &'static str) -> Result<Option<&'a str>, HopError> {
        match self.single(name) {
            Single::Absent => Ok(None),
            Single::Value(value) => Ok(Some(value)),
            Single::Several | Single::NotUtf8 => Err(HopError::Ambiguous(detail)),
        }
    }

    /// Every header once, by name, in the joined form.
    pub fn all_joined(self) -> BTreeMap<&'a str, Cow<'a, str>> {
        match self {
            Self::Joined(map) => {
                map.iter().map(|(name, value)| (name.as_str(), Cow::Borrowed(value.as_str()))).collect()
            }
            Self::Raw(map) => {
                let mut all: BTreeMap<&str, Cow<'_, str>> = BTreeMap::new();
                for header in &map.headers {
                    let value = lossy(bytes(header));
                    all.entry(&header.key)
                        .and_modify(|joined| *joined = join(std::mem::take(joined), &header.key, &value))
                        .or_insert(value);
                }
                all
            }
        }
    }
}

fn bytes(header: &crate::pb::HeaderValue) -> &[u8] {
    if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value }
}

/// UTF-8, without the `!` that Envoy puts in the place of what is not.
fn is_plain(value: &[u8]) -> bool {
    !value.contains(&b'!') && std::str::from_utf8(value).is_ok()
}

/// Adds a value in the place where there are others: however many there are, none is copied twice.
fn join<'a>(mut joined: Cow<'a, str>, name: &str, value: &str) -> Cow<'a, str> {
    let text = joined.to_mut();
    text.push_str(separator(name));
    text.push_str(value);
    joined
}

/// Envoy joins `cookie` as a client would write it (RFC 9113 §8.2.3).
fn separator(name: &str) -> &'static str {
    if name == "cookie" { "; " } else { "," }
}

/// As Envoy writes bytes that are not UTF-8 into the joined map: `!` for each.
fn lossy(value: &[u8]) -> Cow<'_, str> {
    if let Ok(value) = std::str::from_utf8(value) {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '!'));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::HeaderValue;

    type Entries<'a> = &'a [(&'a str, &'a [u8])];

    fn raw(entries: Entries<'_>) -> HeaderMap {
        let header = |(key, value): &(&str, &[u8])| HeaderValue {
            key: (*key).to_owned(),
            value: String::new(),
            raw_value: value.to_vec(),
        };
        HeaderMap { headers: entries.iter().map(header).collect() }
    }

    fn joined(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn both_modes_give_the_same_single_value() {
        let rows: [(Entries<'_>, &str, Single<'_>); 4] = [
            (&[("a", b"x")], "x", Single::Value("x")),
            (&[("a", b"x"), ("a", b"y")], "x,y", Single::Several),
            (&[("a", b"x,y")], "x,y", Single::Several),
            (&[("a", b"h\xe9llo")], "h!llo", Single::NotUtf8),
        ];
        for (entries, text, expected) in rows {
            let (entries, text) = (raw(entries), joined(&[("a", text)]));
            assert_eq!(Headers::Raw(&entries).single("a"), expected);
            assert_eq!(Headers::Joined(&text).single("a"), expected);
        }
    }

    #[test]
    fn raw_headers_join_as_envoy_joins_them() {
        let entries = raw(&[("cookie", b"a=1"), ("x", b"1"), ("cookie", b"b=2"), ("x", b"h\xe9\xe9")]);
        assert_eq!(Headers::Raw(&entries).joined("cookie").unwrap(), "a=1; b=2");
        assert_eq!(Headers::Raw(&entries).all_joined().get("x").unwrap(), "1,h!!");
    }

    #[test]
    fn an_absent_header_is_absent() {
        assert_eq!(Headers::Joined(&joined(&[])).single("a"), Single::Absent);
        assert_eq!(Headers::Raw(&raw(&[])).single("a"), Single::Absent);
    }
}
