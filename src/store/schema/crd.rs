//! Describes each kind of document as a custom resource of Kubernetes, from the same table as the schema for editors: an API server that
//! has these definitions takes what the directory takes, but for the bounds that `docs/documents.md` lists.

pub(super) mod rules;

mod pattern;
mod shown;
mod structural;

use serde_json::{Value, json};

use self::shown::{Shown, shown};
use super::table::{KINDS, Shape};
use crate::store::{
    document::API_VERSION,
    write::render::{document, json as node},
};

/// Writes the definitions of all kinds, as a file of YAML.
pub fn crds() -> String {
    definitions().map(|(_, text)| text).collect::<Vec<_>>().join("---\n")
}

/// Each definition as a file of its own, by the plural of its kind.
fn definitions() -> impl Iterator<Item = (&'static str, String)> {
    KINDS.iter().map(|(kind, meaning, spec)| {
        let shown = shown(kind);
        let what = format!(
            "# The kind {kind} as a custom resource. Printed by `hopguard config --schema crds`: do not edit it.\n"
        );
        (shown.plural, what + &document(&node(&definition(kind, meaning, spec, &shown))))
    })
}

fn definition(kind: &str, meaning: &str, spec: &Shape, shown: &Shown) -> Value {
    let (group, version) = API_VERSION.split_once('/').unwrap_or((API_VERSION, ""));
    let Shown { plural, columns, selectable } = shown;
    let singular = kind.to_ascii_lowercase();
    let columns = columns.iter().map(|column| {
        let mut shown = json!({"name": column.name, "type": column.holds, "jsonPath": column.path});
        if let (true, Value::Object(shown)) = (column.wide, &mut shown) {
            shown.insert("priority".to_owned(), json!(1));
        }
        shown
    });
    let selectable = selectable.iter().map(|path| json!({"jsonPath": path}));
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            "annotations": {VERSION_ANNOTATION: VERSION.to_string()},
            "labels": {"app.kubernetes.io/part-of": "hopguard"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": singular,
                "shortNames": [format!("h{singular}")],
                "categories": ["hopguard"],
            },
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "additionalPrinterColumns": columns.collect::<Vec<_>>(),
                "selectableFields": selectable.collect::<Vec<_>>(),
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "description": format!("{kind}: {meaning}."),
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "kind": {"type": "string"},
                        "metadata": {"type": "object"},
                        "spec": structural::described(structural::section(spec), meaning),
                    },
                }},
            }],
        },
    })
}

/// Where a definition says which of two is the newer one.
const VERSION_ANNOTATION: &str = "hopguard.dev/crds-version";

/// One more whenever what the definitions accept changes: the chart's policy refuses to go back.
const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
