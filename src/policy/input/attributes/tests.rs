//! What proto JSON has no number for, and what nests too deeply.

use std::collections::BTreeMap;

use prost_types::{ListValue, Struct, Value as Json};

use super::*;

fn json_of(kind: Kind) -> Json {
    Json { kind: Some(kind) }
}

fn shown(kind: Kind) -> String {
    serde_json::to_string(&json(&json_of(kind), &Reads::all(), 9).unwrap()).unwrap()
}

#[test]
fn a_double_is_shown_as_go_shows_it() {
    let rows = [
        (1.0, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (9_007_199_254_740_992.0, "9007199254740992"),
        (f64::NAN, "\"NaN\""),
        (f64::INFINITY, "\"Infinity\""),
        (f64::NEG_INFINITY, "\"-Infinity\""),
    ];
    for (number, text) in rows {
        assert_eq!(shown(Kind::NumberValue(number)), text);
    }
    assert_eq!(json(&Json { kind: None }, &Reads::all(), 9).unwrap(), Value::Null);
}

#[test]
fn metadata_that_nests_too_deeply_is_too_large() {
    let object = |inner: Json| json_of(Kind::StructValue(Struct { fields: BTreeMap::from([("a".to_owned(), inner)]) }));
    let list = |inner: Json| json_of(Kind::ListValue(ListValue { values: vec![inner] }));
    for wrap in [&object as &dyn Fn(Json) -> Json, &list] {
        let nested = |depth: usize| (0..depth).fold(json_of(Kind::BoolValue(true)), |inner, _| wrap(inner));
        assert!(json(&nested(60), &Reads::all(), STRUCT_DEPTH).is_ok());
        let deep = json(&nested(61), &Reads::all(), STRUCT_DEPTH);
        assert_eq!(deep, Err(HopError::TooLarge("metadata.depth")));
    }
}
