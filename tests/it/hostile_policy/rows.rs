//! Policies that go wrong while they run, and what callers send to make good ones go wrong: one rule and one path each.

/// One way in which a decision is not one.
pub(super) struct Row {
    pub(super) number: u16,
    pub(super) name: &'static str,
    /// Statements of the rule, and rules beside it; `HERE` holds at this row's path, and `ROW` is its number.
    pub(super) rules: &'static str,
    /// Beneath the row's path.
    pub(super) below: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Vec<u8>>,
    /// The reason of its denial.
    pub(super) expected: Option<&'static str>,
    pub(super) works: Works,
}

/// Whether a row comes to the same where policies run as in OPA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Works {
    Alike,
    /// There a builtin that fails is undefined, and `not` of that holds: the policy's author has been told.
    InStrictOnly,
}

fn row(number: u16, name: &'static str, rules: &'static str, expected: &'static str) -> Row {
    Row {
        number,
        name,
        rules,
        below: "",
        headers: Vec::new(),
        body: None,
        expected: Some(expected),
        works: Works::Alike,
    }
}

impl Row {
    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..self }
    }

    fn below(self, below: &'static str) -> Self {
        Self { below, ..self }
    }

    fn allowed(self) -> Self {
        Self { expected: None, ..self }
    }

    fn strict(self) -> Self {
        Self { works: Works::InStrictOnly, ..self }
    }
}

/// The policy of all rows, which permits the ordinary hop.
pub(super) fn policy() -> String {
    let rules = all().into_iter().enumerate().map(|(place, row)| {
        let here = format!("input.parsed_path[0] == \"row\"; input.parsed_path[1] == \"{place}\"");
        row.rules.replace("HERE", &here).replace("ROW", &place.to_string())
    });
    let head =
        "headers := input.attributes.request.http.headers\n\ndecision if input.hop.path == \"/charge\"\n".to_owned();
    std::iter::once(head).chain(rules).collect::<Vec<_>>().join("\n")
}

/// All of them.
pub(super) fn all() -> Vec<Row> {
    [undefined(), wrong_type(), conflict(), data(), runaway(), pattern(), panic(), depth(), time()]
        .into_iter()
        .flatten()
        .collect()
}

const ERROR: &str = "policy_error";
const TIMEOUT: &str = "policy_timeout";
const UNDEFINED: &str = "policy_undefined";

fn undefined() -> Vec<Row> {
    vec![
        row(81, "no rule for it", "", UNDEFINED),
        row(81, "a missing field", "decision if { HERE; headers.missing }", UNDEFINED),
        row(
            81,
            "a field of a text",
            "decision if { HERE; object.get(input, [\"hop\", \"path\", \"x\"], false) == true }",
            UNDEFINED,
        ),
        row(81, "an empty loop", "decision if { HERE; some x in []; x == 1 }", UNDEFINED),
        row(81, "beyond the end of a list", "decision if { HERE; input.parsed_path[7] }", UNDEFINED),
        row(81, "a negative index", "decision if { HERE; input.parsed_path[to_number(\"-1\")] }", UNDEFINED),
        row(81, "one that is false", "decision if { HERE; input.hop.path == \"/\" }", UNDEFINED),
        row(
            81,
            "an undefined field of the answer",
            "decision := {\"allowed\": headers.missing} if { HERE }",
            UNDEFINED,
        ),
    ]
}

fn wrong_type() -> Vec<Row> {
    vec![
        row(82, "a text", "decision := \"true\" if { HERE }", ERROR),
        row(82, "a number", "decision := 1 if { HERE }", ERROR),
        row(82, "an empty object", "decision := {} if { HERE }", ERROR),
        row(82, "a list", "decision := [true] if { HERE }", ERROR),
        row(82, "an empty list", "decision := [] if { HERE }", ERROR),
        row(82, "a set", "decision := {true} if { HERE }", ERROR),
        row(82, "null", "decision := null if { HERE }", ERROR),
        row(82, "another object", "decision := {\"allow\": true} if { HERE }", ERROR),
        row(82, "a text inside", "decision := {\"allowed\": \"true\"} if { HERE }", ERROR),
        row(82, "null inside", "decision := {\"allowed\": null} if { HERE }", ERROR),
        row(82, "an object inside", "decision := {\"allowed\": {\"allowed\": true}} if { HERE }", ERROR),
        row(82, "a set of one inside", "decision := {\"allowed\": {true}} if { HERE }", ERROR),
        row(82, "another field's type", "decision := {\"allowed\": true, \"headers\": 1} if { HERE }", ERROR),
        row(82, "what the caller sent", "decision := headers[\"x-said\"] if { HERE }", ERROR).header("x-said", "true"),
        row(82, "what the caller sent, read", "decision := json.unmarshal(headers[\"x-said\"]) if { HERE }", ERROR)
            .header("x-said", "[true]"),
    ]
}

fn conflict() -> Vec<Row> {
    vec![
        row(83, "two values", "decision := true if { HERE }\ndecision := false if { HERE }", ERROR),
        row(
            83,
            "two values below",
            "c_ROW := 1 if { HERE }\nc_ROW := 2 if { HERE }\ndecision if { HERE; c_ROW }",
            ERROR,
        ),
        row(
            83,
            "two values under not",
            "d_ROW := 1 if { HERE }\nd_ROW := 2 if { HERE }\ndecision if { HERE; not d_ROW }",
            ERROR,
        ),
        row(
            83,
            "two values of a function",
            "f_ROW(x) := 1 if { x }\nf_ROW(x) := 2 if { x }\ndecision if { HERE; not f_ROW(true) }",
            ERROR,
        ),
        row(83, "two values of one key", "decision if { HERE; not {\"a\": x | some x in [1, 2]} }", ERROR),
        row(
            83,
            "two values of one field",
            "e_ROW[\"a\"] := x if { HERE; some x in [1, 2] }\ndecision if { HERE; not e_ROW.b }",
            ERROR,
        ),
        row(83, "a type error", "decision if { HERE; headers[\"x-n\"] + 1 > 0 }", ERROR).header("x-n", "1"),
        row(
            83,
            "a type error under not",
            "g_ROW if { headers[\"x-n\"] + 1 > 0 }\ndecision if { HERE; not g_ROW }",
            ERROR,
        )
        .header("x-n", "1")
        .strict(),
        row(83, "a division by zero", "decision if { HERE; 1 / count(headers[\"x-n\"]) >= 0 }", ERROR)
            .header("x-n", ""),
        row(
            83,
            "a division by zero under not",
            "h_ROW if { 1 / count(headers[\"x-n\"]) > 0 }\ndecision if { HERE; not h_ROW }",
            ERROR,
        )
        .header("x-n", "")
        .strict(),
        row(83, "a remainder of zero", "decision if { HERE; 1 % count(headers[\"x-n\"]) >= 0 }", ERROR)
            .header("x-n", ""),
        row(83, "what does not decode, under not", "decision if { HERE; not base64.decode(headers[\"x-n\"]) }", ERROR)
            .header("x-n", "*")
            .strict(),
        row(
            83,
            "a time that is none, under not",
            "decision if { HERE; not time.parse_rfc3339_ns(headers[\"x-n\"]) < 1 }",
            ERROR,
        )
        .header("x-n", "never")
        .strict(),
        row(
            83,
            "a network that is none, under not",
            "decision if { HERE; not net.cidr_contains(headers[\"x-n\"], \"10.0.0.1\") }",
            ERROR,
        )
        .header("x-n", "10.0.0.0/999")
        .strict(),
        row(
            83,
            "what is not JSON, under not",
            "decision if { HERE; not json.unmarshal(headers[\"x-n\"]).denied }",
            ERROR,
        )
        .header("x-n", "{\"denied\": true")
        .strict(),
    ]
}

/// Text that would be something else in Rego or JSON.
const METACHARACTERS: &str = "\"]; allow := true #";

fn data() -> Vec<Row> {
    let is_admin = "decision if { HERE; headers[\"x-role\"] == \"admin\" }";
    let mut rows: Vec<Row> = [
        "admin\"]; allow := true #",
        "\"admin\"",
        "admin\u{0}",
        "\u{0}admin",
        "admin ",
        "Admin",
        "data.hopguard.authz.decision",
        "{{admin}}",
        "${admin}",
        "\\u0061dmin",
        "adm\u{131}n",
        "admin\u{200b}",
        "%61dmin",
        "admin,admin",
    ]
    .into_iter()
    .map(|role| row(86, "a header's text", is_admin, UNDEFINED).header("x-role", role))
    .collect();
    rows.extend([
        row(86, "a header that is what it is", is_admin, UNDEFINED).header("x-role", "admin").allowed(),
        row(
            86,
            "metacharacters, as they are",
            "decision if { HERE; headers[\"x-role\"] == \"\\\"]; allow := true #\" }",
            UNDEFINED,
        )
        .header("x-role", METACHARACTERS)
        .allowed(),
        row(
            86,
            "their escaped twin",
            "decision if { HERE; headers[\"x-role\"] == \"\\u0022]; allow := true #\" }",
            UNDEFINED,
        )
        .header("x-role", METACHARACTERS)
        .allowed(),
        row(86, "a path's text", "decision if { HERE; input.parsed_path[2] == \"\\\"] allow := true #\" }", UNDEFINED)
            .below("/%22%5D%20allow%20:=%20true%20%23")
            .allowed(),
        row(86, "a path that is another's prefix", "decision if { HERE; input.hop.path == \"/row/ROW\" }", UNDEFINED)
            .below("/x"),
        row(86, "a body's key", "decision if { HERE; input.parsed_body[\"allowed\"] == true }", UNDEFINED)
            .body("{\"allowed\\u0000\": true, \"x\": \"\\\"allowed\\\": true\"}"),
        row(
            86,
            "a body's text in a reason",
            "decision := {\"allowed\": false, \"reason\": input.parsed_body.why} if { HERE }",
            "policy_denied",
        )
        .body("{\"why\": \"\\\"}, \\\"allowed\\\": true, {\\\"\"}"),
        row(
            86,
            "a text that a template would take",
            "decision if { HERE; sprintf(headers[\"x-role\"], [\"admin\"]) == \"admin\" }",
            ERROR,
        )
        .header("x-role", "%!(BADPREC)%[2]*.[1]*s"),
    ]);
    rows
}

fn runaway() -> Vec<Row> {
    let doubled = "decision if { HERE; a := headers[\"x-n\"]; b := concat(a, [a, a, a, a]); c := concat(b, [b, b, b, b]); \
        d := concat(c, [c, c, c, c]); e := concat(d, [d, d, d, d]); f := concat(e, [e, e, e, e]); count(f) >= 0 }";
    let squared = "decision if { HERE; a := to_number(headers[\"x-n\"]); b := a * a; c := b * b; d := c * c; e := d * d; \
        f := e * e; g := f * f; h := g * g; i := h * h; j := i * i; k := j * j; l := k * k; m := l * l; n := m * m; \
        o := n * n; p := o * o; q := p * p; q * q > 0 }";
    let nested = "decision if { HERE; n := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; count([1 | some a in n; some b in n; some c in n; \
        some d in n; some e in n; some f in n; some g in n; some h in n; some i in n; a + b + c + d + e + f + g + h + i < 0]) > 0 }";
    let wide = format!("[{}]", vec!["[[0]]"; 150_000].join(","));
    vec![
        row(92, "10^9 turns", nested, TIMEOUT),
        row(92, "the same under not", nested_under_not(), TIMEOUT),
        row(92, "the same where nobody asks for its value", "decision if { HERE; n := input.parsed_body; every a in n { every b in n { every c in n { every d in n { a + b + c + d >= 0 } } } } }", TIMEOUT)
            .body(format!("{:?}", [1; 200])),
        row(92, "a range of the caller's", "decision if { HERE; count(numbers.range(0, to_number(headers[\"x-n\"]))) > 0 }", ERROR)
            .header("x-n", "1000000000"),
        row(92, "a range of the caller's, down", "decision if { HERE; count(numbers.range(to_number(headers[\"x-n\"]), 0)) > 0 }", ERROR)
            .header("x-n", "99999999999999999999999"),
        row(92, "a text that doubles", doubled, ERROR).header("x-n", "a".repeat(8_000)),
        row(92, "a number that doubles its digits", squared, TIMEOUT).header("x-n", "9".repeat(64)),
        row(92, "a padding of the caller's", "decision if { HERE; count(sprintf(headers[\"x-n\"], [1])) > 0 }", ERROR)
            .header("x-n", "%01000000000d"),
        row(92, "a precision of the caller's", "decision if { HERE; count(sprintf(headers[\"x-n\"], [1.5])) > 0 }", ERROR)
            .header("x-n", "%.1000000000f"),
        row(92, "a walk over a large body", "decision if { HERE; count([1 | [p, _] := walk(input.parsed_body); count(p) > 9]) > 0 }", ERROR)
            .body(wide.clone()),
        row(92, "every pair of a large body", "decision if { HERE; some a in input.parsed_body; some b in input.parsed_body; a != b; count(a) > 9 }", TIMEOUT)
            .body(wide),
        row(92, "all addresses of a network", "decision if { HERE; count(net.cidr_expand(headers[\"x-n\"])) > 0 }", ERROR)
            .header("x-n", "10.0.0.0/8"),
        row(92, "all addresses of a larger one", "decision if { HERE; count(net.cidr_expand(headers[\"x-n\"])) > 0 }", ERROR)
            .header("x-n", "2001:db8::/32"),
        row(92, "replacements of nothing", "decision if { HERE; count(replace(headers[\"x-n\"], \"\", headers[\"x-n\"])) > 9999999999 }", ERROR)
            .header("x-n", "a".repeat(60_000)),
    ]
}

const fn nested_under_not() -> &'static str {
    "i_ROW if { n := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]; some a in n; some b in n; some c in n; some d in n; some e in n; \
     some f in n; some g in n; some h in n; some i in n; a + b + c + d + e + f + g + h + i < 0 }\ndecision if { HERE; not i_ROW }"
}

fn pattern() -> Vec<Row> {
    let regex = "decision if { HERE; regex.match(headers[\"x-p\"], \"aaaa\") }";
    let glob = "decision if { HERE; glob.match(headers[\"x-p\"], [\"/\"], \"aaaa\") }";
    vec![
        row(93, "repetitions of repetitions", regex, ERROR).header("x-p", "(a{1000}){1000}"),
        row(93, "the same of letters", regex, ERROR).header("x-p", "(\\pL{500}){500}"),
        row(93, "a pattern of a megabyte", regex, ERROR).header("x-p", "a|".repeat(500_000)),
        row(93, "many brackets", regex, ERROR).header("x-p", "(".repeat(10_000) + &")".repeat(10_000)),
        row(93, "a pattern that is none", regex, ERROR).header("x-p", "(a"),
        row(93, "the same under not", "decision if { HERE; not regex.match(headers[\"x-p\"], \"a\") }", ERROR)
            .header("x-p", "(a")
            .strict(),
        row(
            93,
            "one that would not end elsewhere",
            "decision if { HERE; regex.match(\"^(a+)+$\", headers[\"x-p\"]) }",
            UNDEFINED,
        )
        .header("x-p", "a".repeat(30_000) + "!"),
        row(93, "a glob of a megabyte", glob, ERROR).header("x-p", "{a,".repeat(250_000)),
        row(93, "alternatives in alternatives", glob, ERROR)
            .header("x-p", "{{{{{{{{{{a,b},c},d},e},f},g},h},i},j},k}".repeat(200)),
        row(93, "many stars", "decision if { HERE; glob.match(headers[\"x-p\"], [], headers[\"x-s\"]) }", ERROR)
            .header("x-p", "*a".repeat(5_000))
            .header("x-s", "a".repeat(30_000)),
        row(
            93,
            "a replacement that grows",
            "decision if { HERE; count(regex.replace(headers[\"x-s\"], \"a\", headers[\"x-s\"])) < 0 }",
            ERROR,
        )
        .header("x-s", "a".repeat(2_000)),
    ]
}

fn panic() -> Vec<Row> {
    let divided =
        "decision if { HERE; to_number(headers[\"x-a\"]) / to_number(headers[\"x-b\"]) < -9999999999999999999999 }";
    vec![
        row(94, "the least integer by -1", divided, UNDEFINED)
            .header("x-a", "-9223372036854775808")
            .header("x-b", "-1"),
        row(
            94,
            "the remainder of it",
            "decision if { HERE; to_number(headers[\"x-a\"]) % to_number(headers[\"x-b\"]) != 0 }",
            UNDEFINED,
        )
        .header("x-a", "-9223372036854775808")
        .header("x-b", "-1"),
        row(94, "a shift beyond", "decision if { HERE; bits.lsh(1, to_number(headers[\"x-a\"])) < 0 }", ERROR)
            .header("x-a", "4611686018427387904"),
        row(94, "a shift below", "decision if { HERE; bits.rsh(1, to_number(headers[\"x-a\"])) < 0 }", ERROR)
            .header("x-a", "-1"),
        row(
            94,
            "a part before the beginning",
            "decision if { HERE; count(substring(headers[\"x-t\"], to_number(headers[\"x-a\"]), 1)) > 9 }",
            ERROR,
        )
        .header("x-a", "-1")
        .header("x-t", "äöü"),
        row(
            94,
            "a part inside of a letter",
            "decision if { HERE; count(substring(headers[\"x-t\"], 1, to_number(headers[\"x-a\"]))) > 9 }",
            UNDEFINED,
        )
        .header("x-a", "9223372036854775807")
        .header("x-t", "äöü"),
        row(94, "another base", "decision if { HERE; format_int(7, to_number(headers[\"x-a\"])) == \"\" }", ERROR)
            .header("x-a", "0"),
        row(94, "a date beyond", "decision if { HERE; count(time.date(to_number(headers[\"x-a\"]))) < 0 }", ERROR)
            .header("x-a", "9".repeat(40)),
        row(
            94,
            "a date added beyond",
            "decision if { HERE; time.add_date(0, to_number(headers[\"x-a\"]), 0, 0) < -9999999999999999999 }",
            ERROR,
        )
        .header("x-a", "9223372036854775807"),
        row(94, "a number with a long exponent", "decision if { HERE; to_number(headers[\"x-a\"]) < 0 }", ERROR)
            .header("x-a", "1e999999999"),
        row(94, "the same in JSON", "decision if { HERE; json.unmarshal(headers[\"x-a\"]) < 0 }", ERROR)
            .header("x-a", "1e999999999"),
        row(94, "a unit with one", "decision if { HERE; units.parse_bytes(headers[\"x-a\"]) < 0 }", ERROR)
            .header("x-a", "1e999999Ki"),
        row(
            94,
            "a slice beyond",
            "decision if { HERE; count(array.slice(input.parsed_path, to_number(headers[\"x-a\"]), 1)) > 9 }",
            UNDEFINED,
        )
        .header("x-a", "-9223372036854775808"),
        row(
            94,
            "a version that is none",
            "decision if { HERE; semver.compare(headers[\"x-a\"], \"1.0.0\") > 9 }",
            ERROR,
        )
        .header("x-a", "99999999999999999999.0.0"),
        row(94, "a rounded nothing", "decision if { HERE; round(to_number(headers[\"x-a\"])) < 0 }", ERROR)
            .header("x-a", "nan"),
        row(
            94,
            "a letter that is none",
            "decision if { HERE; count(json.unmarshal(headers[\"x-a\"])) > 9 }",
            "policy_undefined",
        )
        .header("x-a", "\"\\ud800\""),
    ]
}

fn depth() -> Vec<Row> {
    let deep = || "[".repeat(10_000) + &"]".repeat(10_000);
    let deeper = "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000);
    vec![
        row(97, "a body", "decision if { HERE; count(input.parsed_body) >= 0 }", "hop_too_large").body(deep()),
        row(97, "a body of objects", "decision if { HERE; not input.parsed_body.b }", "hop_too_large").body(deeper),
        row(97, "a header that is read", "decision if { HERE; not json.unmarshal(headers[\"x-j\"]).b }", ERROR)
            .header("x-j", deep())
            .strict(),
    ]
}

fn time() -> Vec<Row> {
    vec![
        row(
            99,
            "one reading",
            "decision if { HERE; a := time.now_ns(); b := time.now_ns(); a == b; a == input.now }",
            UNDEFINED,
        )
        .allowed(),
        row(
            99,
            "one reading in all rules",
            "n_ROW := time.now_ns()\ndecision if { HERE; {n_ROW, time.now_ns(), input.now} == {input.now} }",
            UNDEFINED,
        )
        .allowed(),
    ]
}
