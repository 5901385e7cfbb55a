//! Shows every key that is built in a file that loads: defaults as they are, what has none as a comment.

use super::{
    key::{Holds, Key, Presence},
    table::CONFIG,
};

/// Writes a commented configuration file; it loads as it is.
pub fn example() -> String {
    let mut text = HEADER.to_owned();
    for key in CONFIG.iter().filter(|key| key.is_built()) {
        text.push('\n');
        for line in lines(key) {
            text.push_str(&line.print());
        }
    }
    text
}

struct Line {
    /// Whether the line is a comment, since it shows what has no default.
    is_comment: bool,
    indent: usize,
    yaml: String,
    meaning: String,
}

impl Line {
    fn print(&self) -> String {
        let comment = if self.is_comment { "# " } else { "" };
        let yaml = format!("{:indent$}{comment}{}", "", self.yaml, indent = self.indent);
        if self.meaning.is_empty() {
            return format!("{yaml}\n");
        }
        format!("{yaml:COLUMN$} # {}\n", self.meaning)
    }
}

fn lines(key: &Key) -> Vec<Line> {
    let name = key.name;
    let meaning = meaning(key);
    match key.holds {
        Holds::Section(keys) => {
            let inner = inner(keys, 2);
            let is_comment = matches!(key.presence, Presence::Optional(_)) || inner.iter().all(|line| line.is_comment);
            let inner = inner.into_iter().map(|line| Line { is_comment: is_comment || line.is_comment, ..line });
            let head = Line { is_comment, indent: 0, yaml: format!("{name}:"), meaning };
            [head].into_iter().chain(inner).collect()
        }
        Holds::List(keys) => {
            let mut inner = inner(keys, 4);
            if let Some(first) = inner.first_mut() {
                first.indent = 2;
                first.yaml = format!("- {}", first.yaml);
            }
            let is_comment = matches!(key.presence, Presence::Optional(_));
            let inner = inner.into_iter().map(|line| Line { is_comment: is_comment || line.is_comment, ..line });
            let head = Line { is_comment, indent: 0, yaml: format!("{name}:"), meaning };
            [head].into_iter().chain(inner).collect()
        }
        _ => {
            let (is_comment, value) = match key.presence {
                Presence::Default(default) => (false, default),
                Presence::Required | Presence::Unless(_) => (false, key.example.unwrap_or_default()),
                Presence::Optional(_) | Presence::Later(_) => (true, key.example.unwrap_or_default()),
            };
            vec![Line { is_comment, indent: 0, yaml: format!("{name}: {value}"), meaning }]
        }
    }
}

fn inner(keys: &[Key], indent: usize) -> Vec<Line> {
    let lines = keys.iter().filter(|key| key.is_built()).flat_map(lines);
    lines.map(|line| Line { indent: line.indent + indent, ..line }).collect()
}

fn meaning(key: &Key) -> String {
    let words = match key.holds {
        Holds::Word(words, _) => format!(": {}", words.join(" | ")),
        Holds::Words(words) if words.len() <= SHOWN_WORDS => format!(": {}", words.join(", ")),
        Holds::Count(from, to) => format!(": {from} to {to}"),
        Holds::Duration(..) | Holds::Size(..) => {
            let range = key.holds.describe();
            let range = range.split_once(" from ").map_or("", |(_, range)| range);
            format!(": {range}")
        }
        _ => String::new(),
    };
    let absent = match key.presence {
        Presence::Required if key.inner().is_empty() => " (required)".to_owned(),
        Presence::Unless(unless) if key.inner().is_empty() => format!(" (required, unless {unless})"),
        Presence::Optional(absent) => format!(" (default: {absent})"),
        _ => String::new(),
    };
    format!("{}{words}{absent}", key.meaning)
}

const HEADER: &str = "\
# The configuration of one Hopguard. What is not a comment is required or shows its default.
# Relative paths are relative to this file. `hopguard config --explain KEY` says more about a key,
# `hopguard check --config FILE` says whether a file is right.
";

/// A longer list of words is left to `--explain`.
const SHOWN_WORDS: usize = 4;

/// Where comments begin.
const COLUMN: usize = 46;
