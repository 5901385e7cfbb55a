//! Policies that must not become active: each is refused with its reason, and the one before stays.

use super::{refused, unharmed};
use crate::harness::{Grant, Guard, Setup, until};

/// Files that make no policy, together with one that does.
pub(super) struct Refused {
    pub(super) number: u16,
    pub(super) name: &'static str,
    file: &'static str,
    content: fn() -> String,
    problem: &'static str,
}

const fn refuse(
    number: u16,
    name: &'static str,
    file: &'static str,
    content: fn() -> String,
    problem: &'static str,
) -> Refused {
    Refused { number, name, file, content, problem }
}

/// Rules of a package beside the one that decides.
fn other(rules: &str) -> String {
    format!("package other\n\n{rules}\n")
}

/// Ten thousand times, on lines that are not too long.
fn lines(text: &str) -> String {
    format!("{}\n", text.repeat(1_000)).repeat(10)
}

pub(super) const REFUSED: &[Refused] = &[
    refuse(
        90,
        "another input",
        "policy/a.rego",
        || other("a if input.hop.path == \"/\" with input as {}"),
        "policy.with",
    ),
    refuse(
        90,
        "other data",
        "policy/a.rego",
        || other("a if data.other.b with data.other.b as true\nb := false"),
        "policy.with",
    ),
    refuse(
        90,
        "another clock",
        "policy/a.rego",
        || other("a if time.now_ns() > 1 with time.now_ns as 2"),
        "policy.mock",
    ),
    refuse(
        90,
        "a builtin for another",
        "policy/a.rego",
        || other("a if upper(\"a\") == \"a\" with upper as lower"),
        "policy.mock",
    ),
    refuse(90, "a default that allows", "policy/a.rego", || other("default allow := true"), "policy.default_allow"),
    refuse(
        90,
        "an object that allows",
        "policy/a.rego",
        || other("default allow := {\"allowed\": true}"),
        "policy.default_allow",
    ),
    refuse(
        90,
        "a default for the decision",
        "policy/a.rego",
        || "package hopguard.authz\n\ndefault decision := true\n".to_owned(),
        "policy.default_allow",
    ),
    refuse(90, "a text for an allow", "policy/a.rego", || other("default allow := \"yes\""), "policy.default_allow"),
    refuse(90, "no decision", "policy/authz.rego", || other("decision := true"), "policy.entrypoint"),
    refuse(
        90,
        "a package of OPA's own",
        "policy/a.rego",
        || "package system.authz\n\nallow := true\n".to_owned(),
        "policy.system",
    ),
    refuse(
        90,
        "a package inside of the decision",
        "policy/a.rego",
        || "package hopguard.authz.decision\n\nallowed := true\n".to_owned(),
        "policy.conflict",
    ),
    refuse(90, "a builtin's name", "policy/a.rego", || other("time := {\"now_ns\": 1}"), "policy.shadow"),
    refuse(90, "the input's name", "policy/a.rego", || other("input := {\"hop\": {\"path\": \"/\"}}"), ""),
    refuse(
        90,
        "a refusal that is not heard",
        "policy/a.rego",
        || "package hopguard.rules.a\n\ndeny := \"no\" if input.hop.path == \"/\"\n".to_owned(),
        "policy.deny",
    ),
    refuse(
        90,
        "a rule of the caller's choice",
        "policy/a.rego",
        || "package hopguard.authz\n\ndecision if data.hopguard.authz[input.hop.path]\n".to_owned(),
        "policy.recursion",
    ),
    refuse(
        90,
        "a question to somebody else",
        "policy/a.rego",
        || other("a if not http.send({\"url\": \"http://x\", \"method\": \"GET\"}).body.denied"),
        "policy.builtin",
    ),
    refuse(90, "a die", "policy/a.rego", || other("a if rand.intn(\"a\", 2) == 1"), "policy.builtin"),
    refuse(90, "the environment", "policy/a.rego", || other("a if opa.runtime().env.HOME"), "policy.builtin"),
    refuse(
        92,
        "a function that calls itself",
        "policy/a.rego",
        || other("f(x) := f(x + 1)\na := f(1)"),
        "policy.recursion",
    ),
    refuse(92, "rules that call each other", "policy/a.rego", || other("a if not b\nb if not a"), "policy.recursion"),
    refuse(
        95,
        "a file of two megabytes",
        "policy/a.rego",
        || other(&format!("a := 1\n{}", "# a comment of some length\n".repeat(80_000))),
        "policy.",
    ),
    refuse(95, "a million lines", "policy/a.rego", || other(&"\n".repeat(1_000_000)), "policy."),
    refuse(
        95,
        "very many rules",
        "policy/a.rego",
        || other(&(0..25_000).map(|n| format!("a{n} := 1\n")).collect::<String>()),
        "policy.",
    ),
    refuse(
        95,
        "an expression of ten thousand levels",
        "policy/a.rego",
        || other(&format!("a := {}1{}", lines("["), lines("]"))),
        "policy.nesting",
    ),
    refuse(
        95,
        "ten thousand parentheses",
        "policy/a.rego",
        || other(&format!("a := {}1{}", lines("("), lines(")"))),
        "policy.nesting",
    ),
    refuse(
        95,
        "a sum of ten thousand",
        "policy/a.rego",
        || other(&format!("a := 1{}", lines(" + 1"))),
        "policy.nesting",
    ),
    refuse(
        95,
        "a line of a megabyte",
        "policy/a.rego",
        || other(&format!("a := \"{}\"", "a".repeat(1 << 20))),
        "policy.",
    ),
    refuse(
        95,
        "a chain of a thousand rules",
        "policy/a.rego",
        || other(&((0..1_000).map(|n| format!("a{n} := a{}\n", n + 1)).collect::<String>() + "a1000 := 1\n")),
        "policy.depth",
    ),
    refuse(95, "bytes that are no text", "policy/a.rego", || other("a := \"\u{0}\u{1}\""), ""),
    refuse(
        98,
        "data beyond its bound",
        "policy/other/data.json",
        || format!("{{\"a\": \"{}\"}}", "a".repeat(17 << 20)),
        "limits.policy_bytes",
    ),
    refuse(98, "data that is cut", "policy/other/data.json", || "{\"a\": [".to_owned(), "data.json:1"),
    refuse(
        98,
        "data of ten thousand levels",
        "policy/other/data.json",
        || format!("{{\"a\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000)),
        "data.json",
    ),
    refuse(
        98,
        "data that says a thing twice",
        "policy/other/data.json",
        || "{\"a\": 1, \"a\": 2}".to_owned(),
        "data.json:1",
    ),
    refuse(
        98,
        "data where a rule stands",
        "policy/hopguard/authz/data.json",
        || "{\"decision\": {\"allowed\": true}}".to_owned(),
        "policy.",
    ),
];

#[tokio::test]
async fn what_must_not_become_active_is_refused_and_the_one_before_stays() {
    let setup = Setup::new().set("limits.policy_bytes", "16MiB").set("policy.timeout", "200ms");
    setup.policy("decision if input.hop.path == \"/charge\"");
    let guard = setup.start().await;
    let good = std::fs::read_to_string(guard.setup().path("policy/authz.rego")).unwrap();
    let revision = guard.hop().send().await.allowed().text("revision");
    let mut wrong = Vec::new();
    for row in REFUSED {
        guard.setup().write(row.file, &(row.content)());
        let problems = told(&guard, &revision).await;
        if !problems.contains(row.problem) || problems.contains("panicked") {
            let problems: String = problems.chars().take(400).collect();
            wrong.push(format!("{} {}: no `{}` in {problems}", row.number, row.name, row.problem));
        }
        if guard.hop().send().await.allowed().text("revision") != revision {
            wrong.push(format!("{} {}: it became active", row.number, row.name));
        }
        if row.file == "policy/authz.rego" {
            guard.setup().write(row.file, &good);
        } else {
            guard.setup().remove(row.file);
        }
        until("the policy before", async || {
            let is_before = guard.hop().send().await.allowed().text("revision") == revision;
            is_before.then_some(())
        })
        .await;
        guard.repaired("policy").await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    unharmed(&guard).await;
}

/// What is said against the policy as it is now: nothing, if another one became active.
async fn told(guard: &Guard, before: &Option<String>) -> String {
    until("a verdict on the policy", async || {
        let state = guard.state().await;
        let problems = state["parts"]["policy"]["problems"].as_array().cloned().unwrap_or_default();
        let became_active = || async { guard.hop().send().await.text("revision") != *before };
        (!problems.is_empty() || became_active().await).then(|| format!("{problems:?}"))
    })
    .await
}

/// (84)
#[tokio::test]
async fn of_an_allow_and_a_refusal_the_refusal_counts() {
    let shipped = |name: &str| std::fs::read_to_string(format!("{}/rego/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let setup = Setup::new().set("response.reveal", "full");
    setup.more_grants(&[Grant::to("/both", setup.now()), Grant::to("/broken", setup.now())]);
    setup.write("policy/authz.rego", &shipped("hopguard.rego"));
    // One rule that would allow if anybody asked it, one that refuses, and one that fails where it would refuse.
    setup.write(
        "policy/rules.rego",
        "package hopguard.rules.both\n\nallow if input.hop.path == \"/both\"\n\n\
         deny contains \"refused\" if input.hop.path == \"/both\"\n\n\
         deny contains \"broken\" if {\n\tinput.hop.path == \"/broken\"\n\t1 / count(input.parsed_query) > 0\n}\n",
    );
    let guard: Guard = setup.start().await;
    let answer = guard.hop().path("/both").send().await.denied("policy_denied");
    assert_eq!(answer.body()["message"], "the policy said no: refused");
    guard.hop().path("/broken").send().await.denied("policy_error");
    guard.hop().send().await.allowed();
    // Both values of one decision: neither counts.
    guard.setup().write("policy/rules.rego", "package hopguard.authz\n\ndecision := {\"allowed\": true} if input.hop.path == \"/both\"\n\ndecision := {\"allowed\": false, \"reason\": \"no\"} if input.hop.path == \"/both\"\n");
    until("a conflict", async || {
        let answer = guard.hop().path("/both").send().await;
        (answer.reason().as_deref() == Some("policy_error")).then_some(())
    })
    .await;
    guard.setup().write("policy/rules.rego", "package other\n\ndefault allow := true\n");
    refused(&guard, "policy.default_allow").await;
    unharmed(&guard).await;
}
