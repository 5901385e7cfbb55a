//! A change before it is made: its effect in words, the question, the change itself, and the command that undoes it.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};

use super::{Desk, Failure};
use crate::{
    cli::{
        argument::{Output, time},
        complain,
        exit::Exit,
    },
    clock::{Clock, Timestamp},
    store::write::{Change, Held},
    yaml::is_deceptive,
};

/// How a change is asked for.
#[derive(Args, Clone, Debug)]
pub(crate) struct Manner {
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Say what it would do, and do nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Also write all documents as they are then as the bundle that `store.bundle` follows, for its publisher to sign
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) to: Option<PathBuf>,
    #[command(flatten)]
    telling: Telling,
}

/// How anything is told, and when it is.
#[derive(Args, Clone, Debug)]
pub(crate) struct Telling {
    /// When it is
    #[arg(long, value_name = "TIME", value_parser = time, hide = true)]
    now: Option<Timestamp>,
    /// How to answer
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

impl Manner {
    /// The time of the change.
    pub(crate) fn now(&self) -> Timestamp {
        self.telling.now()
    }
}

impl Telling {
    /// The time, in whole seconds, as documents are written.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.now.unwrap_or_else(|| Clock::default().now());
        Timestamp::from_seconds(now.seconds())
    }
}

/// A change, and what people have to know of it.
#[derive(Debug)]
pub(crate) struct Proposal {
    /// What it does, in one sentence.
    pub(crate) effect: String,
    /// What else is worth knowing, line by line.
    pub(crate) details: Vec<String>,
    /// The files as they become.
    pub(crate) changes: Vec<Change>,
    /// The files as they are to load, if that is not what is written: a request has to be one that could be approved.
    pub(crate) as_if: Option<Vec<Change>>,
    /// What is to be done next, if anything is.
    pub(crate) next: Vec<String>,
    /// The command that undoes it.
    pub(crate) undo: String,
}

impl Proposal {
    /// Shows the effect, asks, makes the change if it still can be made, and says how it is undone.
    ///
    /// # Errors
    /// It would not load, nobody can be asked, somebody else was faster, or the world is in the way.
    pub(crate) fn carry_out(self, desk: &Desk, manner: &Manner, out: &mut impl Write) -> Result<Exit, Failure> {
        desk.check(self.as_if.as_ref().unwrap_or(&self.changes))?;
        let is_text = manner.telling.output == Output::Text;
        if is_text {
            writeln!(out, "{}", shown(&self.effect))?;
            self.details.iter().try_for_each(|line| writeln!(out, "  {}", shown(line)))?;
            out.flush()?;
        }
        if manner.dry_run {
            if is_text {
                writeln!(out, "nothing is written: this is a dry run")?;
            } else {
                writeln!(out, "{:#}", self.to_json(desk, false, None))?;
            }
            return Ok(Exit::Yes);
        }
        if !manner.yes && !confirmed(manner)? {
            complain("nothing is written");
            return Ok(Exit::Failed);
        }
        let held = Held::of(&desk.directory)?;
        // What others have written meanwhile may make this one not load.
        desk.again()?.check(self.as_if.as_ref().unwrap_or(&self.changes))?;
        let published = manner.to.as_deref().map(|file| desk.publishable().map(|()| file)).transpose()?;
        held.apply(&self.changes)?;
        // Nobody else changes the documents before they are packed.
        let published = published.map(|file| desk.again()?.publish(file, &held)).transpose()?;
        drop(held);
        if !is_text {
            writeln!(out, "{:#}", self.to_json(desk, true, manner.to.as_deref()))?;
            return Ok(Exit::Yes);
        }
        for change in &self.changes {
            writeln!(out, "{:8} {}", verb(change), desk.directory.join(&change.name).display())?;
        }
        for line in published.iter().flatten() {
            writeln!(out, "{line}")?;
        }
        self.next.iter().try_for_each(|line| writeln!(out, "next     {line}"))?;
        writeln!(out, "undo     {}", shown(&self.undo))?;
        Ok(Exit::Yes)
    }

    fn to_json(&self, desk: &Desk, written: bool, bundle: Option<&Path>) -> Value {
        let file = |change: &Change| json!({"path": desk.directory.join(&change.name).display().to_string(), "change": verb(change)});
        json!({
            "effect": self.effect,
            "details": self.details,
            "files": self.changes.iter().map(file).collect::<Vec<_>>(),
            "written": written,
            "bundle": bundle.map(|path| path.display().to_string()),
            "next": self.next,
            "undo": self.undo,
        })
    }
}

const fn verb(change: &Change) -> &'static str {
    match (&change.was, &change.becomes) {
        (None, Some(_)) => "created",
        (Some(_), Some(_)) => "changed",
        (_, None) => "removed",
    }
}

/// Asks whoever is at the terminal.
fn confirmed(manner: &Manner) -> Result<bool, Failure> {
    let input = io::stdin();
    if !input.is_terminal() || manner.telling.output == Output::Json {
        return Err(Failure::Usage("nothing is written: nobody can be asked here, so say `--yes`".to_owned()));
    }
    // Standard output may lead elsewhere.
    let mut error = io::stderr();
    write!(error, "write this? [y/N] ")?;
    error.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// A line with everything that would deceive the eye, or the terminal, shown as what it is: whoever asks has written it.
pub(crate) fn shown(line: &str) -> String {
    let mut shown = String::new();
    for character in line.chars() {
        if character.is_control() || is_deceptive(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A word as a shell reads it.
pub(crate) fn shell(word: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@+%".contains(c);
    if !word.is_empty() && word.chars().all(is_safe) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A command of this program as a shell reads it, with the place that was named.
pub(crate) fn command<'a>(words: impl IntoIterator<Item = &'a str>, place: &[String]) -> String {
    let mut line = "hopguard".to_owned();
    for word in words.into_iter().map(shell).chain(place.iter().map(|word| shell(word))) {
        line.push(' ');
        line.push_str(&word);
    }
    line
}

/// The command that removes a file.
pub(crate) fn removal(file: &Path) -> String {
    format!("rm -- {}", shell(&file.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_hidden_from_whoever_approves() {
        assert_eq!(shown("a\u{1b}[2Kb\nc\u{202e}d"), "a\\u{1b}[2Kb\\u{a}c\\u{202e}d");
    }

    #[test]
    fn a_shell_reads_words_as_they_are() {
        for (word, written) in [
            ("spiffe://prod.example/a", "spiffe://prod.example/a"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's $HOME `x`", "'it'\\''s $HOME `x`'"),
            ("/v1/*", "'/v1/*'"),
            ("{\"a\": 1}", "'{\"a\": 1}'"),
        ] {
            assert_eq!(shell(word), written);
        }
        assert_eq!(
            command(["grant", "expire", "a b"], &["--dir".into(), "x".into()]),
            "hopguard grant expire 'a b' --dir x"
        );
    }
}
