//! What is looked up or called for a negated condition has its name before it, wherever the negation stands, and `in` has a value only if
//! its operands have.

use super::*;
use crate::policy::source::Module;

fn settled(rules: &str) -> Result<String, Problems> {
    settled_under(Gate::Compatible, rules)
}

fn settled_under(gate: Gate, rules: &str) -> Result<String, Problems> {
    let module = Module { file: "a.rego".to_owned(), source: format!("package a\nimport data.roles\n{rules}") };
    let engine = template(&[module], &Value::new_object(), gate)?;
    let mut engine = settle(engine, &Value::new_object(), gate)?;
    let text = contents(&engine.get_modules()[0]).to_owned();
    Ok(text.strip_prefix("package a\nimport data.roles\n").unwrap().to_owned())
}

#[test]
fn what_a_negated_condition_is_given_gets_a_name() {
    let rows = [
        ("x if not f(input.p)", "x if { given__1 := input.p ; not f(given__1) }"),
        ("x if not input.p == 1", "x if not input.p == 1"),
        ("x if not input.p", "x if not input.p"),
        ("x if not input.p < 1", "x if { given__1 := input.p ; not given__1 < 1 }"),
        ("x if not lower(input.p) == \"a\"", "x if { given__1 := lower(input.p) ; not given__1 == \"a\" }"),
        ("x if not roles[input.p]", "x if { given__1 := input.p ; not roles[given__1] }"),
        ("x if not roles[\"a\"].b", "x if not roles[\"a\"].b"),
        (
            "x if {\n\tnot \"a\" in y\n\ttrue\n}\ny := {1}",
            "x if {\n\tgiven__1 := y ; not \"a\" in given__1\n\ttrue\n}\ny := {1}",
        ),
        ("x if { z := 1; not f(z) }", "x if { z := 1; not f(z) }"),
        ("x if not f([1, {\"a\": input.p}])", "x if { given__1 := input.p ; not f([1, {\"a\": given__1}]) }"),
        ("x if not [input.p] == [1]", "x if { given__1 := input.p ; not [given__1] == [1] }"),
        ("x := [z | z := 1; not f(input.p)]", "x := [z | z := 1; given__1 := input.p ; not f(given__1)]"),
        (
            "x := 1 if not f(roles) else := 2 if not f(roles[_])",
            "x := 1 if { given__1 := roles ; not f(given__1) } else := 2 if { given__2 := roles[_] ; not f(given__2) }",
        ),
        (
            "x if not f(input.p) with input.q as 1 with input.r as 2",
            "x if { given__1 := input.p with input.q as 1 with input.r as 2; not f(given__1) with input.q as 1 with input.r as 2 }",
        ),
        ("x if { every z in [1] { not f(z + 1) } }", "x if { every z in [1] { given__1 := z + 1 ; not f(given__1) } }"),
        ("x if not (input.p + 1) > 2", "x if { given__1 := input.p + 1 ; not (given__1) > 2 }"),
        ("x if not (input.p + 1) * 2 > 2", "x if { given__1 := (input.p + 1) * 2 ; not given__1 > 2 }"),
        ("x if not f(\"a\" in input.p)", "x if { given__1 := [(input.p), (\"a\" in input.p)][1] ; not f(given__1) }"),
        ("x if not f(input.p == `a`)", "x if { given__1 := input.p == `a` ; not f(given__1) }"),
        (
            "x if not f(\"a\" == \"b\") with input as \"c\"",
            "x if { given__1 := \"a\" == \"b\" with input as \"c\"; not f(given__1) with input as \"c\" }",
        ),
        ("x if not f(1) with input as \"c\"", "x if not f(1) with input as \"c\""),
        ("x if not \"a\" in input.p", "x if { given__1 := input.p ; not \"a\" in given__1 }"),
        ("x if not [1, 2][input.p]", "x if { given__1 := input.p ; not [1, 2][given__1] }"),
        ("x if not f(input.p).y", "x if { given__1 := f(input.p) ; not given__1.y }"),
        ("x if not f([z | not f(input[\"é\"].p)])", "x if not f([z | given__1 := input[\"é\"].p ; not f(given__1)])"),
    ];
    for (before, after) in rows {
        let settled = settled(&format!("{before}\nf(a) := a")).map_err(|problems| problems.to_string());
        assert_eq!(settled, Ok(format!("{after}\nf(a) := a")), "{before}");
    }
}

#[test]
fn what_a_head_goes_through_is_gone_through_in_the_body() {
    let rows = [
        ("x := input.a[_].b", "x := given__1 if { given__1 := input.a[_].b }"),
        ("x := (input.a[_].b)", "x := (given__1) if { given__1 := input.a[_].b }"),
        ("x contains input.a[_]", "x contains given__1 if { given__1 := input.a[_] }"),
        ("x contains input.a[_] if input.c", "x contains given__1 if { input.c; given__1 := input.a[_] }"),
        (
            "x[input.a[i]] := input.b[i] if {\n\tsome i\n\tinput.c[i] with input.d as \"e\" # last\n}",
            "x[given__1] := given__2 if {\n\tsome i\n\tinput.c[i] with input.d as \"e\"; given__1 := input.a[i]; given__2 := input.b[i] # last\n}",
        ),
        (
            "x := 1 if input.c else := count(input.a[_]) if not f(1)",
            "x := 1 if input.c else := given__1 if { not f(1); given__1 := count(input.a[_]) }",
        ),
        (
            "x := {\"a\": \"b\", \"c\": input.a[_]} if f(\"d\")",
            "x := {\"a\": \"b\", \"c\": given__1} if { f(\"d\"); given__1 := input.a[_] }",
        ),
        ("x := 1 if f(2) else := input.a[_]", "x := 1 if f(2) else := given__1 if { given__1 := input.a[_] }"),
        ("x := 1 if f(2) else := input.a[_]", "x := 1 if f(2) else := given__1 if { given__1 := input.a[_] }"),
        ("x := f(`a`, input.a[_])", "x := given__1 if { given__1 := f(`a`, input.a[_]) }"),
        ("x := input.a.b", "x := input.a.b"),
        ("x := roles[\"a\"][1]", "x := roles[\"a\"][1]"),
        ("x := [y | y := input.a[_]]", "x := [y | y := input.a[_]]"),
        ("x if input.a[_]", "x if input.a[_]"),
        ("g(y) := y[_].a", "g(y) := y[_].a"),
    ];
    for (before, after) in rows {
        let settled = settled(&format!("{before}\nf(a) := a")).map_err(|problems| problems.to_string());
        assert_eq!(settled, Ok(format!("{after}\nf(a) := a")), "{before}");
    }
}

#[test]
fn under_the_strict_gate_a_name_is_compared_too() {
    let settled = settled_under(Gate::Strict, "x if not f(input.p)\nf(a) := a").unwrap();
    assert_eq!(settled, "x if { given__1 := input.p ; given__1 == given__1; not f(given__1) }\nf(a) := a");
}

#[test]
fn membership_stands_beside_its_operands_where_its_value_counts() {
    let rows = [
        ("x := input.a in input.b", "x := [(input.a), (input.b), (input.a in input.b)][2]"),
        ("x if input.a in input.b", "x if input.a in input.b"),
        ("x if (\"a\" in input.b) == false", "x if ([(input.b), (\"a\" in input.b)][1]) == false"),
        ("x if { y := 1; z := y in [1]; z }", "x if { y := 1; z := y in [1]; z }"),
        ("x := [y | y := 1 in roles]", "x := [y | y := [(roles), (1 in roles)][1]]"),
        ("x if input.a[_] in input.b == true", "x if input.a[_] in input.b == true"),
        ("x if not f(1 in input.b)", "x if { given__1 := [(input.b), (1 in input.b)][1] ; not f(given__1) }"),
        ("x := f(\"k\", \"v\" in input.b)", "x := f(\"k\", [(input.b), (\"v\" in input.b)][1])"),
        (
            "x := (1 in input.a) in input.b",
            "x := [([(input.a), (1 in input.a)][1]), (input.b), (([(input.a), (1 in input.a)][1]) in input.b)][2]",
        ),
    ];
    for (before, after) in rows {
        let settled = settled(&format!("{before}\nf(a, b) := a")).map_err(|problems| problems.to_string());
        assert_eq!(settled, Ok(format!("{after}\nf(a, b) := a")), "{before}");
    }
}

#[test]
fn a_membership_whose_value_counts_goes_through_no_items() {
    let rules = [
        "x := (input.a[_] in input.b)",
        "x if (\"x\" in input.items[_].price) == false",
        "x if f(1 in input.a[_], 1)",
        "x := [y | y := 1 in roles[_]]",
    ];
    for rules in rules {
        let said = settled(&format!("{rules}\nf(a, b) := a")).unwrap_err().to_string();
        assert!(said.starts_with("a.rego:3:") && said.contains("policy.membership: "), "{rules}: {said}");
    }
    // As a condition of its own, false is as good as undefined.
    assert!(settled("x if 1 in input.a[_]").is_ok());
}

#[test]
fn negations_in_what_is_given_are_settled_too_and_no_name_is_taken() {
    let settled = settled("x if not f(count([1 | not f(input.p)]))\nf(a) := a\ngiven__ := 1").unwrap();
    let expected = "x if { given___1 := count([1 | given____1 := input.p ; not f(given____1)]) ; not f(given___1) }";
    assert_eq!(settled.lines().next(), Some(expected));
}
