//! Policies and inputs that mean to end the process, its memory or its patience: each ends its own evaluation only.

use std::time::Instant;

use super::*;

fn within(limit: Duration, rules: &str, evaluator: Evaluator) -> Engine {
    let modules = Source::module("a.rego", &format!("package a\n{rules}")).modules;
    let options = Options { timeout: limit, ..options("data.a.decision", evaluator) };
    Engine::compile_within(Duration::from_secs(20), modules, Value::new_object(), options).unwrap().0
}

fn fails(rules: &str, input: &str) -> String {
    let engine = within(Duration::from_secs(2), rules, Evaluator::Auto);
    match engine.evaluate(json(input), Timestamp::MIN) {
        Err(EngineError::Fault(message)) => message,
        other => panic!("{rules}: {other:?}"),
    }
}

#[test]
fn what_cannot_be_computed_is_a_fault_that_names_its_line() {
    let rows = [
        ("decision := 1 / input.parsed_body.n", r#"{"parsed_body": {"n": 0}}"#, "divide by zero"),
        ("decision := 1 % input.parsed_body.n", r#"{"parsed_body": {"n": 0}}"#, "modulo by zero"),
        ("decision := 1\ndecision := 2 if input.parsed_body.n", r#"{"parsed_body": {"n": 1}}"#, "rule conflicts with"),
        (
            "decision := f(1)\nf(x) := 1 if x\nf(_) := 2 if input.parsed_body.n",
            r#"{"parsed_body": {"n": 1}}"#,
            "multiple outputs",
        ),
        ("decision := input.parsed_body.n + 1", r#"{"parsed_body": {"n": "a"}}"#, "a.rego:2:"),
        ("decision := 1 % input.parsed_body.n", r#"{"parsed_body": {"n": 0.5}}"#, "a.rego:2:"),
    ];
    for (rules, input, expected) in rows {
        let said = fails(rules, input);
        assert!(said.contains("a.rego:") && said.contains(expected), "{rules}: {said}");
    }
}

#[test]
fn the_ends_of_numbers_are_numbers() {
    for rules in [
        "decision := input.parsed_body.n / -1 == 9223372036854775808",
        "decision := input.parsed_body.n - 1 == -9223372036854775809",
        "decision := input.parsed_body.n % -1 == 0",
        "decision := abs(input.parsed_body.n) == 9223372036854775808",
    ] {
        let engine = within(Duration::from_secs(2), rules, Evaluator::Auto);
        let answer = engine.evaluate(json(r#"{"parsed_body": {"n": -9223372036854775808}}"#), Timestamp::MIN);
        assert_eq!(answer, Ok(Value::from(true)), "{rules}");
    }
}

#[test]
fn a_runaway_loop_ends_at_its_timeout_in_both() {
    let loops = "xs := [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\ndecision if { some a in xs; some b in xs; some c in xs; some d in xs; \
        some e in xs; some f in xs; some g in xs; some h in xs; some i in xs; [a, b, c, d, e, f, g, h, i] == input.parsed_body.x }";
    let limit = Duration::from_millis(20);
    let engine = within(limit, loops, Evaluator::Interpreter);
    let (template, rule) = engine.interpreter.prepared();
    let machine = Machine::compile(template, rule, Value::new_object(), Vec::new(), Gate::Strict).unwrap();
    let begun = Instant::now();
    let input = json(r#"{"parsed_body": {"x": 1}}"#);
    assert!(matches!(engine.evaluate(input.clone(), Timestamp::MIN), Err(EngineError::Timeout(_))));
    assert!(matches!(machine.run(input, &Watch::start(limit)), Err(EngineError::Timeout(_))));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_text_that_doubles_ends_before_memory_does() {
    let doubling: String =
        (1..60).map(|step| format!("t{step} := concat(\"\", [t{}, t{}])\n", step - 1, step - 1)).collect();
    let rules = format!("t0 := input.parsed_body.n\n{doubling}decision := count(t59) > 1");
    let said = fails(&rules, r#"{"parsed_body": {"n": "0123456789abcdef"}}"#);
    assert!(said.contains("`concat` failed"), "{said}");
}

#[test]
fn a_number_that_squares_itself_ends() {
    let squaring: String = (1..60).map(|step| format!("n{step} := n{} * n{}\n", step - 1, step - 1)).collect();
    let rules = format!("n0 := input.parsed_body.n\n{squaring}decision := n59 > 1");
    let engine = within(Duration::from_millis(20), &rules, Evaluator::Auto);
    let begun = Instant::now();
    let answer = engine.evaluate(json(r#"{"parsed_body": {"n": 12345678901234567890}}"#), Timestamp::MIN);
    assert_eq!(answer, Err(EngineError::Timeout(Duration::from_millis(20))));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_deep_input_is_read_and_dropped() {
    let deep = |_| (0..10_000).fold(Value::from(1), |below, _| Value::from(vec![below]));
    let engine = within(Duration::from_secs(2), "decision := count(input.parsed_body.n)", Evaluator::Auto);
    let mut input = Value::new_object();
    input.as_object_mut().unwrap().insert(Value::from("parsed_body"), json("{}"));
    let body = input.as_object_mut().unwrap().get_mut(&Value::from("parsed_body")).unwrap();
    body.as_object_mut().unwrap().insert(Value::from("n"), deep(()));
    assert_eq!(engine.evaluate(input, Timestamp::MIN), Ok(Value::from(1)));
}

#[test]
fn a_panic_of_an_engine_is_a_fault() {
    let panicked = unwinding(|| panic!("hostile"));
    assert_eq!(panicked, Err(EngineError::Fault("the engine panicked".to_owned())));
}

#[test]
fn one_question_has_one_answer_in_every_thread() {
    let rules = "decision := {\"allowed\": count(deny) == 0, \"reason\": concat(\", \", sort(deny))}\n\
        deny contains msg if { some part in input.parsed_path; msg := upper(part) }";
    let engine = &engine(rules, Evaluator::Vm).unwrap();
    let input = json(r#"{"parsed_path": ["b", "a", "c"]}"#);
    let expected = engine.evaluate(input.clone(), Timestamp::MIN).unwrap();
    assert_eq!(expected, json(r#"{"allowed": false, "reason": "A, B, C"}"#));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_500 {
                    assert_eq!(engine.evaluate(input.clone(), Timestamp::MIN).as_ref(), Ok(&expected));
                }
            });
        }
    });
    assert_eq!(engine.evaluator(), Evaluator::Vm);
}
