//! Reads audit logs line by line, in bounded memory: a line that is no record is named and passed over.

use std::{
    fmt,
    io::{self, BufRead, Read},
};

use serde::Deserialize;

use crate::{audit::SCHEMA, clock::Timestamp};

/// What was read of audit logs, beside the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// How many records there were.
    pub records: u64,
    /// How many the logs themselves say are missing.
    pub lost: u64,
    /// How many lines are no records.
    pub broken: u64,
    /// The first of these.
    pub skipped: Vec<Skipped>,
}

/// A line that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub file: String,
    /// The line, counted from one.
    pub line: u64,
    /// Why.
    pub why: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, why } = self;
        write!(f, "{file}:{line}: {why}, so it is passed over")
    }
}

impl Log {
    /// Reads a log to its end and gives each record to `each`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(&mut self, file: &str, mut log: impl BufRead, mut each: impl FnMut(&Record)) -> io::Result<()> {
        let mut line = Vec::new();
        let mut number = 0;
        loop {
            line.clear();
            let length = log.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(());
            }
            number += 1;
            let is_whole = line.ends_with(b"\n");
            if !is_whole && length as u64 == MAX_LINE {
                pass_over(&mut log)?;
                self.skip(file, number, format!("is longer than {MAX_LINE} bytes"));
                continue;
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(Line { schema, .. }) if schema != SCHEMA => {
                    let shown = crate::yaml::quote(&schema);
                    self.skip(file, number, format!("is of the schema {shown}, not of `{SCHEMA}`"));
                }
                Ok(Line { lost: Some(lost), .. }) => self.lost = self.lost.saturating_add(lost),
                Ok(Line { record: Some(record), .. }) => {
                    self.records += 1;
                    each(&record);
                }
                Ok(Line { record: None, .. }) => self.skip(file, number, "is no record of a decision".to_owned()),
                // A writer that was killed leaves the beginning of a record, and it may be under way.
                Err(_) if !is_whole => self.skip(file, number, "ends before its record does".to_owned()),
                Err(_) => self.skip(file, number, "is no record".to_owned()),
            }
        }
    }

    fn skip(&mut self, file: &str, line: u64, why: String) {
        self.broken += 1;
        if self.skipped.len() < MAX_SKIPPED {
            self.skipped.push(Skipped { file: file.to_owned(), line, why });
        }
    }
}

/// Reads on to the end of a line without keeping it.
fn pass_over(log: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = log.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        log.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    schema: String,
    lost: Option<u64>,
    #[serde(flatten)]
    record: Option<Record>,
}

/// A record, as far as reports need it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Record {
    time: String,
    pub(super) answered: String,
    #[serde(default)]
    pub(super) public: bool,
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) observed: Vec<String>,
    pub(super) detail: Option<String>,
    pub(super) message: Option<String>,
    pub(super) modes: Modes,
    pub(super) hop: Hop,
    #[serde(rename = "self")]
    pub(super) this: String,
    pub(super) peer: Option<Peer>,
    #[serde(default)]
    pub(super) tokens: Vec<Token>,
    pub(super) actor: Option<Actor>,
    pub(super) purpose: Option<Purpose>,
    pub(super) grant: Option<Grant>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Modes {
    pub(super) ceiling: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Hop {
    pub(super) method: String,
    pub(super) path: Option<String>,
    pub(super) port: Option<u16>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Peer {
    pub(super) spiffe_id: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Token {
    pub(super) kind: String,
    pub(super) issuer: String,
    pub(super) subject: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Actor {
    pub(super) effective: String,
    #[serde(default)]
    pub(super) chain: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Purpose {
    pub(super) name: String,
    pub(super) binding: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Grant {
    pub(super) name: String,
}

impl Record {
    /// When it was decided.
    pub(super) fn time(&self) -> Option<Timestamp> {
        Timestamp::parse(&self.time)
    }

    /// Whether Envoy was told to let it through.
    pub(super) fn is_allowed(&self) -> bool {
        self.answered == "allow"
    }
}

/// The longest line: longer than any record.
const MAX_LINE: u64 = 1 << 20;
/// How many broken lines are named.
const MAX_SKIPPED: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"schema":"hopguard.dev/audit/v1alpha1","seq":1,"time":"2026-11-20T09:00:00Z","decision_id":"a","answered":"allow","allowed":true,"reason":null,"observed":[],"modes":{"proof":"enforce","ceiling":"enforce","policy":"enforce"},"hop":{"method":"GET","host":"b","path":"/x","request_id":null},"self":"spiffe://prod.example/b","peer":{"spiffe_id":"spiffe://prod.example/a","assurance":"verified","roles":[]},"tokens":[],"actor":{"type":"workload","effective":"spiffe://prod.example/a","chain":[]},"purpose":{"name":"shop","binding":"declared"},"grant":{"name":"a-b"},"elapsed_us":3}"#;

    fn read(log: &[u8]) -> (Log, usize) {
        let (mut read, mut count) = (Log::default(), 0);
        read.read("a.jsonl", log, |record| {
            assert_eq!(record.grant.as_ref().unwrap().name, "a-b");
            count += 1;
        })
        .unwrap();
        (read, count)
    }

    #[test]
    fn what_is_broken_is_named_and_passed_over() {
        let gap = r#"{"schema":"hopguard.dev/audit/v1alpha1","seq":2,"time":"2026-11-20T09:00:00Z","lost":7}"#;
        let other = RECORD.replace("v1alpha1", "v2");
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20));
        let (cut, _) = RECORD.split_at(RECORD.len() / 2);
        let log = [RECORD, gap, "", "nonsense", &other, &long, RECORD, "{}", RECORD, cut].join("\n");
        let (log, count) = read(log.as_bytes());
        assert_eq!((log.records, count, log.lost, log.broken), (3, 3, 7, 5));
        let said: Vec<_> = log.skipped.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "a.jsonl:4: is no record, so it is passed over",
                "a.jsonl:5: is of the schema `hopguard.dev/audit/v2`, not of `hopguard.dev/audit/v1alpha1`, so it is passed over",
                "a.jsonl:6: is longer than 1048576 bytes, so it is passed over",
                "a.jsonl:8: is of the schema ``, not of `hopguard.dev/audit/v1alpha1`, so it is passed over",
                "a.jsonl:10: ends before its record does, so it is passed over",
            ]
        );
    }

    #[test]
    fn of_many_broken_lines_the_first_are_named() {
        let (log, _) = read("x\n".repeat(1_000).as_bytes());
        assert_eq!((log.broken, log.skipped.len()), (1_000, MAX_SKIPPED));
    }

    #[test]
    fn bytes_of_any_kind_are_no_record() {
        let (log, count) = read(&[0xff, 0, b'\n', 0xc3, b'\n', b'"']);
        assert_eq!((log.records, log.broken, count), (0, 3, 0));
    }
}
