//! Puts the facts together: of two that say something of one thing, neither is so.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use spiffe::SpiffeId;

use super::{Body, Source};
use crate::{fact::Fact, yaml::Problem};

/// Puts the facts among documents together.
pub(in crate::store) fn assemble_facts(
    sources: &[Source<'_>],
    shared: &HashSet<usize>,
    problems: &mut Vec<Problem>,
) -> Vec<Arc<Fact>> {
    let mut times: HashMap<_, usize> = HashMap::new();
    for source in sources {
        if let Body::Fact(fact, _) = &source.document.body {
            *times.entry(thing(fact)).or_default() += 1;
        }
    }
    let mut facts = HashMap::new();
    for (index, source) in sources.iter().enumerate() {
        let Body::Fact(fact, at) = &source.document.body else { continue };
        let times = times.get(&thing(fact)).copied().unwrap_or_default();
        if times > 1 {
            problems.push(source.problem(*at, "spec.key", disputed(fact, times)));
        }
        let is_disputed = times > 1 || shared.contains(&index);
        facts.insert(thing(fact), if is_disputed { Arc::new(fact.disputed()) } else { Arc::clone(fact) });
    }
    by_name(facts)
}

/// Puts the facts of two places together, in each of which every thing is there once.
pub(in crate::store) fn unite_facts(ours: &[Arc<Fact>], theirs: &[Arc<Fact>]) -> (Vec<Arc<Fact>>, Vec<Problem>) {
    let mut facts: HashMap<_, _> = ours.iter().map(|fact| (thing(fact), Arc::clone(fact))).collect();
    let mut problems = Vec::new();
    for fact in theirs {
        facts
            .entry(thing(fact))
            .and_modify(|other| {
                problems.push(Problem::of_file(&fact.name, disputed(fact, 2)));
                *other = Arc::new(fact.disputed());
            })
            .or_insert_with(|| Arc::clone(fact));
    }
    (by_name(facts), problems)
}

/// What a fact says something of.
fn thing(fact: &Fact) -> (&str, Option<&SpiffeId>) {
    (&fact.key, fact.subject.as_ref())
}

fn disputed(fact: &Fact, times: usize) -> String {
    let whose = fact.subject.as_ref().map_or_else(String::new, |subject| format!(" of {subject}"));
    format!("{times} documents say what `{}`{whose} is, so none of them counts: keep one", fact.key)
}

fn by_name<T>(facts: HashMap<T, Arc<Fact>>) -> Vec<Arc<Fact>> {
    let mut facts: Vec<_> = facts.into_values().collect();
    facts.sort_by(|a, b| (&a.name, thing(a)).cmp(&(&b.name, thing(b))));
    facts
}
