use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::bundle::document::Tree;

fn tree(text: &str) -> Result<Tree<'_>, String> {
    let limits = Limits { json_depth: 8, values: 100, ..Limits::default() };
    Tree::json("d", text.as_bytes(), &limits).map_err(|problem| problem.to_string())
}

fn canonical(tree: &Tree<'_>) -> String {
    let mut text = Vec::new();
    tree.canonical(&mut |piece| text.extend_from_slice(piece));
    String::from_utf8(text).unwrap()
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for (text, said) in [
        ("", "d:1:1: bundle.data: the document ends too early"),
        ("{} x", "d:1:4: bundle.data: something follows"),
        ("{\n \"é\": x}", "d:2:7: bundle.data: this is not JSON"),
        ("{\"a\":1,}", "d:1:8: bundle.data: a key is missing"),
        ("{'a':1}", "d:1:2: bundle.data: a key is missing"),
        ("{\"a\" 1}", "a colon is missing"),
        ("[1,]", "this is not JSON"),
        ("[1 2]", "a comma or a closing bracket"),
        ("{\"a\":1 \"b\":2}", "a comma or a closing brace"),
        ("\u{feff}{}", "this is not JSON"),
        ("nul", "this is not JSON"),
        ("NaN", "this is not JSON"),
        ("01", "begins with a zero"),
        ("-", "a digit is missing"),
        ("1.", "a digit is missing"),
        ("1e", "a digit is missing"),
        ("+1", "this is not JSON"),
        (".5", "this is not JSON"),
        ("1e999", "a number is too large"),
        ("1e9999", "too many digits"),
        ("\"a", "a string does not end"),
        ("\"\n\"", "must be escaped"),
        (r#""\x""#, "not JSON's"),
        (r#""\u12""#, "not JSON's"),
        (r#""\u+123""#, "not JSON's"),
        (r#""\ud800""#, "half of a surrogate pair"),
        (r#""\ud800\u0041""#, "half of a surrogate pair"),
        (r#""\udc00""#, "half of a surrogate pair"),
        (r#"{"b":1,"a":2,"a":3}"#, "d:1:14: bundle.data: this key occurs twice"),
        (r#"{"a":1,"\u0061":2}"#, "d:1:8: bundle.data: this key occurs twice"),
        (r#"[{"z":{"a":1,"b":1,"a":2}}]"#, "this key occurs twice"),
        ("[[[[[[[[[1]]]]]]]]]", "nested too deeply"),
    ] {
        let error = tree(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
    assert!(tree(&"9".repeat(401)).unwrap_err().contains("too many digits"));
    assert!(tree(&format!("[{}1]", "1,".repeat(100))).unwrap_err().contains("too many values"));
    let limits = Limits { json_depth: usize::MAX, ..Limits::default() };
    let deep = "[".repeat(100_000);
    assert!(Tree::json("d", deep.as_bytes(), &limits).is_err());
    assert!(Tree::json("d", b"\"\xff\"", &limits).unwrap_err().message.contains("not UTF-8"));
}

#[test]
fn numbers_are_kept_exactly() {
    for text in [
        "0",
        "-0",
        "18446744073709551615",
        "-9223372036854775808",
        "123456789012345678901234567890",
        "-1e30",
        "0.1",
        "1e-7",
    ] {
        let Tree::Number(kept) = tree(text).unwrap() else { panic!("{text}") };
        assert_eq!(kept, text);
    }
    let value = |text| tree(text).unwrap().into_value();
    assert_eq!(value("[1, 1.0, 1e0]"), value("[1.0, 1, 1]"));
    assert_eq!(value("100000000000000000000"), value("1e20"));
    assert_ne!(value("123456789012345678901234567890"), value("123456789012345678901234567891"));
    assert_eq!(value("-9223372036854775808"), Value::from(i64::MIN));
    assert_eq!(value("-0"), value("0"));
    assert_eq!(value("1.5"), Value::from(1.5));
}

#[test]
fn the_form_that_is_digested_is_opas() {
    let text =
        r#"{ "b" : [1, 1.0, 1E+2, null, true], "a\u0000": "\u003c\/\u2028\u00e9\"\\\b\f\n\r\t\u001f\u007f", "": {} }"#;
    let expected = r#"{"":{},"a\u0000":"</\u2028é"#.to_owned()
        + r#"\"\\\b\f\n\r\t\u001f"#
        + "\u{7f}"
        + r#"","b":[1,1.0,1E+2,null,true]}"#;
    assert_eq!(canonical(&tree(text).unwrap()), expected);
    let yaml = Tree::yaml("d", b"f: 1.0\ng: 1e21\nh: 0.0000001\ni: -0.5e-9\nj: 1e20\nk: +7\nl: 0x1F\n").unwrap();
    assert_eq!(canonical(&yaml), r#"{"f":1,"g":1e+21,"h":1e-7,"i":-5e-10,"j":100000000000000000000,"k":7,"l":31}"#);
}

#[test]
fn a_document_of_many_entries_is_one_value() {
    let entries: Vec<String> = (0..20_000)
        .map(|number| {
            format!(r#""spiffe://example/{number}": {{"owner": "team", "roles": ["a", "b"], "until": {number}}}"#)
        })
        .collect();
    let text = format!("{{{}}}", entries.join(","));
    let bundle = read(&gzip(&tar(&[("grants/data.json", &text)]))).unwrap();
    assert_eq!(bundle.data()["grants"]["spiffe://example/19999"]["until"], Value::from(19_999_u64));
    assert_eq!(bundle.data()["grants"].as_object().unwrap().len(), 20_000);
    let few = Limits { values: 1_000, ..Limits::default() };
    assert!(read_within(&tar(&[("grants/data.json", &text)]), &few).unwrap_err().contains("too many values"));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<i32>().prop_map(|value| json!(f64::from(value) / 8.0)),
        any::<String>().prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_document_is_read_as_it_was_written(value in any_json(), is_pretty: bool) {
        let text = if is_pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let read = tree(&text).unwrap();
        let again = canonical(&read);
        prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&again).unwrap(), &value);
        prop_assert_eq!(read.into_value(), Value::from_json_str(&text).unwrap());
    }

    #[test]
    fn what_this_reads_another_reader_reads(text in "[\\[\\]{}\",:0-9eE+\\-.\\\\untrfalse ]{0,24}") {
        if let Ok(read) = tree(&text) {
            let other = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert!(other.is_ok(), "{text}");
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&canonical(&read)).unwrap(), other.unwrap());
        } else if let Ok(other) = crate::json::parse(text.as_bytes(), 8) {
            // This one may not be refused for anything but the size of its numbers.
            prop_assert!(tree(&text).unwrap_err().contains("digits"), "{other}");
        }
    }
}
