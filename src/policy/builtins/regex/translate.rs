//! Go's regular expressions, put into the matcher's language: what means something else there is rewritten, what cannot mean the same is
//! refused.

use std::{iter::Peekable, str::Chars};

use super::{
    super::{
        arguments::{bound, error},
        native::Failure,
        patterns::{Translated, escaped},
    },
    class,
};

/// Translates a pattern.
pub(super) fn translate(pattern: &str) -> Result<Translated, Failure> {
    let mut parser = Parser {
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len().saturating_mul(2)),
        names: vec![None],
        depth: 0,
        runs_on: false,
    };
    let (weight, _) = parser.alternatives()?;
    if parser.rest.peek().is_some() {
        return error("the pattern has a `)` too many");
    }
    let Parser { out, names, runs_on, .. } = parser;
    Ok(Translated { regex: out, weight, names, runs_on })
}

pub(super) struct Parser<'a> {
    pub(super) rest: Peekable<Chars<'a>>,
    pub(super) out: String,
    names: Vec<Option<String>>,
    depth: usize,
    runs_on: bool,
}

/// What the last term was, as far as it decides what may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing that can be repeated.
    Nothing,
    /// A term of this weight, and the product of the counted repetitions within.
    Term(usize, u32),
    /// A repetition, which cannot be repeated itself.
    Repetition(usize, u32),
}

impl Last {
    const fn weight(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Term(weight, _) | Self::Repetition(weight, _) => weight,
        }
    }

    const fn times(self) -> u32 {
        match self {
            Self::Nothing => 1,
            Self::Term(_, times) | Self::Repetition(_, times) => times,
        }
    }
}

impl Parser<'_> {
    /// Everything up to the end of a group: its weight, and the greatest product of counted repetitions in it.
    fn alternatives(&mut self) -> Result<(usize, u32), Failure> {
        let (mut weight, mut times, mut last) = (1_usize, 1_u32, Last::Nothing);
        while let Some(&char) = self.rest.peek() {
            if char == ')' {
                break;
            }
            if matches!(char, '*' | '+' | '?') || char == '{' && self.counts()?.is_some() {
                last = self.repetition(last)?;
                continue;
            }
            weight = weight.saturating_add(last.weight());
            times = times.max(last.times());
            self.rest.next();
            last = self.term(char)?;
        }
        Ok((weight.saturating_add(last.weight()), times.max(last.times())))
    }

    fn term(&mut self, char: char) -> Result<Last, Failure> {
        Ok(match char {
            '|' => {
                self.out.push('|');
                Last::Nothing
            }
            '(' => return self.group(),
            '[' => {
                let weight = class::bracketed(self)?;
                Last::Term(weight, 1)
            }
            '.' | '^' | '$' => {
                self.out.push(char);
                Last::Term(if char == '.' { class::WIDE } else { 1 }, 1)
            }
            '\\' => return self.escape(),
            char => {
                self.literal(char);
                Last::Term(FOLDED, 1)
            }
        })
    }

    pub(super) fn literal(&mut self, char: char) {
        self.out.push_str(&escaped(char));
    }

    fn escape(&mut self) -> Result<Last, Failure> {
        let Some(&char) = self.rest.peek() else { return error("the pattern ends with a backslash") };
        match char {
            'A' | 'z' => {
                self.rest.next();
                self.out.push_str(if char == 'A' { r"\A" } else { r"\z" });
                Ok(Last::Term(1, 1))
            }
            'b' | 'B' => {
                self.rest.next();
                self.out.push_str(if char == 'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
                Ok(Last::Term(1, 1))
            }
            'Q' => {
                self.rest.next();
                self.quoted()
            }
            'C' => error("the pattern asks for single bytes"),
            _ => {
                if let Some((class, weight)) = class::escaped_class(self)? {
                    self.out.push_str(&class);
                    return Ok(Last::Term(weight, 1));
                }
                let char = class::escaped_char(self)?;
                self.literal(char);
                Ok(Last::Term(FOLDED, 1))
            }
        }
    }

    /// `\Q...\E`; the last character can be repeated, as if the rest were written plainly.
    fn quoted(&mut self) -> Result<Last, Failure> {
        let mut weight = 0_usize;
        let mut any = false;
        while let Some(char) = self.rest.next() {
            if char == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            any = true;
            weight = weight.saturating_add(FOLDED);
            self.literal(char);
        }
        // What may follow nothing depends on what stood before it: such a pattern is not worth a guess.
        if any { Ok(Last::Term(weight, 1)) } else { bound("the pattern quotes nothing") }
    }

    fn group(&mut self) -> Result<Last, Failure> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > NESTING {
            return bound("the pattern nests too many groups");
        }
        let flags = if self.rest.next_if_eq(&'?').is_some() { self.flags()? } else { Opening::Capture(None) };
        match flags {
            Opening::Flags(flags) => {
                self.depth = self.depth.saturating_sub(1);
                self.out.push_str(&flags);
                return Ok(Last::Nothing);
            }
            Opening::Plain(flags) => self.out.push_str(&flags),
            Opening::Capture(name) => {
                if self.names.len() > MOST_GROUPS {
                    return bound("the pattern has too many groups");
                }
                self.names.push(name);
                self.out.push('(');
            }
        }
        let (weight, times) = self.alternatives()?;
        if self.rest.next() != Some(')') {
            return error("the pattern has a group without an end");
        }
        self.out.push(')');
        self.depth = self.depth.saturating_sub(1);
        Ok(Last::Term(weight.saturating_add(2), times))
    }

    /// What follows `(?`.
    fn flags(&mut self) -> Result<Opening, Failure> {
        if self.rest.next_if_eq(&'P').is_some() && self.rest.peek() != Some(&'<') {
            return error("the pattern has a group of a kind that is not known");
        }
        if self.rest.next_if_eq(&'<').is_some() {
            let mut name = String::new();
            while let Some(char) = self.rest.next_if(|char| char.is_ascii_alphanumeric() || *char == '_') {
                name.push(char);
            }
            if name.is_empty() || self.rest.next() != Some('>') {
                return error("the pattern has a group whose name is none");
            }
            return Ok(Opening::Capture(Some(name)));
        }
        let (mut on, mut off, mut negative, mut seen) = (String::new(), String::new(), false, false);
        loop {
            match self.rest.next() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    seen = true;
                    let (here, there) = if negative { (&mut off, &mut on) } else { (&mut on, &mut off) };
                    there.retain(|other| other != flag);
                    if !here.contains(flag) {
                        here.push(flag);
                    }
                }
                Some('-') if !negative => (negative, seen) = (true, false),
                Some(end @ (':' | ')')) if !negative || seen => {
                    let minus = if off.is_empty() { "" } else { "-" };
                    return Ok(match end {
                        ':' => Opening::Plain(format!("(?{on}{minus}{off}:")),
                        _ if on.is_empty() && off.is_empty() => Opening::Flags(String::new()),
                        _ => Opening::Flags(format!("(?{on}{minus}{off})")),
                    });
                }
                _ => return error("the pattern has flags that are not known"),
            }
        }
    }

    fn repetition(&mut self, last: Last) -> Result<Last, Failure> {
        let (weight, times) = match last {
            Last::Term(weight, times) => (weight, times),
            Last::Nothing => return error("the pattern repeats nothing"),
            Last::Repetition(..) => return error("the pattern repeats a repetition"),
        };
        let repeated = match self.counts()? {
            Some((least, most, taken)) => {
                self.rest.nth(taken.saturating_sub(1));
                let many = most.unwrap_or(least).max(1);
                let times = times.saturating_mul(many);
                if many > MOST_TIMES || times > MOST_TIMES {
                    return error("the pattern repeats too often");
                }
                self.runs_on |= most.is_none();
                self.out.push_str(&match most {
                    Some(most) => format!("{{{least},{most}}}"),
                    None => format!("{{{least},}}"),
                });
                let many = usize::try_from(many).unwrap_or(usize::MAX);
                Last::Repetition(weight.saturating_add(1).saturating_mul(many), times)
            }
            None => {
                let Some(sign) = self.rest.next() else { return error("the pattern repeats nothing") };
                self.runs_on |= sign != '?';
                self.out.push(sign);
                Last::Repetition(weight.saturating_add(1), times)
            }
        };
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        Ok(repeated)
    }

    /// A counted repetition that stands here, and how many characters it takes; anything else after `{` is plain text.
    fn counts(&self) -> Result<Option<(u32, Option<u32>, usize)>, Failure> {
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('{') {
            return Ok(None);
        }
        let mut taken = 2_usize;
        let mut number = |ahead: &mut Peekable<Chars<'_>>| {
            let mut digits = String::new();
            while let Some(digit) = ahead.next_if(char::is_ascii_digit) {
                digits.push(digit);
                taken = taken.saturating_add(1);
            }
            let plain = !digits.is_empty() && (digits.len() == 1 || !digits.starts_with('0'));
            plain.then(|| digits.parse().unwrap_or(u32::MAX))
        };
        let Some(least) = number(&mut ahead) else { return Ok(None) };
        let mut most = Some(least);
        let mut comma = 0;
        if ahead.next_if_eq(&',').is_some() {
            comma = 1;
            most = match ahead.peek() {
                Some('}') => None,
                _ => match number(&mut ahead) {
                    Some(most) => Some(most),
                    None => return Ok(None),
                },
            };
        }
        if ahead.next() != Some('}') {
            return Ok(None);
        }
        if least > MOST_TIMES || most.is_some_and(|most| most > MOST_TIMES || most < least) {
            return error("the pattern repeats in a way that is none");
        }
        Ok(Some((least, most, taken.saturating_add(comma))))
    }
}

/// What a `(` begins.
enum Opening {
    /// Nothing but flags for what follows.
    Flags(String),
    /// A group that is not numbered.
    Plain(String),
    /// A group that is, and its name.
    Capture(Option<String>),
}

/// What a character costs where it may be folded.
const FOLDED: usize = 2;

/// The most that anything may be repeated, as in Go.
const MOST_TIMES: u32 = 1000;
const MOST_GROUPS: usize = 256;
const NESTING: usize = 32;
