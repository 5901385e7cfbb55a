//! What went wrong in the engine, said without a value that a policy works on: that may be a caller's secret.

use crate::yaml::Problem;

/// regorus writes `--> file:line:column`, the line with a caret, and `error: message`.
pub(in crate::policy) fn problem(file: &str, text: &str) -> Problem {
    let place = text.split("--> ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or(file);
    let mut parts = place.rsplitn(3, ':');
    let (column, line) = (parts.next(), parts.next());
    let number = |part: Option<&str>| part.and_then(|part| part.trim().parse().ok()).unwrap_or(1);
    Problem::at(parts.next().unwrap_or(file), number(line), number(column), &message(text))
}

/// What went wrong, in the engine's words.
fn message(text: &str) -> String {
    text.rsplit_once("error: ").map_or(text, |(_, message)| message).lines().next().unwrap_or_default().to_owned()
}

/// Where an evaluation failed, and how if that can be said without a value.
pub(super) fn place(text: &str, known: Option<&str>) -> String {
    let place = text.split("--> ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or("the policy").trim();
    match known.or_else(|| KNOWN.iter().find(|known| text.contains(*known)).copied()) {
        Some(known) => format!("{place}: {known}"),
        None => place.to_owned(),
    }
}

/// Messages of the engine that hold no value.
const KNOWN: [&str; 8] = [
    "divide by zero",
    "modulo by zero",
    "complete rules should not produce multiple outputs",
    "functions must not produce multiple outputs",
    "rules must not produce multiple outputs",
    "rules should not produce multiple outputs",
    "rule conflicts with",
    "rules must not be recursive",
];

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\n--> a.rego:3:5\n  |\n3 |     x == 1\n  |     ^\nerror: `secret` is no number";

    #[test]
    fn a_fault_names_its_place_and_no_value() {
        assert_eq!(place(TEXT, None), "a.rego:3:5");
        assert_eq!(place(TEXT, Some("`count` failed")), "a.rego:3:5: `count` failed");
        assert_eq!(place("divide by zero", None), "the policy: divide by zero");
    }

    #[test]
    fn a_problem_of_a_module_has_the_engines_words() {
        let problem = problem("b.rego", TEXT).to_string();
        assert_eq!(problem, "a.rego:3:5: `secret` is no number");
    }
}
