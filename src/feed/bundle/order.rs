//! What "older" means of bundles, and can be shown: a signed time that lies before, a revision that counts up and is lower, or what was there
//! before and was replaced since.
//!
//! A bundle names itself by a text of its publisher's choice, so most pairs have no order in themselves. The signed time decides alone where
//! there is one, because only the signer can have written it.

use std::{cmp::Ordering, collections::VecDeque};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// What a bundle says about its place among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The SHA-256 of its bytes, in hex.
    pub digest: String,
    /// The revision of its manifest; none, if it is empty.
    pub revision: Option<String>,
    /// When it was signed, in nanoseconds since the epoch, as its verified signature says.
    pub issued: Option<i64>,
}

/// The last bundle that counted, and those that it and others have replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    last: Option<Order>,
    replaced: VecDeque<Replaced>,
}

/// What is remembered of a bundle that is no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replaced {
    digest: String,
    revision: Option<String>,
}

/// Why a bundle is older than the one that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Older {
    /// It was signed before.
    #[error("rollback: it was signed at {received}, and the one before at {before}; {OVERRIDE}")]
    Issued {
        /// When that one was.
        before: Timestamp,
        /// When this one was.
        received: Timestamp,
    },
    /// It does not say when it was signed, as the one before did.
    #[error(
        "rollback: its signature has no `iat`, as the one before had, so that it cannot be told to be newer; {OVERRIDE}"
    )]
    Untimed,
    /// Its revision is lower.
    #[error("rollback: its revision is {received} after {before}; {OVERRIDE}")]
    Revision {
        /// The revision of that one.
        before: String,
        /// The revision of this one.
        received: String,
    },
    /// It was there before.
    #[error("rollback: it, or its revision, was there before and was replaced since; {OVERRIDE}")]
    Replaced,
}

impl History {
    /// Why `offered` is older than the last bundle that counted, if it is.
    pub(super) fn is_older(&self, offered: &Order) -> Option<Older> {
        let last = self.last.as_ref().filter(|last| last.digest != offered.digest)?;
        match (last.issued, offered.issued) {
            (Some(before), Some(received)) if received != before => {
                let (before, received) = (Timestamp::from_nanos(before), Timestamp::from_nanos(received));
                return (received < before).then_some(Older::Issued { before, received });
            }
            (Some(_), None) => return Some(Older::Untimed),
            (None, Some(_)) => return None,
            _ => {}
        }
        if let (Some(before), Some(received)) = (&last.revision, &offered.revision) {
            match compare(received, before) {
                Some(Ordering::Less) => {
                    return Some(Older::Revision { before: quoted(before), received: quoted(received) });
                }
                Some(Ordering::Greater) => return None,
                Some(Ordering::Equal) | None => {}
            }
        }
        let was_there = |replaced: &Replaced| {
            replaced.digest == offered.digest || (replaced.revision.is_some() && replaced.revision == offered.revision)
        };
        self.replaced.iter().any(was_there).then_some(Older::Replaced)
    }

    /// From now on `order` counts.
    pub(super) fn count(&mut self, order: &Order) {
        // Taken all the same, it was not there before any more.
        self.replaced
            .retain(|replaced| replaced.digest != order.digest && !is_same(&replaced.revision, &order.revision));
        let before = self.last.replace(order.clone()).filter(|before| before.digest != order.digest);
        self.replaced.extend(before.map(|before| Replaced {
            // Built anew under the same name, it is still the name of what is there.
            revision: before.revision.filter(|revision| Some(revision) != order.revision.as_ref()),
            digest: before.digest,
        }));
        while self.replaced.len() > MAX_REPLACED {
            self.replaced.pop_front();
        }
    }
}

fn is_same(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_some() && one == other
}

fn quoted(revision: &str) -> String {
    crate::yaml::quote(revision)
}

/// The order of two revisions that count in the same way; `None`: nobody knows.
fn compare(one: &str, other: &str) -> Option<Ordering> {
    if let (Some(one), Some(other)) = (number(one), number(other)) {
        return Some(one.cmp(&other));
    }
    if let (Some(one), Some(other)) = (Timestamp::parse(one), Timestamp::parse(other)) {
        return Some(one.cmp(&other));
    }
    Some(Version::parse(one)?.cmp(&Version::parse(other)?))
}

/// A whole number in decimal digits.
fn number(text: &str) -> Option<u128> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A [semantic version](https://semver.org/spec/v2.0.0.html), with or without `v` before it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Version<'a> {
    core: [u64; 3],
    /// Without one it is the release, which comes after all that were to become it.
    is_release: bool,
    pre_release: Vec<Identifier<'a>>,
}

/// A number comes before a word.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identifier<'a> {
    Number(u128),
    Word(&'a str),
}

impl<'a> Version<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        // What it was built from has no order.
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (core, pre_release) = text.split_once('-').map_or((text, None), |(core, rest)| (core, Some(rest)));
        let mut numbers = core.split('.').map(|part| number(part).filter(|_| !part.is_empty())?.try_into().ok());
        let core = [numbers.next()??, numbers.next()??, numbers.next()??];
        if numbers.next().is_some() {
            return None;
        }
        let identifier = |part: &'a str| {
            let is_word = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            is_word.then(|| number(part).map_or(Identifier::Word(part), Identifier::Number))
        };
        let identifiers = pre_release.map(|rest| rest.split('.').map(identifier).collect::<Option<Vec<_>>>());
        let is_release = identifiers.is_none();
        Some(Self { core, is_release, pre_release: identifiers.unwrap_or_else(|| Some(Vec::new()))? })
    }
}

const OVERRIDE: &str = "if that is meant, set `allow_rollback`";
/// The bundles that are remembered after they were replaced.
const MAX_REPLACED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn order(digest: &str, revision: &str, issued: Option<i64>) -> Order {
        let revision = Some(revision.to_owned()).filter(|revision| !revision.is_empty());
        Order { digest: digest.to_owned(), revision, issued }
    }

    fn after(orders: &[Order]) -> History {
        let mut history = History::default();
        orders.iter().for_each(|order| history.count(order));
        history
    }

    #[test]
    fn revisions_that_count_up_have_an_order() {
        for (lower, higher) in [
            ("1", "2"),
            ("9", "10"),
            ("0009", "10"),
            ("340282366920938463463374607431768211454", "340282366920938463463374607431768211455"),
            ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00.5Z"),
            ("2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
            ("1.2.3", "1.10.0"),
            ("v1.2.3", "1.2.4"),
            ("1.0.0-alpha", "1.0.0"),
            ("1.0.0-alpha", "1.0.0-alpha.1"),
            ("1.0.0-alpha.1", "1.0.0-alpha.beta"),
            ("1.0.0-alpha.beta", "1.0.0-beta"),
            ("1.0.0-beta.2", "1.0.0-beta.11"),
            ("1.0.0-rc.1+a", "1.0.0+b"),
        ] {
            assert_eq!(compare(lower, higher), Some(Ordering::Less), "{lower} {higher}");
            assert_eq!(compare(higher, lower), Some(Ordering::Greater), "{lower} {higher}");
            assert_eq!(compare(lower, lower), Some(Ordering::Equal), "{lower}");
        }
    }

    #[test]
    fn other_revisions_have_none() {
        for (one, other) in [
            ("a", "b"),
            ("", "1"),
            ("1", "1.0.0"),
            ("2026-11-20T09:00:00Z", "20261121"),
            ("2026-11-20T09:00:00+01:00", "2026-11-21T09:00:00+01:00"),
            ("-1", "1"),
            ("1.2", "1.3"),
            ("1.2.3.4", "1.2.3.5"),
            ("1..3", "1.2.3"),
            ("1.2.3-", "1.2.4-"),
            ("6f1ed002ab5595859014ebf0951522d9", "7b8b965ad4bca0e41ab51de7b31363a1"),
            ("340282366920938463463374607431768211456", "340282366920938463463374607431768211457"),
        ] {
            assert_eq!(compare(one, other), None, "{one} {other}");
        }
    }

    #[test]
    fn what_was_signed_before_is_older_whatever_its_revision_says() {
        let history = after(&[order("a", "5", Some(100))]);
        assert!(matches!(history.is_older(&order("b", "9", Some(99))), Some(Older::Issued { .. })));
        assert_eq!(history.is_older(&order("b", "1", Some(101))), None);
        assert_eq!(history.is_older(&order("b", "6", None)), Some(Older::Untimed));
        assert!(matches!(history.is_older(&order("b", "4", Some(100))), Some(Older::Revision { .. })));
        assert_eq!(history.is_older(&order("b", "6", Some(100))), None);
        // Whoever begins to say when goes on from there.
        assert_eq!(after(&[order("a", "5", None)]).is_older(&order("b", "1", Some(1))), None);
    }

    #[test]
    fn a_lower_revision_is_older() {
        let history = after(&[order("a", "v1.2.0", None)]);
        assert!(matches!(history.is_older(&order("b", "v1.1.9", None)), Some(Older::Revision { .. })));
        assert_eq!(history.is_older(&order("b", "v1.2.1", None)), None);
        assert_eq!(history.is_older(&order("b", "v1.2.0", None)), None, "built anew");
        assert_eq!(history.is_older(&order("b", "", None)), None, "nobody knows");
    }

    #[test]
    fn what_was_replaced_does_not_come_back_unless_signed_anew() {
        let history = after(&[order("a", "x", None), order("b", "y", None)]);
        assert_eq!(history.is_older(&order("a", "x", None)), Some(Older::Replaced));
        assert_eq!(history.is_older(&order("c", "x", None)), Some(Older::Replaced), "the revision, built anew");
        assert_eq!(history.is_older(&order("a", "z", None)), Some(Older::Replaced), "the same bytes");
        assert_eq!(history.is_older(&order("b", "y", None)), None, "what is there");
        assert_eq!(history.is_older(&order("c", "z", None)), None);
        assert_eq!(history.is_older(&order("a", "x", Some(1))), None, "its signer says that it is newer");
        let nameless = after(&[order("a", "", None), order("b", "", None)]);
        assert_eq!(nameless.is_older(&order("c", "", None)), None);
        assert_eq!(nameless.is_older(&order("a", "", None)), Some(Older::Replaced));
    }

    #[test]
    fn what_is_taken_all_the_same_counts_from_then_on() {
        let mut history = after(&[order("a", "1", None), order("b", "2", None)]);
        history.count(&order("a", "1", None));
        assert_eq!(history.is_older(&order("a", "1", None)), None);
        assert_eq!(history.is_older(&order("b", "2", None)), None, "it counts up");
    }

    #[test]
    fn memory_is_bounded() {
        let orders: Vec<_> = (0..1000).map(|turn| order(&format!("d{turn}"), "latest", None)).collect();
        let history = after(&orders);
        assert_eq!(history.replaced.len(), MAX_REPLACED);
        assert_eq!(history.is_older(&orders[998]), Some(Older::Replaced));
        assert_eq!(history.is_older(&order("new", "latest", None)), None, "the same name each time");
    }
}
