//! Generated policies and requests: of those that OPA denies, none is allowed here.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use hopguard::policy::{self, JsonError};

use crate::{
    author,
    draw::Draw,
    judges::{self, Guard, Oracle, Way},
    opa::Outcome,
    policy::Policy,
    requests,
    tally::{Class, Tally, classify},
};

#[test]
fn what_opa_denies_is_denied_here() {
    let number = |name: &str, default| env::var(name).map_or(default, |text| text.parse().unwrap());
    let (decisions, seed) = (number("DECISIONS", 20_000), number("SEED", 1));
    let begun = Instant::now();
    let run = Run {
        seed: u64::try_from(seed).unwrap(),
        decisions,
        inputs: (decisions / 500).clamp(INPUTS.0, INPUTS.1),
        next: AtomicUsize::new(0),
        decided: AtomicUsize::new(0),
        failures: Mutex::default(),
    };
    let workers = thread::available_parallelism().map_or(2, usize::from).min(8);
    let tally = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| run.work())).collect();
        let mut all = Tally::default();
        workers.into_iter().for_each(|worker| all.add(worker.join().unwrap()));
        all
    });
    println!("seed {seed}: {} decisions in {:?}\n{tally}", run.decided.load(Ordering::Relaxed), begun.elapsed());
    let failures = run.failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} differences\n{}", failures.len(), failures.join("\n\n"));
    // Whatever else differs is a denial that says so: nothing is silently something else.
    let differ = tally.differences.keys().filter(|(_, class)| !KNOWN.iter().any(|(known, _)| is_of(class, known)));
    let unknown: Vec<String> = differ.map(|(way, class)| format!("{way:?}: {class}")).collect();
    assert!(unknown.is_empty(), "differences of no known class\n{}", unknown.join("\n"));
    for way in [Way::StrictAuto, Way::CompatibleAuto] {
        let share = |counts: &BTreeMap<Way, usize>| counts.get(&way).copied().unwrap_or_default();
        assert!(share(&tally.admitted) * 4 > tally.policies - tally.opa_refused, "{way:?} hardly admits a policy");
    }
    assert!(tally.machine.get(&Way::StrictAuto).is_some_and(|count| *count > 0), "no policy is in the machine");
    assert!(tally.opa_allows > 0, "OPA allows nothing");
}

/// Whether a class of differences is a fault of this kind.
fn is_of(class: &str, known: &str) -> bool {
    class == LOST
        || class.starts_with(CONFLICT)
        || class.split_once("here a fault: ").is_some_and(|(_, fault)| fault.contains(known))
}

/// Where two definitions of a function come to different values, of which one comes from what fails here: the engine goes by the other one
/// where `gate` is `compatible`. That it then allows is no difference of this kind.
const CONFLICT: &str = "OPA fails, here ";

/// Where OPA, told to be strict about builtins, fails, and Hopguard allows, as OPA does when it is not: OPA may call a builtin before it knows
/// whether anything asks for what it gives.
const LOST: &str = "OPA fails where it is told to be strict";

/// Where OPA goes on, or denies in silence, and Hopguard denies with a fault where `gate` is `compatible`: what is in the fault, and why.
const KNOWN: &[(&str, &str)] = &[
    ("failed: the bytes are no text", "OPA makes texts of bytes that are none"),
    ("failed: how the fraction was written is not known", "OPA writes a number as the caller wrote it"),
    ("failed: how the number was written is not known", "OPA writes a number as the caller wrote it"),
    ("failed: the number is not written as JSON writes it", "OPA takes texts for numbers that are not"),
    ("failed: the number is larger than 00 bits", "OPA rounds it before it is written"),
    (
        "failed: the text has characters that cannot be quoted for sure",
        "versions of Unicode differ in what can be printed",
    ),
    ("not produce multiple outputs", "OPA may not come to the rule that is two things"),
    ("rule conflicts with", "OPA may not come to the rule that is two things"),
    ("without a word", "the engine fails where there is nothing to go through, or to compare, and OPA finds nothing"),
];

struct Run {
    seed: u64,
    /// How many are wanted.
    decisions: usize,
    /// How many of each policy.
    inputs: usize,
    next: AtomicUsize,
    /// Inputs that both OPA and Hopguard decided.
    decided: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Run {
    fn work(&self) -> Tally {
        let (mut oracle, guard) = (Oracle::start(), Guard::start());
        let mut tally = Tally::default();
        while self.decided.load(Ordering::Relaxed) < self.decisions && self.failures.lock().unwrap().len() < ENOUGH {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            self.case(number, &mut oracle, &guard, &mut tally);
        }
        tally
    }

    fn case(&self, number: usize, oracle: &mut Oracle, guard: &Guard, tally: &mut Tally) {
        let mut draw = Draw::part(self.seed, number);
        let policy = author::write(draw.clone());
        tally.policies += 1;
        if oracle.load(&policy).is_err() {
            tally.opa_refused += 1;
            return;
        }
        let mut loaded = Vec::new();
        for way in Way::ALL {
            match guard.load(&policy, way) {
                Ok(policy) => {
                    *tally.admitted.entry(way).or_default() += 1;
                    *tally.machine.entry(way).or_default() += usize::from(policy.evaluator() == "vm");
                    loaded.push((way, policy));
                }
                Err(problems) => {
                    let id = problems.split(": ").nth(1).unwrap_or("?").to_owned();
                    *tally.refusals.entry(format!("{way:?}: {id}")).or_default() += 1;
                }
            }
        }
        if loaded.is_empty() {
            return;
        }
        let inputs: Vec<String> = (0..self.inputs).map(|_| requests::write(&mut draw)).collect();
        let opa = oracle.ask(&inputs, false);
        let plain = draw.below(self.inputs);
        // The batch has a clock of its own.
        let tells_time = [policy.module(), policy.library()].iter().any(|module| module.contains("now_ns"));
        assert!(
            tells_time || oracle.ask_plainly(&inputs[plain]) == opa[plain],
            "in a batch this is another decision: {}\n{}",
            inputs[plain],
            policy.module()
        );
        tally.opa_allows += opa.iter().filter(|outcome| judges::allows(outcome)).count();
        self.decided.fetch_add(self.inputs, Ordering::Relaxed);
        let mut strictly_allowed = Vec::new();
        for (text, opa) in inputs.iter().zip(&opa) {
            let input = match policy::document(text) {
                Ok(input) => input,
                // The request is denied before a policy is asked.
                Err(JsonError::Number) => {
                    tally.unread += 1;
                    continue;
                }
                Err(error) => panic!("{error}: {text}"),
            };
            for (way, compiled) in &loaded {
                *tally.decisions.entry(*way).or_default() += 1;
                let said = judges::ask(compiled, &input);
                if *way == Way::StrictAuto && said.allows {
                    strictly_allowed.push(text.clone());
                }
                let class = classify(opa, &said, *way);
                let mut shown = || self.least(number, *way, &policy, text, (oracle, guard), &class);
                match &class {
                    Class::Same => {}
                    Class::Danger => {
                        let shown = shown();
                        self.failures.lock().unwrap().push(shown);
                        return;
                    }
                    Class::Other(class) => tally.difference(*way, class, shown),
                }
            }
        }
        // For the eye: none of these may be an error that is lost on the way.
        let strictly = if strictly_allowed.is_empty() { Vec::new() } else { oracle.ask(&strictly_allowed, true) };
        for (text, _) in strictly_allowed.iter().zip(strictly).filter(|(_, outcome)| *outcome == Outcome::Error) {
            tally.difference(Way::StrictAuto, LOST, || {
                format!("policy {number}\n{}\n{}\n{text}", policy.library(), policy.module())
            });
        }
    }

    /// The smallest part of a policy, and of an input, that still differ in this way.
    fn least(
        &self,
        number: usize,
        way: Way,
        policy: &Policy,
        input: &str,
        (oracle, guard): (&mut Oracle, &Guard),
        wanted: &Class,
    ) -> String {
        let mut least = policy.clone();
        let mut compare = |policy: &Policy, input: &str| {
            oracle.load(policy).ok()?;
            let compiled = guard.load(policy, way).ok()?;
            let opa: Outcome = oracle.ask(&[input.to_owned()], false).remove(0);
            let said = judges::ask(&compiled, &policy::document(input).ok()?);
            Some((classify(&opa, &said, way), opa, said))
        };
        while let Some(less) =
            least.smaller().into_iter().find(|less| compare(less, input).is_some_and(|it| it.0 == *wanted))
        {
            least = less;
        }
        let mut input = input.to_owned();
        while let Some(less) =
            requests::smaller(&input).into_iter().find(|less| compare(&least, less).is_some_and(|it| it.0 == *wanted))
        {
            input = less;
        }
        let found = compare(&least, &input).map(|(_, opa, said)| format!("OPA {opa:?}\nHopguard {said:?}"));
        compare(policy, &input);
        format!(
            "seed {}, policy {number}, {way:?}\n{}\n{}\n{input}\n{}",
            self.seed,
            least.library(),
            least.module(),
            found.unwrap_or_default()
        )
    }
}

/// The fewest inputs of one policy, and the most.
const INPUTS: (usize, usize) = (40, 200);
/// A run that fails this often has shown enough.
const ENOUGH: usize = 5;
