//! What OPA 1.22 said of a call, and where a bound stops one that OPA would not end.

use serde_json::{Value as Json, json};

use super::{super::engine::Value, native::Failure, natives};

fn call(name: &str, arguments: &Json) -> Result<Json, Failure> {
    let native = natives().find(|native| native.name == name).unwrap_or_else(|| panic!("{name}"));
    let arguments: Vec<Value> = arguments.as_array().unwrap().iter().cloned().map(Value::from).collect();
    assert_eq!(arguments.len(), usize::from(native.arity), "{name}");
    (native.call)(&arguments).map(|value| serde_json::from_str(&value.to_json_str().unwrap()).unwrap())
}

#[test]
fn a_call_is_what_opa_says() {
    let rows = [
        ("glob.match", json!(["api.*.com", [], "api.x.com"]), json!(true)),
        ("glob.match", json!(["*.com", [], "a.b.com"]), json!(false)),
        ("glob.match", json!(["*.com", null, "a.b.com"]), json!(true)),
        ("glob.match", json!(["{a*,}b", ["."], "b"]), json!(true)),
        ("glob.match", json!(["[!a-c]", null, "a"]), json!(false)),
        ("regex.match", json!(["\\d", "٣"]), json!(false)),
        ("regex.match", json!(["(?i)k", "\u{212a}"]), json!(true)),
        ("regex.match", json!(["[a&&b]", "&"]), json!(true)),
        ("regex.replace", json!(["ab", "(?P<n>a)", "${n}${n}$"]), json!("aa$b")),
        ("regex.split", json!(["", "ab"]), json!(["a", "b"])),
        ("sprintf", json!(["%05d|%-4s|%q|%.2f", [5, "é", "a\"", 1.5]]), json!("00005|é   |\"a\\\"\"|1.50")),
        ("sprintf", json!(["%d %s", ["a"]]), json!("%!d(string=a) %!s(MISSING)")),
        ("sprintf", json!(["%v", [{"a": [1, null, true]}]]), json!("{\"a\": [1, null, true]}")),
        ("lower", json!(["ΑΣ İ"]), json!("ασ i")),
        ("upper", json!(["ßŉᾳ"]), json!("ßŉᾼ")),
        ("replace", json!(["abc", "", "x"]), json!("xaxbxcx")),
        ("strings.replace_n", json!([{"": "x", "a": "b"}, "aca"]), json!("xbxcxbx")),
        ("net.cidr_contains", json!(["10.0.0.0/8", "::ffff:10.1.1.1"]), json!(true)),
        (
            "net.cidr_merge",
            json!([["10.1.2.3", "192.168.0.0/24", "192.168.1.0/24"]]),
            json!(["10.1.2.3/8", "192.168.0.0/23"]),
        ),
        ("json.patch", json!([{"a": [1, 2]}, [{"op": "add", "path": "/a/-", "value": 9}]]), json!({"a": [1, 2, 9]})),
        ("object.subset", json!([{"a": [1, 2, 3]}, {"a": [2]}]), json!(true)),
        ("json.marshal", json!([{"b": 1, "a": "<"}]), json!("{\"a\":\"\\u003c\",\"b\":1}")),
        ("units.parse", json!(["1.5Ki"]), json!(1536)),
        ("urlquery.decode", json!(["a=1&b+c%20"]), json!("a=1&b c ")),
        ("base64.decode", json!(["YQ==\n"]), json!("a")),
        ("semver.compare", json!(["v1.0.0-rc.2", "1.0.0-rc.10"]), json!(-1)),
        ("walk", json!([{"a": [1]}]), json!([[[], {"a": [1]}], [["a"], [1]], [["a", 0], 1]])),
    ];
    for (name, arguments, expected) in rows {
        assert_eq!(call(name, &arguments), Ok(expected), "{name}{arguments}");
    }
}

#[test]
fn what_opa_refuses_is_an_error() {
    let rows = [
        ("regex.match", json!(["a**", "a"])),
        ("regex.match", json!(["a{1001}", "a"])),
        ("regex.match", json!(["(?=a)", "a"])),
        ("regex.match", json!(["\\1", "a"])),
        ("glob.match", json!(["{a", [], "a"])),
        ("glob.match", json!(["a", ["ab"], "a"])),
        ("net.cidr_contains", json!(["10.0.0.0/33", "10.0.0.1"])),
        ("net.cidr_contains", json!(["fe80::/64", "fe80::1%eth0"])),
        ("indexof", json!(["a", ""])),
        ("to_number", json!(["1e400"])),
        ("numbers.range_step", json!([1, 2, 0])),
        ("urlquery.decode", json!(["%zz"])),
        ("json.unmarshal", json!(["1 2"])),
        ("time.parse_rfc3339_ns", json!(["2024-02-29 12:00:00Z"])),
        ("json.patch", json!([{"a": 1}, [{"op": "remove", "path": "/b"}]])),
    ];
    for (name, arguments) in rows {
        assert!(matches!(call(name, &arguments), Err(Failure::Error(_))), "{name}{arguments}");
    }
}

#[test]
fn what_would_take_too_long_or_grow_too_large_stops_at_a_bound() {
    let long = "a".repeat(1024 * 1024);
    let many: Vec<u32> = (0..30_000).collect();
    let copies: Vec<Json> =
        (0..60).map(|index| json!({"op": "copy", "from": "", "path": format!("/k{index}")})).collect();
    let rows = [
        ("numbers.range", json!([1, 1_000_000_000])),
        ("numbers.range", json!([0, i64::MAX])),
        ("net.cidr_expand", json!(["10.0.0.0/8"])),
        ("net.cidr_expand", json!(["::/0"])),
        ("bits.lsh", json!([1, 1_000_000_000])),
        ("sprintf", json!(["%1000000000d", [1]])),
        ("sprintf", json!(["%*d", [1_000_000_000, 1]])),
        ("regex.match", json!(["(\\pL{30}){30}", "a"])),
        ("regex.match", json!([long, "a"])),
        ("glob.match", json!([long, null, "a"])),
        ("regex.match", json!(["[a-z]+[0-9]{20}x", long])),
        ("regex.replace", json!([long, "a", "$0$0$0"])),
        ("regex.find_n", json!(["a", long, -1])),
        ("replace", json!([long, "a", "bb"])),
        ("lower", json!(["é".repeat(100_000)])),
        ("urlquery.encode", json!([long])),
        ("split", json!([long, ""])),
        ("indexof_n", json!([long, "a"])),
        ("trim", json!([long, long])),
        ("json.unmarshal", json!([long])),
        ("json.unmarshal", json!(["[".repeat(1000)])),
        ("to_number", json!(["1".repeat(5000)])),
        ("units.parse", json!(["1e999999Ki"])),
        ("product", json!([vec![u64::MAX; 300]])),
        ("walk", json!([many])),
        ("object.subset", json!([many, many[1..19_000]])),
        ("json.patch", json!([{"a": {}}, copies])),
        ("net.cidr_contains_matches", json!([vec!["10.0.0.0/8"; 1000], vec!["10.0.0.1"; 1000]])),
        ("strings.any_prefix_match", json!([vec!["a"; 20_000], "a"])),
    ];
    for (name, arguments) in rows {
        assert!(matches!(call(name, &arguments), Err(Failure::Bound(_))), "{name} {:.80}", arguments.to_string());
    }
}
