//! Policies are compiled as the directory gives them, and answers are read as literally as they are written.

use std::{fs, path::Path};

use super::{engine::EngineError, *};

fn options(timeout: Duration) -> Options {
    Options::new(Entrypoint::parse(ENTRYPOINT).unwrap(), timeout)
}

fn compile(source: &str) -> Result<Policy, Problems> {
    Policy::compile(&Source::module("authz.rego", source), &options(Duration::from_secs(5)))
}

/// The answer of a policy whose rules follow the package line.
fn answer(rules: &str) -> Result<(), PolicyError> {
    let policy = compile(&format!("package hopguard.authz\n{rules}")).unwrap();
    match policy.engine.evaluate(Value::new_object(), Timestamp::from_seconds(7)) {
        Ok(answer) => answer::read(&answer, &answer::Rules::default()).map(drop),
        Err(EngineError::Timeout(limit)) => Err(PolicyError::Timeout(limit)),
        Err(EngineError::Fault(message)) => Err(PolicyError::Fault(message)),
    }
}

fn refusals(source: &str) -> Vec<String> {
    compile(source).err().map(|problems| problems.0.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

#[test]
fn only_a_plain_yes_permits() {
    for yes in [
        "decision := true",
        "decision := {\"allowed\": true}",
        "decision := {\"allowed\": true, \"reason\": \"because\"}",
    ] {
        assert_eq!(answer(yes), Ok(()), "{yes}");
    }
    assert_eq!(answer("decision := false"), Err(Reply::default().into()));
    let no = "decision := {\"allowed\": false, \"reason\": \"too much\"}";
    let refusal = answer(no).unwrap_err();
    assert_eq!(refusal.to_string(), "the policy said no: too much");
    assert_eq!(answer("decision := true if input.hop"), Err(PolicyError::Undefined));
}

#[test]
fn what_is_no_decision_is_a_fault_and_never_a_guess() {
    let rows = [
        "decision := \"true\"",
        "decision := 1",
        "decision := null",
        "decision := [true]",
        "decision := {true}",
        "decision := {}",
        "decision := {\"allow\": true}",
        "decision := {\"allowed\": \"true\"}",
        "decision := {\"allowed\": true, \"reason\": 1}",
        "decision := {\"allowed\": true, \"headers\": {\"x\": 1}}",
        "decision := {\"allowed\": true, \"header\": {}}",
        "decision := {\"allowed\": true, 1: 2}",
    ];
    for rules in rows {
        assert!(matches!(answer(rules), Err(PolicyError::Fault(_))), "{rules}");
    }
}

#[test]
fn a_builtin_that_fails_is_a_fault_even_under_not() {
    let rules = "decision := true if not expired\nexpired if time.parse_rfc3339_ns(\"bogus\") < 1";
    assert!(matches!(answer(rules), Err(PolicyError::Fault(_))));
    assert!(matches!(answer("decision := true\ndecision := false if true"), Err(PolicyError::Fault(_))));
    assert!(matches!(answer("decision := true if 1 / object.get(input, \"now\", 0) > 0"), Err(PolicyError::Fault(_))));
}

#[test]
fn the_policys_clock_is_the_decisions_now() {
    assert_eq!(answer("decision := true if time.now_ns() == 7000000000"), Ok(()));
}

#[test]
fn a_runaway_policy_ends_at_its_timeout() {
    let rules = "package hopguard.authz\nxs := [1, 2, 3, 4, 5, 6, 7, 8, 9]\n\
        decision := true if { some a in xs; some b in xs; some c in xs; some d in xs; some e in xs; some f in xs; some g in xs; \
        a + b + c + d + e + f + g == 0 }";
    let policy = Policy::compile(&Source::module("authz.rego", rules), &options(Duration::from_millis(5))).unwrap();
    assert!(matches!(policy.engine.evaluate(Value::new_object(), Timestamp::MIN), Err(EngineError::Timeout(_))));
}

#[test]
fn a_policy_that_could_surprise_a_hop_does_not_load() {
    let rows = [
        ("decision := ", "expecting expression"),
        ("default decision := true", "policy.default_allow"),
        ("default decision := {\"allowed\": true}", "policy.default_allow"),
        ("default decision := {}", "policy.default_allow"),
        ("default allow := true\ndecision := allow", "policy.default_allow"),
        ("decision := f(1)\nf(x) := g(x)\ng(x) := f(x)", "policy.recursion"),
        ("decision := f(1)\nf(x) := data.hopguard.authz.f(x)", "policy.recursion"),
        ("decision := other\nother := decision", "policy.recursion"),
        ("decision := true if nowhere(1)", "policy.unknown_function"),
        ("decision := true if http.send({})", "into facts or into a bundle"),
        ("decision := true if not opa.runtime().env.X", "policy.builtin"),
        ("decision := true if startswith(\"a\")", "policy.arity"),
        ("decision := true if rand.intn(\"x\", 2) == 1", "policy.builtin"),
        ("numbers := 1\ndecision := true if count(numbers.range(1, 9)) > 1", "policy.shadow"),
        ("import data.hopguard.authz as numbers\nrange := 1\ndecision := true if numbers.range(1, 9)", "policy.shadow"),
        ("decision := true if regex.match(\"a(\", input.self)", "`: the "),
        ("decision := true if glob.match(\"{a\", null, input.self)", "`: the "),
        ("decision := true if regex.match(\"(a{100}){10}{3}\", input.self)", "`: the "),
        ("decision := true if yaml.unmarshal(input.self)", "use JSON"),
        ("decision := true if any([true])", "use `true in`"),
        ("decision := true if strings.split_n(\"a\", \"b\", 1, x)", "write `x := strings.split_n(...)`"),
        ("import data.other as strings\ndecision := true if strings.repeat(\"a\", 9) == \"\"", "policy.shadow"),
        ("digits := [1]\ndecision := true if digits(1)", "policy.unknown_function"),
        ("decision := true if { x := 1 with input.peer as {} }", "policy.with"),
        ("allow := true", "no rule defines the entry point"),
        ("default decision := {\"allowed\": false, \"allowed\": true}", "policy.default_allow"),
        ("default decision := {`allowed`: true}", "policy.default_allow"),
        ("decision := true if { input.hop == nope }", "unsafe"),
        ("numbers := {}\ndecision := count(numbers.range(1, 9)) > 1", "policy.shadow"),
        ("import data.evil as numbers\ndecision := count(numbers.range(1, 9)) > 1", "policy.shadow"),
        ("import data.foo.input\ndecision := input.parsed_body.x == 1", "policy.shadow"),
        ("import data.foo as data\ndecision := data.x", "policy.shadow"),
        ("import data.evil as lib\nlib.f(x) := lib.f(x + 1)\ndecision := lib.f(1)", "policy.shadow"),
        ("default f(_) := f(1)\ndecision := f(2)", "policy.recursion"),
        ("decision := input.pear.spiffe_id == \"x\"", "did you mean `peer`?"),
        ("x := \"\n\" == [[[[[[[[[[[[[1]]]]]]]]]]]]]\ndecision := x", "authz.rego:"),
        ("decision := [[[[[[[[[[[[[1]]]]]]]]]]]]] == 1", "policy.nesting"),
    ];
    for (rules, expected) in rows {
        let refusals = refusals(&format!("package hopguard.authz\n{rules}"));
        assert!(refusals.iter().any(|refusal| refusal.contains(expected)), "{rules}: {refusals:?}");
    }
}

#[test]
fn a_refusal_that_the_shipped_policy_would_not_hear_does_not_load() {
    let shipped = include_str!("../../rego/hopguard.rego");
    let load = |rule: &str| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hopguard.rego"), shipped).unwrap();
        fs::write(folder.path().join("rule.rego"), rule).unwrap();
        let source = Source::read(folder.path(), 1 << 20).unwrap();
        Policy::compile(&source, &options(Duration::from_secs(5))).err().map(|problems| problems.to_string())
    };
    assert_eq!(load("package hopguard.rules.a\ndeny contains \"no\" if true"), None);
    for rule in [
        "package hopguard.rules\ndeny contains \"no\" if true",
        "package hopguard.rules.team.a\ndeny contains \"no\" if true",
        "package hopguard.rules.a\ndeny if true",
        "package hopguard.rules.a\ndeny := true",
    ] {
        assert!(load(rule).unwrap().contains("policy.deny"), "{rule}");
    }
}

#[test]
fn what_an_import_hides_is_seen_wherever_it_stands() {
    let f = "package hopguard.authz\nimport data.evil as lib\ndecision := f(1)\nf(x) := lib.g(x)";
    for (package, g) in [
        ("package hopguard.authz", "lib.g(x) := f(x)"),
        ("package hopguard.authz.lib", "g(x) := data.hopguard.authz.f(x)"),
    ] {
        let mut source = Source::module("f.rego", f);
        source.modules.extend(Source::module("g.rego", &format!("{package}\n{g}")).modules);
        let refusal = Policy::compile(&source, &options(Duration::from_secs(5))).unwrap_err().to_string();
        assert!(refusal.contains("policy.shadow") && refusal.contains("policy.recursion"), "{refusal}");
    }
}

#[test]
fn a_policy_of_too_many_or_too_deep_rules_does_not_load() {
    let chain = |rules: usize| {
        let links: Vec<String> = (1..rules).map(|rule| format!("f{rule}(x) := f{}(x)", rule - 1)).collect();
        format!("package hopguard.authz\nf0(x) := x\n{}\ndecision := f{}(true)", links.join("\n"), rules - 1)
    };
    assert_eq!(refusals(&chain(60)), Vec::<String>::new());
    assert!(refusals(&chain(70))[0].contains("policy.depth"));
    let many: String = (0..20_001).map(|rule| format!("r{rule} := 1\n")).collect();
    let many = refusals(&format!("package hopguard.authz\n{many}decision := true"));
    assert!(many[0].contains("20000"), "{many:?}");
}

#[test]
fn every_builtin_of_the_engine_is_admitted_or_refused_with_a_sentence() {
    for name in regorus::unstable::BUILTINS.keys() {
        // What another version of the engine brings is on neither list, and this names it.
        if let Err(message) = builtins::admit(name, &[]) {
            assert!(!message.contains("is not known to be bounded"), "{message}");
        }
    }
    assert!(builtins::is_reserved("input") && builtins::is_reserved("time") && !builtins::is_reserved("http"));
}

#[test]
fn every_reason_against_a_policy_is_given_at_once_with_its_place() {
    let refusals = refusals("package hopguard.authz\ndefault decision := true\ndecision := true if {\n\tnowhere(1)\n}");
    assert_eq!(refusals.len(), 2, "{refusals:?}");
    assert!(refusals[0].starts_with("authz.rego:2:1: policy.default_allow"), "{refusals:?}");
    assert!(refusals[1].starts_with("authz.rego:4:"), "{refusals:?}");
}

#[test]
fn ordinary_policies_load() {
    let rows = [
        "import input.attributes.request.http as http\ndecision := true if path\npath if http.path == \"/a\"",
        "decision := true if role == \"a\"\nrole := r if some r in input.grants",
        "decision := true if sprintf(\"%s-%d 100%%\", [\"a\", 1]) == \"a-1 100%\"",
        "decision := true if { every x in [1, 2] { x > 0 } }",
        "decision := f(input.hop)\nf(x) := true if x.path\nelse := false",
        "decision := data.hopguard.authz.o.f(1)\no.f(x) := x == 1",
        "decision := order.less(1, 2)\norder.less(a, b) := a < b",
        "default decision := {\"allowed\": false, \"reason\": \"no\"}\ndecision := {\"allowed\": true} if glob.match(\"/a/**\", [\"/\"], input.hop.path)",
    ];
    for rules in rows {
        assert_eq!(refusals(&format!("package hopguard.authz\n{rules}")), Vec::<String>::new(), "{rules}");
    }
}

#[test]
fn the_gate_sees_what_a_policy_reads() {
    let reads = |rules: &str| compile(&format!("package hopguard.authz\n{rules}")).unwrap().admitted.reads;
    let rows = [
        ("decision := input.peer.spiffe_id == \"x\"", (false, false, false)),
        ("decision := input.tokens.jwt_svid.subject == \"x\"", (false, false, false)),
        ("decision := input.parsed_body.x == 1", (true, false, false)),
        ("import input.parsed_body as b\ndecision := b.x == 1", (true, false, false)),
        ("import input.attributes.request.http as h\ndecision := h.rawBody == \"\"", (true, false, false)),
        ("import input.attributes.request.http as h\ndecision := h[input.self] == \"\"", (true, false, false)),
        ("decision := count(input) == 1", (true, true, true)),
        ("decision := true if { input.truncated_body == false; input.parsed_body.x }", (true, true, false)),
        ("decision := input[\"parsed_query\"].a == []", (false, false, true)),
    ];
    for (rules, (body, truncated, query)) in rows {
        let reads = reads(rules);
        let bodies = [&["parsed_body"][..], &["attributes", "request", "http", "rawBody"]];
        assert_eq!(bodies.iter().any(|path| reads.at(path).is_some()), body, "{rules}");
        assert_eq!(reads.below("truncated_body").is_some(), truncated, "{rules}");
        assert_eq!(reads.below("parsed_query").is_some(), query, "{rules}");
    }
}

#[test]
fn the_shipped_policy_and_its_examples_pass_their_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rego");
    let mut ran = 0;
    let mut engine = regorus::Engine::new();
    for directory in [folder.clone(), folder.join("examples")] {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rego") {
                engine.add_policy_from_file(path).unwrap();
            }
        }
    }
    let tree: serde_json::Value = serde_json::from_str(&engine.get_ast_as_json().unwrap()).unwrap();
    for module in tree.as_array().unwrap() {
        let source = module["source"]["contents"].as_str().unwrap();
        let package = source.lines().find_map(|line| line.strip_prefix("package ")).unwrap();
        for test in source.lines().filter(|line| line.starts_with("test_")) {
            let rule = format!("data.{package}.{}", test.split(' ').next().unwrap());
            assert_eq!(engine.clone().eval_rule(rule.clone()).unwrap(), Value::Bool(true), "{rule}");
            ran += 1;
        }
    }
    assert_eq!(ran, 12);
}

#[test]
fn the_shipped_policy_and_its_examples_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rego");
    let together = tempfile::tempdir().unwrap();
    for file in ["hopguard.rego", "examples/amount.rego", "examples/hours.rego"] {
        let name = Path::new(file).file_name().unwrap();
        fs::copy(folder.join(file), together.path().join(name)).unwrap();
    }
    let source = Source::read(together.path(), 1 << 20).unwrap();
    let policy = Policy::compile(&source, &options(Duration::from_secs(5))).unwrap();
    assert!(policy.reads().below("parsed_query").is_some());
    assert!(policy.reads().below("parsed_body").is_none());
    // A policy is one revision wherever its directory stands.
    let elsewhere = tempfile::tempdir().unwrap();
    for file in ["hopguard.rego", "amount.rego", "hours.rego"] {
        fs::copy(together.path().join(file), elsewhere.path().join(file)).unwrap();
    }
    assert_eq!(Source::read(elsewhere.path(), 1 << 20).unwrap().revision(), source.revision());
}

const ENTRYPOINT: &str = "data.hopguard.authz.decision";
