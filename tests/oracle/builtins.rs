//! Every builtin over the edges of what it takes, one argument of a wrong type at a time.

use serde_json::{Value, json};

use crate::question::Question;

#[test]
fn texts_are_taken_apart_and_put_together_alike() {
    let all = || vec![texts()];
    for function in ["lower", "upper", "trim_space", "strings.reverse", "count"] {
        alike(function, all());
    }
    for function in ["contains", "startswith", "endswith", "trim_prefix", "trim_suffix", "strings.count", "split"] {
        alike(function, vec![texts(), texts()]);
    }
    for function in ["trim", "trim_left", "trim_right", "indexof", "indexof_n"] {
        alike(function, vec![texts(), texts()]);
    }
    alike("replace", vec![texts(), texts(), json_list(json!(["", "x", "aé"]))]);
    alike("substring", vec![texts(), numbers(), numbers()]);
    alike("concat", vec![texts(), json_list(json!([["a"], ["a", "b", ""], ["é", 1], "a", {"a": "b"}]))]);
    alike("strings.split_n", vec![texts(), json_list(json!(["", ",", "a", "aa"])), numbers()]);
    let patterns =
        json!([{"": "x"}, {"a": "b"}, {"a": "b", "ab": "c"}, {"": "x", "a": "b"}, {"b": "", "c": "dd"}, {"a": 1}]);
    alike("strings.replace_n", vec![json_list(patterns), texts()]);
    let some = json_list(json!(["", "a", "abc", ["a", "b"], ["abc", "x"], [""], ["é"], ["a", 1]]));
    alike("strings.any_prefix_match", vec![some.clone(), some.clone()]);
    alike("strings.any_suffix_match", vec![some.clone(), some]);
}

#[test]
fn formats_are_filled_alike() {
    let flags = ["", "5", "-5", "05", "+", " ", ".2", "8.3", "-8.1", "+08", "#", "-05", "+.1", "08.3"];
    let verbs =
        ["v", "d", "s", "f", "g", "e", "G", "E", "x", "X", "o", "O", "b", "c", "q", "t", "T", "U", "z", "%", "F"];
    let formats = flags.iter().flat_map(|flags| verbs.iter().map(move |verb| json!(format!("<%{flags}{verb}>"))));
    let values = json!([
        [], [1], [-5], [1.5], [-123456.789], [1234567.5], [0.00001], ["aéb"], ["a\"\n\u{1}"], [true], [null], [[]], [["a", 1, {"b": [null]}]], [1, 2],
        [18446744073709551615u64], ["a", "b"]
    ]);
    alike("sprintf", vec![formats.collect(), json_list(values)]);
    alike(
        "sprintf",
        vec![
            json_list(json!(["", "%", "%%", "a%", "%d %d", "%é", "%v%v%%%s"])),
            json_list(json!([[], [1], ["a", 2], [1, 2, 3]])),
        ],
    );
}

#[test]
fn numbers_are_made_alike() {
    // OPA rounds what is larger than 2^53 to the nearest that 64 bits of a fraction hold.
    alike("round", vec![json_list(json!([0, 1, -1, 0.5, 1.5, -2.5, -0.5, 100, 9007199254740993i64]))]);
    for function in ["abs", "ceil", "floor", "bits.negate"] {
        alike(function, vec![numbers()]);
    }
    for function in ["bits.and", "bits.or", "bits.xor", "bits.rsh", "format_int"] {
        alike(function, vec![numbers(), numbers()]);
    }
    // What OPA does not end is not asked.
    let few = || json_list(json!([0, 1, -1, 7, 30, 1.5, -2.5]));
    alike("bits.lsh", vec![few(), few()]);
    alike("numbers.range", vec![few(), few()]);
    alike("numbers.range_step", vec![few(), few(), few()]);
    let lists =
        json_list(json!(
            [[], [1], [1, 2], [1.5, 2], [-1, 3, 0.25], ["a"], [1, null], [[1]], [9007199254740993i64, 1],]
        ));
    for function in ["sum", "product", "max", "min", "sort"] {
        alike(function, vec![lists.clone()]);
    }
    let written = [
        "",
        "0",
        "1",
        "-1",
        "1.5",
        "1e3",
        "1E-3",
        "1e400",
        "-1e400",
        "1e-400",
        "007",
        "+5",
        ".5",
        "5.",
        "0x10",
        "1_000",
        " 1",
        "1 ",
        "inf",
        "NaN",
        "a",
        "1e",
        "12345678901234567890123",
        "0.1",
        "--1",
        "1e5",
        "--inf",
        "+-1",
        "infinity",
        "-.5e1",
        "1e+5",
        "0e0",
    ];
    alike("to_number", vec![written.iter().map(|text| json!(text)).collect()]);
    let amounts = [
        "",
        "1",
        "10K",
        "10k",
        "1.5Ki",
        "100m",
        "100M",
        "1e3",
        "e",
        "1e999999Ki",
        "1e9999999",
        "0.1",
        "-5K",
        "1.2.3",
        "5 K",
        "\"5\"",
        "5kb",
        "5KB",
        "5KiB",
        "2E",
        "2e",
        "1e3k",
        "+3",
        "1ei",
        "1Ei",
        ".5G",
        "5.",
        "0.0001m",
        "1MiX",
        "9999999999T",
        "-0.5",
        "1e-3",
        "--5",
        "e5",
        "1.5",
        "2PI",
        "3mI",
        "0.29kb",
        "1.1kib",
    ];
    let amounts: Vec<Value> = amounts.iter().map(|text| json!(text)).collect();
    alike("units.parse", vec![amounts.clone()]);
    alike("units.parse_bytes", vec![amounts]);
}

#[test]
fn patterns_match_alike() {
    let globs = [
        "",
        "*",
        "**",
        "?",
        "a*c",
        "a**c",
        "*.com",
        "*.*.com",
        "[abc]",
        "[!abc]",
        "[a-c]x",
        "[!a-c]",
        "{a,b}c",
        "{a*,}",
        "{,a}b",
        "{{a,b},c}d",
        "\\*",
        "a\\",
        "[",
        "]",
        "{",
        "}",
        "[]",
        "[!]",
        "[a",
        "[c-a]",
        "[a-]",
        "[]-a]",
        "a,b",
        "api.*.com",
        "é?",
        "***",
        "[\\-a]",
        "[a\\]b]",
        "{a",
        "a}",
        "[é]",
        "[!!a]",
        "{}",
        "{}a",
        "/a/**/b",
        "?.com",
        "[a-]]",
        "\\a",
        "[-a]",
        "a{b,c}d{e,f}",
    ];
    let delimiters = json_list(json!([null, [], ["."], ["/"], [".", "/"], ["ab"], [1], "."]));
    let subjects = [
        "",
        "a",
        "b",
        "abc",
        "a.c",
        "a.com",
        "a.b.com",
        "api.x.com",
        "ac",
        "a/b/c",
        "/a/x/y/b",
        "*",
        "]",
        "}",
        "a,b",
        "bc",
        "éa",
        "é",
        "\n",
        "a\nc",
        "-",
        "\\",
        "ad",
        "bd",
        "cd",
        "abde",
        "acdf",
        "ax",
        "{}",
        "!",
    ];
    let subjects = || subjects.iter().map(|text| json!(text)).collect();
    alike("glob.match", vec![globs.iter().map(|text| json!(text)).collect(), delimiters, subjects()]);
    alike("glob.quote_meta", vec![globs.iter().map(|text| json!(text)).collect()]);
    let patterns = || regexes().iter().map(|text| json!(text)).collect::<Vec<_>>();
    let texts = || -> Vec<Value> {
        [
            "",
            "a",
            "ab",
            "abab",
            "aaa",
            "a.b",
            "éa",
            "ß",
            "a1_ b2",
            "\n",
            "a\nb",
            "K\u{212a}k",
            "ſs",
            "x-y-z",
            "٣",
            "\u{b}",
            "]",
            "a|b",
            "{1}",
            "foo.bar",
            "\u{85}",
        ]
        .iter()
        .map(|text| json!(text))
        .collect()
    };
    alike("regex.is_valid", vec![patterns()]);
    alike("regex.match", vec![patterns(), texts()]);
    alike("regex.split", vec![patterns(), texts()]);
    alike("regex.find_n", vec![patterns(), texts(), json_list(json!([-1, 0, 2]))]);
    alike("regex.find_all_string_submatch_n", vec![patterns(), texts(), json_list(json!([-1, 1]))]);
    let replacements =
        json_list(json!(["", "x", "$0", "$1", "${1}x", "$1x", "$n", "${n}", "$$", "$", "${", "a$2b", "$01", "$9"]));
    alike("regex.replace", vec![texts(), patterns(), replacements]);
    let templates = json_list(json!([
        "",
        "a",
        "urn:{.*}",
        "{a}{b}",
        "{a|b}c",
        "{",
        "}",
        "a.b",
        "{{a}}",
        "{(}",
        "|a|",
        "{[a-z]+}:x"
    ]));
    let marks = json_list(json!(["{", "}", "|", "", "ab", "é"]));
    alike("regex.template_match", vec![templates, texts(), marks.clone(), marks]);
}

#[test]
fn networks_are_compared_alike() {
    let networks = json_list(json!([
        "10.0.0.0/8",
        "10.1.2.3",
        "10.1.2.3/16",
        "10.0.0.0/08",
        "10.0.0.0/33",
        "0.0.0.0/0",
        "::/0",
        "::1",
        "::1/128",
        "2001:db8::/32",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "::ffff:10.0.0.0/104",
        "fe80::1%eth0",
        "fe80::%eth0/64",
        "",
        "a",
        "10.0.0",
        "010.0.0.1",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "255.255.255.255/32",
        "::/80",
        "1::2::3",
        "10.0.0.0/30",
        "192.168.0.0/29",
        "::ffff:0:0/90"
    ]));
    for function in ["net.cidr_contains", "net.cidr_intersects"] {
        alike(function, vec![networks.clone(), networks.clone()]);
    }
    alike("net.cidr_is_valid", vec![networks]);
    // What OPA does not end is not asked.
    let small = json!([
        "10.0.0.0/30",
        "192.168.0.5/29",
        "::1/128",
        "10.0.0.0/33",
        "10.1.2.3",
        "255.255.255.255/32",
        "2001:db8::/126",
        "a"
    ]);
    alike("net.cidr_expand", vec![json_list(small)]);
    let lists = json_list(json!([
        [],
        ["10.0.0.0/8"],
        ["10.1.2.3"],
        ["10.0.0.1/8"],
        ["10.0.0.0/9", "10.128.0.0/9"],
        ["10.0.0.0/8", "10.1.0.0/16"],
        ["192.168.0.0/24", "192.168.1.0/24", "192.168.2.0/24"],
        ["2001:db8::/33", "2001:db8:8000::/33"],
        ["10.0.0.0/8", "2001:db8::/32"],
        ["::/0", "10.0.0.0/8"],
        ["200.1.1.1", "200.1.1.2"],
        ["10.0.0.0/8", 1],
        ["x"],
        ["::1"],
        ["::1/128", "::2/128"],
        ["0.0.0.0/1", "128.0.0.0/1"],
        ["172.16.0.0/12", "172.16.0.0/12"],
        ["1.0.0.0/32", "1.0.0.1/32", "1.0.0.2/32", "1.0.0.5/32"]
    ]));
    alike("net.cidr_merge", vec![lists.clone()]);
    let more = json_list(
        json!(["10.0.0.0/8", {"a": "10.1.1.1"}, {"a": ["10.1.1.1", 1]}, ["10.1.1.1", "11.1.1.1"], [["10.1.1.1", "x"]], [[]], [1], []]),
    );
    alike("net.cidr_contains_matches", vec![[lists, more.clone()].concat(), more]);
}

#[test]
fn documents_are_changed_alike() {
    let documents = json_list(
        json!([{}, {"a": 1}, {"a": {"b": 1, "c": 2}, "d": 3}, {"a": [1, 2, 3]}, {"a/b": 1, "m~n": 2}, {"a": {"b": {"c": [1, {"d": 2}]}}}, [1, 2], []]),
    );
    let paths = json_list(json!([
        [],
        ["a"],
        ["/a"],
        ["a/b"],
        ["a/b", "a"],
        ["a", "a/b"],
        ["a/1"],
        [["a", 1]],
        [["a", "1"]],
        [""],
        ["a~1b", "m~0n"],
        ["x/y"],
        [1],
        "a",
        ["a/b/c/1/d"],
        ["//a"],
        ["a/"]
    ]));
    alike("json.filter", vec![documents.clone(), paths.clone()]);
    alike("json.remove", vec![documents.clone(), paths]);
    let path = [
        "",
        "/",
        "/a",
        "a",
        "/a/b",
        "/a/1",
        "/a/-",
        "/a/3",
        "/a/4",
        "/a/01",
        "/a/-1",
        "/x",
        "/x/y",
        "/a~1b",
        "/0",
        "/2",
        "/a/b/c/0",
        "/a/b/c/1/d",
        "/a/b/c",
    ];
    let mut operations = vec![
        json!([]),
        json!([1]),
        json!([{}]),
        json!([{"op": "add"}]),
        json!([{"path": "/a"}]),
        json!([{"op": 1, "path": "/a"}]),
        json!({}),
    ];
    for path in path {
        for op in ["add", "remove", "replace", "test", "move", "copy", "what"] {
            operations.push(json!([{"op": op, "path": path, "value": 9, "from": "/a"}]));
        }
        operations.push(json!([{"op": "add", "path": path}]));
        operations.push(json!([{"op": "add", "path": path, "value": {"b": [1]}}, {"op": "remove", "path": "/a"}]));
        operations
            .push(json!([{"op": "copy", "path": "/new", "from": path}, {"op": "add", "path": "/new/z", "value": 1}]));
        operations.push(json!([{"op": "test", "path": path, "value": 1}]));
    }
    // OPA itself ends when the whole document is removed.
    operations.retain(|it| it.pointer("/0/op") != Some(&json!("remove")) || it.pointer("/0/path") != Some(&json!("")));
    alike("json.patch", vec![documents.clone(), operations]);
    let keys = json_list(json!([
        "a",
        "x",
        ["a"],
        ["a", "b"],
        ["a", 1],
        ["a", 9],
        ["a", "b", "c", 0],
        [],
        ["a", "b", "x"],
        1,
        null
    ]));
    alike("object.get", vec![documents.clone(), keys.clone(), json_list(json!([null, 7]))]);
    alike("object.filter", vec![documents.clone(), keys.clone()]);
    alike("object.remove", vec![documents.clone(), keys]);
    alike("object.keys", vec![documents.clone()]);
    let more = json_list(
        json!([{"a": 1}, {"a": {"b": 1}}, {"a": {"c": 5}}, {"a": [2]}, {"a": [1, 2, 3]}, [2], [1], [1, 2], [], {}, {"a": {"b": {}}}, 1]),
    );
    alike("object.subset", vec![[documents.clone(), more.clone()].concat(), more.clone()]);
    alike("object.union", vec![[documents.clone(), more.clone()].concat(), more]);
    let lists = json_list(
        json!([[], [1], [{}], [{"a": {"b": 2}}, {"a": 4}, {"a": {"c": 3}}], [{"a": {"b": 2}}, {"a": {"c": 3}}, {"a": {"b": 9}}], [{"a": 1}, {"b": {"c": 1}}, {"b": {"c": {"d": 1}}}]]),
    );
    alike("object.union_n", vec![lists.clone()]);
    alike("array.flatten", vec![json_list(json!([[], [1], [1, [2, [3]]], [[]], [[1], [2]]]))]);
    alike("array.concat", vec![lists.clone(), lists.clone()]);
    alike("array.reverse", vec![lists]);
    alike("array.slice", vec![json_list(json!([[], [1, 2, 3, 4]])), numbers(), numbers()]);
    alike(
        "graph.reachable",
        vec![
            json_list(json!([{}, {"a": ["b"], "b": ["a", "c"], "c": []}, {"a": null, "b": "x"}])),
            json_list(json!([[], ["a"], ["z", "b"]])),
        ],
    );
    ask(Question::new("[x | walk(input.parsed_body[0], x)]"), vec![documents.clone()]);
    ask(Question::new("[v | walk(input.parsed_body[0], [[\"a\", _], v])]"), vec![documents.clone()]);
    ask(Question::new("[p | walk(input.parsed_body[0], [p, v]); v == 1]"), vec![documents.clone()]);
    for function in
        ["type_name", "is_array", "is_string", "is_number", "is_boolean", "is_null", "is_object", "is_set", "count"]
    {
        alike(function, vec![documents.clone()]);
    }
    for expression in [
        "object.subset({x | some x in input.parsed_body[0]}, {x | some x in input.parsed_body[1]})",
        "object.subset(input.parsed_body[0], {x | some x in input.parsed_body[1]})",
    ] {
        let sets = json_list(json!([[], [1], [1, 2], [1, 1, 2], [3, 1], ["a"]]));
        ask(Question::new(expression), vec![sets.clone(), sets]);
    }
}

#[test]
fn texts_are_encoded_alike() {
    for function in ["base64.encode", "base64url.encode", "base64url.encode_no_pad", "hex.encode", "urlquery.encode"] {
        alike(function, vec![texts()]);
    }
    let encoded = [
        "", "YQ", "YQ==", "YWI=", "YWJj", "Y Q==", "YQ==\n", "YR==", "_-8=", "_-8", "/+8=", "a", "abcde", "6869", "6",
        "zz", "ff", "C3A9", "c3a9", "YQ=", "=", "YQ==YQ==", "w6k", "w6k=",
    ];
    let encoded: Vec<Value> = encoded.iter().map(|text| json!(text)).collect();
    for function in ["base64.decode", "base64.is_valid", "base64url.decode", "hex.decode"] {
        alike(function, vec![encoded.clone()]);
    }
    let queries = [
        "",
        "a",
        "a=1",
        "a=1&a=2&b",
        "a+b%20c",
        "%zz",
        "%4",
        "%",
        "a;b",
        "a=1;b=2",
        "%ff",
        "=",
        "&&",
        "a==b",
        "%C3%A9=é",
        "a%3Db=c",
        "?a=1",
        "a=1#b",
    ];
    let queries: Vec<Value> = queries.iter().map(|text| json!(text)).collect();
    alike("urlquery.decode", vec![queries.clone()]);
    alike("urlquery.decode_object", vec![queries]);
    let objects = json_list(
        json!([{}, {"a": "b c"}, {"b": ["2", "1"], "a": "x&y"}, {"a": 1}, {"a": [1]}, {"é": "~*'()!"}, {"a": []}, {"a": null}]),
    );
    alike("urlquery.encode_object", vec![objects]);
    let written = [
        "",
        " ",
        "1",
        "1 2",
        "{\"a\":1,\"a\":2}",
        "[1,]",
        "\"\\ud800\"",
        "nul",
        "null",
        " [ 1 , 2.50 ] ",
        "{\"a\":{\"b\":[true,false,null]}}",
        "'a'",
        "\"\t\"",
        "-",
        "-0",
        "01",
        "1.",
        ".1",
        "1e5",
        "\"\\u0000\"",
        "[[[[]]]]",
        "{\"a\"}",
        "\u{feff}1",
        "\"\\x\"",
    ];
    let written: Vec<Value> = written.iter().map(|text| json!(text)).collect();
    alike("json.unmarshal", vec![written.clone()]);
    alike("json.is_valid", vec![written]);
    let values = json_list(
        json!([null, true, 1, -1.5, 0.1, "", "a\"\\\n\u{1}\u{7f}<&>é\u{2028}", [], [1, [2]], {}, {"b": 1, "a": [null]}, {"": {"x": "y"}}, 12345678901u64, 1e20]),
    );
    alike("json.marshal", vec![values]);
    ask(
        Question::new("json.marshal({input.parsed_body[0]: {1, \"a\"}})"),
        vec![json_list(json!(["a", 1, true, [1, "a"], null]))],
    );
}

#[test]
fn versions_and_times_are_read_alike() {
    let versions = [
        "",
        "1.0.0",
        "v1.0.0",
        "1.0",
        "01.0.0",
        "1.0.0-rc.1",
        "1.0.0-rc.10",
        "1.0.0-rc.2+b",
        "1.0.0+b",
        "1.0.0-",
        "1.0.0-01",
        "1.2.3.4",
        "a.b.c",
        "1.0.0-a.b",
        "1.0.0-a",
        "9223372036854775808.0.0",
        "2.0.0",
        "1.10.0",
        "1.9.0",
        "-1.0.0",
        "+1.0.0",
        "1.0.0-1",
        "1.0.0-a-b",
    ];
    let versions: Vec<Value> = versions.iter().map(|text| json!(text)).collect();
    alike("semver.is_valid", vec![versions.clone()]);
    alike("semver.compare", vec![versions.clone(), versions]);
    let times = [
        "",
        "2024-02-29T12:00:00Z",
        "2024-02-30T12:00:00Z",
        "2024-02-29T12:00:00.123456789+05:30",
        "2024-02-29t12:00:00z",
        "2024-02-29 12:00:00Z",
        "2024-2-9T1:00:00Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T12:00:60Z",
        "1600-01-01T00:00:00Z",
        "2300-01-01T00:00:00Z",
        "2024-02-29T12:00:00",
        "2024-02-29T12:00:00+24:00",
        "2024-02-29T12:00:00,5Z",
        "2024-02-29T12:00:00.1234567891Z",
        "2024-02-29T12:00:00-00:00",
        "2024-02-29T12:00:00Zx",
        "1970-01-01T00:00:00Z",
        "2262-04-11T23:47:16.854775807Z",
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.145224192Z",
        "1677-09-21T00:12:43Z",
    ];
    alike("time.parse_rfc3339_ns", vec![times.iter().map(|text| json!(text)).collect()]);
    let layouts = json_list(json!([
        "2006-01-02",
        "RFC3339",
        "RFC1123",
        "RFC822Z",
        "ANSIC",
        "Jan 2, 2006",
        "2006-01-02T15:04:05Z07:00",
        "15:04",
        "Mon Jan _2 15:04:05 2006",
        "02/01/06 03:04PM MST",
        ""
    ]));
    let stamps = json_list(json!([
        "2024-02-29",
        "2024-02-29T12:00:00Z",
        "Thu, 29 Feb 2024 12:00:00 GMT",
        "29 Feb 24 12:00 +0100",
        "Thu Feb 29 12:00:00 2024",
        "Feb 29, 2024",
        "12:34",
        "29/02/24 03:04PM UTC",
        "",
        "x"
    ]));
    alike("time.parse_ns", vec![layouts, stamps]);
    let durations = [
        "",
        "1h",
        "1h30m",
        "-1.5h",
        "1d",
        "2w",
        "1y",
        "1d2h",
        "300ms",
        "1us",
        "1µs",
        "1",
        "h",
        "1x",
        "1h-30m",
        ".5s",
        "1.s",
        "106751d",
        "9223372036854775807ns",
        "9223372036854775808ns",
        "0",
        "+5s",
        "1.5d",
        "1 h",
        "3000000h",
        "-1d",
    ];
    alike("time.parse_duration_ns", vec![durations.iter().map(|text| json!(text)).collect()]);
    let moments = json_list(json!([
        0,
        1,
        -1,
        1709208000123456789i64,
        1.5,
        9223372036854775807i64,
        -9223372036854775808i64,
        1e30,
        [1709208000000000000i64],
        [1709208000000000000i64, "UTC"],
        [1709208000000000000i64, ""],
        [1709208000000000000i64, "Europe/Berlin"],
        [1709208000000000000i64, "America/New_York"],
        [1709208000000000000i64, "Nowhere/None"],
        [1709208000000000000i64, "UTC", "RFC1123"],
        [1709208000000000000i64, "Europe/Berlin", "2006-01-02 15:04:05 MST"],
        [1709208000000000000i64, "UTC", "Monday, 02-Jan-06 03:04:05.000 PM"],
        [],
        ["a"],
        [1, 2],
        [1, "UTC", 3],
        [1709208000000000000i64, "Asia/Kolkata", "RFC3339Nano"],
        [1709208000000000000i64, "UTC", "Jan _2 002 .999 Z07"]
    ]));
    for function in ["time.format", "time.date", "time.clock", "time.weekday"] {
        alike(function, vec![moments.clone()]);
    }
    alike("time.diff", vec![moments.clone(), moments.clone()]);
    let amounts = json_list(json!([0, 1, -1, 12, 13, 400, 1.5, 100000, 9223372036854775807i64]));
    alike("time.add_date", vec![moments, amounts.clone(), amounts, json_list(json!([0, -31, 100000000]))]);
}

fn regexes() -> Vec<&'static str> {
    vec![
        "",
        "a",
        "^a",
        "a$",
        "^a$",
        "a*",
        "a+?",
        "(a)(b)?",
        "(?P<n>a)b",
        "(?<n>a)b",
        "(a|b)+",
        "[a-c]",
        "[^a]",
        "[]a]",
        "[^]a]",
        "[a-]",
        "[-a]",
        "\\d",
        "\\D",
        "\\w+",
        "\\W",
        "\\s",
        "\\S+",
        "\\b",
        "\\Ba",
        "\\bb",
        "[\\d_]",
        "[\\W]",
        "[[:alpha:]]+",
        "[[:^alpha:]]",
        "[[:word:]]",
        "[[:foo:]]",
        "(?i)k",
        "(?i)S",
        "(?i)\\w",
        "(?s).",
        ".",
        "(?m)^b$",
        "(?U)a+",
        "(?i:A)b",
        "(?-i)a",
        "(?)a",
        "(?-)a",
        "(?x)a",
        "(?i-s:.)",
        "a**",
        "a*+",
        "a??",
        "a???",
        "*a",
        "(*a)",
        "|*",
        "^*",
        "(?i)*",
        "a{2}",
        "a{2,}",
        "a{,2}",
        "a{1,2}",
        "a{2,1}",
        "a{1001}",
        "(a{100}){11}",
        "a{",
        "a{x}",
        "{1}",
        "a{1}{2}",
        "a{01}",
        "\\{1\\}",
        "\\Qa.b\\E",
        "\\Qa",
        "\\Qab\\E+",
        "\\pL",
        "\\p{Greek}",
        "\\p{^L}",
        "\\PL",
        "\\p{Foo}",
        "\\pN",
        "\\x41",
        "\\x{e9}",
        "\\x{110000}",
        "\\x4",
        "\\101",
        "\\8",
        "\\1",
        "\\0",
        "\\07",
        "\\a",
        "\\v",
        "\\C",
        "\\z",
        "\\Z",
        "\\A",
        "\\_",
        "\\/",
        "\\<",
        "\\é",
        "\\y",
        "\\",
        "(",
        ")",
        "(?",
        "(?P<",
        "(?P<>a)",
        "(?P<n>a)(?P<n>b)",
        "(?P=n)",
        "(?=a)",
        "(?!a)",
        "(?:a|b)c",
        "()",
        "(|a)*",
        "(|a)+",
        "(a*)*",
        "(a|b|)",
        "a|b",
        "|",
        "[",
        "]",
        "}",
        "a]",
        "[b-a]",
        "[a&&b]",
        "[a--b]",
        "[a~~b]",
        "[[a]",
        "[a[b]]",
        "[\\]]",
        "[\\b]",
        "[\\n]",
        "[\\x41-\\x43]",
        "x-y",
        "a#b",
        "\\.",
        "\\-",
        "[é]",
        "(?i)[k]",
        "(?i)[^k]",
        "(?i)ß",
        "(?i)[^\\W]",
        "[\\pL\\d]",
        "[^\\d\\s]",
        "\\Q\\E",
        "a\\Q\\E*",
        "(?P<1>a)",
        "(?P<a-b>a)",
        "[:alpha:]",
        "[[:alpha]",
        "[a\\Qb]",
        "$",
        "^",
        "^$",
        "(^|b)a",
        "\\$",
        "a.b",
        "[^\\x00-\\x{10FFFF}]",
        "\\x{D800}",
        "(?i)(?-i)K",
        "((a)|b)+",
        "(a)|(b)",
    ]
}

fn texts() -> Vec<Value> {
    json_list(json!([
        "",
        "a",
        "aa",
        "aaa",
        "abc",
        "a,b",
        ",",
        "aéb",
        "é",
        "AΣß İ",
        " \t x\u{a0}\u{85} ",
        "ab ab",
        "日本",
        "ŉᾳᾀᾈ",
        "xxaxx",
        "x",
        "\n",
        "a b&c/?~*'%"
    ]))
}

fn numbers() -> Vec<Value> {
    json_list(json!([
        0,
        1,
        -1,
        2,
        3,
        8,
        10,
        16,
        64,
        1.5,
        -2.5,
        0.5,
        100,
        9007199254740993i64,
        9223372036854775807i64,
        18446744073709551615u64,
        -9223372036854775808i64
    ]))
}

fn json_list(list: Value) -> Vec<Value> {
    list.as_array().unwrap().clone()
}

/// Asks for a function with every combination of what its arguments may be.
fn alike(function: &str, pools: Vec<Vec<Value>>) {
    ask(Question::call(function, pools.len()), pools);
}

fn ask(mut question: Question, pools: Vec<Vec<Value>>) {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for pool in &pools {
        rows = rows
            .iter()
            .flat_map(|row| pool.iter().map(move |value| [row.clone(), vec![value.clone()]].concat()))
            .collect();
    }
    // A spread of them where there are many.
    let step = rows.len().div_ceil(MOST);
    let mut asked: Vec<Vec<Value>> = rows.iter().step_by(step).cloned().collect();
    for place in 0..pools.len() {
        for wrong in [json!(null), json!(true), json!(3), json!("x"), json!([]), json!({}), json!([1]), json!({"a": 1})]
        {
            let mut row = rows[0].clone();
            row[place] = wrong;
            asked.push(row);
        }
    }
    for row in asked {
        question.ask_or_bound(&json!(row));
    }
    question.done();
}

/// How many combinations are asked.
const MOST: usize = 700;
