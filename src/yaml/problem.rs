//! What is wrong with a file, and where.

use std::{error, fmt, sync::Arc};

/// A place in a file: line and column, both counted from one, the column in characters. The [`Default`] is the file as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The first character of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// One thing that is wrong with a file; prints as `file:line:column: field: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as its reader was told.
    pub file: Arc<str>,
    /// The line, counted from one; zero if it is the file as a whole.
    pub line: usize,
    /// The column, counted from one; zero if it is the file as a whole.
    pub column: usize,
    /// The dotted path of the field, such as `spec.actions[0].paths[1]`; may be empty.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub message: String,
    /// The line as it is written, and a caret below the place; printed by `{:#}` only, so that one problem stays one line elsewhere.
    pub excerpt: Option<Arc<str>>,
}

impl Problem {
    /// A problem with a file as a whole, such as one that cannot be read.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.into(), line: 0, column: 0, field: String::new(), message: message.into(), excerpt: None }
    }

    /// A problem at a place in a file that has no fields.
    pub fn at(file: &str, line: usize, column: usize, message: &str) -> Self {
        Self { line, column, ..Self::of_file(file, message) }
    }

    /// Shows the place in `source`, the file's text.
    #[must_use]
    pub fn within(mut self, source: &str) -> Self {
        self.excerpt = excerpt(source, self.line, self.column).map(Arc::from);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.field.is_empty() {
            write!(f, " {}:", self.field)?;
        }
        write!(f, " {}", self.message)?;
        match &self.excerpt {
            Some(excerpt) if f.alternate() => write!(f, "\n{excerpt}"),
            _ => Ok(()),
        }
    }
}

/// The line with its number, cut around the column where it is long, and a caret below the column.
fn excerpt(source: &str, line: usize, column: usize) -> Option<String> {
    let written = source.lines().nth(line.checked_sub(1)?)?;
    let (before, after) = (column.checked_sub(1)?, MAX_EXCERPT / 2);
    let first = before.saturating_sub(after);
    // A tab is as wide as the space that stands below it; what deceives the eye, or a terminal, is shown as what it is not.
    let shown = |character: char| if character.is_control() || is_deceptive(character) { ' ' } else { character };
    let text: String = written.chars().skip(first).take(MAX_EXCERPT).map(shown).collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let caret = " ".repeat(before.saturating_sub(first));
    Some(format!("{number} | {}\n{margin} | {caret}^", text.trim_end()))
}

/// Everything that is wrong, in the order of the file; never empty where it is an error. Prints one problem per line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// Shows what a user wrote: in backticks, on one line, and not longer than a message can bear.
pub fn quote(text: &str) -> String {
    let mut shown = String::from("`");
    for (index, character) in text.chars().enumerate() {
        if index == MAX_SHOWN {
            shown.push('…');
            break;
        }
        match character {
            '`' => shown.push('\''),
            _ if character.is_control() || is_deceptive(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown.push('`');
    shown
}

/// Says whether a character changes how its neighbours look: bidirectional controls and what has no width.
pub(crate) fn is_deceptive(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

const MAX_SHOWN: usize = 96;
const MAX_EXCERPT: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_and_shows_its_place_when_asked() {
        let problem = Problem::at("a.rego", 2, 3, "no").within("package a\n\tx := 1\n");
        assert_eq!(problem.to_string(), "a.rego:2:3: no");
        assert_eq!(format!("{problem:#}"), "a.rego:2:3: no\n2 |  x := 1\n  |   ^");
        assert_eq!(format!("{:#}", Problem::at("a.rego", 9, 1, "no").within("package a")), "a.rego:9:1: no");
    }

    #[test]
    fn a_long_line_is_cut_around_its_place() {
        let problem =
            Problem::at("a.rego", 1, 5_001, "no").within(&format!("{}!{}", "a".repeat(5_000), "b".repeat(5_000)));
        let shown = format!("{problem:#}");
        let lines: Vec<&str> = shown.lines().collect();
        assert!(shown.len() < 400, "{shown}");
        assert_eq!(lines[1].find('!'), lines[2].find('^'));
    }
}
