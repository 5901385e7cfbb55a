//! Strict YAML, as sentences.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;

fn problems(source: &str) -> Vec<String> {
    match parse("f.yaml", source) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

/// Reads the first document as a mapping and returns the problems of reading it.
fn reading(source: &str, read: impl FnOnce(&mut Mapping<'_>)) -> Vec<String> {
    let reader = Reader::new("f.yaml");
    let documents = reader.parse(source);
    let mut map = reader.mapping(&documents[0]);
    read(&mut map);
    map.finish();
    reader
        .finish(Some(()))
        .err()
        .map(|problems| problems.0.iter().map(ToString::to_string).collect())
        .unwrap_or_default()
}

#[test]
fn keeps_the_place_of_every_value() {
    let documents = parse("f.yaml", "a: 1\nb:\n  - x\n  - {c: \"2\"}\n").unwrap();
    let Kind::Mapping(entries) = &documents[0].kind else { panic!("not a mapping") };
    assert_eq!(entries[0].key, "a");
    assert_eq!(entries[0].value, Node { at: Position { line: 1, column: 4 }, kind: Kind::Plain("1".into()) });
    let Kind::Sequence(items) = &entries[1].value.kind else { panic!("not a list") };
    assert_eq!(items[0].at, Position { line: 3, column: 5 });
    let Kind::Mapping(inner) = &items[1].kind else { panic!("not a mapping") };
    assert_eq!(inner[0].at, Position { line: 4, column: 6 });
    assert_eq!(inner[0].value.kind, Kind::Quoted("2".into()));
}

#[test]
fn counts_columns_in_characters() {
    assert_eq!(problems("{ä: \"ö\", b: no}\n"), ["f.yaml:1:13: b: `no` is a boolean to readers of YAML 1.1: quote it"]);
}

#[test]
fn reads_several_documents_and_leaves_out_empty_ones() {
    let documents = parse("f.yaml", "---\na: x\n---\n# nothing\n---\nb: x\n...\n").unwrap();
    assert_eq!(documents.len(), 2);
    assert_eq!(parse("f.yaml", "").unwrap(), []);
    assert_eq!(parse("f.yaml", "# only a comment\n").unwrap(), []);
}

#[test]
fn refuses_what_yaml_1_1_reads_otherwise() {
    assert_eq!(
        problems("a: no\nb: [0660, 1_000, 12:30]\nc: \"no\"\n"),
        [
            "f.yaml:1:4: a: `no` is a boolean to readers of YAML 1.1: quote it",
            "f.yaml:2:5: b[0]: `0660` is another number to readers of YAML 1.1: quote it",
            "f.yaml:2:11: b[1]: `1_000` is another number to readers of YAML 1.1: quote it",
            "f.yaml:2:18: b[2]: `12:30` is another number to readers of YAML 1.1: quote it",
        ]
    );
}

#[test]
fn refuses_anchors_aliases_tags_and_merge_keys_all_at_once() {
    assert_eq!(
        problems("a: &x {k: v}\nb: *x\nc: !!str 1\nd:\n  <<: {e: f}\n"),
        [
            "f.yaml:1:4: a: anchors are refused: write the value out where it is needed",
            "f.yaml:2:4: b: aliases are refused: write the value out",
            "f.yaml:3:4: c: the tag `tag:yaml.org,2002:!str` is refused: leave it out",
            "f.yaml:5:3: d: merge keys are refused: write the fields out",
        ]
    );
}

#[test]
fn refuses_duplicate_keys_however_they_are_quoted() {
    assert_eq!(problems("a: {b: 1, c: 2, \"b\": 3}\n"), ["f.yaml:1:17: a: the key `b` is there twice"]);
}

#[test]
fn refuses_keys_that_are_not_strings() {
    assert_eq!(
        problems("1: a\ntrue: b\n~: c\n? [x]\n: d\non: e\n\"2\": f\n"),
        [
            "f.yaml:1:1: the key `1` is a number: quote it",
            "f.yaml:2:1: the key `true` is a boolean: quote it",
            "f.yaml:3:1: the key is empty: a key is a string",
            "f.yaml:4:3: a list or mapping as a key is refused: a key is a string",
            "f.yaml:6:1: `on` is a boolean to readers of YAML 1.1: quote it",
        ]
    );
}

#[test]
fn refuses_a_byte_order_mark_and_still_reads_on() {
    assert_eq!(
        problems("\u{feff}a: no\n"),
        [
            "f.yaml:1:1: a byte order mark is refused: save the file as UTF-8 without one",
            "f.yaml:1:4: a: `no` is a boolean to readers of YAML 1.1: quote it",
        ]
    );
}

#[test]
fn refuses_what_does_not_show() {
    assert_eq!(
        problems("a: b\r\n# hidden\u{2028}c: d\ne: \"\u{7}\"\n"),
        [
            "f.yaml:2:9: the character `\\u{2028}` does not show: write it as an escape in double quotes",
            "f.yaml:3:5: the character `\\u{7}` does not show: write it as an escape in double quotes",
        ]
    );
    assert_eq!(problems("a: \"\\u2028\\a\"\n"), Vec::<String>::new());
}

#[test]
fn names_the_place_where_the_syntax_breaks() {
    let problems = problems("a: x\nb: [1, 2\nc: d\n");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("f.yaml:3:"), "{problems:?}");
    assert!(problems[0].contains("not valid YAML"), "{problems:?}");
}

#[test]
fn refuses_a_tab_as_indentation() {
    assert_eq!(problems("a:\n\tb: c\n").len(), 1);
}

#[test]
fn bounds_size_depth_and_number_of_values() {
    assert!(problems(&" ".repeat(MAX_BYTES + 1))[0].contains("more than 1048576"));
    assert!(problems(&"[".repeat(MAX_DEPTH + 1))[0].ends_with("nested deeper than 32"));
    assert!(problems(&format!("[{}]", "a,".repeat(MAX_NODES)))[0].contains("more than 100000 values"));
    let deepest = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
    assert_eq!(problems(&deepest), Vec::<String>::new());
}

#[test]
fn reports_no_more_problems_than_one_can_read() {
    assert_eq!(problems(&format!("[{}]", "no,".repeat(1_000))).len(), 101);
}

#[test]
fn shows_what_was_written_on_one_line() {
    assert_eq!(quote("a\nb`\u{202e}"), "`a\\u{a}b'\\u{202e}`");
    assert!(quote(&"x".repeat(1_000)).len() < 110);
}

#[test]
fn reads_typed_values() {
    let source =
        "s: text\nb: true\ni: -3\nd: 15m\nt: 2026-11-20T09:00:00Z\nz: 256MiB\nw: green\nl: [a, b]\nm: {x: \"1\"}\n";
    let problems = reading(source, |map| {
        assert_eq!(map.required("s").string().as_deref(), Some("text"));
        assert_eq!(map.required("b").boolean(), Some(true));
        assert_eq!(map.required("i").integer(), Some(-3));
        assert_eq!(map.required("d").duration(), Some(Duration::from_secs(900)));
        assert_eq!(map.required("t").timestamp(), Timestamp::parse("2026-11-20T09:00:00Z"));
        assert_eq!(map.required("z").size(), Some(256 << 20));
        assert_eq!(map.required("w").one_of(&[("red", 1), ("green", 2)]), Some(2));
        assert_eq!(map.required("l").list(|item| item.string()), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(map.required("m").entries(|value| value.string()).unwrap()["x"], "1");
        assert_eq!(map.optional("absent").string(), None);
    });
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn collects_every_wrong_value() {
    let source = "s: 12\nb: \"true\"\nc: True\ni: 1.5\nd: 5\nt: 2026-11-20\nw: gren\nl: x\ne: \"\"\nnil:\n";
    let problems = reading(source, |map| {
        map.required("s").string();
        map.required("b").boolean();
        map.required("c").boolean();
        map.required("i").integer();
        map.required("d").duration_in(Duration::from_millis(1)..=Duration::from_secs(1));
        map.required("t").timestamp();
        map.required("w").one_of(&[("red", 1), ("green", 2)]);
        map.required("l").list(|item| item.string());
        map.required("e").string();
        map.optional("nil").string();
        map.required("gone").string();
    });
    assert_eq!(
        problems,
        [
            "f.yaml:1:1: gone: is required",
            "f.yaml:1:4: s: `12` is a number, not a string: quote it",
            "f.yaml:2:4: b: expected `true` or `false`, found a string: leave out the quotes",
            "f.yaml:3:4: c: expected `true` or `false`, found `True`",
            "f.yaml:4:4: i: expected a whole number, found `1.5`",
            "f.yaml:5:4: d: expected a duration such as `90s`, `15m`, `24h`, `30d` or `5ms`, found `5`",
            "f.yaml:6:4: t: expected a time in UTC such as `2026-11-20T09:00:00Z`, found `2026-11-20`",
            "f.yaml:7:4: w: `gren` is not one of `red`, `green`: did you mean `green`?",
            "f.yaml:8:4: l: expected a list, found `x`",
            "f.yaml:9:4: e: must not be empty",
            "f.yaml:10:1: nil: is empty: give it a value or leave it out",
        ]
    );
}

#[test]
fn holds_values_to_their_range() {
    let problems = reading("a: 5s\nb: 0\nc: 2KiB\n", |map| {
        map.required("a").duration_in(Duration::from_millis(1)..=Duration::from_secs(1));
        map.required("b").integer_in(1..=64);
        map.required("c").size_in(1..=1024);
    });
    assert_eq!(
        problems,
        [
            "f.yaml:1:4: a: must be between 1ms and 1s",
            "f.yaml:2:4: b: must be between 1 and 64",
            "f.yaml:3:4: c: must be between 1B and 1KiB",
        ]
    );
}

#[test]
fn refuses_unknown_fields_and_suggests_the_known_one() {
    let problems = reading("spec: {audeince: x, colour: red}\n", |map| {
        let mut spec = map.required("spec").mapping();
        spec.optional("audience").string();
        spec.finish();
    });
    assert_eq!(
        problems,
        [
            "f.yaml:1:8: spec: unknown field `audeince`: did you mean `audience`?",
            "f.yaml:1:21: spec: unknown field `colour`",
        ]
    );
}

#[test]
fn refuses_a_field_that_is_not_built() {
    let problems = reading("tokens: {}\n", |map| map.not_built("tokens", "tokens of the caller"));
    assert_eq!(problems, ["f.yaml:1:1: tokens: `tokens` is not built yet: tokens of the caller"]);
}

#[test]
fn says_nothing_more_about_what_was_refused() {
    let problems = reading("a: no\nb: !x text\n", |map| {
        map.required("a").boolean();
        map.required("b").string();
    });
    assert_eq!(
        problems,
        [
            "f.yaml:1:4: a: `no` is a boolean to readers of YAML 1.1: quote it",
            "f.yaml:2:4: b: the tag `!x` is refused: leave it out",
        ]
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_one_problem_and_not_one_per_field() {
    let problems = reading("spec: text\n", |map| {
        let mut spec = map.required("spec").mapping();
        spec.required("name").string();
        spec.required("owner").string();
        spec.finish();
    });
    assert_eq!(problems, ["f.yaml:1:7: spec: expected a mapping, found `text`"]);
}

#[test]
fn a_key_that_is_no_word_is_quoted_in_the_path() {
    let problems = reading("labels: {\"app/tier\": 1}\n", |map| {
        map.required("labels").entries(|value| value.string());
    });
    assert_eq!(problems, ["f.yaml:1:22: labels[\"app/tier\"]: `1` is a number, not a string: quote it"]);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in "\\PC*") {
        let _ = parse("f.yaml", &source);
    }

    #[test]
    fn no_nearly_valid_yaml_makes_it_panic(source in "([-?:,{}&*!|>'\"%@`#\\[\\] \t\n]|[a-z0-9]{1,3}|: |- |\n  |---\n|<<){0,60}") {
        let _ = parse("f.yaml", &source);
    }

    #[test]
    fn every_problem_names_line_and_column(source in "([-:,{}&*\\[\\] \n]|[a-z0-9]{1,3}|: |- |no|0660){0,40}") {
        if let Err(Problems(problems)) = parse("f.yaml", &source) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.line > 0 && problem.column > 0, "{}", problem);
            }
        }
    }
}
