//! Arguments that several verbs take, each read in one way.

use std::time::Duration;

use clap::ValueEnum;

use crate::{clock::Timestamp, yaml::Reader};

/// How a verb answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Reads a time on the command line.
///
/// # Errors
/// It is none.
pub fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("`{text}` is no time in UTC such as `2026-11-20T09:00:00Z`"))
}

/// Reads a span as documents write it.
///
/// # Errors
/// It is none.
pub fn span(text: &str) -> Result<Duration, String> {
    let reader = Reader::new("");
    let nodes = reader.parse(text);
    let found = nodes.first().and_then(|node| reader.value(node).duration());
    found
        .filter(|_| reader.is_clean())
        .ok_or_else(|| format!("`{text}` is no duration such as `90s`, `15m`, `24h` or `30d`"))
}
