//! What OPA 1.22 said of a call, and where a bound stops one that OPA would not end.

use std::time::{Duration, Instant};

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

/// `cargo test --lib builtins::tests::measure -- --ignored --nocapture` says what each costs at its bound.
#[test]
#[ignore = "a measurement, for a quiet machine"]
fn measure_the_worst() {
    let (long, half) = ("a".repeat(1024 * 1024), "a".repeat(190_000));
    let document: Json = (0..1500)
        .map(|index| (format!("k{index}"), json!({"a": [1, 2, {"b": "x"}]})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let text = document.to_string();
    let text = format!("[{}]", vec![text.as_str(); 128 * 1024 / text.len()].join(","));
    let rows = [
        ("lower", json!([long])),
        ("upper", json!(["ß".repeat(500_000)])),
        ("split", json!(["a,".repeat(8000), ","])),
        ("indexof_n", json!(["a".repeat(16_000), "aa"])),
        ("replace", json!([long, "a", "b"])),
        ("strings.replace_n", json!([{"aaaaaaab": "x", "aaaaaaac": "y"}, half])),
        ("strings.count", json!([long, "aaaab"])),
        ("trim", json!([half, "xyzäöüßabca"])),
        ("regex.match", json!(["(a|aa)+[ab]*c$", half])),
        ("regex.match", json!(["(a|b)*a(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)c", "ab".repeat(24_000)])),
        ("regex.find_n", json!(["a.*z|a", "a".repeat(400), -1])),
        ("regex.replace", json!(["ab".repeat(8000), "a", "x"])),
        ("glob.match", json!(["*a*a*a*a*b", null, "a".repeat(60_000)])),
        ("json.marshal", json!([document])),
        ("json.unmarshal", json!([text])),
        ("json.patch", json!([document, vec![json!({"op": "replace", "path": "/k1/a/0", "value": 1}); 40]])),
        ("walk", json!([document])),
        ("sprintf", json!(["%v", [document]])),
        ("sprintf", json!(["%4096d".repeat(200), vec![1; 200]])),
        ("numbers.range", json!([1, 16_000])),
        ("net.cidr_expand", json!(["10.0.0.0/20"])),
        ("net.cidr_contains_matches", json!([vec!["10.0.0.0/8"; 90], vec!["10.0.0.1"; 90]])),
        ("object.subset", json!([vec![1; 2000], vec![2; 500]])),
        ("to_number", json!(["1".repeat(4096)])),
        ("product", json!([vec![u64::MAX; 255]])),
        ("base64.decode", json!(["YWFh".repeat(262_144)])),
        ("urlquery.decode", json!(["%61".repeat(349_525)])),
        ("urlquery.decode_object", json!(["a=1&".repeat(9_999)])),
    ];
    for (name, arguments) in rows {
        let native = natives().find(|native| native.name == name).unwrap();
        let values: Vec<Value> = arguments.as_array().unwrap().iter().cloned().map(Value::from).collect();
        let took: Vec<(Duration, bool)> = (0..5)
            .map(|_| {
                let begun = Instant::now();
                let is_ok = (native.call)(&values).is_ok();
                (begun.elapsed(), is_ok)
            })
            .collect();
        let (took, is_ok) = took.iter().min().unwrap();
        println!(
            "{:>9.1} us {} {name} {:.50}",
            took.as_secs_f64() * 1e6,
            if *is_ok { "ok   " } else { "bound" },
            arguments.to_string()
        );
    }
}
