//! The patterns of `allowed_signers`: `*`, `?` and, in front, `!`, as
//! [ssh_config(5)](https://man.openbsd.org/ssh_config.5#PATTERNS) has them.

use super::people;

/// Patterns of which one has to match, and none of those with a `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patterns {
    positive: Vec<String>,
    negated: Vec<String>,
}

impl Patterns {
    /// Reads a list with commas, or says what is wrong with it.
    pub(super) fn parse(list: &str) -> Result<Self, &'static str> {
        let (mut positive, mut negated) = (Vec::new(), Vec::new());
        for pattern in list.split(',') {
            let (to, pattern) =
                pattern.strip_prefix('!').map_or((&mut positive, pattern), |pattern| (&mut negated, pattern));
            if pattern.is_empty() {
                return Err("a list has an empty pattern: leave out its comma");
            }
            if pattern.len() > MAX_PATTERN {
                return Err("a pattern is longer than 256 bytes");
            }
            to.push(pattern.to_owned());
        }
        if positive.is_empty() {
            return Err("a list with nothing but `!` patterns matches nobody: name somebody");
        }
        Ok(Self { positive, negated })
    }

    /// Whether a name is among those that are meant, letter for letter.
    pub(super) fn matches(&self, name: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| overlap(pattern, name, |_| false));
        any(&self.positive) && !any(&self.negated)
    }

    /// Whether one of the names could be that person's.
    pub(super) fn may_mean(&self, person: &str) -> bool {
        let person = spellings(person, |_| false);
        self.positive.iter().any(|pattern| meet(&spellings(pattern, is_wild), &person))
    }

    /// Whether one person could be meant by both. That some are left out of either is not looked at.
    pub(super) fn may_share(&self, other: &Self) -> bool {
        let others: Vec<_> = other.positive.iter().map(|pattern| spellings(pattern, is_wild)).collect();
        self.positive.iter().any(|pattern| {
            let pattern = spellings(pattern, is_wild);
            others.iter().any(|other| meet(&pattern, other))
        })
    }
}

/// The patterns of all names that are the same person's.
fn spellings(name: &str, is_wild: impl Fn(char) -> bool) -> Vec<String> {
    if name.contains(is_wild) {
        let folded = people::without_case(name);
        let untagged = folded.split_once('+').map(|(before, _)| format!("{before}*"));
        return [Some(folded), untagged].into_iter().flatten().collect();
    }
    let folded = people::fold(name);
    let tagged = folded.rsplit_once('@').map(|(local, domain)| format!("{local}+*@{domain}"));
    [Some(folded), tagged].into_iter().flatten().collect()
}

fn meet(some: &[String], others: &[String]) -> bool {
    some.iter().any(|one| others.iter().any(|other| overlap(one, other, is_wild)))
}

/// Whether a text exists that both patterns match; what is wild in the other one is for the caller to say.
fn overlap(pattern: &str, other: &str, is_wild_there: impl Fn(char) -> bool) -> bool {
    let other: Vec<char> = other.chars().collect();
    let is_many = |character: char| character == '*' && is_wild_there(character);
    let is_any = |character: char| character == '?' && is_wild_there(character);
    // Row by row: whether what is before this character of the pattern meets what is before each of the other's.
    let mut row = vec![true];
    for character in &other {
        row.push(row.last() == Some(&true) && is_many(*character));
    }
    for here in pattern.chars() {
        let mut next = vec![here == '*' && row.first() == Some(&true)];
        for (there, (diagonal, above)) in other.iter().zip(row.iter().zip(row.iter().skip(1))) {
            let left = next.last() == Some(&true);
            let meets = match (here, is_many(*there)) {
                ('*', _) => left || *above,
                (_, true) => left || *above,
                ('?', false) => *diagonal,
                (here, false) => *diagonal && (here == *there || is_any(*there)),
            };
            next.push(meets);
        }
        row = next;
    }
    row.last() == Some(&true)
}

const fn is_wild(character: char) -> bool {
    matches!(character, '*' | '?')
}

const MAX_PATTERN: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(list: &str) -> Patterns {
        Patterns::parse(list).unwrap()
    }

    #[test]
    fn matches_whole_names_letter_for_letter() {
        for (patterns, name) in [
            ("alice@example.com", "alice@example.com"),
            ("bob,alice", "alice"),
            ("*@example.com", "alice@example.com"),
            ("*", ""),
            ("a?c", "abc"),
            ("a*b*c", "aXbYbc"),
            ("*,!bob", "alice"),
            ("a**", "a"),
        ] {
            assert!(list(patterns).matches(name), "{patterns} {name}");
        }
        for (patterns, name) in [
            ("alice@example.com", "Alice@example.com"),
            ("alice", "alice@example.com"),
            ("alice@example.com", "alice"),
            ("*@example.com", "alice@example.com.evil"),
            ("a?c", "ac"),
            ("a?c", "abbc"),
            ("*,!bob", "bob"),
            ("bob,!b*", "bob"),
            ("alice", "*"),
            ("a", "?"),
        ] {
            assert!(!list(patterns).matches(name), "{patterns} {name}");
        }
    }

    #[test]
    fn refuses_lists_that_mean_nobody() {
        for wrong in ["", ",", "a,", ",a", "!", "a,!", "!a", &"a".repeat(257)] {
            assert!(Patterns::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn knows_whom_a_pattern_could_mean() {
        for (patterns, person) in [
            ("Bob@example.com", "bob@example.com"),
            ("bob+ops@example.com", "BOB@example.com"),
            ("*@example.com", "bob@example.com"),
            ("*+ops@example.com", "bob@example.com"),
            ("bob+*", "bob@example.com"),
            ("bob?ops@example.com", "bob@example.com"),
            ("alice,bob", "bob"),
            ("*,!bob", "bob"),
        ] {
            assert!(list(patterns).may_mean(person), "{patterns} {person}");
        }
        for (patterns, person) in
            [("alice@example.com", "bob@example.com"), ("*@other.example", "bob@example.com"), ("a?", "a")]
        {
            assert!(!list(patterns).may_mean(person), "{patterns} {person}");
        }
    }

    #[test]
    fn knows_when_one_person_could_be_meant_twice() {
        for (one, other) in [
            ("alice,carol", "carol"),
            ("alice@example.com", "ALICE+x@example.com"),
            ("*@example.com", "alice@*"),
            ("a*c", "ab?"),
            ("*", "*"),
            ("alice+*", "alice@example.com"),
        ] {
            assert!(list(one).may_share(&list(other)), "{one} {other}");
            assert!(list(other).may_share(&list(one)), "{other} {one}");
        }
        for (one, other) in [("alice", "carol"), ("*@a.example", "*@b.example"), ("a?", "a"), ("a*", "b*")] {
            assert!(!list(one).may_share(&list(other)), "{one} {other}");
            assert!(!list(other).may_share(&list(one)), "{other} {one}");
        }
    }

    proptest! {
        #[test]
        fn patterns_that_match_the_same_name_share_it(name in "[ab+@]{0,6}", one in "[ab+@*?]{1,6}", other in "[ab+@*?]{1,6}") {
            let (one, other) = (list(&one), list(&other));
            if one.matches(&name) && other.matches(&name) {
                prop_assert!(one.may_share(&other));
                prop_assert!(one.may_mean(&name));
            }
        }

        #[test]
        fn whoever_a_pattern_matches_it_may_mean(name in "[ab]{1,3}@[ab]", tag in "[ab]{0,2}", pattern in "[ab+@*?]{1,6}") {
            let (local, domain) = name.split_once('@').unwrap();
            if list(&pattern).matches(&format!("{local}+{tag}@{domain}")) {
                prop_assert!(list(&pattern).may_mean(&name));
            }
        }
    }
}
