//! A row of a table is asked of the policy, and everything that is not as expected is said.

use std::time::Instant;

use super::table::{Expected, Row};
use crate::{
    cli::asking::{Asking, Told},
    decision::{Denial, Reason},
    policy::{
        PolicyError, Value,
        answer::Directives,
        trial::{Outcome, Test},
    },
    yaml::quote,
};

/// Asks the policy. What it was asked is given too, if it came so far.
pub(super) fn run(asking: &Asking, file: &str, row: &Row) -> anyhow::Result<(Test, Option<Value>)> {
    let begun = Instant::now();
    let document = asking.document(row.check.as_ref(), &row.given, row.now);
    let (document, verdict) = match document {
        Ok(document) => {
            let verdict = asking.answer(&document, row.now);
            (Some(document), verdict)
        }
        Err(denial) => (None, Err(denial)),
    };
    let told = asking.told(&verdict, row.now)?;
    let wrong = differences(&row.expected, &verdict, &told);
    let outcome = if wrong.is_empty() { Outcome::Passed } else { Outcome::Failed(wrong.join("; ")) };
    let test = Test {
        name: row.name.clone(),
        file: file.to_owned(),
        line: row.at.line,
        column: row.at.column,
        outcome,
        printed: Vec::new(),
        elapsed: begun.elapsed(),
    };
    Ok((test, document))
}

fn differences(expected: &Expected, verdict: &Result<Directives, Denial>, told: &Told) -> Vec<String> {
    let mut wrong = Vec::new();
    match (expected.allow, verdict) {
        (true, Ok(_)) => {}
        (true, Err(denial)) => {
            return vec![format!("expected allow, found deny: {}: {denial}", denial.reason().as_str())];
        }
        (false, Ok(_)) => return vec!["expected deny, found allow".to_owned()],
        (false, Err(denial)) => {
            let reason = denial.reason();
            match expected.reason {
                Some(expected) if expected != reason => {
                    wrong.push(format!("expected reason {}, found {}: {denial}", expected.as_str(), reason.as_str()));
                }
                // A policy that fails denies for no reason of its own: whoever means that says so.
                None if !PLAIN.contains(&reason) => {
                    wrong.push(format!("expected the policy to deny, found {}: {denial}", reason.as_str()));
                }
                _ => {}
            }
        }
    }
    if let Some(expected) = &expected.policy_reason {
        let found = said(verdict);
        if found != Some(expected.as_str()) {
            wrong.push(format!(
                "expected policy_reason {}, found {}",
                quote(expected),
                found.map_or_else(|| "none".to_owned(), quote)
            ));
        }
    }
    if let Some(expected) = expected.status.filter(|expected| told.status != Some(*expected)) {
        let found = told.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        wrong.push(format!("expected status {expected}, found {found}"));
    }
    for (name, expected) in &expected.headers {
        let found: Vec<&str> = told
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        if found != *expected {
            wrong.push(format!("expected header {name}: {}, found {}", list(expected), list(&found)));
        }
    }
    if let Some(expected) = expected.body.as_ref().filter(|expected| told.body != **expected) {
        wrong.push(format!("expected body {}, found {}", quote(expected), quote(&told.body)));
    }
    wrong
}

/// Why, in the policy's words.
fn said(verdict: &Result<Directives, Denial>) -> Option<&str> {
    match verdict {
        Ok(directives) => directives.reason.as_deref(),
        Err(Denial::Policy(PolicyError::Denied(reply))) => reply.reason.as_deref(),
        Err(_) => None,
    }
}

fn list<S: AsRef<str>>(values: &[S]) -> String {
    if values.is_empty() {
        return "none".to_owned();
    }
    values.iter().map(|value| quote(value.as_ref())).collect::<Vec<_>>().join(", ")
}

/// How a policy denies that does what its author meant.
const PLAIN: [Reason; 2] = [Reason::PolicyDenied, Reason::PolicyUndefined];
