//! Which grants are used, and what about them is due: documents held against the audit log.

use std::{
    collections::BTreeMap,
    io::{self, BufRead},
};

use super::{
    SOON,
    log::Log,
    written::{Document, Written, get, text_of},
};
use crate::clock::Timestamp;

/// The grants of a directory, and the hops that each covered.
#[derive(Debug)]
pub struct Usage<'a> {
    written: &'a Written,
    log: Log,
    covered: BTreeMap<&'a str, (u64, Timestamp)>,
    /// Hops under grants that are no longer there.
    elsewhere: u64,
}

/// A grant, and how much it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedGrant {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Who answers for it.
    pub owner: String,
    /// `pending`, `active` or `expired`.
    pub state: &'static str,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// Whether that is near.
    pub ends_soon: bool,
    /// How many hops it covered that were let through.
    pub hops: u64,
    /// The last of them.
    pub last_used: Option<Timestamp>,
    /// What has to happen before it can end, and who sees to it.
    pub exit_criteria: Vec<(String, String)>,
}

/// An activation that nobody has looked at since it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreviewed {
    /// Its name.
    pub name: String,
    /// What it opened.
    pub grant: String,
    /// Who opened it.
    pub requested_by: String,
    /// When it ended.
    pub until: Timestamp,
}

impl<'a> Usage<'a> {
    /// The grants of these documents, of which nothing is known yet.
    pub fn of(written: &'a Written) -> Self {
        Self { written, log: Log::default(), covered: BTreeMap::new(), elsewhere: 0 }
    }

    /// Takes in an audit log.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&mut self, file: &str, log: impl BufRead) -> io::Result<()> {
        let names: BTreeMap<&str, &'a str> =
            self.written.of_kind("Grant").map(|grant| (grant.name.as_str(), grant.name.as_str())).collect();
        let Self { log: read, covered, elsewhere, .. } = self;
        read.read(file, log, |record| {
            let Some((grant, time)) = record.grant.as_ref().zip(record.time()).filter(|_| record.is_allowed()) else {
                return;
            };
            match names.get(grant.name.as_str()) {
                Some(name) => {
                    let (hops, last) = covered.entry(name).or_insert((0, time));
                    *hops += 1;
                    *last = time.max(*last);
                }
                None => *elsewhere += 1,
            }
        })
    }

    /// What was read.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// How many hops were let through under grants that are no longer there.
    pub const fn elsewhere(&self) -> u64 {
        self.elsewhere
    }

    /// Every grant, by name.
    pub fn grants(&self, now: Timestamp) -> Vec<UsedGrant> {
        let mut grants: Vec<_> = self.written.of_kind("Grant").map(|grant| self.grant(grant, now)).collect();
        grants.sort_by(|a, b| a.name.cmp(&b.name));
        grants
    }

    fn grant(&self, grant: &Document, now: Timestamp) -> UsedGrant {
        let text = |key: &str| grant.text(key).unwrap_or_default().to_owned();
        let ends = grant.time("expiresAt");
        let is_over = ends.is_some_and(|end| end <= now);
        let used = self.covered.get(grant.name.as_str());
        let criterion = |criterion| {
            Some((text_of(get(criterion, "what")?)?.to_owned(), text_of(get(criterion, "owner")?)?.to_owned()))
        };
        UsedGrant {
            name: grant.name.clone(),
            kind: text("type"),
            owner: text("owner"),
            state: if is_over {
                "expired"
            } else if grant.time("notBefore").is_some_and(|begin| now < begin) {
                "pending"
            } else {
                "active"
            },
            ends,
            ends_soon: !is_over && ends.is_some_and(|end| end <= now.after(SOON)),
            hops: used.map_or(0, |(hops, _)| *hops),
            last_used: used.map(|(_, last)| *last),
            exit_criteria: grant.items("exitCriteria").iter().filter_map(criterion).collect(),
        }
    }

    /// The activations that ended and that nobody has looked at, by their ends.
    pub fn unreviewed(&self, now: Timestamp) -> Vec<Unreviewed> {
        let of = |activation: &Document| {
            let until = activation.time("until").filter(|until| *until <= now)?;
            let text = |key: &str| activation.text(key).unwrap_or_default().to_owned();
            let (name, grant) = (activation.name.clone(), text("grant"));
            activation.field(&["reviewedBy"]).is_none().then(|| Unreviewed {
                name,
                grant,
                requested_by: text("requestedBy"),
                until,
            })
        };
        let mut found: Vec<_> = self.written.of_kind("Activation").filter_map(of).collect();
        found.sort_by(|a, b| a.until.cmp(&b.until).then_with(|| a.name.cmp(&b.name)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTS: &str = "kind: Grant
metadata: {name: used}
spec: {type: standing, owner: o, notBefore: 2026-11-01T00:00:00Z, expiresAt: 2026-12-01T00:00:00Z}
---
kind: Grant
metadata: {name: debt}
spec: {type: exception, owner: o, notBefore: 2026-11-21T00:00:00Z, expiresAt: 2027-01-01T00:00:00Z, exitCriteria: [{what: w, owner: p}]}
---
kind: Grant
metadata: {name: old}
spec: {type: jit, owner: o, notBefore: 2026-11-01T00:00:00Z, expiresAt: 2026-11-20T09:00:00Z}
---
kind: Activation
metadata: {name: x}
spec: {grant: g, requestedBy: bob, from: 2026-11-20T08:00:00Z, until: 2026-11-20T09:00:00Z}
---
kind: Activation
metadata: {name: looked-at}
spec: {grant: g, requestedBy: bob, from: 2026-11-20T08:00:00Z, until: 2026-11-20T09:00:00Z, reviewedBy: eve}
---
kind: Activation
metadata: {name: still-open}
spec: {grant: g, requestedBy: bob, from: 2026-11-20T08:00:00Z, until: 2026-11-20T09:00:01Z}
";

    fn record(time: &str, answered: &str, grant: &str) -> String {
        format!(
            r#"{{"schema":"hopguard.dev/audit/v1alpha1","time":"{time}","answered":"{answered}","modes":{{"ceiling":"enforce"}},"hop":{{"method":"GET"}},"self":"b","grant":{{"name":"{grant}"}}}}"#
        )
    }

    #[test]
    fn a_grant_is_used_by_the_hops_that_it_let_through() {
        let written = Written::of([("a.yaml", DOCUMENTS)]).unwrap();
        let mut usage = Usage::of(&written);
        let log = [
            record("2026-11-10T00:00:00Z", "allow", "used"),
            record("2026-11-09T00:00:00Z", "allow", "used"),
            record("2026-11-11T00:00:00Z", "deny", "used"),
            record("2026-11-11T00:00:00Z", "allow", "gone"),
        ];
        usage.read("a.jsonl", log.join("\n").as_bytes()).unwrap();
        let now = Timestamp::parse("2026-11-20T09:00:00Z").unwrap();
        let grants = usage.grants(now);
        let shown: Vec<_> =
            grants.iter().map(|it| (it.name.as_str(), it.state, it.ends_soon, it.hops, it.last_used)).collect();
        assert_eq!(
            shown,
            [
                ("debt", "pending", false, 0, None),
                ("old", "expired", false, 0, None),
                ("used", "active", true, 2, Timestamp::parse("2026-11-10T00:00:00Z")),
            ]
        );
        assert_eq!((usage.elsewhere(), usage.log().records), (1, 4));
        assert_eq!(grants[0].exit_criteria, [("w".to_owned(), "p".to_owned())]);
        let unreviewed = usage.unreviewed(now);
        assert_eq!(unreviewed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["x"]);
    }
}
