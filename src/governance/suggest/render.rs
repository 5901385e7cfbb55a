//! Writes suggestions as documents in YAML, with what each rests on beside it; whatever a log said is quoted.

use std::{collections::BTreeSet, fmt::Write};

use super::{Group, Key, Suggestions, routes::Actions};
use crate::{
    clock::Timestamp,
    governance::{counted, days, written::Written},
};

/// What a person has said of the documents already.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// Who answers for what is suggested.
    pub owner: Option<String>,
    /// Who is to approve it.
    pub approver: Option<String>,
    /// Who asks for it.
    pub requested_by: Option<String>,
}

impl Suggestions {
    /// What was read, what would be covered, and what was left out, line by line.
    pub fn summary(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{}: {} needed no further grant, {} would have needed {}",
            counted(self.log.records, "record"),
            self.covered,
            self.groups.values().map(|group| group.hops).sum::<u64>(),
            counted(self.groups.len() as u64, "grant"),
        )];
        lines.extend(self.left_out().into_iter().map(|(count, why)| format!("left out {count}: {why}")));
        if self.log.lost > 0 {
            lines.push(format!("missing from the log, as it says itself: {}", counted(self.log.lost, "record")));
        }
        if self.log.broken > 0 {
            lines.push(format!("no records, and passed over: {}", counted(self.log.broken, "line")));
            lines.extend(self.log.skipped.iter().map(ToString::to_string));
        }
        lines
    }

    /// Each grant that is suggested: how many hops it would have covered, over which time.
    pub fn covers(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        self.groups.iter().map(|(key, group)| format!("{}: {}", name(key, &mut names), rests_on(group))).collect()
    }

    /// The documents, for review: `there` are those that exist.
    pub fn documents(&self, there: &Written, form: &Form, now: Timestamp) -> String {
        let mut text = String::new();
        for line in self.summary() {
            comment(&mut text, &line);
        }
        comment(&mut text, "For review: what is left empty is for a person to decide, and does not load before that.");
        let empty = |said: &Option<String>| said.as_deref().map_or_else(|| "\"\"".to_owned(), quoted);
        let owner = empty(&form.owner);
        let mut names = taken(there, "Workload");
        for id in self.workloads(there) {
            begin(&mut text, "Workload", &unique(last(&id), &mut names));
            let id = quoted(&id);
            // Writing into a string does not fail.
            let _ = writeln!(
                text,
                "spec: {{spiffeId: {id}, kind: \"\", owner: {owner}}}   # service | job | agent | ci | vendor"
            );
        }
        let mut names = taken(there, "Purpose");
        for purpose in self.purposes(there) {
            begin(&mut text, "Purpose", &unique(&purpose, &mut names));
            let _ = writeln!(text, "spec: {{name: {}, owner: {owner}, description: \"\"}}", quoted(&purpose));
        }
        let mut names = taken(there, "Grant");
        for (key, group) in &self.groups {
            let name = name(key, &mut names);
            let begins = text.len();
            begin(&mut text, "Grant", &name);
            let mut head = String::new();
            comment(&mut head, &rests_on(group));
            // Below the line that parts it from what is before it.
            let place = text.get(begins..).and_then(|added| added.find('\n')).map_or(begins, |end| begins + end + 1);
            text.insert_str(place, &head);
            grant(&mut text, key, group, form, now);
        }
        text
    }
}

fn grant(text: &mut String, key: &Key, group: &Group, form: &Form, now: Timestamp) {
    let empty = |said: &Option<String>| said.as_deref().map_or_else(|| "\"\"".to_owned(), quoted);
    let mut line = |text_of_line: String| {
        text.push_str(&text_of_line);
        text.push('\n');
    };
    line("spec:".to_owned());
    line("  type: standing".to_owned());
    line(format!("  subject: {{spiffeId: {}}}", quoted(&key.subject)));
    if let Some((issuer, subject)) = &key.behalf {
        let (issuer, subject) = (quoted(issuer), quoted(subject));
        let depth = group.depth.clamp(1, 16);
        line(format!("  onBehalfOf: {{from: [{{issuer: {issuer}, subjects: [{subject}]}}], maxDepth: {depth}}}"));
    }
    line(format!("  audience: {}", quoted(&key.audience)));
    line("  actions:".to_owned());
    let Actions { http, grpc, ports } = group.routes.actions();
    for (methods, paths) in http {
        line(format!("    - {{methods: [{}], paths: [{}]}}", methods.join(", "), list(&paths)));
    }
    if !grpc.is_empty() {
        line(format!("    - {{grpc: [{}]}}", list(&grpc)));
    }
    if !ports.is_empty() {
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        line(format!("    - {{tcp: {{ports: [{}]}}}}", ports.join(", ")));
    }
    line(format!("  purposes: [{}]", quoted(&key.purpose)));
    match (key.behalf.is_some(), group.signed) {
        (false, true) => line("  purposeBinding: signed".to_owned()),
        (true, false) => line("  purposeBinding: declared".to_owned()),
        (true, true) | (false, false) => {}
    }
    line(format!("  owner: {}             # the team that answers for it", empty(&form.owner)));
    line(format!("  requestedBy: {}", empty(&form.requested_by)));
    line(format!("  approver: {}          # never the requester", empty(&form.approver)));
    line("  justification: \"\"     # why, or leave it out".to_owned());
    let from = Timestamp::from_seconds(now.seconds());
    line(format!("  notBefore: {from}"));
    line(format!("  expiresAt: {}", from.after(days(90))));
    line(format!("  reviewBy: {}", from.after(days(60))));
}

/// What a grant would have covered.
fn rests_on(group: &Group) -> String {
    let hops = counted(group.hops, "hop");
    let mut said = format!("would have covered {hops} between {} and {}", group.first, group.last);
    if group.unstated > 0 {
        let _ = write!(said, "; {} of them did not state their purpose, which callers have to send", group.unstated);
    }
    if group.narrowed > 0 {
        let _ = write!(said, "; policy denied {} of them, and would be asked again", group.narrowed);
    }
    said
}

fn begin(text: &mut String, kind: &str, name: &str) {
    let _ = writeln!(text, "---\napiVersion: hopguard.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}");
}

/// A comment of one line, whatever is in it.
fn comment(text: &mut String, line: &str) {
    let shown: String = line.chars().map(|char| if matches!(char, ' '..='~') { char } else { '?' }).collect();
    let _ = writeln!(text, "# {shown}");
}

fn list(items: &[String]) -> String {
    items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", ")
}

/// A scalar in double quotes, in ASCII: what looks otherwise than it is shows as what it is.
fn quoted(text: &str) -> String {
    let mut shown = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => shown.extend(['\\', char]),
            ' '..='~' => shown.push(char),
            _ => {
                let _ = write!(shown, "\\U{:08x}", u32::from(char));
            }
        }
    }
    shown.push('"');
    shown
}

fn name(key: &Key, taken: &mut BTreeSet<String>) -> String {
    let whose = key.behalf.as_ref().map(|(_, subject)| format!("-for-{subject}")).unwrap_or_default();
    unique(&format!("{}-{}-{}{whose}", last(&key.subject), last(&key.audience), key.purpose), taken)
}

fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

fn taken(there: &Written, kind: &str) -> BTreeSet<String> {
    there.of_kind(kind).map(|document| document.name.clone()).collect()
}

/// A document's name made of a text, which no other one has.
fn unique(text: &str, taken: &mut BTreeSet<String>) -> String {
    let spelled = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' };
    let words: String = text.chars().take(MAX_NAME).map(spelled).collect();
    let words: Vec<_> = words.split('-').filter(|word| !word.is_empty()).collect();
    let base = if words.is_empty() { "unnamed".to_owned() } else { words.join("-") };
    let numbered = (2..).map(|number: u64| format!("{base}-{number}"));
    let free = std::iter::once(base.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(base);
    taken.insert(free.clone());
    free
}

const MAX_NAME: usize = 200;
