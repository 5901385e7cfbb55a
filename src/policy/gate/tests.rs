//! Every finding has a policy that it is about, and policies without faults have none.

mod reads;

use super::*;
use crate::policy::{Entrypoint, Gate, nesting};

/// The parsed modules, each in a file of its own.
fn parse(sources: &[(&str, &str)]) -> regorus::Engine {
    let mut engine = regorus::Engine::new();
    for (file, source) in sources {
        engine
            .add_policy((*file).to_owned(), (*source).to_owned())
            .unwrap_or_else(|error| panic!("{source}\n{error:#}"));
    }
    engine
}

fn options(gate: Gate) -> Options {
    let entrypoint = Entrypoint::parse("data.hopguard.authz.decision").unwrap();
    Options { gate, ..Options::new(entrypoint, std::time::Duration::from_secs(1)) }
}

fn data() -> Value {
    Value::from_json_str(r#"{"roles": {"a": ["x"]}, "taken": {"value": 1}, "list": [1]}"#).unwrap()
}

fn admitted(source: &str, gate: Gate) -> Result<Admitted, Problems> {
    admit(parse(&[("a.rego", source)]).get_modules(), &data(), &options(gate))
}

/// A policy of the entry point's package.
fn authz(rules: &str) -> String {
    format!("package hopguard.authz\n{rules}")
}

fn messages(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn errors(source: &str, gate: Gate) -> Vec<String> {
    admitted(source, gate).err().map(|problems| messages(&problems.0)).unwrap_or_default()
}

fn warnings(source: &str, gate: Gate) -> Vec<String> {
    admitted(source, gate).map(|admitted| messages(&admitted.warnings)).unwrap_or_default()
}

/// What each finding is about: rules of the entry point's package, or whole modules.
const ROWS: &[(&str, &str)] = &[
    ("policy.arity", "decision := f(1, 2, 3)\nf(x) := x"),
    ("policy.arity", "decision := f()\nf(x) := x"),
    ("policy.arity", "decision := count(1, 2, 3)"),
    ("policy.arity", "decision := f\nf(x) := x"),
    ("policy.builtin", "decision := rand.intn(\"x\", 2)"),
    ("policy.builtin", "decision := true if not rand.intn(\"x\", 2) == 1"),
    ("policy.builtin", "decision := [x | x := rand.intn(\"x\", 2)]"),
    ("policy.builtin", "decision := {k: v | k := \"a\"; v := rand.intn(\"x\", 2)}"),
    ("policy.builtin", "decision[rand.intn(\"x\", 2)] := 1"),
    ("policy.builtin", "decision contains rand.intn(\"x\", 2)"),
    ("policy.builtin", "decision := 1 if input.now == 1\nelse := rand.intn(\"x\", 2)"),
    ("policy.builtin", "decision := true if { every x in [1] { rand.intn(\"x\", x) == 1 } }"),
    ("policy.builtin", "decision := true if data.roles with data.roles as rand.intn(\"x\", 2)"),
    ("policy.conflict", "decision := 1\ndecision contains 2"),
    ("policy.conflict", "decision := f(1)\nf(x) := x\nf(x, y) := x + y"),
    ("policy.conflict", "default decision := false\ndefault decision := {\"allowed\": false}"),
    ("policy.conflict", "decision := {\"a\": 1}\ndecision.b := 2"),
    ("policy.conflict", "decision := 1\ndecision[x] := 2 if some x in [1]"),
    ("policy.contradiction", "decision := false\ndecision := true"),
    ("policy.default", "default decision := input.now"),
    ("policy.default_allow", "default decision := true"),
    ("policy.default_allow", "default decision := {\"allowed\": true}"),
    ("policy.default_allow", "default allow := 1\ndecision := allow"),
    ("policy.deny", "package hopguard.rules.a\ndeny if input.now == 1"),
    ("policy.import", "import future.keywords.nope\ndecision := true"),
    ("policy.missing_data", "decision := data.nowhere.at_all"),
    ("policy.missing_data", "decision := data.rolse.a"),
    ("policy.missing_data", "import data.nowhere as n\ndecision := n.x"),
    ("policy.missing_data", "decision := data.list.x"),
    ("policy.mock", "decision := true if f(1) with data.hopguard.authz.f as g\nf(x) := x\ng(x) := f(x)"),
    ("policy.mock", "decision := true if f(1) with f as 7\nf(x) := x"),
    ("policy.mock", "decision := true if time.now_ns() == 7 with time.now_ns as 7"),
    ("policy.never", "decision := true if 1 == 2"),
    ("policy.never", "decision := true if { input.now == 1; false }"),
    ("policy.never", "decision := true if not true"),
    ("policy.never", "decision := true if 2 < 1"),
    ("policy.never", "decision := true if input.hop.method == 1"),
    ("policy.never", "decision := true if input.hop.method == \"get\""),
    ("policy.never", "decision := true if input.hop.method in {\"GET\", \"post\"}"),
    ("policy.never", "decision := true if \"G\" in input.hop.method"),
    ("policy.never", "decision := true if 1 in input.parsed_path"),
    ("policy.never", "decision := true if input.now == input.hop.path"),
    ("policy.never", "decision := true if input.grant.type = \"standig\""),
    ("policy.never", "decision := true if { h := input.hop; h.host == \"API.example\" }"),
    ("policy.never", "decision := true if { some grant in input.grants; grant.type == \"always\" }"),
    ("policy.never", "decision := 1 if true\nelse := 2 if input.now == 1"),
    ("policy.overlap", "package taken\nvalue := 2"),
    ("policy.overlap", "package taken.value\ndeeper := 2"),
    ("policy.recursion", "decision := decision"),
    ("policy.recursion", "decision := f(1)\nf(x) := g(x)\ng(x) := f(x)"),
    ("policy.recursion", "decision := data.hopguard.authz[input.hop.path]"),
    ("policy.recursion", "decision := data[input.hop.path]"),
    ("policy.recursion", "import data.hopguard as h\ndecision := h.authz.decision"),
    ("policy.recursion", "decision := [x | x := decision]"),
    ("policy.recursion", "decision := x if { x := 1; not decision }"),
    ("policy.recursion", "decision[x] := 1 if some x in decision"),
    ("policy.shadow", "import data.roles as time\ndecision := time.a"),
    ("policy.shadow", "numbers := 1\ndecision := numbers"),
    ("policy.system", "package system.log\nmask contains \"/input\""),
    ("policy.type", "decision := true if \"a\" = 1"),
    ("policy.type", "decision := true if set() > input.parsed_body"),
    ("policy.type", "decision := true if { x := {y | some y in [1]}; input.parsed_body <= x }"),
    ("policy.type", "deny contains 1 if input.now == 1\ndecision := true if deny < input.parsed_body"),
    ("policy.type", "default names := {\"a\"}\nf(_) := names\ndecision := true if f(1) <= input.parsed_body"),
    ("policy.type", "f(a) := b if { b := {a} }\ndecision := true if { c := f(1); input.parsed_body > c }"),
    ("policy.type", "names := x if { x := {1} | {2} }\ndecision := true if { input.parsed_body.a < names }"),
    ("policy.type", "f(a) := a if { a }\ndecision := true if { x := {1}; f(x) == 1; x <= {\"a\": input.now} }"),
    ("policy.type", "decision := true if { input.parsed_body <= object.keys({\"a\": 1}) }"),
    ("policy.type", "decision := 1 + \"a\""),
    ("policy.type", "decision := startswith(1, \"a\")"),
    ("policy.type", "decision := count(count([]))"),
    ("policy.type", "decision := x.y if x := 1"),
    ("policy.type", "decision := [1].a"),
    ("policy.type", "decision := \"a\" & {1}"),
    ("policy.type", "decision := true if { x := \"a\"; x == 1 }"),
    ("policy.builtin", "decision := http.send({})"),
    ("policy.unknown_function", "decision := nowhere(1)"),
    ("policy.unknown_function", "decision := data.lib.f(1)"),
    ("policy.unknown_input", "decision := input.pear"),
    ("policy.unknown_input", "decision := input.hop.methd"),
    ("policy.unknown_input", "decision := input[\"hop\"][\"methd\"]"),
    ("policy.unknown_input", "import input.attributes.request.http as h\ndecision := h.metod"),
    ("policy.unknown_input", "import input.attributes.reqest.http as h\ndecision := h.method"),
    ("policy.unknown_input", "decision := true if { h := input.hop; h.methd == \"GET\" }"),
    ("policy.unknown_input", "decision := true if { a := input.attributes; h := a.request.http; h.metod == \"GET\" }"),
    ("policy.unknown_input", "http := input.attributes.request.http\ndecision := http.metod"),
    ("policy.unknown_input", "http := input.attributes.request.http\ndecision := data.hopguard.authz.http.metod"),
    ("policy.unknown_input", "decision := input.attributes.request.http.headers[\"X-Role\"]"),
    ("policy.unknown_input", "decision := input.grants.name"),
    ("policy.unknown_input", "decision := input.grants[_].nme"),
    ("policy.unknown_input", "decision := true if { some grant in input.grants; grant.nme == \"a\" }"),
    ("policy.unknown_input", "decision := true if { every grant in input.grants { grant.nme == \"a\" } }"),
    ("policy.unknown_input", "decision := input.hop.method.x"),
    ("policy.unknown_input", "decision := object.get(input.hop, \"methd\", \"GET\")"),
    ("policy.unknown_input", "decision := input.hop[0]"),
    ("policy.unsafe", "decision := x"),
    ("policy.unsafe", "decision := true if not input.parsed_path[_] == \"a\""),
    ("policy.unsafe", "decision := true if not input.parsed_query[_]"),
    ("policy.unsafe", "decision := true if not \"a\" in input.parsed_query[_]"),
    ("policy.unsafe", "decision := true if not lower(input.parsed_path)[_] == \"a\""),
    ("policy.unsafe", "decision := true if not startswith(input.parsed_path[i], \"a\")"),
    ("policy.unsafe", "decision := true if not f([input.parsed_path[_]])\nf(x) := x"),
    ("policy.unsafe", "decision := {x: 1}"),
    ("policy.unsafe", "decision contains x"),
    ("policy.unsafe", "decision := {k: v | some k; v := k}"),
    ("policy.unsafe", "decision := [y | y > 1]"),
    ("policy.unsafe", "decision := 1 if input.now == 1\nelse := z"),
    ("policy.unsafe", "decision := f(1)\nf(x) := [x, y]"),
    ("policy.unused", "import data.roles\ndecision := true"),
    ("policy.unused", "decision := true if { x := input.now }"),
    ("policy.unused", "decision := true if { some x; input.now == 1 }"),
    ("policy.unused", "decision := f(1, 2)\nf(x, y) := x"),
    ("policy.unused", "decision := true if { every k, v in [1] { v == 1 } }"),
    ("policy.with", "decision := true if input.now with input as {}"),
    ("policy.with", "decision := true if input.now == 1 with input.now as 1"),
];

fn module(rules: &str) -> String {
    if rules.starts_with("package") { rules.to_owned() } else { authz(rules) }
}

#[test]
fn every_finding_stops_a_strict_policy() {
    for (id, rules) in ROWS {
        let errors = errors(&module(rules), Gate::Strict);
        assert!(errors.iter().any(|error| error.contains(&format!(": {id}: "))), "{id}\n{rules}\n{errors:#?}");
    }
}

#[test]
fn every_finding_weighs_where_policies_of_opa_are_loaded_what_the_table_says() {
    for (id, rules) in ROWS {
        let finding = FINDINGS.iter().find(|finding| finding.id == *id).unwrap();
        let is_said = |said: Vec<String>| said.iter().any(|said| said.contains(&format!(": {id}: ")));
        let source = module(rules);
        assert_eq!(is_said(errors(&source, Gate::Compatible)), finding.compatible == Weight::Error, "{id}\n{rules}");
        if finding.compatible == Weight::Nothing {
            assert!(!is_said(warnings(&source, Gate::Compatible)), "{id}\n{rules}");
        }
    }
    let said =
        warnings(&authz("default allow := true\ndecision := allow if input.pear == data.nowhere"), Gate::Compatible);
    assert_eq!(said.len(), 3, "{said:#?}");
}

#[test]
fn every_kind_of_finding_has_a_row_and_a_sentence() {
    let elsewhere = ["policy.depth", "policy.nesting", "policy.size"];
    for finding in FINDINGS {
        let has_row = ROWS.iter().any(|(id, _)| *id == finding.id) || elsewhere.contains(&finding.id);
        assert!(has_row && finding.means.ends_with('.'), "{}", finding.id);
    }
    assert!(FINDINGS.is_sorted_by_key(|finding| finding.id));
    assert!(
        nesting::judge("a.rego", "x := [[[[[[[[[[[[[1]]]]]]]]]]]]]").unwrap().message.starts_with("policy.nesting: ")
    );
}

#[test]
fn policies_without_faults_pass() {
    let rows = [
        "decision := true",
        "import rego.v1\ndecision := true",
        "import future.keywords.if\ndecision := true",
        "default decision := false\ndecision := true if input.hop.method in {\"GET\", \"HEAD\"}",
        "import input.attributes.request.http as http\ndecision := http.headers[\"x-role\"] == \"a\"",
        "import data.roles\ndecision := \"x\" in roles[input.hop.path]",
        "decision := true if { some grant in input.grants; grant.type == \"standing\"; startswith(grant.owner, \"team-\") }",
        "decision := true if { some i; input.parsed_path[i] == \"admin\" }",
        "decision := true if { some i; input.parsed_path[i] == \"admin\"; not input.parsed_path[i] == \"a\" }",
        "decision := true if not startswith(lower(input.parsed_path[_]), \"a\")",
        "decision := true if not count([1 | input.parsed_path[_] == \"a\"]) == 1",
        "decision := true if input.parsed_path = [\"a\", _]",
        "decision := true if { [first, _] := input.parsed_path; first == \"a\" }",
        "decision := input.tokens.jwt_svid.claims.anything.at.all",
        "decision := input.parsed_body.items[_].price",
        "decision := input.attributes.metadataContext.filterMetadata[\"envoy.x\"].y",
        "decision := input.attributes.contextExtensions.anything",
        "decision := true if { claims := input.tokens.oidc.claims; claims.x == 1 }",
        "decision := f(input.hop, 1)\nf(hop, n) := x if { x := hop.path; n == 1 }\nelse := \"none\"",
        "f(x) := y if { x; y := 1 }\nelse := 2\ndecision := f(true)",
        "decision := {\"allowed\": allow, \"reason\": reason}\ndefault allow := false\nallow if input.now > 1\nreason := \"a\" if allow\nelse := \"b\"",
        "decision := true if count({x | some x in input.grants}) > 0",
        "role := r if { r := \"a\" }\ndecision := x if { role == \"a\"; x := true }",
        "decision := true if { path := input.hop.path; path != \"/\" }\npath := 1",
        "decision := data.roles[input.self]",
        "decision := x if { x = input.now }",
        "decision := true if { input.hop = {\"path\": path}; path != \"/\" }",
        "decision := true if { some k; data.roles[k]; k == \"a\" }",
        "decision := true if { split(input.hop.path, \"/\", parts); count(parts) > 1 }",
        "decision := true if { f(1, x); x > 0 }\nf(x) := x",
        "decision := i if input.parsed_path[i] == \"a\"",
        "f(x, x) := 1\ndecision := f(1, 1)",
        "decision := data.list[0]",
        "decision := time.clock([time.now_ns(), \"UTC\"])",
        "decision := true if { input.hop.path == \"/a\"; not input.peer.serial }",
        "roles.admin := 1\nroles.user := 2\ndecision := roles.admin",
        "decision[k] := v if some k, v in {\"a\": 1}",
        "value := 1\nvalue := 1\ndecision := value",
        "decision := true if walked\nwalked if { some x, y in {\"a\": 1}; x != y }",
    ];
    for rules in rows {
        assert_eq!(errors(&authz(rules), Gate::Strict), Vec::<String>::new(), "{rules}");
        assert_eq!(warnings(&authz(rules), Gate::Compatible), Vec::<String>::new(), "{rules}");
    }
}

#[test]
fn a_finding_stands_at_the_name_that_it_is_about() {
    let source = authz("decision := true if {\n\tinput.hop.path == \"/\"\n\tinput.hop.methd == \"GET\"\n}");
    let Err(problems) = admitted(&source, Gate::Strict) else { panic!("it passed") };
    let [problem] = problems.0.as_slice() else { panic!("{problems}") };
    assert!(problem.to_string().starts_with("a.rego:4:"), "{problem}");
    assert!(problem.message.contains("did you mean `method`?"), "{problem}");
    let excerpt = problem.excerpt.as_deref().unwrap();
    let (line, caret) = excerpt.split_once('\n').unwrap();
    assert_eq!(line.find("methd"), caret.find('^'), "{excerpt}");
}

#[test]
fn everything_is_said_at_once_and_in_the_order_of_the_files() {
    let one = "package a\nx := nowhere(1)\ny := input.pear\nz := rand.intn(\"a\", 1)";
    let mut engine = parse(&[("b.rego", &one.replace("package a", "package b")), ("a.rego", one)]);
    let problems = admit(engine.get_modules(), &data(), &options(Gate::Strict)).unwrap_err();
    let places: Vec<(String, usize)> = problems.0.iter().map(|it| (it.file.to_string(), it.line)).collect();
    let expected = ["a.rego", "b.rego"].map(|file| [2, 3, 4].map(|line| (file.to_owned(), line))).concat();
    assert_eq!(places, expected, "{problems}");
}

#[test]
fn what_a_policy_calls_is_known() {
    let admitted =
        admitted(&authz("decision := true if not startswith(lower(input.hop.path), \"/a\")"), Gate::Strict).unwrap();
    assert_eq!(admitted.calls.into_iter().collect::<Vec<_>>(), ["lower", "startswith"]);
}

#[test]
fn tests_may_replace_what_a_policy_sees() {
    let policy = authz("decision := true if f(input.hop.path)\nf(path) if time.now_ns() > count(path)");
    let test = |body: &str| {
        let test = format!(
            "package hopguard.authz_test\nimport data.hopguard.authz\ntest_it if {body}\ng(_) := true\nnow() := 7"
        );
        let mut engine = parse(&[("a.rego", &policy), ("a_test.rego", &test)]);
        let is_test = |file: &str| file.ends_with("_test.rego");
        admit_tests(engine.get_modules(), &data(), &options(Gate::Strict), is_test).err().map(|it| it.to_string())
    };
    assert_eq!(test("authz.decision with input as {\"hop\": {\"path\": \"/\"}}"), None);
    assert_eq!(test("authz.decision with input.hop.path as \"/\" with data.hopguard.authz.f as g"), None);
    assert_eq!(test("authz.decision with input.hop.path as \"/\" with time.now_ns as now"), None);
    assert_eq!(test("authz.decision with input.hop.path as \"/\" with time.now_ns as 7"), None);
    // What stands in for a function is called by whatever calls that.
    let looping = test("loop with data.hopguard.authz.f as loops\nloops(_) if loop\nloop if authz.decision").unwrap();
    assert!(looping.contains("policy.recursion"), "{looping}");
    let looping = test("loop with time.now_ns as later\nlater() := 1 if loop\nloop if authz.decision").unwrap();
    assert!(looping.contains("policy.recursion"), "{looping}");
    assert!(test("authz.decision with time.now_ns as rand.intn").is_some());
    let mut engine = parse(&[("a.rego", &authz("decision := true if input.now == 1 with input.now as 1"))]);
    assert!(admit_tests(engine.get_modules(), &data(), &options(Gate::Strict), |_| false).is_err());
}

#[test]
fn ten_thousand_rules_that_name_each_other_are_judged() {
    let links: String =
        (1..10_000).map(|rule| format!("r{rule} := {{r{}, input.hop.path, data.roles}}\n", rule % 97)).collect();
    let source = authz(&format!("r0 := 1\n{links}decision := true"));
    let said = errors(&source, Gate::Strict);
    assert!(said.iter().all(|said| said.contains("policy.recursion") || said.contains("repair")), "{said:?}");
    let whole: String = (0..10_000).map(|rule| format!("r{rule} := data.other\n")).collect();
    let other: String = (0..9_000).map(|rule| format!("r{rule} := 1\n")).collect();
    let (whole, other) = (authz(&format!("{whole}decision := true")), format!("package other\n{other}"));
    let mut engine = parse(&[("a.rego", &whole), ("b.rego", &other)]);
    assert!(admit(engine.get_modules(), &data(), &options(Gate::Strict)).is_ok());
}

#[test]
fn a_long_chain_of_rules_is_followed_without_recursion() {
    let links: String = (1..15_000).map(|rule| format!("r{rule} := r{}\n", rule - 1)).collect();
    let said = errors(&authz(&format!("r0 := 1\n{links}decision := true")), Gate::Strict);
    assert!(said[0].contains("policy.depth: `hopguard.authz.r64`"), "{}", said[0]);
    let many = "r := 1\n".repeat(19_990);
    let more = format!("package b\n{}", "r := 1\n".repeat(20));
    let mut engine = parse(&[("a.rego", &authz(&many)), ("b.rego", &more)]);
    let said = admit(engine.get_modules(), &data(), &options(Gate::Strict)).unwrap_err().to_string();
    assert!(said.contains("policy.size: 20010 rules are more than 20000"), "{said}");
}
