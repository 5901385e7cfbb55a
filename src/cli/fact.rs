//! `hopguard fact`: what is so right now, written down by whoever observed it.

use std::{io::Write, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    argument::{Output, span, time},
    complain,
    documents::{Desk, Failure, Found, Manner, Proposal, Telling, Where, command, effect, fields, shown},
    exit::Exit,
};
use crate::{
    clock::Timestamp,
    fact::Fact,
    hex,
    store::write::render::{self, plain, string},
    yaml::show_duration,
};

/// Set, list and remove facts, which grants and policies may ask for
#[derive(Args, Clone, Debug)]
pub struct FactArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Set(SetArgs),
    List(ListArgs),
    Remove(RemoveArgs),
}

/// Say what is so, in place of what was said before
#[derive(Args, Clone, Debug)]
struct SetArgs {
    /// What it is about, such as device.posture
    #[arg(value_name = "KEY")]
    key: String,
    /// What is so: JSON, or else text
    #[arg(value_name = "VALUE")]
    value: String,
    /// Whom it is about; everybody, if it is not said
    #[arg(long, value_name = "SPIFFE_ID")]
    subject: Option<String>,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    source: String,
    /// How long it counts
    #[arg(long, value_name = "DURATION", value_parser = span)]
    max_age: Duration,
    /// When it was observed; now, if it is not said
    #[arg(long, value_name = "TIME", value_parser = time)]
    observed_at: Option<Timestamp>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    manner: Manner,
}

/// List the facts: what is so, for how long, and who says it
#[derive(Args, Clone, Debug)]
struct ListArgs {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    telling: Telling,
}

/// Say no longer what is so
#[derive(Args, Clone, Debug)]
struct RemoveArgs {
    /// What it is about
    #[arg(value_name = "KEY")]
    key: String,
    /// Whom it is about; everybody, if it is not said
    #[arg(long, value_name = "SPIFFE_ID")]
    subject: Option<String>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    manner: Manner,
}

impl FactArgs {
    /// Does what is asked for.
    ///
    /// # Errors
    /// The world is in the way.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let ended = match &self.verb {
            Verb::Set(args) => args.run(out),
            Verb::List(args) => args.run(out),
            Verb::Remove(args) => args.run(out),
        };
        ended.or_else(Failure::told)
    }
}

impl SetArgs {
    fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::of_facts(self.place.place()?, self.manner.now())?;
        let value: Value = serde_json::from_str(&self.value).unwrap_or_else(|_| self.value.as_str().into());
        let observed_at = self.observed_at.unwrap_or(desk.now);
        let mut spec = vec![("key", string(&self.key))];
        spec.extend(self.subject.as_ref().map(|subject| ("subject", string(subject))));
        spec.push(("value", render::json(&value)));
        spec.push(("source", string(&self.source)));
        spec.push(("observedAt", plain(&observed_at)));
        spec.push(("maxAge", plain(&show_duration(self.max_age))));
        let old = find(&desk, &self.key, self.subject.as_deref())?;
        let about = self.subject.as_ref().map(|subject| format!(" of {subject}")).unwrap_or_default();
        let counts = match (self.max_age.checked_sub(desk.now.since(observed_at))).filter(|left| !left.is_zero()) {
            Some(left) => format!("for {}", effect::span(left)),
            None => "never: it is stale already".to_owned(),
        };
        let effect = format!("says that {}{about} is {value}, {counts}", self.key);
        let (change, undo, details) = match &old {
            None => {
                let name = name(&self.key, self.subject.as_deref());
                let change = desk.create(desk.free_file(&name), &fields::document("Fact", &name, spec));
                let mut words = vec!["fact", "remove", &self.key];
                words.extend(self.subject.iter().flat_map(|subject| ["--subject", subject]));
                (change, command(words, &desk.place.named), Vec::new())
            }
            Some((found, fact)) => {
                let node = fields::document("Fact", &fact.name, spec);
                (desk.replace(found, &node)?, again(&desk, fact), vec![format!("before    {}", told(fact, desk.now))])
            }
        };
        let proposal = Proposal { effect, details, changes: vec![change], as_if: None, next: Vec::new(), undo };
        proposal.carry_out(&desk, &self.manner, out)
    }
}

impl RemoveArgs {
    fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::of_facts(self.place.place()?, self.manner.now())?;
        let Some((found, fact)) = find(&desk, &self.key, self.subject.as_deref())? else {
            return Err(Failure::Refused(format!("nobody says what `{}` is", self.key)));
        };
        let effect = format!("says no longer what {} is", self.key);
        let details = vec![format!("before    {}", told(&fact, desk.now))];
        let changes = vec![desk.remove(&found)?];
        let undo = again(&desk, &fact);
        Proposal { effect, details, changes, as_if: None, next: Vec::new(), undo }.carry_out(&desk, &self.manner, out)
    }
}

impl ListArgs {
    fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::open(self.place.place()?, self.telling.now())?;
        let facts = desk.place.facts(&desk.documents)?;
        if self.telling.output == Output::Json {
            let fact = |fact: &std::sync::Arc<Fact>| {
                json!({
                    "key": fact.key,
                    "subject": fact.subject.as_ref().map(ToString::to_string),
                    "value": fact.value,
                    "source": fact.source,
                    "observed_at": fact.observed_at.to_string(),
                    "max_age": show_duration(fact.max_age),
                    "fresh": fact.is_fresh(None, desk.now),
                })
            };
            writeln!(out, "{:#}", Value::from_iter(facts.all().map(fact)))?;
        } else {
            for fact in facts.all() {
                writeln!(out, "{}", shown(&told(fact, desk.now)))?;
            }
        }
        let mut problems = desk.documents.problems.clone();
        if desk.place.facts.is_some() {
            problems.extend(Desk::of_facts(desk.place.clone(), desk.now)?.documents.problems);
        }
        problems.iter().for_each(|problem| complain(&format!("{problem:#}")));
        Ok(if problems.is_empty() { Exit::Yes } else { Exit::DoesNotLoad })
    }
}

/// The fact about this, as it is written.
fn find(desk: &Desk, key: &str, subject: Option<&str>) -> Result<Option<(Found, Fact)>, Failure> {
    let mut all = desk.all("Fact", |node| {
        fields::text(node, &["spec", "key"]) == Some(key) && fields::text(node, &["spec", "subject"]) == subject
    });
    let Some(found) = all.pop() else { return Ok(None) };
    let name = fields::text(&found.node, &["metadata", "name"]).unwrap_or_default();
    let fact = desk.documents.facts.iter().find(|fact| fact.name == name && all.is_empty());
    let fact = fact.ok_or_else(|| Failure::Refused(format!("what says `{key}` does not count: repair it first")))?;
    Ok(Some((found.clone(), Fact::clone(fact))))
}

/// A fact on one line.
fn told(fact: &Fact, now: Timestamp) -> String {
    let about = fact.subject.as_ref().map(|subject| format!(" of {subject}")).unwrap_or_default();
    let age = if fact.is_fresh(None, now) {
        format!("for {} more", effect::span(fact.stale_at(None).since(now)))
    } else if now < fact.observed_at {
        format!("stale: from the future, {}", fact.observed_at)
    } else {
        format!("stale since {}", fact.stale_at(None))
    };
    format!("{}{about} is {}, says {} ({age})", fact.key, fact.value, fact.source)
}

/// The command that says it again as it was said.
fn again(desk: &Desk, fact: &Fact) -> String {
    let (value, age, observed) = (fact.value.to_string(), show_duration(fact.max_age), fact.observed_at.to_string());
    let subject = fact.subject.as_ref().map(ToString::to_string);
    let mut words = vec!["fact", "set", &fact.key, &value];
    words.extend(subject.iter().flat_map(|subject| ["--subject", subject.as_str()]));
    words.extend(["--source", &fact.source, "--max-age", &age, "--observed-at", &observed]);
    command(words, &desk.place.named)
}

/// The name of a fact's document: the same for the same thing, and another one for any other.
fn name(key: &str, subject: Option<&str>) -> String {
    let is_whole = subject.is_none() && !key.contains('_');
    let spelled: String = key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let spelled = spelled.trim_matches(['-', '.']).to_ascii_lowercase();
    if is_whole {
        return format!("fact-{spelled}");
    }
    let about = format!("{key}\n{}", subject.unwrap_or_default());
    let sum = hex::encode(digest(&SHA256, about.as_bytes()).as_ref());
    format!("fact-{spelled}-{}", sum.chars().take(12).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_has_a_name_of_its_own() {
        assert_eq!(name("device.posture", None), "fact-device.posture");
        let names = [
            name("a-b", None),
            name("a_b", None),
            name("a-b", Some("spiffe://prod.example/a")),
            name("a-b", Some("spiffe://prod.example/b")),
            name("a_b", Some("spiffe://prod.example/a")),
        ];
        for (index, one) in names.iter().enumerate() {
            assert!(names.iter().skip(index + 1).all(|other| one != other), "{names:?}");
        }
    }
}
