//! Envoy's string matchers and the part of RE2 that header rules are written in; what is beyond it is unknown, never a guess.
//!
//! A regular expression is matched whole, as Envoy does, by sets of positions: its cost is bounded whatever it says.

use super::at::At;

/// Says whether one of Envoy's `StringMatcher`s takes a name; nothing if that cannot be told here.
pub(super) fn matches(matcher: &At<'_>, name: &str) -> Option<bool> {
    let name = name.to_ascii_lowercase();
    let folds = !matcher.is_off("ignore_case");
    let word = |field| matcher.word(field).map(|text| if folds { text.to_ascii_lowercase() } else { text.to_owned() });
    if let Some(exact) = word("exact") {
        return Some(name == exact);
    }
    if let Some(prefix) = word("prefix") {
        return Some(name.starts_with(&prefix));
    }
    if let Some(suffix) = word("suffix") {
        return Some(name.ends_with(&suffix));
    }
    if let Some(part) = word("contains") {
        return Some(name.contains(&part));
    }
    regex(matcher.get("safe_regex")?.word("regex")?, &name)
}

/// Says whether a regular expression takes the whole of a name; nothing if that cannot be told here.
pub(super) fn regex(expression: &str, name: &str) -> Option<bool> {
    if name.len() >= 64 {
        return None;
    }
    let mut parser = Parser { rest: expression, depth: 0 };
    let parsed = parser.alternatives()?;
    if !parser.rest.is_empty() {
        return None;
    }
    let mut run = Run { text: name.as_bytes(), steps: 0 };
    let ends = run.of(&parsed, 1)?;
    Some(ends & (1 << name.len()) != 0)
}

#[derive(Debug)]
enum Regex {
    Start,
    End,
    Set { ranges: Vec<(char, char)>, negated: bool },
    All(Vec<Self>),
    Any(Vec<Self>),
    Repeat { inner: Box<Self>, optional: bool, many: bool },
}

struct Parser<'e> {
    rest: &'e str,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let character = rest.next()?;
        self.rest = rest.as_str();
        Some(character)
    }

    fn eat(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    fn alternatives(&mut self) -> Option<Regex> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut branches = vec![self.sequence()?];
        while self.eat("|") {
            branches.push(self.sequence()?);
        }
        self.depth -= 1;
        Some(Regex::Any(branches))
    }

    fn sequence(&mut self) -> Option<Regex> {
        let mut parts = Vec::new();
        while self.peek().is_some_and(|next| next != '|' && next != ')') {
            let part = self.part()?;
            parts.push(self.repeated(part)?);
        }
        Some(Regex::All(parts))
    }

    fn repeated(&mut self, part: Regex) -> Option<Regex> {
        let (optional, many) = match self.peek() {
            Some('*') => (true, true),
            Some('+') => (false, true),
            Some('?') => (true, false),
            Some('{') => return None,
            _ => return Some(part),
        };
        self.take();
        // What is as short as can be matches the same whole; twice repeated is an error to RE2.
        self.eat("?");
        if matches!(self.peek(), Some('*' | '+' | '?' | '{')) {
            return None;
        }
        Some(Regex::Repeat { inner: Box::new(part), optional, many })
    }

    fn part(&mut self) -> Option<Regex> {
        Some(match self.take()? {
            '^' => Regex::Start,
            '$' => Regex::End,
            '.' => Regex::Set { ranges: vec![('\n', '\n')], negated: true },
            '[' => self.class()?,
            '\\' => self.escape()?,
            '(' => {
                if !self.eat("?:") && self.peek() == Some('?') {
                    return None;
                }
                let inner = self.alternatives()?;
                if !self.eat(")") {
                    return None;
                }
                inner
            }
            '*' | '+' | '?' | '{' | '}' | ']' => return None,
            literal => one(literal),
        })
    }

    fn escape(&mut self) -> Option<Regex> {
        let ranges = match self.take()? {
            'd' => vec![('0', '9')],
            'w' => vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
            literal if literal.is_ascii_punctuation() => return Some(one(literal)),
            _ => return None,
        };
        Some(Regex::Set { ranges, negated: false })
    }

    fn class(&mut self) -> Option<Regex> {
        let negated = self.eat("^");
        let mut ranges = Vec::new();
        loop {
            let from = match self.take()? {
                ']' if !ranges.is_empty() => return Some(Regex::Set { ranges, negated }),
                '[' | ']' => return None,
                '\\' => self.take().filter(char::is_ascii_punctuation)?,
                character => character,
            };
            let is_range = self.peek() == Some('-') && !self.rest.starts_with("-]");
            if !is_range {
                ranges.push((from, from));
                continue;
            }
            self.take();
            let to = self.take().filter(|to| !matches!(to, '[' | '\\'))?;
            ranges.push((from, to));
        }
    }
}

fn one(literal: char) -> Regex {
    Regex::Set { ranges: vec![(literal, literal)], negated: false }
}

/// Positions are bits: bit `n` is before the byte `n`.
struct Run<'t> {
    text: &'t [u8],
    steps: usize,
}

impl Run<'_> {
    /// Where a match can end that begins at one of `from`.
    fn of(&mut self, regex: &Regex, from: u64) -> Option<u64> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return None;
        }
        Some(match regex {
            Regex::Start => from & 1,
            Regex::End => from & (1 << self.text.len()),
            Regex::Set { ranges, negated } => {
                let takes = |byte: u8| {
                    let character = char::from(byte);
                    ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != *negated
                };
                let taken = self.text.iter().enumerate().filter(|(_, byte)| takes(**byte));
                let places = taken.fold(0, |places, (index, _)| places | (1 << index));
                (from & places) << 1
            }
            Regex::All(parts) => parts.iter().try_fold(from, |from, part| self.of(part, from))?,
            Regex::Any(branches) => branches.iter().try_fold(0, |ends, branch| Some(ends | self.of(branch, from)?))?,
            Regex::Repeat { inner, optional, many } => {
                let once = self.of(inner, from)?;
                let ends = if *many { self.again(inner, once)? } else { once };
                if *optional { ends | from } else { ends }
            }
        })
    }

    /// Where it can end after any further number of matches.
    fn again(&mut self, inner: &Regex, mut ends: u64) -> Option<u64> {
        loop {
            let further = ends | self.of(inner, ends)?;
            if further == ends {
                return Some(ends);
            }
            ends = further;
        }
    }
}

const MAX_DEPTH: usize = 16;
const MAX_STEPS: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::regex;

    #[test]
    fn takes_whole_names_as_re2_does() {
        let rows = [
            ("x-hopguard-peer", "x-hopguard-peer", true),
            ("x-hopguard", "x-hopguard-peer", false),
            ("^x-hopguard-.*$", "x-hopguard-peer", true),
            ("x-(hopguard|other)-[a-z]+", "x-hopguard-peer", true),
            ("x-(?:other)?-[a-z]+", "x-hopguard-peer", false),
            ("x[-_]hop\\w*\\-pe{0}", "x-hopguard-peer", false),
            ("[^a-w].*", "x-hopguard-peer", true),
            ("[^x].*", "x-hopguard-peer", false),
            ("(a*)*b", "aaaab", true),
            ("", "", true),
            ("a.c|", "abc", true),
        ];
        for (expression, name, taken) in rows {
            let found = regex(expression, name);
            assert!(found == Some(taken) || (found.is_none() && expression.contains('{')), "{expression}: {found:?}");
        }
    }

    #[test]
    fn says_so_where_it_cannot_tell() {
        for expression in ["a{2}", "(?i)a", "a(", "a)", "[a", "[[:alpha:]]", "\\pL", "\\b", "a**", "*a"] {
            assert_eq!(regex(expression, "a"), None, "{expression}");
        }
        assert_eq!(regex("a", &"a".repeat(64)), None);
    }

    #[test]
    fn no_expression_takes_long() {
        let nested = format!("{}a{}", "(".repeat(12), "*)+".repeat(12));
        let started = std::time::Instant::now();
        let _ = regex(&nested, &"a".repeat(60));
        let _ = regex(&"(a|a)*".repeat(1000), &"a".repeat(60));
        assert!(started.elapsed().as_secs() < 5);
        assert_eq!(regex(&"(".repeat(100_000), "a"), None);
    }
}
