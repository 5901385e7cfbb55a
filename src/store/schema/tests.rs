//! The schema is held against the decoder, by the examples of `docs/documents.md`: both name the same fields, both take the examples, and
//! whatever becomes of an example, what the schema refuses does not load.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{schema, table::KINDS};
use crate::{
    store::{
        Rules,
        document::{Document, Reading, decode},
    },
    yaml::{self, Problems, Reader, asked_during},
};

const PAGE: &str = include_str!("../../../docs/documents.md");

/// The blocks of documents on the page.
fn blocks() -> Vec<&'static str> {
    PAGE.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// Each document on the page, as JSON.
pub(super) fn examples() -> Vec<Value> {
    let nodes = blocks().into_iter().flat_map(|block| yaml::parse("documents.md", block).unwrap());
    let reader = Reader::new("documents.md");
    nodes.map(|node| reader.value(&node).json().unwrap()).collect()
}

fn decoded(source: &str) -> Result<Vec<Document>, Problems> {
    decode("documents.md", source, &Reading::of(&Rules::default()))
}

pub(super) fn problems(document: &Value) -> Vec<String> {
    // What is said in JSON is said in YAML.
    decoded(&document.to_string())
        .map_or_else(|problems| problems.0.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn every_example_loads_and_there_is_one_of_each_kind_and_type() {
    for block in blocks() {
        assert!(decoded(block).is_ok(), "{}\n{block}", decoded(block).unwrap_err());
    }
    let kinds: BTreeSet<String> = examples().iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, KINDS.iter().map(|(kind, ..)| (*kind).to_owned()).collect());
    let types: BTreeSet<String> =
        examples().iter().filter_map(|it| it["spec"]["type"].as_str().map(str::to_owned)).collect();
    assert_eq!(types.len(), 5, "{types:?}");
}

#[test]
fn the_decoder_asks_for_the_fields_of_the_schema_and_for_no_others() {
    let schema = schema();
    for (kind, ..) in KINDS {
        let asked = asked_during(|| {
            for mut example in examples().into_iter().filter(|it| it["kind"] == kind) {
                if schema["definitions"][kind]["properties"].get("signatures").is_some() {
                    example["spec"]["signatures"] = json!([{"by": "alice@example.com", "signature": "x"}]);
                }
                assert_eq!(problems(&example), [""; 0], "{example:#}");
            }
        });
        let asked: BTreeSet<_> = asked.into_iter().filter(|path| path.starts_with("spec.")).collect();
        let mut described = BTreeSet::new();
        fields(&schema["definitions"][kind], "spec", &mut described);
        assert_eq!(asked, described, "{kind}");
    }
}

/// The paths of all fields below a schema.
fn fields(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields(property, &path, found);
        fields(&property["items"], &format!("{path}[]"), found);
        found.insert(path);
    }
}

#[test]
fn what_the_schema_refuses_does_not_load() {
    let (schema, mut patterns) = (schema(), Patterns::default());
    let (mut refused, mut count) = (0, 0);
    for example in examples() {
        assert_eq!(patterns.wrong(&schema, &schema, &example), None, "{example:#}");
        for mutant in mutants(&example) {
            count += 1;
            if let Some(why) = patterns.wrong(&schema, &schema, &mutant) {
                refused += 1;
                assert_ne!(problems(&mutant), [""; 0], "refused for {why}: {mutant:#}");
            }
        }
    }
    assert!(count > 1_000 && refused > count / 2, "{refused} of {count}");
}

#[test]
fn what_must_be_there_is_the_same_for_both() {
    let (schema, mut patterns) = (schema(), Patterns::default());
    for example in examples() {
        for without in all_paths(&example).iter().map(|path| removed(&example, path)) {
            let (loads, passes) = (problems(&without).is_empty(), patterns.wrong(&schema, &schema, &without).is_none());
            // That two fields come together is nothing that the schema says.
            let halved = without["spec"]["reviewedBy"].is_null() != without["spec"]["reviewedAt"].is_null();
            assert!(
                loads == passes || halved,
                "loads: {loads}, passes: {passes}, {without:#}\n{:?}",
                problems(&without)
            );
        }
    }
}

#[test]
fn an_unknown_field_is_refused_by_both_wherever_it_is() {
    let (schema, mut patterns) = (schema(), Patterns::default());
    for example in examples() {
        for path in all_paths(&example).iter().filter(|path| !is_free(path)) {
            let mut more = example.clone();
            let Some(object) = more.pointer_mut(path).and_then(Value::as_object_mut) else { continue };
            object.insert("surplus".to_owned(), json!("x"));
            assert!(
                patterns.wrong(&schema, &schema, &more).is_some() && !problems(&more).is_empty(),
                "{path} {more:#}"
            );
        }
    }
}

/// Where any JSON may stand.
fn is_free(path: &str) -> bool {
    ["/spec/labels", "/spec/value", "/equals"].iter().any(|free| path.contains(free))
}

#[test]
fn the_page_names_every_field_of_a_spec_and_no_other() {
    let schema = schema();
    for (kind, ..) in KINDS {
        let section = PAGE.split(&format!("\n## {kind}\n")).nth(1).unwrap();
        let table = section.split("| field | | |\n").nth(1).unwrap();
        let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
        let told: BTreeSet<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        let described: BTreeSet<&str> =
            schema["definitions"][kind]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(told, described, "{kind}");
    }
}

#[test]
fn the_page_lists_what_governance_finds() {
    for code in crate::governance::CODES {
        let row = format!("| `{}` | {} | {} |\n", code.id, code.severity.as_str(), code.fix);
        assert!(PAGE.contains(&row), "{row}");
    }
}

/// The paths of everything in a document below its frame.
fn all_paths(document: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, paths: &mut Vec<String>) {
        paths.push(path.to_owned());
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| walk(field, &format!("{path}/{name}"), paths))
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{path}/{index}"), paths));
            }
            _ => {}
        }
    }
    let mut paths = Vec::new();
    for name in ["apiVersion", "kind", "metadata", "spec"] {
        walk(&document[name], &format!("/{name}"), &mut paths);
    }
    paths
}

/// A document without what is there; without the list, if it was the only item.
fn removed(document: &Value, path: &str) -> Value {
    let mut document = document.clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(name)),
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        other => panic!("{other}"),
    }
    document
}

/// Documents in which one thing is something else.
fn mutants(document: &Value) -> Vec<Value> {
    let others = [
        json!(null),
        json!(true),
        json!(-1),
        json!(70_000),
        json!(""),
        json!("x"),
        json!("X y"),
        json!("/a/**"),
        json!("spiffe://prod.example/a"),
        json!("spiffe://prod.example/a/"),
        json!("2026-11-20T09:00:00Z"),
        json!("2026-11-20 09:00:00"),
        json!("90"),
        json!("90s"),
        json!("GET"),
        json!("é"),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({"x": "y"}),
    ];
    let mut mutants = Vec::new();
    for path in all_paths(document) {
        for other in &others {
            let mut mutant = document.clone();
            *mutant.pointer_mut(&path).unwrap() = other.clone();
            mutants.push(mutant);
        }
    }
    mutants
}

/// As much of a validator of draft 7 as the schema uses; whatever else it came to use would fail here.
#[derive(Default)]
struct Patterns(BTreeMap<String, Regex>);

impl Patterns {
    /// The first keyword that the value does not meet.
    fn wrong(&mut self, root: &Value, schema: &Value, value: &Value) -> Option<String> {
        let keywords = schema.as_object().unwrap();
        keywords.iter().find_map(|(keyword, wanted)| {
            let met = self.meets(root, (keyword, wanted), keywords, value);
            (!met).then(|| format!("`{keyword}: {wanted}` by {value}"))
        })
    }

    fn meets(
        &mut self,
        root: &Value,
        (keyword, wanted): (&str, &Value),
        all: &Map<String, Value>,
        value: &Value,
    ) -> bool {
        let none = Map::new();
        let fields = value.as_object().unwrap_or(&none);
        let mut is = |schema: &Value, value: &Value| self.wrong(root, schema, value).is_none();
        match keyword {
            "$schema" | "title" | "description" | "definitions" | "then" => true,
            "$ref" => is(root.pointer(wanted.as_str().unwrap().trim_start_matches('#')).unwrap(), value),
            "type" => match wanted.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64(),
                other => panic!("{other}"),
            },
            "properties" => wanted
                .as_object()
                .unwrap()
                .iter()
                .all(|(name, schema)| fields.get(name).is_none_or(|it| is(schema, it))),
            "additionalProperties" => fields
                .iter()
                .filter(|(name, _)| all.get("properties").is_none_or(|known| known.get(name).is_none()))
                .all(|(_, field)| wanted.is_object() && is(wanted, field)),
            "required" => {
                !value.is_object()
                    || wanted.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))
            }
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= wanted.as_u64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap()),
            "minProperties" => !value.is_object() || fields.len() as u64 >= wanted.as_u64().unwrap(),
            "maxProperties" => !value.is_object() || fields.len() as u64 <= wanted.as_u64().unwrap(),
            "minimum" => value.as_i64().is_none_or(|number| number >= wanted.as_i64().unwrap()),
            "maximum" => value.as_i64().is_none_or(|number| number <= wanted.as_i64().unwrap()),
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| is(wanted, item))),
            "allOf" => wanted.as_array().unwrap().iter().all(|schema| is(schema, value)),
            "anyOf" => wanted.as_array().unwrap().iter().any(|schema| is(schema, value)),
            "oneOf" => wanted.as_array().unwrap().iter().filter(|schema| is(schema, value)).count() == 1,
            "not" => !is(wanted, value),
            "if" => !is(wanted, value) || is(&all["then"], value),
            "pattern" => {
                let pattern = wanted.as_str().unwrap();
                let regex = self.0.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap());
                value.as_str().is_none_or(|text| regex.is_match(text))
            }
            other => panic!("{other}"),
        }
    }
}
