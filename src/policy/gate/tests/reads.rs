//! What a policy is said to read is all that its answer depends on.

use proptest::prelude::*;

use super::{admitted, authz, parse};
use crate::policy::{Gate, Reads, engine::Value};

fn reads(rules: &str) -> Reads {
    admitted(&authz(rules), Gate::Compatible).unwrap_or_else(|problems| panic!("{rules}\n{problems}")).reads
}

fn of(paths: &[&[&str]]) -> Reads {
    let mut reads = Reads::default();
    paths.iter().for_each(|path| reads.add(path));
    reads
}

#[test]
fn no_more_is_read_than_is_named() {
    let rows: [(&str, &[&[&str]]); 15] = [
        ("decision := input.hop.path", &[&["hop", "path"]]),
        ("decision := input[\"hop\"][\"path\"]", &[&["hop", "path"]]),
        (
            "decision := true if { h := input.hop; h.path == \"/\"; h.method == \"GET\" }",
            &[&["hop", "path"], &["hop", "method"]],
        ),
        (
            "decision := true if { a := input.attributes; h := a.request.http; h.path == \"/\" }",
            &[&["attributes", "request", "http", "path"]],
        ),
        (
            "import input.attributes.request.http as h\ndecision := h.headers.x",
            &[&["attributes", "request", "http", "headers", "x"]],
        ),
        ("http := input.attributes.request.http\ndecision := http.path", &[&["attributes", "request", "http", "path"]]),
        ("decision := object.get(input.hop, \"path\", \"\")", &[&["hop", "path"]]),
        ("decision := object.get(input, \"now\", 0)", &[&["now"]]),
        ("decision := input.parsed_path[0]", &[&["parsed_path"]]),
        ("decision := input.grants[_].name", &[&["grants"]]),
        ("decision := input.tokens[input.self].subject", &[&["tokens"], &["self"]]),
        ("decision := { x | some x in input.grants }", &[&["grants"]]),
        ("decision := true if { h := input.hop; some k; h[k] == 1 }", &[&["hop"]]),
        ("decision := f(input.hop)\nf(h) := h.path", &[&["hop"]]),
        ("decision := data.roles", &[]),
    ];
    for (rules, paths) in rows {
        assert_eq!(reads(rules), of(paths), "{rules}");
    }
}

#[test]
fn what_cannot_be_told_is_read_whole() {
    let rows: [(&str, &[&[&str]]); 8] = [
        ("decision := input", &[&[]]),
        ("decision := count(input)", &[&[]]),
        ("decision := input[input.self]", &[&[]]),
        ("decision := true if { h := input.hop; h }", &[&["hop"]]),
        ("decision := true if { h := input.hop }", &[&["hop"]]),
        ("http := input.hop\ndecision := http", &[&["hop"]]),
        ("http := input.hop\ndecision := [http.path, data.hopguard.authz.http]", &[&["hop"]]),
        ("decision := object.get(input.hop, input.self, 1)", &[&["hop"], &["self"]]),
    ];
    for (rules, paths) in rows {
        assert_eq!(reads(rules), of(paths), "{rules}");
    }
    let elsewhere = "package lib\nhttp := input.hop\nx := data.lib2";
    let mut engine = parse(&[("a.rego", &authz("decision := data.lib[input.self]")), ("b.rego", elsewhere)]);
    let admitted = super::admit(engine.get_modules(), &super::data(), &super::options(Gate::Compatible)).unwrap();
    assert_eq!(admitted.reads, of(&[&["hop"], &["self"]]));
}

/// The input as it is built: of each object on the way to what is read as much as is read.
fn pruned(value: &Value, reads: &Reads) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    if reads.is_whole() {
        return value.clone();
    }
    let kept = fields.iter().filter_map(|(name, field)| {
        let below = reads.below(name.as_string().ok()?)?;
        Some((name.clone(), pruned(field, below)))
    });
    Value::from(kept.collect::<std::collections::BTreeMap<_, _>>())
}

fn inputs() -> Vec<Value> {
    let whole = r#"{"hop": {"path": "/a", "method": "GET", "host": "h"}, "self": "path", "now": 7, "parsed_path": ["a", ""],
        "grants": [{"name": "one", "type": "jit"}, {"name": "two"}], "grant": {"name": "one", "owner": "path"},
        "attributes": {"request": {"http": {"method": "GET", "path": "/a", "headers": {"x": "1", "path": "2"}}}, "source": {}},
        "peer": {"path": "/p", "assurance": "verified"}, "parsed_body": {"a": {"path": 1}, "path": [1, 2]}}"#;
    let rows = [
        whole,
        "{}",
        r#"{"hop": {}, "peer": {}, "grant": {}, "grants": [], "self": "now", "attributes": {}}"#,
        r#"{"hop": {"path": "/a"}, "attributes": {"request": {"http": {"headers": {}}}}, "self": "method", "parsed_body": [1]}"#,
        r#"{"peer": {"serial": "1"}, "attributes": {"request": {"http": {}}}, "parsed_body": null, "now": 0, "grants": [{}]}"#,
    ];
    rows.into_iter().map(|row| Value::from_json_str(row).unwrap()).collect()
}

/// Places of the input, in the ways that policies name them.
fn place() -> impl Strategy<Value = String> {
    let root = prop_oneof![
        Just("input.hop"),
        Just("input.attributes.request.http"),
        Just("input.attributes"),
        Just("input.peer"),
        Just("input.grant"),
        Just("input.parsed_body"),
        Just("input"),
        Just("http"),
        Just("hop"),
        Just("whole"),
        Just("data.hopguard.authz.http"),
        Just("data.hopguard.authz[\"hop\"]"),
        Just("x"),
        Just("f(input.hop)"),
        Just("g(input)"),
    ];
    let field = prop_oneof![
        Just(""),
        Just(".path"),
        Just(".method"),
        Just(".request.http.headers.x"),
        Just("[\"headers\"]"),
        Just("[input.self]"),
        Just("[_]"),
        Just(".hop"),
        Just(".name"),
    ];
    (root, field).prop_map(|(root, field)| match (root.ends_with(')'), field) {
        // A call's value has no fields in Rego.
        (true, _) => root.to_owned(),
        (false, field) => format!("{root}{field}"),
    })
}

fn stmt() -> impl Strategy<Value = String> {
    prop_oneof![
        place().prop_map(|place| format!("r := {place}")),
        place(),
        place().prop_map(|place| format!("not {place}")),
        (place(), place()).prop_map(|(a, b)| format!("{a} == {b}")),
        (place(), place()).prop_map(|(a, b)| format!("{a} != {b}")),
        place().prop_map(|place| format!("count([1 | some i in {place}; i != 1]) > 0")),
        place().prop_map(|place| format!("every i in {place} {{ i != 7 }}")),
        place().prop_map(|place| format!("object.get({place}, \"path\", \"none\") == \"none\"")),
        place().prop_map(|place| format!("is_object({place})")),
        place().prop_map(|place| format!("count({place}) == 0")),
        place().prop_map(|place| format!("{place} with input.hop as {{\"path\": 1}}")),
        (place(), place()).prop_map(|(a, b)| format!("{{ z := {a}; not z.path; z.method != 1 }} != {b}")
            .replace("{ z", "[1 | z")
            .replace("!= 1 }", "!= 1 ]")),
    ]
}

/// A list that has an element where its statements hold.
fn group() -> impl Strategy<Value = String> {
    let local = prop_oneof![
        Just("input.hop"),
        Just("input.attributes.request"),
        Just("input.peer"),
        Just("http"),
        Just("hop"),
        Just("input"),
        Just("whole"),
        Just("imported"),
    ];
    (local, prop::collection::vec(stmt(), 1..3)).prop_map(|(x, stmts)| {
        let (mut body, mut element) = (format!("x := {x}"), "1");
        for stmt in stmts {
            let gives = stmt.starts_with("r :=");
            if !gives || element == "1" {
                body = format!("{body}; {stmt}");
            }
            if gives {
                element = "r";
            }
        }
        format!("[{element} | {body}]")
    })
}

fn policy() -> impl Strategy<Value = String> {
    prop::collection::vec(group(), 3).prop_map(|groups| {
        format!(
            "import input.attributes.request.http as imported\nhttp := input.attributes.request.http\nhop := input.hop\nwhole := input\n\
             f(h) := h.path if h.path\nelse := imported.method\ng(i) := i.hop\ndecision := [{}]",
            groups.join(",\n\t")
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_answer_is_the_same_with_and_without_what_is_not_read(rules in policy()) {
        let source = authz(&rules);
        let mut engine = regorus::Engine::new();
        if let Err(error) = engine.add_policy("a.rego".to_owned(), source.clone()) {
            panic!("{source}\n{error:#}");
        }
        let Ok(admitted) = admitted(&source, Gate::Compatible) else { return Ok(()) };
        for input in inputs() {
            let evaluate = |input: Value| {
                let mut engine = engine.clone();
                engine.set_strict_builtin_errors(false);
                engine.set_input(input);
                engine.eval_rule("data.hopguard.authz.decision".to_owned()).map_err(|error| error.to_string())
            };
            let (whole, part) = (evaluate(input.clone()), evaluate(pruned(&input, &admitted.reads)));
            prop_assert_eq!(whole.is_ok(), part.is_ok(), "{}\n{:?}", rules, admitted.reads);
            if let (Ok(whole), Ok(part)) = (whole, part) {
                prop_assert_eq!(whole, part, "{}\n{:?}", rules, admitted.reads);
            }
        }
    }
}
