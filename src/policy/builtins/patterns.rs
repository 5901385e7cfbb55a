//! Compiled patterns, each made once and shared: those that a policy spells out are never evicted by those that a caller chooses.

use std::sync::{Arc, LazyLock};

use quick_cache::{Equivalent, sync::Cache};
use regex::{Regex, RegexBuilder};

use super::{arguments::bound, glob, native::Failure, regex as syntax};

/// The language of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind<'a> {
    /// A glob, with its delimiters.
    Glob(&'a str),
    /// A regular expression.
    Regex,
}

/// A pattern, ready to match.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// The names of its groups, in their order.
    pub(super) names: Vec<Option<String>>,
    /// How much each character of a text may cost.
    weight: usize,
    /// The most that a match may cost.
    steps: usize,
    /// Whether a search may have to read far beyond what it then finds.
    runs_on: bool,
}

/// A pattern in the language of the matcher.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) regex: String,
    pub(super) weight: usize,
    pub(super) names: Vec<Option<String>>,
    pub(super) runs_on: bool,
}

impl Pattern {
    /// Refuses a text that would take too long to match.
    pub(super) fn charge(&self, length: usize) -> Result<(), Failure> {
        if self.weight.saturating_mul(length) > self.steps {
            return bound("the text is too long for a pattern of this size");
        }
        Ok(())
    }

    /// Refuses a text that would take too long to search `times` times, each from where the last ended.
    pub(super) fn charge_searches(&self, length: usize, times: usize) -> Result<(), Failure> {
        let length = if self.runs_on { length.saturating_mul(times.saturating_add(1)) } else { length };
        self.charge(length)
    }
}

/// The pattern, compiled.
pub(super) fn compiled(kind: Kind<'_>, text: &str) -> Result<Arc<Pattern>, Failure> {
    let asked = Asked { kind, text };
    if let Some(pattern) = SPELLED_OUT.get(&asked).or_else(|| CHOSEN.get(&asked)) {
        return Ok(pattern);
    }
    if text.len() > LONGEST_CHOSEN {
        return bound("the pattern is too long for one that the policy does not spell out");
    }
    let pattern = Arc::new(compile(kind, text, OF_CHOSEN)?);
    CHOSEN.insert(asked.owned(), Arc::clone(&pattern));
    Ok(pattern)
}

/// Compiles a pattern that a policy spells out, before any hop needs it.
pub(super) fn keep(kind: Kind<'_>, text: &str) -> Result<(), Failure> {
    let asked = Asked { kind, text };
    if SPELLED_OUT.get(&asked).is_none() {
        SPELLED_OUT.insert(asked.owned(), Arc::new(compile(kind, text, SPELLED_OUT_LIMITS)?));
    }
    Ok(())
}

fn compile(kind: Kind<'_>, text: &str, (size, steps): (usize, usize)) -> Result<Pattern, Failure> {
    if text.len() > LONGEST {
        return bound("the pattern is too long");
    }
    let translated = match kind {
        Kind::Glob(delimiters) => glob::translate(text, delimiters)?,
        Kind::Regex => syntax::translate(text)?,
    };
    if translated.weight > HEAVIEST {
        return bound("the pattern is too large");
    }
    // Whatever is wrong with a pattern was said by its translation: what is left is its size.
    let regex =
        RegexBuilder::new(&translated.regex).size_limit(size).dfa_size_limit(DFA_SIZE).nest_limit(NESTING).build();
    let Ok(regex) = regex else {
        return bound("the pattern is too large, or not of the kind that can be matched in time");
    };
    let Translated { names, weight, runs_on, .. } = translated;
    Ok(Pattern { regex, names, weight, steps, runs_on })
}

/// One character that stands for nothing but itself.
pub(super) fn escaped(char: char) -> String {
    if char.is_ascii_alphanumeric() { char.to_string() } else { format!(r"\x{{{:x}}}", u32::from(char)) }
}

#[derive(Hash)]
struct Asked<'a> {
    kind: Kind<'a>,
    text: &'a str,
}

impl Asked<'_> {
    fn owned(&self) -> Key {
        let delimiters = match self.kind {
            Kind::Glob(delimiters) => Some(delimiters.to_owned()),
            Kind::Regex => None,
        };
        Key { delimiters, text: self.text.to_owned() }
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        key.asked() == (self.kind, self.text)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    delimiters: Option<String>,
    text: String,
}

impl Key {
    fn asked(&self) -> (Kind<'_>, &str) {
        (self.delimiters.as_deref().map_or(Kind::Regex, Kind::Glob), &self.text)
    }
}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let (kind, text) = self.asked();
        Asked { kind, text }.hash(state);
    }
}

static SPELLED_OUT: LazyLock<Cache<Key, Arc<Pattern>>> = LazyLock::new(|| Cache::new(1024));
static CHOSEN: LazyLock<Cache<Key, Arc<Pattern>>> = LazyLock::new(|| Cache::new(256));

/// The longest pattern at all, and the longest that is not spelled out.
const LONGEST: usize = 8 * 1024;
const LONGEST_CHOSEN: usize = 1024;

/// The largest program of a pattern, in bytes, and the most steps of a match. Nearly all patterns take one step for each byte, whatever their
/// weight: 0.1 ms for 64 KiB. One that is made to be hard, on a text that is made for it, takes 3.5 ns for each: 0.9 ms where a caller can have
/// chosen both, 7 ms where the policy spells such a pattern out.
const SPELLED_OUT_LIMITS: (usize, usize) = (512 * 1024, 2_000_000);
const OF_CHOSEN: (usize, usize) = (64 * 1024, 256_000);
const DFA_SIZE: usize = 2 * 1024 * 1024;
const NESTING: u32 = 64;

/// The most that each character of a text may cost.
const HEAVIEST: usize = 20_000;
