//! The documents that hops would have needed, for review: never for more than one caller, and never loadable before a person has read them.
//!
//! What is suggested rests on what was proved of a hop. Whatever else the log says was chosen by callers, so it becomes text in quotes or is
//! left out; and nothing of it becomes a pattern.

mod needed;
mod render;
mod routes;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead},
};

pub use self::render::Form;
use self::{needed::Needed, routes::Routes};
use super::{
    log::{Log, Record},
    written::Written,
};
use crate::clock::Timestamp;

/// What hops that were observed would have needed.
#[derive(Debug, Default)]
pub struct Suggestions {
    log: Log,
    groups: BTreeMap<Key, Group>,
    left_out: BTreeMap<LeftOut, u64>,
    /// What a hop is for that does not say so.
    purpose: Option<String>,
    covered: u64,
}

/// One caller, one workload, one purpose, and on whose behalf: one grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    subject: String,
    audience: String,
    purpose: String,
    /// Who vouches for whom.
    behalf: Option<(String, String)>,
}

/// What one grant would have covered.
#[derive(Clone, Debug)]
struct Group {
    hops: u64,
    first: Timestamp,
    last: Timestamp,
    routes: Routes,
    /// How many had acted at most.
    depth: usize,
    /// Whether every hop's purpose came from a token.
    signed: bool,
    /// How many hops did not say what they were for.
    unstated: u64,
    /// How many hops policy would have denied all the same.
    narrowed: u64,
}

impl Group {
    fn new(time: Timestamp) -> Self {
        Self {
            hops: 0,
            first: time,
            last: time,
            routes: Routes::default(),
            depth: 0,
            signed: true,
            unstated: 0,
            narrowed: 0,
        }
    }
}

/// Why a hop has no part in what is suggested.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LeftOut {
    /// Something else stood in its way.
    Denied(String),
    /// Path or method can be read in more than one way, or not at all.
    Ambiguous,
    /// The log has only the beginning of its path or method.
    Cut,
    /// A pattern would take its path for more than it is.
    Wildcard,
    /// No action can be spelled for it.
    Spelling,
    /// It does not say what it is for.
    NoPurpose,
    /// Nobody was proved to call, or nobody knows on whose behalf.
    NoCaller,
    /// The log does not say whose it is.
    NoAudience,
    /// Nothing asks for a grant there.
    Public,
    /// There is too much of it.
    Full,
}

impl LeftOut {
    fn message(&self) -> String {
        match self {
            Self::Denied(reason) => format!("denied for another reason, `{reason}`"),
            Self::Ambiguous => "ambiguous: their path can be read in more than one way".to_owned(),
            Self::Cut => "cut: the log has only the beginning of their path or method".to_owned(),
            Self::Wildcard => "with `*` in their path, which a grant would take for a wildcard".to_owned(),
            Self::Spelling => "with a path or method that no grant can name".to_owned(),
            Self::NoPurpose => {
                "for no purpose that is one: let callers send `x-hop-purpose`, or say `--purpose` for them".to_owned()
            }
            Self::NoCaller => "by nobody who was proved, or on behalf of nobody who is known".to_owned(),
            Self::NoAudience => "at a workload that the log does not name: set `self`".to_owned(),
            Self::Public => "on public routes, where no grant is asked for".to_owned(),
            Self::Full => "beyond what is kept: more than 10000 grants, or more than 1000 routes of one".to_owned(),
        }
    }
}

impl Suggestions {
    /// Nothing yet; `purpose` is for hops that do not say what they are for.
    pub fn new(purpose: Option<String>) -> Self {
        Self { purpose, ..Self::default() }
    }

    /// Takes in an audit log.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&mut self, file: &str, log: impl BufRead) -> io::Result<()> {
        let mut read = std::mem::take(&mut self.log);
        let ended = read.read(file, log, |record| self.take(record));
        self.log = read;
        ended
    }

    /// What was read.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// How many grants are suggested.
    pub fn grants(&self) -> usize {
        self.groups.len()
    }

    fn take(&mut self, record: &Record) {
        match Needed::by(record, self.purpose.as_deref()) {
            Ok(None) => self.covered += 1,
            Ok(Some(needed)) => {
                if let Err(left_out) = self.add(needed) {
                    self.leave_out(left_out);
                }
            }
            Err(left_out) => self.leave_out(left_out),
        }
    }

    fn leave_out(&mut self, why: LeftOut) {
        *self.left_out.entry(why).or_default() += 1;
    }

    fn add(&mut self, needed: Needed<'_>) -> Result<(), LeftOut> {
        let is_known = self.groups.contains_key(&needed.key);
        if self.groups.len() >= MAX_GROUPS && !is_known {
            return Err(LeftOut::Full);
        }
        let mut fresh = None;
        let group = match self.groups.get_mut(&needed.key) {
            Some(group) => group,
            None => fresh.insert(Group::new(needed.time)),
        };
        match needed.call {
            needed::Call::Http { method, path } => group.routes.request(method, path)?,
            needed::Call::Tcp(port) => group.routes.connection(port),
        }
        group.hops += 1;
        group.first = group.first.min(needed.time);
        group.last = group.last.max(needed.time);
        group.depth = group.depth.max(needed.depth);
        group.signed &= needed.signed;
        group.unstated += u64::from(needed.unstated);
        group.narrowed += u64::from(needed.narrowed);
        if let Some(group) = fresh {
            self.groups.insert(needed.key, group);
        }
        Ok(())
    }

    /// What was left out and why, the most first.
    fn left_out(&self) -> Vec<(u64, String)> {
        let mut rows: Vec<_> = self.left_out.iter().map(|(why, count)| (*count, why.message())).collect();
        rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        rows
    }

    /// The purposes that grants would be for, with those above them, unless there are documents of them.
    fn purposes(&self, there: &Written) -> BTreeSet<String> {
        let known: BTreeSet<_> = there.of_kind("Purpose").filter_map(|it| it.text("name")).collect();
        let mut purposes = BTreeSet::new();
        for purpose in self.groups.keys().filter_map(|key| crate::purpose::Purpose::parse(&key.purpose)) {
            purposes.extend(purpose.ancestors().chain([purpose.as_str()]).map(str::to_owned));
        }
        purposes.retain(|name| !known.contains(name.as_str()));
        purposes
    }

    /// The workloads that call or are called, unless there are documents of them.
    fn workloads(&self, there: &Written) -> BTreeSet<String> {
        let known: BTreeSet<_> = there.of_kind("Workload").filter_map(|it| it.text("spiffeId")).collect();
        let named = self.groups.keys().flat_map(|key| [&key.subject, &key.audience]);
        named.filter(|id| !known.contains(id.as_str())).cloned().collect()
    }
}

/// So many grants are suggested at most.
const MAX_GROUPS: usize = 10_000;

#[cfg(test)]
mod tests;
