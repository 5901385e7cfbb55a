//! A test passes if it is true, and nothing that it does reaches beyond its time.

use std::path::Path;

use super::*;
use crate::policy::{Entrypoint, Policy};

fn options() -> Options {
    Options::new(Entrypoint::parse("data.a.allow").unwrap(), Duration::from_secs(5))
}

/// A policy of `rules` in package `a`, and tests in `a_test`.
fn source(rules: &str, tests: &str) -> Source {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.rego"), format!("package a\n\n{rules}\n")).unwrap();
    std::fs::write(folder.path().join("a_test.rego"), format!("package a_test\n\n{tests}\n")).unwrap();
    Source::read(folder.path(), 1 << 20).unwrap()
}

const RULES: &str = "default allow := false\n\nallow if {\n\tinput.hop.method == \"GET\"\n\tinput.hop.host == \"b\"\n}";

fn ran(rules: &str, tests: &str) -> Results {
    run(&source(rules, tests), &options(), &Plan { coverage: true, ..Plan::default() }).unwrap()
}

fn outcomes(results: &Results) -> Vec<(&str, Outcome)> {
    let outcome = |test: &'_ Test| test.outcome.clone();
    results.tests.iter().map(|test| (test.name.strip_prefix("data.a_test.").unwrap(), outcome(test))).collect()
}

fn failed(why: &str) -> Outcome {
    Outcome::Failed(why.to_owned())
}

#[test]
fn a_test_passes_if_it_is_true_and_says_where_it_stops_if_not() {
    let tests = "test_yes if data.a.allow with input as {\"hop\": {\"method\": \"GET\", \"host\": \"b\"}}\n\n\
                 test_no if {\n\tnot data.a.allow with input as {\"hop\": {\"method\": \"PUT\", \"host\": \"b\"}}\n\
                 \tdata.a.allow with input as {\"hop\": {\"method\": \"GET\", \"host\": \"c\"}}\n\tprint(\"never\")\n}\n\n\
                 test_value := 7\n\ntodo_test_later if data.a.allow";
    assert_eq!(
        outcomes(&ran(RULES, tests)),
        [
            ("test_yes", Outcome::Passed),
            ("test_no", failed("is undefined: it stops at line 7")),
            ("test_value", failed("is neither true nor false")),
            ("todo_test_later", Outcome::Skipped),
        ]
    );
}

#[test]
fn cases_are_named_one_by_one() {
    let tests = "test_cases[name] := allowed if {\n\tsome name, host in {\"good\": \"b\", \"bad\": \"c\"}\n\
                 \tallowed := data.a.allow with input as {\"hop\": {\"method\": \"GET\", \"host\": host}}\n}";
    assert_eq!(outcomes(&ran(RULES, tests)), [("test_cases", failed("does not hold for `bad`"))]);
}

#[test]
fn the_instant_is_always_the_same_one_unless_a_test_says() {
    let tests = "test_now if time.now_ns() == 1767225600000000000\n\n\
                 test_mocked if {\n\tlate with time.now_ns as 2\n}\n\nlate if time.now_ns() == 2";
    assert_eq!(outcomes(&ran(RULES, tests)), [("test_now", Outcome::Passed), ("test_mocked", Outcome::Passed)]);
}

#[test]
fn what_is_printed_stays_with_its_test() {
    let results = ran(RULES, "test_a if print(\"one\", 1)\n\ntest_b if print(\"two\")");
    let printed: Vec<&[String]> = results.tests.iter().map(|test| test.printed.as_slice()).collect();
    assert!(printed[0].len() == 1 && printed[0][0].contains("a_test.rego:3") && printed[0][0].contains("one 1"));
    assert!(printed[1].len() == 1 && printed[1][0].contains("two"), "{printed:?}");
}

#[test]
fn a_failing_builtin_is_named_and_its_argument_is_not() {
    let results = ran(RULES, "test_a if time.parse_rfc3339_ns(\"a secret\") > 1");
    let why = results.tests[0].failure().unwrap();
    assert!(why.contains("time.parse_rfc3339_ns") && !why.contains("secret"), "{why}");
}

#[test]
fn lines_that_no_test_goes_through_are_missed() {
    let deny = "test_no if not data.a.allow with input as {\"hop\": {\"method\": \"PUT\"}}";
    let coverage = ran(RULES, deny).coverage.unwrap();
    let [file] = coverage.files.as_slice() else { panic!("one file") };
    assert_eq!((&file.covered, &file.missed), (&BTreeSet::from([3, 6]), &BTreeSet::from([7])));
    let rest = "test_yes if data.a.allow with input as {\"hop\": {\"method\": \"GET\", \"host\": \"b\"}}";
    let coverage = ran(RULES, &format!("{deny}\n\n{rest}")).coverage.unwrap();
    assert!(coverage.files[0].missed.is_empty(), "{coverage:?}");
    let coverage = ran(RULES, "test_nothing if 1 == 1").coverage.unwrap();
    assert_eq!((coverage.files[0].covered.len(), coverage.percent()), (0, 0.0));
}

#[test]
fn a_test_that_does_not_end_fails_and_those_behind_it_are_not_run() {
    let forever = "test_long if {\n\tsome a in numbers.range(1, 1000)\n\tsome b in numbers.range(1, 1000)\n\
                   \tsome c in numbers.range(1, 1000)\n\ta + b + c == -1\n}\n\ntest_behind if 1 == 1";
    let plan = Plan { each: Duration::from_millis(50), all: Duration::from_millis(40), ..Plan::default() };
    let results = run(&source(RULES, forever), &options(), &plan).unwrap();
    let why: Vec<&str> = results.tests.iter().filter_map(Test::failure).collect();
    assert!(why[0].starts_with("takes longer than"), "{why:?}");
    assert_eq!(why[1], "was not run: the tests take longer than 40ms in all");
}

#[test]
fn one_name_is_one_test() {
    let error =
        run(&source(RULES, "test_a if not data.a.allow\n\ntest_a if data.a.allow"), &options(), &Plan::default())
            .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("a_test.rego:5:1: policy.test: there is another test `test_a`"), "{text}");
}

#[test]
fn only_what_is_asked_for_is_run() {
    let plan = Plan { only: Some(Regex::new("_b$").unwrap()), ..Plan::default() };
    let results =
        run(&source(RULES, "test_a if data.a.allow\n\ntest_b if not data.a.allow"), &options(), &plan).unwrap();
    assert_eq!(outcomes(&results), [("test_b", Outcome::Passed)]);
}

#[test]
fn a_policy_that_fails_its_own_tests_does_not_become_active() {
    let error = Policy::compile(&source(RULES, "test_a if 1 == 1\n\ntest_b if data.a.allow"), &options()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("a_test.rego:5:1: policy.test: `data.a_test.test_b` is undefined"), "{text}");
    assert_eq!(error.0.len(), 1);
    Policy::compile(&source(RULES, "test_a if 1 == 1\n\ntest_b if not data.a.allow"), &options()).unwrap();
}

#[test]
fn the_shipped_policy_and_its_examples_pass() {
    let source = Source::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("rego"), 1 << 20).unwrap();
    let results = run(&source, &options(), &Plan { coverage: true, ..Plan::default() }).unwrap();
    let failed: Vec<&Test> = results.failed().collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(results.tests.len(), 12);
    assert!(results.coverage.unwrap().percent() > 80.0);
}
