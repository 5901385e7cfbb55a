use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

#[test]
fn counts_elements() {
    for (value, expected) in [
        ("", Some(0)),
        ("URI=spiffe://td/a", Some(1)),
        (r#"By=spiffe://td/b;Hash=00;Subject="CN=a,O=b;c";URI=spiffe://td/a"#, Some(1)),
        (r#"Subject="CN=a\"\,b";URI=spiffe://td/a"#, Some(1)),
        (r#"Subject="";URI=spiffe://td/a"#, Some(1)),
        ("URI=spiffe://td/a,URI=spiffe://td/b", Some(2)),
        (r#"Subject="a",Subject="b""#, Some(2)),
        ("URI=spiffe://td/x,By=spiffe://td/y;URI=spiffe://td/admin", Some(2)),
        (",", Some(2)),
        ("a,,b", Some(3)),
        (r#"Subject="x"#, None),
        (r#"Subject="x\"#, None),
        (r#"Subject="x\""#, None),
        (r#"Subject="x"y;URI=spiffe://td/a"#, None),
        (r#"Subject="x"";URI=spiffe://td/a"#, None),
        (r#"URI=spiffe://td/a",By="x"#, None),
        (r#"""#, None),
    ] {
        assert_eq!(xfcc_elements(value), expected, "{value}");
    }
}

#[test]
fn counts_a_megabyte_without_effort() {
    assert_eq!(xfcc_elements(&",".repeat(1 << 20)), Some((1 << 20) + 1));
}

#[test]
fn reads_what_envoy_writes() {
    let text = r#"By=spiffe://td/b;By=spiffe://td/c;Hash=00ff;Cert="-----BEGIN%20";Chain="%0A";Subject="CN=a\"\;b\,c,O=\C3";URI=spiffe://td/a;DNS=a.test;DNS=b.test;Issuer="O=SPIRE""#;
    let element = read(text, false).unwrap();
    assert_eq!(element.by, ["spiffe://td/b", "spiffe://td/c"]);
    assert_eq!(element.hash.as_deref(), Some("00ff"));
    assert_eq!(element.cert.as_deref(), Some("-----BEGIN%20"));
    assert_eq!(element.chain.as_deref(), Some("%0A"));
    assert_eq!(element.subject.as_deref(), Some(r#"CN=a";b,c,O=C3"#));
    assert_eq!(element.uris, ["spiffe://td/a"]);
    assert_eq!(element.dns, ["a.test", "b.test"]);
    assert_eq!(element.issuer.as_deref(), Some("O=SPIRE"));
    assert_eq!(read(text, true).as_ref(), Ok(&element), "where JSON may come, text may too");
}

#[test]
fn reads_the_json_that_envoy_writes() {
    let json = r#"[{"by":["spiffe://td/b"],"hash":"00ff","cert":"-----BEGIN CERTIFICATE-----\nA+/=\n","chain":["x\n","y"],"subject":"CN=a=b \\C3,O=SP\\\"I","uri":["spiffe://td/a"],"dns":["a.test","b.test"],"issuer":"O=SPIRE"}]"#;
    let element = read(json, true).unwrap();
    assert_eq!(element.by, ["spiffe://td/b"]);
    assert_eq!(element.hash.as_deref(), Some("00ff"));
    assert_eq!(element.cert.as_deref(), Some("-----BEGIN%20CERTIFICATE-----%0aA%2b%2f%3d%0a"));
    assert_eq!(element.chain.as_deref(), Some("x%0ay"));
    assert_eq!(element.subject.as_deref(), Some(r#"CN=a=b \C3,O=SP\"I"#));
    assert_eq!(element.uris, ["spiffe://td/a"]);
    assert_eq!(element.dns, ["a.test", "b.test"]);
    assert_eq!(element.issuer.as_deref(), Some("O=SPIRE"));
    assert_eq!(read(json, false), Err(XfccError::Json));
    assert_eq!(read(&element.to_string(), false).as_ref(), Ok(&element), "both formats say the same");
}

#[test]
fn refuses_every_other_json() {
    use XfccError::*;
    for (json, expected) in [
        ("[]", ElementCount),
        (r#"[{"uri":["spiffe://td/a"]},{"uri":["spiffe://td/b"]}]"#, ElementCount),
        ("[[]]", ElementCount),
        ("[null]", ElementCount),
        (r#"{"uri":["spiffe://td/a"]}"#, Syntax),
        (r#"[{"uri":["spiffe://td/a"]}],[{"uri":["spiffe://td/b"]}]"#, Syntax),
        (r#"[{"uri":["spiffe://td/a"]}"#, Syntax),
        ("[{}]", Syntax),
        (r#"[{"uri":"spiffe://td/a"}]"#, Syntax),
        (r#"[{"uri":[1]}]"#, Syntax),
        (r#"[{"uri":null}]"#, Syntax),
        (r#"[{"hash":["00"]}]"#, Syntax),
        (r#"[{"uri":["spiffe://td/a\u0000"]}]"#, Syntax),
        (r#"[{"uri":["spiffe://td/a\n"]}]"#, Syntax),
        (r#"[{"uri":["spiffe://td/\u00e4"]}]"#, Syntax),
        (r#"[{"hash":"00","hash":"00"}]"#, DuplicateKey),
        (r#"[{"hash":"00","Hash":"00"}]"#, DuplicateKey),
        (r#"[{"uri":["spiffe://td/a"],"uri":[]}]"#, DuplicateKey),
    ] {
        assert_eq!(read(json, true), Err(expected), "{json}");
    }
    let many = format!("[{}]", ["{}"; 9].join(","));
    assert_eq!(read(&many, true), Err(Limit));
    let pairs: Vec<String> = (0..33).map(|index| format!("\"k{index}\":1")).collect();
    assert_eq!(read(&format!("[{{{}}}]", pairs.join(",")), true), Err(Limit));
    assert_eq!(read(&format!("[{{\"uri\":[{}]}}]", vec!["\"x\""; 33].join(",")), true), Err(Limit));
    assert_eq!(read(&"[".repeat(60_000), true), Err(Syntax));
}

/// What follows the row numbers is in `facts/spiffe.md` §3.5, as far as it is about the header alone.
#[test]
fn refuses_every_hostile_row() {
    use XfccError::*;
    let one = "URI=spiffe://td/a";
    for (row, value, expected) in [
        (90, format!("{one},{one}"), ElementCount),
        (90, String::new(), ElementCount),
        (91, format!("{one},Hash=00"), ElementCount),
        (94, r#"Subject="x"#.to_owned(), Syntax),
        (94, r#"Subject="x"y;URI=spiffe://td/a"#.to_owned(), Syntax),
        (94, r#"Subject="x\"#.to_owned(), Syntax),
        (94, r"URI=spiffe://td/a\".to_owned(), Syntax),
        (97, "URI=spiffe://td/x,By=spiffe://td/b;URI=spiffe://td/admin".to_owned(), ElementCount),
        (98, " URI=spiffe://td/a".to_owned(), Syntax),
        (98, "URI =spiffe://td/a".to_owned(), Syntax),
        (98, "URI= spiffe://td/a".to_owned(), Syntax),
        (98, "URI=spiffe://td/a ".to_owned(), Syntax),
        (98, "Hash=00; URI=spiffe://td/a".to_owned(), Syntax),
        (100, "Hash=00;Hash=00".to_owned(), DuplicateKey),
        (100, "Hash=00;hASH=01".to_owned(), DuplicateKey),
        (100, r#"Cert="a";Cert="a""#.to_owned(), DuplicateKey),
        (100, r#"Chain="a";Chain="a""#.to_owned(), DuplicateKey),
        (100, r#"Subject="a";Subject="b""#.to_owned(), DuplicateKey),
        (100, r#"Issuer="a";Issuer="b""#.to_owned(), DuplicateKey),
        (103, ",".to_owned(), ElementCount),
        (104, "A".repeat(1 << 20), Limit),
        (104, vec![one; 10_000].join(","), Limit),
        (104, [one; 9].join(","), Limit),
        (104, [one; 8].join(","), ElementCount),
        (104, vec!["x=1"; 10_000].join(";"), Limit),
        (104, vec!["x=1"; 33].join(";"), Limit),
        (106, "URI=spiffe://td/\u{e4}".to_owned(), Syntax),
        (106, "Subject=\"\u{e4}\";URI=spiffe://td/a".to_owned(), Syntax),
        (106, "Subject=\"a\u{7f}\"".to_owned(), Syntax),
        (106, "URI=spiffe://td/a\t".to_owned(), Syntax),
        (0, "URI".to_owned(), Syntax),
        (0, "=".to_owned(), Syntax),
        (0, "=x".to_owned(), Syntax),
        (0, ";".to_owned(), Syntax),
        (0, format!("{one};"), Syntax),
        (0, format!(";{one}"), Syntax),
        (0, format!("{one};;{one}"), Syntax),
        (0, "URI=a=b".to_owned(), Syntax),
        (0, "Foo=1".to_owned(), Syntax),
        (0, r#"[{"uri":["spiffe://td/a"]}]"#.to_owned(), Json),
        (0, "{}".to_owned(), Json),
    ] {
        assert_eq!(read(&value, false), Err(expected), "row {row}: {value:.80}");
    }
}

#[test]
fn accepts_what_only_looks_hostile() {
    for (row, value, uris) in [
        (92, "URI=spiffe://td/a;URI=spiffe://td/b", vec!["spiffe://td/a", "spiffe://td/b"]),
        (95, r#"Subject="x\";URI=spiffe://td/admin;y=";URI=spiffe://td/a"#, vec!["spiffe://td/a"]),
        (95, r#"Subject="x\",URI=spiffe://td/admin";URI=spiffe://td/a"#, vec!["spiffe://td/a"]),
        (97, "URI=spiffe://td/x;URI=spiffe://td/admin", vec!["spiffe://td/x", "spiffe://td/admin"]),
        (98, "uri=spiffe://td/a", vec!["spiffe://td/a"]),
        (98, "uRi=spiffe://td/a;Foo=1;foo=\"2\"", vec!["spiffe://td/a"]),
        (106, "URI=spiffe://td/a!", vec!["spiffe://td/a!"]),
        (107, r#"URI=spiffe://td/a;Subject="x";Hash=00;By=spiffe://td/b"#, vec!["spiffe://td/a"]),
        (0, r#"URI="spiffe://td/a""#, vec!["spiffe://td/a"]),
        (0, "URI=", vec![""]),
    ] {
        assert_eq!(read(value, false).unwrap().uris, uris, "row {row}: {value}");
    }
}

fn element() -> impl Strategy<Value = Element<'static>> {
    let value = || "[ -~]{0,12}".prop_map(Cow::<str>::Owned);
    let several = move || prop::collection::vec(value(), 0..4);
    let single = move || prop::option::of(value());
    let parts = (several(), single(), single(), single(), single(), several(), several(), single());
    parts.prop_map(|(by, hash, cert, chain, subject, uris, dns, issuer)| Element {
        by,
        hash,
        cert,
        chain,
        subject,
        uris,
        dns,
        issuer,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printing_an_element_and_reading_it_is_the_identity(element in element()) {
        prop_assume!(element != Element::default());
        let printed = element.to_string();
        prop_assert_eq!(xfcc_elements(&printed), Some(1));
        prop_assert_eq!(read(&printed, false), Ok(element));
    }

    #[test]
    fn reading_printing_and_reading_is_the_identity(
        pairs in prop::collection::vec(("(By|Hash|cert|URI|DNS|Foo)", "([!-+\\-:<>-~]{0,9}|\"([^\"\\\\]|\\\\[ -~]){0,9}\")"), 1..5),
    ) {
        let text = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";");
        if let Ok(element) = read(&text, false) {
            let printed = element.to_string();
            prop_assert_eq!(read(&printed, false), Ok(element));
        }
    }

    #[test]
    fn no_text_breaks_the_reader(text in "([\\[{\"\\\\=;,]|URI|Hash|\\PC){0,60}") {
        if let Ok(element) = read(&text, true) {
            prop_assert!(element != Element::default());
            prop_assert!(text.starts_with('[') || xfcc_elements(&text) == Some(1));
        }
    }
}
