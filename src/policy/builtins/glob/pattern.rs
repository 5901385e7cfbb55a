//! The language of globs, put into that of regular expressions.

use std::{iter::Peekable, str::Chars};

use super::super::{
    arguments::{bound, error},
    native::Failure,
    patterns::{Translated, escaped},
};

/// Translates a glob whose `*` and `?` do not cross any of `delimiters`.
pub(super) fn translate(pattern: &str, delimiters: &str) -> Result<Translated, Failure> {
    let single = if delimiters.is_empty() {
        ANY.to_owned()
    } else {
        format!("[^{}]", delimiters.chars().map(escaped).collect::<String>())
    };
    let mut glob = Glob { rest: pattern.chars().peekable(), out: String::from(r"\A(?:"), weight: 1, single };
    let mut depth = 0_usize;
    while let Some(char) = glob.rest.next() {
        match char {
            '\\' => {
                let Some(next) = glob.rest.next() else { return error("the glob ends with a backslash") };
                glob.literal(next);
            }
            '*' if glob.rest.next_if_eq(&'*').is_some() => glob.push(&format!("{ANY}*"), CLASS),
            '*' => glob.push(&format!("{}*", glob.single.clone()), CLASS),
            '?' => glob.push(&glob.single.clone(), CLASS),
            '[' => glob.class()?,
            '{' => {
                depth = depth.saturating_add(1);
                glob.push("(?:", 1);
            }
            ',' if depth > 0 => glob.push("|", 1),
            '}' if depth > 0 => {
                depth = depth.saturating_sub(1);
                glob.push(")", 0);
            }
            char => glob.literal(char),
        }
        if depth > MOST_DEPTH {
            return bound("the glob nests too many alternatives");
        }
    }
    if depth > 0 {
        return error("the glob has an alternative without an end");
    }
    glob.push(r")\z", 1);
    Ok(Translated { regex: glob.out, weight: glob.weight, names: Vec::new(), runs_on: false })
}

struct Glob<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    weight: usize,
    /// What one character that is no delimiter is.
    single: String,
}

impl Glob<'_> {
    fn push(&mut self, regex: &str, weight: usize) {
        self.out.push_str(regex);
        self.weight = self.weight.saturating_add(weight);
    }

    fn literal(&mut self, char: char) {
        self.push(&escaped(char), char.len_utf8());
    }

    /// One range, or a list; either may be negated, and neither knows of delimiters.
    fn class(&mut self) -> Result<(), Failure> {
        let negated = self.rest.next_if_eq(&'!').is_some();
        let Some(first) = self.rest.next() else { return error("the glob has a class without an end") };
        let inside = if self.rest.next_if_eq(&'-').is_some() {
            let (Some(last), Some(']')) = (self.rest.next(), self.rest.next()) else {
                return error("the glob has a range that is none");
            };
            if last < first {
                return error("the glob has a range that ends before it begins");
            }
            format!("{}-{}", escaped(first), escaped(last))
        } else {
            self.list(first)?
        };
        let not = if negated { "^" } else { "" };
        self.push(&format!("[{not}{inside}]"), CLASS);
        Ok(())
    }

    fn list(&mut self, first: char) -> Result<String, Failure> {
        let (mut inside, mut next) = (String::new(), Some(first));
        loop {
            match next {
                Some(']') if !inside.is_empty() => return Ok(inside),
                None | Some(']') => return error("the glob has a class without an end or without characters"),
                Some('\\') => match self.rest.next() {
                    Some(char) => inside.push_str(&escaped(char)),
                    None => return error("the glob ends with a backslash"),
                },
                Some(char) => inside.push_str(&escaped(char)),
            }
            next = self.rest.next();
        }
    }
}

const ANY: &str = r"[\x{0}-\x{10FFFF}]";

/// What a class costs: its characters are sequences of bytes to the matcher.
const CLASS: usize = 8;

const MOST_DEPTH: usize = 16;
