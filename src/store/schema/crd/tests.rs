//! The definitions are held against the table and the decoder; that an API server takes them, and what it then refuses, is tested with a
//! real one in `tests/chart/crds`.

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock, time::Duration};

use proptest::prelude::*;
use regex::Regex;
use serde_json::{Value, json};

use super::{definitions, pattern, rules};
use crate::{
    grant::Kind,
    store::schema::{
        table::{Field, Holds, KINDS, Shape},
        tests::{examples, problems},
    },
    yaml::{self, Reader, show_duration},
};

fn read(text: &str) -> Value {
    let nodes = yaml::parse("crd.yaml", text).unwrap();
    assert_eq!(nodes.len(), 1);
    Reader::new("crd.yaml").value(&nodes[0]).json().unwrap()
}

fn spec_of(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
}

#[test]
fn the_chart_ships_what_is_printed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/k8s/charts/hopguard-crds/files/crds");
    for (plural, text) in definitions() {
        let ships = fs::read_to_string(folder.join(format!("{plural}.yaml"))).unwrap_or_default();
        assert!(ships == text, "print them anew: `deploy/k8s/charts/hopguard-crds/print.sh target/debug/hopguard`");
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), KINDS.len());
}

#[test]
fn all_of_them_are_one_file_of_yaml() {
    let nodes = yaml::parse("crds.yaml", &super::crds()).unwrap();
    assert_eq!(nodes.len(), KINDS.len());
}

#[test]
fn every_field_of_the_table_is_described_and_no_other() {
    fn of_table(shape: &Shape, path: &str, found: &mut BTreeSet<String>) {
        for Field { name, holds, meaning, .. } in shape.fields {
            found.insert(format!("{path}.{name}: {meaning}"));
            if let Holds::Section(inner) | Holds::List(Holds::Section(inner)) = holds {
                of_table(inner, &format!("{path}.{name}"), found);
            }
        }
    }
    fn of_schema(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            found.insert(format!("{path}.{name}: {}", property["description"].as_str().unwrap()));
            of_schema(property, &format!("{path}.{name}"), found);
            of_schema(&property["items"], &format!("{path}.{name}"), found);
        }
    }
    for ((kind, _, shape), (_, text)) in KINDS.iter().zip(definitions()) {
        let definition = read(&text);
        assert_eq!(definition["spec"]["names"]["kind"], *kind);
        let (mut wanted, mut described) = (BTreeSet::new(), BTreeSet::new());
        of_table(shape, "spec", &mut wanted);
        of_schema(spec_of(&definition), "spec", &mut described);
        assert_eq!(wanted, described, "{kind}");
    }
}

/// Calls `look` with every schema, and with whether it is one that only holds a value to more.
fn every_schema(schema: &Value, only_holds: bool, look: &mut impl FnMut(&Value, bool)) {
    look(schema, only_holds);
    let all = |name: &str| schema[name].as_array().cloned().unwrap_or_default();
    schema["properties"].as_object().into_iter().flatten().for_each(|(_, inner)| every_schema(inner, only_holds, look));
    for name in ["items", "additionalProperties"].into_iter().filter(|name| schema.get(name).is_some()) {
        every_schema(&schema[name], only_holds, look);
    }
    if schema.get("not").is_some() {
        every_schema(&schema["not"], true, look);
    }
    ["allOf", "anyOf", "oneOf"].into_iter().flat_map(all).for_each(|inner| every_schema(&inner, true, look));
}

#[test]
fn every_text_list_and_map_has_a_bound() {
    for (plural, text) in definitions() {
        every_schema(spec_of(&read(&text)), false, &mut |schema, only_holds| {
            let has = |name: &str| schema.get(name).is_some();
            let bounded = only_holds
                || match schema.get("type").and_then(Value::as_str) {
                    Some("string") => has("maxLength") || has("enum"),
                    Some("array") => has("maxItems") && has("items"),
                    Some("object") => has("properties") || has("maxProperties") && has("additionalProperties"),
                    Some("integer") => has("minimum") && has("maximum"),
                    _ => schema["x-kubernetes-preserve-unknown-fields"] == true,
                };
            assert!(bounded, "{plural}: {schema:#}");
        });
    }
}

#[test]
fn every_schema_is_structural() {
    for (plural, text) in definitions() {
        every_schema(spec_of(&read(&text)), false, &mut |schema, only_holds| {
            let names: BTreeSet<_> = schema.as_object().unwrap().keys().map(String::as_str).collect();
            let refused: &[&str] = if only_holds {
                &["type", "description", "additionalProperties", "default", "nullable", "x-kubernetes-validations"]
            } else {
                &["$ref", "if", "then", "const", "uniqueItems", "patternProperties"]
            };
            assert!(refused.iter().all(|name| !names.contains(name)), "{plural}: {schema:#}");
            assert_ne!(schema.get("additionalProperties"), Some(&json!(false)), "{plural}");
        });
    }
}

#[test]
fn what_is_shown_and_selected_is_there() {
    for (plural, text) in definitions() {
        let definition = read(&text);
        let version = &definition["spec"]["versions"][0];
        let found = |path: &str| {
            path.strip_prefix(".spec.").unwrap().split('.').try_fold(spec_of(&definition), |schema, name| match name {
                "*" => Some(schema),
                _ => schema["properties"].get(name),
            })
        };
        let columns = version["additionalPrinterColumns"].as_array().unwrap();
        let paths = columns.iter().map(|column| column["jsonPath"].as_str().unwrap());
        for path in paths.filter(|path| !path.starts_with(".metadata")) {
            assert!(found(path).is_some(), "{plural}: {path}");
        }
        let selectable = version["selectableFields"].as_array().unwrap();
        assert!((1..=8).contains(&selectable.len()), "{plural}");
        for field in selectable {
            assert_eq!(found(field["jsonPath"].as_str().unwrap()).unwrap()["type"], "string", "{plural}: {field}");
        }
    }
}

#[test]
fn grants_last_as_long_as_their_type_allows() {
    let grants = definitions().find(|(plural, _)| *plural == "grants").unwrap().1;
    let rules = spec_of(&read(&grants))["x-kubernetes-validations"].as_array().unwrap().clone();
    let life = rules.iter().find(|rule| rule["rule"] == rules::MAX_TTL).unwrap();
    for kind in [Kind::Standing, Kind::Eligible, Kind::Jit, Kind::Exception, Kind::BreakGlass] {
        let (name, longest) = (kind.as_str(), kind.max_ttl());
        let hours = longest.as_secs() / Duration::from_hours(1).as_secs();
        assert!(rules::MAX_TTL.contains(&format!("'{name}': '{hours}h'")), "{name}");
        let says = life["messageExpression"].as_str().unwrap();
        assert!(says.contains(&format!("'{name}': '{}'", show_duration(longest))), "{name}");
    }
}

/// Where a text of each spelling stands in an example.
const PLACES: [(&str, &str, &str); 15] = [
    ("Purpose", "/spec/name", "dotted"),
    ("Revocation", "/spec/target/fingerprint", "fingerprint"),
    ("Resource", "/spec/actions/0/grpc/0", "grpc"),
    ("Revocation", "/spec/target/serial", "hex"),
    ("Resource", "/spec/actions/0/hosts/0", "host"),
    ("Purpose", "/spec/owner", "line"),
    ("Resource", "/spec/actions/0/methods/0", "method"),
    ("Activation", "/spec/grant", "name"),
    ("Resource", "/spec/actions/0/paths/0", "path"),
    ("Workload", "/spec/prefix", "prefix"),
    ("Resource", "/spec/audience", "spiffe_id"),
    ("Revocation", "/spec/target/trustDomain", "trust_domain"),
    ("Resource", "/spec/actions/0/upgrade/0", "upgrade"),
    ("Fact", "/spec/observedAt", "time"),
    ("Fact", "/spec/maxAge", "duration"),
];

/// One spelling: its pattern, and a document that loads but for the text at a place.
struct Spelling {
    name: &'static str,
    place: &'static str,
    pattern: Regex,
    document: Value,
}

static SPELLINGS: LazyLock<Vec<Spelling>> = LazyLock::new(|| {
    let spelling = |(kind, place, name)| {
        let pattern = Regex::new(&pattern_of(name)).unwrap();
        Spelling { name, place, pattern, document: document(kind, place) }
    };
    PLACES.into_iter().map(spelling).collect()
});

impl Spelling {
    fn of(name: &str) -> &'static Self {
        SPELLINGS.iter().find(|spelling| spelling.name == name).unwrap()
    }

    /// Whether a definition takes the text: no pattern of a path says that it is not empty.
    fn takes(&self, text: &str) -> bool {
        !text.is_empty() && self.pattern.is_match(text)
    }

    fn problems(&self, text: &str) -> Vec<String> {
        let mut document = self.document.clone();
        *document.pointer_mut(self.place).unwrap() = json!(text);
        problems(&document)
    }
}

fn pattern_of(name: &str) -> String {
    match name {
        "dotted" => pattern::DOTTED.to_owned(),
        "fingerprint" => pattern::FINGERPRINT.to_owned(),
        "grpc" => pattern::GRPC.to_owned(),
        "hex" => pattern::HEX.to_owned(),
        "host" => pattern::host(),
        "line" => pattern::LINE.to_owned(),
        "method" => pattern::METHOD.to_owned(),
        "name" => pattern::NAME.to_owned(),
        "path" => pattern::path(),
        "prefix" => pattern::prefix(),
        "spiffe_id" => pattern::spiffe_id(),
        "trust_domain" => pattern::TRUST_DOMAIN.to_owned(),
        "upgrade" => pattern::UPGRADE.to_owned(),
        "time" => pattern::TIME.to_owned(),
        _ => pattern::DURATION.to_owned(),
    }
}

/// An example of the page that has something at that place.
fn document(kind: &str, place: &str) -> Value {
    let mut document = examples().into_iter().find(|it| it["kind"] == kind).unwrap();
    match kind {
        "Revocation" => document["spec"]["target"] = json!({place.rsplit('/').next().unwrap(): "x"}),
        "Resource" if place.contains("grpc") => document["spec"]["actions"] = json!([{"grpc": ["a/b"]}]),
        "Resource" => {
            let action = json!({"methods": ["GET"], "paths": ["/a"], "hosts": ["a"], "upgrade": ["websocket"]});
            document["spec"]["actions"] = json!([action]);
        }
        "Workload" => {
            document = json!({
                "apiVersion": document["apiVersion"], "kind": kind, "metadata": {"name": "a"},
                "spec": {"prefix": "x", "kind": "job", "owner": "team"},
            })
        }
        _ => {}
    }
    document
}

/// What the reader knows and no pattern can: the value of a number, a word that is kept out, the bytes that escapes stand for.
fn is_beyond_patterns(name: &str, text: &str) -> bool {
    match name {
        "host" => text.starts_with('['),
        "method" => text == "CONNECT",
        "upgrade" => text == "h2c",
        "path" => text.contains('%'),
        "time" | "duration" => true,
        _ => false,
    }
}

fn any_spelling() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9._-]{1,6}",
        "[A-Za-z0-9._/:*-]{1,8}",
        "[A-Z_-]{1,4}",
        "[0-9a-f]{1,8}|00|[0-9a-f]{64}",
        "(/[a-z*.~%!;{2F5C-]{0,3}){1,4}",
        "spiffe://[a-z.]{0,3}(/[aB0._-]{0,4}){0,4}",
        "[a-z0-9_.-]{0,5}(:[0-9]{0,5})?|\\[[0-9a-f:]{2,5}\\](:44[0-9])?",
        "[a-z_][a-z.]{0,4}/[A-Z][a-z]{0,3}",
        "[a-z \u{a0}\u{2003}]{1,4}",
        "[0-9]{1,3}(ms|s|m|h|d|w)?",
        "2026-11-2[0-9][Tt _][012][0-9]:00:00(\\.[0-9]{1,3})?Z?",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn a_pattern_takes_what_the_reader_takes(text in any_spelling()) {
        for spelling in SPELLINGS.iter() {
            let (name, matches, problems) = (spelling.name, spelling.takes(&text), spelling.problems(&text));
            // The reader takes RFC 3339's other separators too, Kubernetes does not.
            let separated = name == "time" && matches!(text.as_bytes().get(10), Some(b't' | b' '));
            prop_assert!(matches || !problems.is_empty() || separated, "{name} {text:?} is refused");
            prop_assert!(!matches || problems.is_empty() || is_beyond_patterns(name, &text), "{name} {text:?}: {problems:?}");
        }
    }
}

#[test]
fn each_spelling_has_texts_that_match() {
    for (name, text) in [
        ("host", "[::1]:8443"),
        ("host", "a:8080"),
        ("host", "a:442"),
        ("line", "team é ü"),
        ("path", "/"),
        ("path", "/**"),
        ("path", "/a/*/...b/%20/"),
        ("path", "/a/%E2%82%AC/**"),
        ("prefix", "spiffe://td/"),
        ("prefix", "spiffe://td/a/..b/"),
        ("spiffe_id", "spiffe://td/a/.../b"),
        ("time", "2026-11-20T09:00:00.123456789Z"),
    ] {
        assert!(Spelling::of(name).takes(text), "{name} {text}");
        assert_eq!(Spelling::of(name).problems(text), [""; 0], "{name} {text}");
    }
    for (name, text) in [
        ("host", "a:443"),
        ("host", "a:80"),
        ("host", "a:65536"),
        ("path", ""),
        ("path", "/a/./b"),
        ("path", "/a/.."),
        ("path", "/a/%2e"),
        ("path", "/a/%41"),
        ("path", "/a*"),
        ("path", "/**/a"),
        ("path", "/***"),
        ("spiffe_id", "spiffe://td/.."),
        ("prefix", "spiffe://td/./"),
        ("hex", "00ff"),
        ("line", "a\u{85}b"),
    ] {
        assert!(!Spelling::of(name).takes(text), "{name} {text}");
        assert_ne!(Spelling::of(name).problems(text), [""; 0], "{name} {text}");
    }
}
