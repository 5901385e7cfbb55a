//! Texts: taken apart, put together, formatted and encoded.

use serde_json::{Value, json};

use super::{alike, ask, json_list, numbers, texts};
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
