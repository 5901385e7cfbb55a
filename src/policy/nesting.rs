//! How deep and how long the expressions of a policy are: the engine's parser takes twice as long for each bracket, and what it reads
//! is as deep as a chain of operators is long, which ends the process when it is dropped.

use crate::yaml::{Problem, quote};

/// What makes a text too large or too deep to be parsed, if anything.
pub(super) fn judge(file: &str, source: &str) -> Option<Problem> {
    let refuse = |line, message: &str| Some(Problem::at(file, line, 1, message).within(source));
    if source.len() > MAX_BYTES {
        let message = format!(
            "policy.size: {} is larger than {MAX_BYTES} bytes: move what is data to data documents",
            quote(file)
        );
        return Some(Problem::of_file(file, message));
    }
    let mut lines = (1..).zip(source.split('\n'));
    if let Some((line, _)) = lines.find(|(line, text)| *line > MAX_LINES || text.len() > MAX_LINE) {
        return refuse(
            line,
            &format!(
                "policy.size: a file has at most {MAX_LINES} lines of {MAX_LINE} bytes: move what is data to data documents"
            ),
        );
    }
    refuse(
        too_deep(source)?,
        &format!(
            "policy.nesting: brackets stand more than {MOST} deep, or an expression has more than {LONGEST} parts: give parts of it names"
        ),
    )
}

/// The line on which brackets stand deeper than [`MOST`], or an expression is longer than [`LONGEST`], outside of strings and comments.
pub(super) fn too_deep(source: &str) -> Option<usize> {
    let mut scan = Scan::of(source);
    while let Some(token) = scan.next() {
        scan.take(&token);
        if scan.levels.len() > MOST.saturating_add(1) || scan.parts > LONGEST {
            return Some(scan.line);
        }
    }
    None
}

/// Whether anything is multiplied, outside of strings and comments.
pub(super) fn multiplies(source: &str) -> bool {
    let mut scan = Scan::of(source);
    std::iter::from_fn(|| scan.next()).any(|token| matches!(token, Token::Operator('*')))
}

/// What an expression is made of, as far as its depth goes.
enum Token<'a> {
    Close,
    Newline,
    Open,
    Operator(char),
    Separator,
    Word(&'a str),
}

/// What stands before a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// An operator, so that a line may end.
    Operator,
    /// A line's end where a statement may end too.
    Start,
    Term,
}

struct Scan<'a> {
    rest: &'a str,
    line: usize,
    /// The parts of the expression at each level of brackets.
    levels: Vec<usize>,
    /// The sum of it.
    parts: usize,
    after: After,
}

impl<'a> Scan<'a> {
    fn of(source: &'a str) -> Self {
        Self { rest: source, line: 1, levels: vec![0], parts: 0, after: After::Start }
    }

    fn take(&mut self, token: &Token<'_>) {
        match token {
            Token::Newline => {
                if self.after == After::Term {
                    self.after = After::Start;
                }
            }
            Token::Separator => {
                self.reset();
                self.after = After::Operator;
            }
            Token::Operator(_) | Token::Word("in") => {
                self.count();
                self.after = After::Operator;
            }
            Token::Word(_) => {
                self.begin();
                self.after = After::Term;
            }
            Token::Open => {
                self.begin();
                self.count();
                self.levels.push(0);
                self.after = After::Operator;
            }
            Token::Close => {
                self.reset();
                if self.levels.len() > 1 {
                    self.levels.pop();
                }
                self.after = After::Term;
            }
        }
    }

    /// A term after a line's end begins another statement.
    fn begin(&mut self) {
        if self.after == After::Start {
            self.reset();
        }
    }

    fn count(&mut self) {
        self.parts = self.parts.saturating_add(1);
        if let Some(level) = self.levels.last_mut() {
            *level = level.saturating_add(1);
        }
    }

    fn reset(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            self.parts = self.parts.saturating_sub(std::mem::take(level));
        }
    }

    /// Skips what `until` is true of, and gives it.
    fn skip(&mut self, until: impl Fn(char) -> bool) -> &'a str {
        let (skipped, rest) = self.rest.split_at(self.rest.find(until).unwrap_or(self.rest.len()));
        self.line = self.line.saturating_add(skipped.matches('\n').count());
        self.rest = rest;
        skipped
    }

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let first = self.rest.chars().next()?;
            if is_word(first) {
                return Some(Token::Word(self.skip(|char| !is_word(char))));
            }
            self.rest = self.rest.strip_prefix(first)?;
            return Some(match first {
                '\n' => {
                    self.line = self.line.saturating_add(1);
                    Token::Newline
                }
                '#' => {
                    self.skip(|char| char == '\n');
                    continue;
                }
                '`' => {
                    self.skip(|char| char == '`');
                    self.rest = self.rest.strip_prefix('`').unwrap_or_default();
                    Token::Word("")
                }
                '"' => {
                    self.text();
                    Token::Word("")
                }
                '[' | '{' | '(' => Token::Open,
                ']' | '}' | ')' => Token::Close,
                ',' | ';' => Token::Separator,
                _ if first.is_whitespace() => continue,
                other => Token::Operator(other),
            });
        }
    }

    /// The rest of a text, which no line's end is in.
    fn text(&mut self) {
        loop {
            self.skip(|char| matches!(char, '"' | '\\' | '\n'));
            let Some(found) = self.rest.chars().next().filter(|found| *found != '\n') else { return };
            let mut rest = self.rest.chars();
            rest.next();
            if found == '\\' && !rest.as_str().starts_with('\n') {
                rest.next();
            }
            self.rest = rest.as_str();
            if found == '"' {
                return;
            }
        }
    }
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// The deepest that brackets may stand.
const MOST: usize = 12;

/// The most operators, fields and brackets of one expression, with those that it stands in.
const LONGEST: usize = 512;

/// What the engine is told to parse at most, and the longest line of a file, in bytes.
const MAX_BYTES: usize = 1 << 20;
const MAX_LINES: usize = 20_000;
const MAX_LINE: usize = 16 << 10;
pub(super) const MAX_COLUMN: u32 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_in_a_pattern_multiplies_nothing() {
        assert!(!multiplies("# 2 * 2\nx := glob.match(\"/a/**\", [`*`], input.self)"));
        assert!(multiplies("x := 2 * input.n"));
    }

    #[test]
    fn brackets_count_outside_of_texts_and_comments() {
        let deep = |levels: usize| format!("x := {}1{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(too_deep(&deep(12)), None);
        assert_eq!(too_deep(&deep(13)), Some(1));
        assert_eq!(
            too_deep(&format!("# {}\ny := \"{}\\\"\"\nz := `{}`", deep(20), "[".repeat(20), "[".repeat(20))),
            None
        );
        assert_eq!(too_deep(&format!("a\n\"\\\"\"\n{}", deep(13))), Some(3));
        assert_eq!(too_deep(&format!("a := `\n\n`\n\"unclosed\\\n{}", deep(13))), Some(5));
    }

    #[test]
    fn a_chain_counts_over_the_ends_of_lines() {
        for link in [" +\n1", "\n+ 1", " in\nxs", "\nin xs", "[\n0]", ".a", "\n| {1}", "- "] {
            let chain = |length| format!("package a\nx := 1{}\n", link.repeat(length));
            assert!(too_deep(&chain(600)).is_some(), "{link:?}");
            assert_eq!(too_deep(&chain(50)), None, "{link:?}");
        }
        let nested = format!("x := 1{}", format!(" + (1{})", " + 1".repeat(100)).repeat(4));
        assert_eq!(too_deep(&nested), None);
        let deep = "x := 1".to_owned() + &format!("{} + (1", " + 1".repeat(100)).repeat(6);
        assert!(too_deep(&deep).is_some());
    }

    #[test]
    fn statements_and_items_count_for_themselves() {
        let lines = "allow if input.a.b == 1 + 2\n".repeat(2_000);
        let items = format!("x := {{{}}}", "\"a\": input.b.c + 1, ".repeat(2_000));
        let body = format!("x if {{\n{}}}", "input.a.b == 1 + 2\n".repeat(2_000));
        let comments = "x := 1 # + + +\n".repeat(600);
        for source in [lines, items, body, comments] {
            assert_eq!(too_deep(&source), None);
        }
    }

    #[test]
    fn what_is_too_large_is_refused_with_the_limit() {
        let said = |source: &str| judge("a.rego", source).map(|problem| problem.to_string()).unwrap_or_default();
        assert!(said(&"#\n".repeat(1 << 20)).contains("larger than 1048576 bytes"));
        assert!(said(&"\n".repeat(20_001)).starts_with("a.rego:20001:1: policy.size"));
        assert!(said(&"#".repeat(1 << 20)).starts_with("a.rego:1:1: policy.size"));
        assert!(said(&format!("x := {}", "[".repeat(10_000))).starts_with("a.rego:1:1: policy.nesting"));
        assert_eq!(said("package a\nx := 1"), "");
    }
}
