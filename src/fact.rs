//! Signals from outside: what is so right now, as somebody observed it. Pushed here, and never fetched while a hop is decided.

use std::{collections::HashMap, sync::Arc, time::Duration};

use spiffe::SpiffeId;

use crate::clock::Timestamp;

pub(crate) mod document;

/// What is so right now, fresh or not.
#[derive(Clone, Debug, Default)]
pub struct Facts(Arc<Index>);

#[derive(Debug, Default)]
struct Index {
    by_key: HashMap<String, Told>,
    all: Vec<Arc<Fact>>,
}

/// What is told under one key.
#[derive(Debug, Default)]
struct Told {
    of_all: Option<Telling>,
    of_one: HashMap<SpiffeId, Telling>,
}

#[derive(Debug)]
enum Telling {
    Once(Arc<Fact>),
    /// Whom to believe is not known.
    Contested,
}

impl Facts {
    /// Takes them in. Of two that tell of the same under one key, neither counts.
    pub fn new(facts: impl IntoIterator<Item = Arc<Fact>>) -> Self {
        let mut by_key: HashMap<_, Told> = HashMap::new();
        for fact in facts {
            let told = by_key.entry(fact.key.clone()).or_default();
            match &fact.subject {
                Some(subject) => match told.of_one.get_mut(subject) {
                    Some(telling) => *telling = Telling::Contested,
                    None => drop(told.of_one.insert(subject.clone(), Telling::Once(fact))),
                },
                None if told.of_all.is_some() => told.of_all = Some(Telling::Contested),
                None => told.of_all = Some(Telling::Once(fact)),
            }
        }
        let told = by_key.values().flat_map(|told| told.of_all.iter().chain(told.of_one.values()));
        let mut all: Vec<_> = told.filter_map(Telling::fact).cloned().collect();
        all.sort_by(|a, b| (&a.key, &a.subject).cmp(&(&b.key, &b.subject)));
        Self(Arc::new(Index { by_key, all }))
    }

    /// What counts for a subject: what is told of itself, else what is told of all.
    ///
    /// Where it is contested what is so of a subject, what is so of all is no substitute.
    pub fn get(&self, key: &str, subject: Option<&SpiffeId>) -> Option<&Arc<Fact>> {
        let told = self.0.by_key.get(key)?;
        subject.and_then(|subject| told.of_one.get(subject)).or(told.of_all.as_ref())?.fact()
    }

    /// All that count, by key, what is told of all before what is told of one.
    pub fn all(&self) -> impl ExactSizeIterator<Item = &Arc<Fact>> {
        self.0.all.iter()
    }
}

impl Telling {
    const fn fact(&self) -> Option<&Arc<Fact>> {
        match self {
            Self::Once(fact) => Some(fact),
            Self::Contested => None,
        }
    }
}

/// A `Fact` document.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The name of its document.
    pub name: String,
    /// What it is about: `device.posture`.
    pub key: String,
    /// Whom it is about; absent: everybody.
    pub subject: Option<SpiffeId>,
    /// What is so.
    pub value: serde_json::Value,
    /// Who says so.
    pub source: String,
    /// When it was observed.
    pub observed_at: Timestamp,
    /// How long it counts from then.
    pub max_age: Duration,
}

impl Fact {
    /// The instant at which it no longer counts, where whoever asks takes it for `at_most` this long.
    pub fn stale_at(&self, at_most: Option<Duration>) -> Timestamp {
        self.observed_at.after(at_most.map_or(self.max_age, |at_most| self.max_age.min(at_most)))
    }

    /// Whether it counts. One from the future does not: whoever writes it says what nobody can have observed.
    pub fn is_fresh(&self, at_most: Option<Duration>, now: Timestamp) -> bool {
        self.observed_at <= now.after(AHEAD) && now < self.stale_at(at_most)
    }
}

/// How far the clock of an observer may be ahead.
const AHEAD: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::peer::id;

    const API: &str = "spiffe://prod.example/api";

    fn fact(name: &str, subject: Option<&str>) -> Arc<Fact> {
        Arc::new(Fact {
            name: name.to_owned(),
            key: "posture".to_owned(),
            subject: subject.map(|text| id::parse(text).unwrap()),
            value: json!(name),
            source: "test".to_owned(),
            observed_at: Timestamp::from_seconds(100),
            max_age: Duration::from_secs(60),
        })
    }

    fn told(facts: &[Arc<Fact>], key: &str, subject: Option<&str>) -> Option<String> {
        let facts = Facts::new(facts.iter().cloned());
        facts.get(key, subject.map(|text| id::parse(text).unwrap()).as_ref()).map(|fact| fact.name.clone())
    }

    #[test]
    fn what_is_told_of_a_subject_comes_before_what_is_told_of_all() {
        let facts = [fact("own", Some(API)), fact("all", None)];
        assert_eq!(told(&facts, "posture", Some(API)).as_deref(), Some("own"));
        assert_eq!(told(&facts, "posture", Some("spiffe://prod.example/web")).as_deref(), Some("all"));
        assert_eq!(told(&facts, "posture", None).as_deref(), Some("all"));
        assert_eq!(told(&facts, "window", Some(API)), None);
        assert_eq!(told(&facts[..1], "posture", None), None);
    }

    #[test]
    fn of_two_that_tell_of_the_same_neither_counts() {
        let facts = [fact("a", Some(API)), fact("all", None), fact("b", Some(API))];
        // What is so of all is no substitute for what is contested of one.
        assert_eq!(told(&facts, "posture", Some(API)), None);
        assert_eq!(told(&facts, "posture", None).as_deref(), Some("all"));
        assert_eq!(Facts::new(facts.iter().cloned()).all().map(|fact| &*fact.name).collect::<Vec<_>>(), ["all"]);
        assert_eq!(told(&[fact("a", None), fact("b", None), fact("c", None)], "posture", Some(API)), None);
    }

    #[test]
    fn shows_all_in_one_order() {
        let other = Arc::new(Fact { key: "a".to_owned(), ..(*fact("other", Some(API))).clone() });
        let facts = [fact("own", Some(API)), other, fact("all", None)];
        for facts in [facts.to_vec(), facts.iter().rev().cloned().collect()] {
            let facts = Facts::new(facts);
            assert_eq!(facts.all().map(|fact| &*fact.name).collect::<Vec<_>>(), ["other", "all", "own"]);
        }
    }

    #[test]
    fn counts_from_its_observation_until_it_is_too_old() {
        let fact = fact("a", None);
        let fresh =
            |at_most: Option<u64>, now| fact.is_fresh(at_most.map(Duration::from_secs), Timestamp::from_seconds(now));
        assert!(!fresh(None, 94) && fresh(None, 95) && fresh(None, 159) && !fresh(None, 160));
        assert!(fresh(Some(10), 109) && !fresh(Some(10), 110));
        assert!(fresh(Some(3_600), 159) && !fresh(Some(3_600), 160));
    }
}
