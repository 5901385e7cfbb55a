//! Both evaluators come to the same wherever the machine is asked, and neither takes the process with it.

mod hostile;

use super::{
    super::{Entrypoint, Source},
    *,
};

fn options(entrypoint: &str, evaluator: Evaluator) -> Options {
    let entrypoint = Entrypoint::from_path(&entrypoint.replace("data.", "").replace('.', "/")).unwrap();
    Options { evaluator, ..Options::new(entrypoint, Duration::from_secs(2)) }
}

fn engine(rules: &str, evaluator: Evaluator) -> Result<Engine, Problems> {
    let source = Source::module("a.rego", &format!("package a\n{rules}"));
    let patience = Duration::from_secs(20);
    let options = options("data.a.decision", evaluator);
    Engine::compile_within(patience, source.modules, Value::new_object(), options).map(|(engine, _)| engine)
}

fn json(text: &str) -> Value {
    Value::from_json_str(text).unwrap()
}

#[test]
fn an_entry_point_is_any_document() {
    let data = json(r#"{"base": {"yes": true}}"#);
    let ask = |entrypoint: &str, rules: &str| {
        let modules = Source::module("a.rego", &format!("package a\n{rules}")).modules;
        let options = options(entrypoint, Evaluator::Auto);
        let (engine, _) = Engine::compile_within(Duration::from_secs(20), modules, data.clone(), options).unwrap();
        engine.evaluate(json(r#"{"parsed_body": {"n": 1}}"#), Timestamp::MIN).unwrap()
    };
    let allowed = json(r#"{"allowed": true, "headers": {"x": "y"}}"#);
    assert_eq!(ask("data.a.result", "result.allowed := true\nresult.headers := {\"x\": \"y\"}"), allowed);
    assert_eq!(ask("data.a.result", "result[\"allowed\"] := true\nresult[\"headers\"] := {\"x\": \"y\"}"), allowed);
    assert_eq!(ask("data.a.result", "result.allowed := true if input.parsed_body.n == 2"), Value::Undefined);
    assert_eq!(ask("data.a.result.allowed", "result := {\"allowed\": true}"), Value::from(true));
    assert_eq!(ask("data.base.yes", "x := 1"), Value::from(true));
    assert_eq!(
        ask("data.a", "x := 1\ny := 2 if input.parsed_body.n == 1\nz := 3 if input.parsed_body.n == 2"),
        json(r#"{"x": 1, "y": 2}"#)
    );
}

#[test]
fn what_is_nowhere_is_refused_or_undefined() {
    let load = |gate| {
        let modules = Source::module("a.rego", "package a\nx := 1").modules;
        let options = Options { gate, ..options("data.a.decision", Evaluator::Auto) };
        Engine::compile_within(Duration::from_secs(20), modules, Value::new_object(), options)
    };
    assert!(load(Gate::Strict).unwrap_err().to_string().contains("policy.entrypoint"));
    let (engine, _) = load(Gate::Compatible).unwrap();
    assert_eq!(engine.evaluate(Value::new_object(), Timestamp::MIN), Ok(Value::Undefined));
}

#[test]
fn a_rule_that_is_in_the_data_too_does_not_load() {
    for (data, refused) in [(r#"{"a": {"decision": 1}}"#, true), (r#"{"a": 1}"#, true), (r#"{"a": {"x": 1}}"#, false)] {
        let modules = Source::module("a.rego", "package a\ndecision := true").modules;
        let options = options("data.a.decision", Evaluator::Auto);
        let loaded = Engine::compile_within(Duration::from_secs(20), modules, json(data), options);
        let text = loaded.err().map(|problems| problems.to_string()).unwrap_or_default();
        assert_eq!(text.starts_with("a.rego:2:1: policy.data_conflict"), refused, "{data}: {text}");
    }
}

#[test]
fn ordinary_policies_are_the_machines() {
    let rows = [
        "default decision := false\ndecision if { input.parsed_body.x == \"a\"; startswith(input.hop.path, \"/a\") }\ndecision if input.parsed_body.x == \"b\"",
        "default decision := {\"allowed\": false}\ndecision := {\"allowed\": true} if not bad\nbad if input.parsed_body.x in {\"a\", \"b\"}",
        "decision := {\"allowed\": count(deny) == 0, \"reason\": concat(\", \", sort(deny))}\ndeny contains \"x\" if not input.parsed_body.x\ndeny contains msg if { some y in input.parsed_path; msg := sprintf(\"%v\", [y]) }",
        "import input.attributes.request.http as http\ndecision if is_get(http.method)\nis_get(m) if m == \"GET\"\nis_get(m) if lower(m) == \"get\"",
        "decision := \"a\" if input.parsed_body.x == 1\nelse := \"b\" if input.parsed_body.x == 2\nelse := \"c\"",
        "decision if roles[input.parsed_body.x] == \"admin\"\nroles := {\"a\": \"admin\", \"b\": \"user\"}",
        "decision if time.now_ns() > 5",
        "decision if { path := input.hop.path; parts := split(path, \"/\"); parts[1] == \"a\" }",
        "decision := x if { x := input.parsed_body.x }",
    ];
    for rules in rows {
        let engine = engine(rules, Evaluator::Vm).map_err(|problems| problems.to_string());
        assert_eq!(engine.map(|engine| engine.evaluator()), Ok(Evaluator::Vm), "{rules}");
    }
}

#[test]
fn what_the_machine_reads_otherwise_is_the_interpreters() {
    let rows = [
        "default decision := false\ndecision := true if input.parsed_body.x > limit\nlimit := 1\nlimit := 2 if input.parsed_body.y",
        "decision := 1\ndecision := 2 if input.parsed_body.x",
        "f(a) := 1 if a\nf(a) := 2 if input.parsed_body.x\ndecision := f(1)",
        "decision := false if 1 / input.parsed_body.x > 0",
        "decision := true if \"a\" + input.parsed_body.x",
        "f(a, b, c, d, e, f, g, h, i) := i\ndecision := f(1, 2, 3, 4, 5, 6, 7, 8, 9)",
        "default f(_) := 5\ndecision := f(input.parsed_body.x)",
        "roles.admin := 1\ndecision := data.a.roles",
        "roles.admin := 1\ndecision := roles.admin",
        "decision := {k: v | some k in input.parsed_body.x; some v in input.parsed_body.y}",
        "decision := {input.parsed_body.x: 1}",
        "decision[k] := 1 if some k in input.parsed_body.x",
        "decision := 1 if input.parsed_body.x\nelse := input.parsed_body.y",
        "decision := 1 if { some y in input.parsed_path; y == \"a\" }\nelse := 2 if not input.parsed_body.x\nelse := 3",
        "decision if every x in input.parsed_body.x { x == 1 }",
        "decision if { some x in input.parsed_body.x; x == 1 }",
        "decision if { x := input.parsed_body.x; not x == 1 }",
        "decision if { x := input.parsed_body.x }",
        "f(x) := true\ndecision if { x := input.parsed_body.x; f(x) }",
        "names := [x | some y in split(input.parsed_body.xs, \",\"); x := lower(y); x != \"a\"]\ndecision if count(names) > 1",
        "decision if count({x | some x in input.parsed_path}) == 1",
        "decision := [x.a | some x in [input.parsed_body.x]]",
        "decision contains x.a if some x in [input.parsed_body.x]",
        "decision if { some i; input.parsed_body.x[i] == 1 }",
        "decision if input.parsed_body.x[_] == 1",
        "decision if { [x, y] := input.parsed_body.x; x == y }",
        "decision if { x = input.parsed_body.x; x == 1 }",
        "decision := x if some x in input.parsed_body.x",
        "decision := {1} | input.parsed_body.x",
        "decision if \"k\", \"v\" in input.parsed_body.x",
        "decision if { y := 1; xs := [x | some x in [1]; y := x]; count(xs) == 1 }",
        "decision := data.a",
        "count(x) := x\ndecision := count(1)",
    ];
    for rules in rows {
        if let Ok(engine) = engine(rules, Evaluator::Auto) {
            assert_eq!(engine.evaluator(), Evaluator::Interpreter, "{rules}");
        }
        let refusal = engine(rules, Evaluator::Vm).map(|_| ()).map_err(|problems| problems.to_string());
        assert!(refusal.is_err(), "{rules}");
    }
}

#[test]
fn what_runs_as_in_opa_is_the_interpreters() {
    let modules = Source::module("a.rego", "package a\ndecision if input.parsed_body.x == 1").modules;
    let lenient = Options { gate: Gate::Compatible, ..options("data.a.decision", Evaluator::Auto) };
    let (engine, _) = Engine::compile_within(Duration::from_secs(20), modules, Value::new_object(), lenient).unwrap();
    assert_eq!(engine.evaluator(), Evaluator::Interpreter);
}

#[test]
fn a_refusal_of_the_machine_names_the_line() {
    let refusal = engine("decision if {\n\tinput.parsed_body.x + 1 == 2\n}", Evaluator::Vm).unwrap_err().to_string();
    assert!(refusal.starts_with("a.rego:3:25: policy.evaluator: arithmetic can fail unseen"), "{refusal}");
}

#[test]
fn what_fails_in_the_machine_fails_as_in_the_interpreter() {
    let rules =
        "default decision := false\ndecision if not expired\nexpired if time.parse_rfc3339_ns(input.parsed_body.x) < 1";
    let fail = |evaluator| {
        engine(rules, evaluator).unwrap().evaluate(json(r#"{"parsed_body": {"x": "secret"}}"#), Timestamp::MIN)
    };
    let said = fail(Evaluator::Vm);
    assert_eq!(said, Err(EngineError::Fault("a.rego:4:33: `time.parse_rfc3339_ns` failed: the text is no time of RFC 3339, or none between 1678 and 2262".to_owned())));
    assert_eq!(fail(Evaluator::Interpreter), said);
}

#[test]
fn a_failure_in_the_last_definition_is_found_though_the_first_one_holds() {
    let rules = "default decision := false\ndecision if input.parsed_body.x\ndecision if time.parse_rfc3339_ns(input.parsed_body.y) < 1";
    for evaluator in [Evaluator::Vm, Evaluator::Interpreter] {
        let answer =
            engine(rules, evaluator).unwrap().evaluate(json(r#"{"parsed_body": {"x": 1, "y": "z"}}"#), Timestamp::MIN);
        assert!(matches!(answer, Err(EngineError::Fault(_))), "{answer:?}");
    }
}

#[test]
fn a_machine_that_differs_is_given_up_and_denies_that_hop() {
    let honest = engine("decision if input.parsed_body.x == 1", Evaluator::Vm).unwrap();
    let other = engine("decision if input.parsed_body.x == 2", Evaluator::Vm).unwrap();
    let before = fallbacks();
    let crossed = Engine { machine: other.machine, ..honest };
    let input = json(r#"{"parsed_body": {"x": 2}}"#);
    let differ = Err(EngineError::Fault("the evaluators differ".to_owned()));
    assert_eq!(crossed.evaluate(input.clone(), Timestamp::MIN), differ);
    assert_eq!(crossed.evaluator(), Evaluator::Interpreter);
    assert_eq!(crossed.evaluate(input, Timestamp::MIN), Ok(Value::Undefined));
    assert!(fallbacks() > before);
}

/// Policies from a grammar that is wider than the subset.
struct Grammar {
    state: u64,
    names: usize,
}

impl Grammar {
    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        choices[(self.state >> 16) as usize % choices.len()]
    }

    /// `%` is an expression, and `$` and `&` are names of their own.
    fn fill(&mut self, text: &str, depth: usize) -> String {
        self.names += 1;
        let text = text.replace('$', &format!("v{}", self.names)).replace('&', &format!("w{}", self.names));
        let mut out = String::new();
        for part in text.split_inclusive('%') {
            out.push_str(part.trim_end_matches('%'));
            if part.ends_with('%') {
                let next = if depth > 2 { self.pick(&LEAVES) } else { self.pick(&EXPRESSIONS) };
                out.push_str(&self.fill(next, depth + 1));
            }
        }
        out
    }

    fn body(&mut self) -> String {
        let count = self.pick(&["1", "22", "333"]).len();
        let statements: Vec<String> = (0..count)
            .map(|_| {
                let rarely = self.pick(&[
                    "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "n", "y",
                ]);
                let statement = if rarely == "y" { self.pick(&OUTSIDE) } else { self.pick(&STATEMENTS) };
                self.fill(statement, 0)
            })
            .collect();
        statements.join("; ")
    }

    fn policy(&mut self) -> String {
        // Rules lead one way only: what recurses does not load.
        let heads = [
            ("decision := ", ["p", "q", "f", "s"]),
            ("p := ", ["q", "q", "f", "s"]),
            ("q := ", ["input.parsed_body", "input.hop", "f", "s"]),
            ("s contains ", ["input.parsed_body", "input.hop", "f", "[1]"]),
            ("f(x) := ", ["x", "input.hop", "lower", "[1, x]"]),
        ];
        let mut rules = String::new();
        for (head, reach) in heads {
            let definitions = self.pick(&["1", "1", "22"]).len();
            let constant = self.pick(&["true", "\"a\"", "1"]);
            for _ in 0..definitions {
                let is_constant = definitions > 1 || self.pick(&["y", "y", "y", "n"]) == "y";
                let value = if is_constant { constant.to_owned() } else { self.fill("%", 1) };
                let mut rule = format!("{head}{value} if {{ {} }}", self.body());
                while is_constant && !head.starts_with('s') && self.pick(&["y", "n", "n"]) == "y" {
                    let value = self.pick(&["false", "\"b\"", "2"]);
                    rule.push_str(&format!(" else := {value} if {{ {} }}", self.body()));
                }
                if rule.contains(" else ") && self.pick(&["y", "n"]) == "y" {
                    rule.push_str(" else := 3");
                }
                rule.push('\n');
                let [p, q, f, s] = reach;
                rules.push_str(&rule.replace("#p", p).replace("#q", q).replace("#f", f).replace("#s", s));
            }
            if definitions == 1 && self.pick(&["y", "n"]) == "y" && !head.starts_with(['s', 'f']) {
                rules.push_str(&format!("default {}false\n", head));
            }
        }
        rules
    }
}

const LEAVES: [&str; 9] =
    ["1", "\"a\"", "true", "input.parsed_body.a", "input.parsed_body.b.c", "input.hop.a", "#p.a", "#q", "[1, \"a\"]"];
const EXPRESSIONS: [&str; 22] = [
    "1",
    "\"a\"",
    "\"b\"",
    "-1",
    "input.parsed_body.a",
    "input.hop.b",
    "#p",
    "#q.b",
    "#q[input.hop.b]",
    "input.parsed_body[input.hop.a]",
    "[%, %]",
    "{\"a\": %, \"b\": %}",
    "{%, %}",
    "count([%])",
    "startswith(%, \"a\")",
    "type_name(%)",
    "is_string(%)",
    "object.get({\"a\": %}, %, %)",
    "#f(%)",
    "(% == %)",
    "(% < %)",
    "(% in %)",
];
const STATEMENTS: [&str; 20] = [
    "% == %",
    "% != %",
    "% >= %",
    "not %",
    "not % == %",
    "not #f(%)",
    "not is_string(%)",
    "not startswith(%, \"b\")",
    "% in [%, 1]",
    "startswith(%, \"a\")",
    "%",
    "#f(%) == %",
    "some $ in #s; some & in input.parsed_path; $ == &",
    "$ := %; & := type_name($); & == %",
    "$ := %; startswith($, \"a\")",
    "$ := %; $ != %",
    "some $ in [%, 1]",
    "some $ in #s; $ == %",
    "some $ in input.parsed_path; not $ == %",
    "some $ in [1, \"a\", %]; #f($)",
];
/// What is mostly outside.
const OUTSIDE: [&str; 8] = [
    "$ := [& | some & in #s; not & == %]",
    "% == [$ | some $ in [%, %]]",
    "$ := %",
    "$ := %; not $ == %",
    "some $ in %",
    "$ := [&.a | some & in [%, %]]; count($) == 1",
    "count([$ | some & in #s; $ := &[0]]) == 1",
    "count({$ | some & in #s; $ := &.a}) == %",
];

#[test]
fn generated_policies_mean_the_same_to_both() {
    let mut grammar = Grammar { state: 0x5eed, names: 0 };
    let (mut proved, mut shown) = (0, 0);
    let options = options("data.a.decision", Evaluator::Interpreter);
    // What the gate would refuse is as good a question as any.
    let mut reads = Reads::default();
    for path in [&["parsed_body", "a"][..], &["parsed_body", "b", "c"], &["hop", "a"], &["hop", "b"], &["parsed_path"]]
    {
        reads.add(path);
    }
    let policies =
        std::env::var("HOPGUARD_GENERATED_POLICIES").ok().and_then(|count| count.parse().ok()).unwrap_or(100);
    for _ in 0..policies {
        let rules = grammar.policy();
        let modules = Source::module("a.rego", &format!("package a\n{rules}")).modules;
        let nothing = Value::new_object();
        let Ok(template) = template(&modules, &nothing, Gate::Strict) else { continue };
        let Ok(interpreter) = Interpreter::prepare(template, &options, false) else { continue };
        shown += 1;
        let (template, rule) = interpreter.prepared();
        let calls = calls::named_in(&modules);
        if subset::prove(template.clone().get_modules(), &Value::new_object(), &calls, options.entrypoint.names())
            .is_err()
        {
            continue;
        }
        let machine = Machine::compile(template, rule, Value::new_object(), calls, options.gate);
        let Ok(machine) = machine else { continue };
        proved += 1;
        let ast = template.get_ast_as_json().unwrap();
        let mut inputs = compare::Inputs::of(&reads, &ast);
        for _ in 0..200 {
            let input = inputs.next();
            let fast = machine.run(input.clone(), &Watch::start(options.timeout));
            let slow = interpreter.run(input.clone(), options.timeout);
            let same = compare::agree(&fast, &slow);
            assert!(same != Some(false), "{rules}\n{}\n{fast:?}\n{slow:?}", input.to_json_str().unwrap());
        }
    }
    assert!(shown * 2 > policies && proved * 10 > policies, "{shown} loaded, {proved} proved");
}
