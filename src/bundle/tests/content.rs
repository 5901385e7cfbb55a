use super::*;

fn manifest(text: &str) -> Result<Bundle, String> {
    read(&tar(&[(".manifest", text), ("a.rego", POLICY)]))
}

#[test]
fn a_manifest_says_what_the_bundle_is() {
    let bundle = manifest(
        r#"{"revision": "r", "roots": ["/a/", "b/c"], "rego_version": 1, "metadata": {"m": [1]}, "other": 2}"#,
    )
    .unwrap();
    assert_eq!(bundle.revision(), Some("r"));
    assert_eq!(bundle.metadata(), &json(r#"{"m": [1]}"#));
    assert!(bundle.roots().contain(&["a"]) && bundle.roots().contain(&["b", "c", "d"]));
    assert!(!bundle.roots().contain(&["b"]) && !bundle.roots().contain(&["ab"]));
    let none = read(&tar(&[("a.rego", POLICY)])).unwrap();
    assert_eq!((none.revision(), none.roots()), (None, &Roots::everything()));
    let opas =
        manifest(r#"{"revision":"","roots":[""],"rego_version":1,"wasm":[],"file_rego_versions":{"/a.rego":1}}"#)
            .unwrap();
    assert_eq!((opas.revision(), opas.roots()), (None, &Roots::everything()));
}

#[test]
fn a_manifest_that_asks_for_more_or_is_unclear_refuses_the_bundle() {
    for (text, said) in [
        ("", "ends too early"),
        ("[]", "bundle.manifest: it is not an object"),
        ("{} {}", "something follows"),
        (r#"{"revision": "a", "revision": "b"}"#, "occurs twice"),
        (r#"{"Revision": "a"}"#, "lower case"),
        (r#"{"ROOTS": ["a"]}"#, "lower case"),
        (r#"{"revision": 7}"#, "`revision` is not a string"),
        (r#"{"revision": "a\nb"}"#, "control character"),
        (r#"{"roots": "a"}"#, "not a list of paths"),
        (r#"{"roots": [1]}"#, "not a list of paths"),
        (r#"{"roots": ["a", "a"]}"#, "overlap"),
        (r#"{"roots": ["a/b", "a"]}"#, "overlap"),
        (r#"{"roots": ["", "a"]}"#, "overlap"),
        (r#"{"roots": ["a//b"]}"#, "empty part"),
        (r#"{"roots": []}"#, "bundle.roots"),
        (r#"{"roots": ["b"]}"#, "the package `a` is outside of the bundle's roots, `b`"),
        (r#"{"roots": ["a/b"]}"#, "the package `a` is outside"),
        (r#"{"wasm": [{"module": "policy.wasm"}]}"#, "bundle.unsupported: `wasm`"),
        (r#"{"rego_version": 0}"#, "only Rego v1"),
        (r#"{"rego_version": 2}"#, "only Rego v1"),
        (r#"{"rego_version": "1"}"#, "only Rego v1"),
        (r#"{"file_rego_versions": {"/a.rego": 0}}"#, "only Rego v1"),
        (r#"{"file_rego_versions": []}"#, "only Rego v1"),
        (r#"{"metadata": 1}"#, "`metadata` is not an object"),
    ] {
        let error = manifest(text).unwrap_err();
        assert!(error.starts_with("b") && error.contains(said), "{text}: {error}");
    }
}

#[test]
fn what_would_change_the_meaning_of_the_bundle_is_refused_by_its_name() {
    for (path, said) in [
        ("patch.json", "a delta bundle's"),
        ("x/patch.json", "a delta bundle's"),
        ("policy.wasm", "WebAssembly"),
        (".manifest.pb", "protobuf"),
        ("x/.manifest", "a second manifest"),
        ("x.manifest", "a second manifest"),
        ("x/.signatures.json", "not at the top"),
    ] {
        let error = read(&tar(&[("a.rego", POLICY), (path, "{}")])).unwrap_err();
        assert!(error.starts_with(&format!("b/{path}: bundle.unsupported: it ")) && error.contains(said), "{error}");
    }
}

#[test]
fn data_stands_where_its_directory_says() {
    let bundle = read(&tar(&[
        ("data.json", r#"{"a": {"x": 1}, "n": 18446744073709551616}"#),
        ("a/data.yaml", "w: two\nz: [1, 0x10, 2.50, ~, \"3\"]\n"),
        ("a/b/data.yml", "- 1\n"),
        ("a/b.c/data.json", "null"),
        ("other.json", "{not even JSON"),
    ]))
    .unwrap();
    let mut expected = json(r#"{"a": {"x": 1, "w": "two", "z": [1, 16, 2.5, null, "3"], "b": [1], "b.c": null}}"#);
    let exact = Value::from_numeric_string("18446744073709551616").unwrap();
    expected.as_object_mut().unwrap().insert("n".into(), exact);
    assert_eq!(bundle.data(), &expected);
    assert_eq!(bundle.ignored(), ["other.json"]);
}

#[test]
fn every_problem_of_a_bundle_is_told_at_once() {
    let error = read(&tar(&[
        (".manifest", r#"{"roots": ["a", "x"]}"#),
        ("a.rego", "allow if true"),
        ("b.rego", "package b"),
        ("x/data.json", r#"{"y": 1}"#),
        ("data.json", r#"{"x": {"y": 2}, "q": 1}"#),
        ("a/data.json", "{\n  \"k\": 1,\n  \"k\": 2}"),
        ("x/data.yaml", "w: 012\n"),
        ("c/data.json", "[1"),
    ]))
    .unwrap_err();
    for said in [
        "b/a.rego:1:1: bundle.policy: it does not begin with a plain `package`",
        "b/b.rego: bundle.roots: the package `b` is outside",
        "b/data.json: bundle.data: another data file says something about `x/y` already",
        "b/a/data.json:3:3: bundle.data: this key occurs twice",
        "b/x/data.yaml:1:4: w: bundle.data: `012` is another number",
        "b/c/data.json:1:3: bundle.data: a comma or a closing bracket is missing",
    ] {
        assert!(error.contains(said), "{said} in\n{error}");
    }
    for (path, text, said) in [
        ("data.json", "[]", "not an object"),
        (".x/data.json", "{}", "begins with a dot"),
        ("data.yaml", "a: &x 1\n", "anchors are refused"),
        ("data.yaml", "a: 1\n---\nb: 2\n", "a second document"),
        ("data.yaml", "", "not an object"),
        ("data.yaml", "a: .inf\n", "cannot be kept exactly"),
        ("data.yaml", "a: 18446744073709551616\n", "cannot be kept exactly"),
        ("a.rego", "package a\u{0}", "plain `package`"),
    ] {
        assert!(read(&tar(&[(path, text)])).unwrap_err().contains(said), "{text}");
    }
    let mut binary = file("a.rego", "package a #_");
    binary[512 + 11] = 0xff;
    assert!(read(&archive(&[binary])).unwrap_err().contains("bundle.policy: it is not UTF-8"));
}

#[test]
fn data_outside_of_the_roots_refuses_the_bundle() {
    let with = |roots: &str, data: &str| {
        read(&tar(&[(".manifest", &format!(r#"{{"roots": {roots}}}"#)), ("data.json", data)])).err().unwrap_or_default()
    };
    assert_eq!(with(r#"["a/b", "c"]"#, r#"{"a": {"b": {"x": 1}}, "c": 1}"#), "");
    assert_eq!(with(r#"["a/b"]"#, "{}"), "");
    assert_eq!(with(r#"["a/b"]"#, r#"{"a": {}}"#), "");
    assert!(with(r#"["a/b"]"#, r#"{"a": {"c": 1}}"#).contains("data at `a/c` is outside"));
    assert!(with(r#"["a/b"]"#, r#"{"a": 1}"#).contains("data at `a` is outside"));
    assert!(with(r#"["a"]"#, r#"{"ab": 1}"#).contains("data at `ab` is outside"));
}
