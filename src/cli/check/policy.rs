//! The part of `hopguard check` that looks at a policy without a configuration: every finding has its place, and every id its meaning.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use serde_json::json;

use super::Found;
use crate::{
    cli::{argument::Output, asking, exit::Exit, loading},
    policy::{Entrypoint, FINDINGS, Gate, Policy, Reads, Weight},
    yaml::{Problems, nearest, quote},
};

/// Loads a policy as `serve` would, its own tests included.
pub(super) fn check(paths: &[PathBuf], entrypoint: &Entrypoint, gate: Gate) -> Result<Found, Problems> {
    let source = loading::source(paths)?;
    let policy = Policy::compile(&source, &asking::options(entrypoint, gate))?;
    let (modules, tests) = source.counts();
    let files = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut said = vec![
        ("policy", format!("{entrypoint} revision {}", policy.revision())),
        ("files", format!("{}, {}", files(modules, "module"), files(tests, "test module"))),
    ];
    said.push(("evaluator", policy.evaluator().to_owned()));
    if !source.data_files().is_empty() {
        said.push(("data", source.data_files().join(", ")));
    }
    let mut reads = Vec::new();
    paths_of(policy.reads(), "input", &mut reads);
    said.push(("reads", if reads.is_empty() { "nothing of its input".to_owned() } else { reads.join(", ") }));
    let calls: Vec<&str> = policy.calls().collect();
    if !calls.is_empty() {
        said.push(("calls", calls.join(", ")));
    }
    Ok(Found { said, warnings: policy.warnings().to_vec() })
}

fn paths_of(reads: &Reads, path: &str, paths: &mut Vec<String>) {
    if reads.is_whole() {
        paths.push(path.to_owned());
    }
    for (name, below) in reads.fields() {
        paths_of(below, &format!("{path}.{name}"), paths);
    }
}

/// Says what an id means; `all` is all of them.
pub(super) fn explain(id: &str, output: Output, out: &mut impl Write) -> io::Result<Exit> {
    let weight = |weight| match weight {
        Weight::Error => "error",
        Weight::Warning => "warning",
        Weight::Nothing => "nothing",
    };
    let gate = FINDINGS.iter().map(|finding| (finding.id, finding.means, weight(finding.compatible)));
    let mut known: Vec<(&str, &str, &str)> =
        gate.chain(LOADING.iter().map(|(id, means)| (*id, *means, "error"))).collect();
    known.sort_unstable();
    let found: Vec<_> = known.iter().filter(|(known, ..)| id == "all" || id == *known).collect();
    if found.is_empty() {
        let meant = nearest(id, known.iter().map(|(known, ..)| *known));
        let hint = meant.map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default();
        writeln!(out, "no problem has the id {}{hint}", quote(id))?;
        return Ok(Exit::Usage);
    }
    match output {
        Output::Text => {
            for (id, means, compatible) in found {
                writeln!(out, "{id:<24} {means} (strict: error; compatible: {compatible})")?;
            }
        }
        Output::Json => {
            let rows = found.iter().map(|(id, means, compatible)| {
                json!({"id": id, "means": means, "strict": "error", "compatible": compatible})
            });
            writeln!(out, "{:#}", rows.collect::<serde_json::Value>())?;
        }
    }
    Ok(Exit::Yes)
}

/// What is found beside the gate, while a policy is read, loaded and tried.
const LOADING: [(&str, &str); 7] = [
    ("policy.data", "A data document is named, placed or written otherwise than one."),
    ("policy.data_conflict", "A rule and a data document stand at one place."),
    ("policy.entrypoint", "No rule defines what the policy is asked for."),
    ("policy.load", "The engine does not load it in time."),
    ("policy.source", "Its files cannot be read."),
    (
        "policy.membership",
        "`in`, where its value counts, goes through items with `[_]`: the engine takes what is undefined for false.",
    ),
    ("policy.test", "A test of its own fails, or cannot be run."),
];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn checked(rules: &str) -> Result<Found, Problems> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.rego"), format!("package hopguard.authz\n\n{rules}\n")).unwrap();
        check(&[folder.path().to_owned()], &Entrypoint::parse("data.hopguard.authz.decision").unwrap(), Gate::Strict)
    }

    #[test]
    fn a_policy_is_described() {
        let found = checked("decision if startswith(input.hop.path, \"/a\")").unwrap();
        let said = |name: &str| found.said.iter().find(|(key, _)| *key == name).unwrap().1.clone();
        assert_eq!((said("files").as_str(), said("reads").as_str()), ("1 module, 0 test modules", "input.hop.path"));
        assert_eq!(said("calls"), "startswith");
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_stands() {
        let Err(problems) = checked("decision if input.hopp.path == \"/\"") else { panic!("it loads") };
        let shown = format!("{:#}", problems.0[0]);
        assert!(shown.contains("policy.unknown_input") && shown.lines().count() == 3, "{shown}");
    }

    #[test]
    fn every_id_is_explained_and_no_other() {
        let told = |id: &str| {
            let mut out = Vec::new();
            let exit = explain(id, Output::Text, &mut out).unwrap();
            (exit, String::from_utf8(out).unwrap())
        };
        assert_eq!(told("all").1.lines().count(), FINDINGS.len() + LOADING.len());
        let (exit, text) = told("policy.recursion");
        assert!(exit == Exit::Yes && text.contains("may evaluate itself"), "{text}");
        let said = "no problem has the id `policy.recursio`: did you mean `policy.recursion`?\n";
        assert_eq!(told("policy.recursio"), (Exit::Usage, said.to_owned()));
    }
}
