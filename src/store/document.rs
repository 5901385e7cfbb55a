//! Decodes one file of documents, all or none of them.

use std::sync::Arc;

use crate::{
    grant::{self, Grant},
    purpose::Purpose,
    yaml::{self, Node, Position, Problems, Reader, Value, quote},
};

/// One document, valid by itself; what it refers to has yet to be found.
#[derive(Debug)]
pub(super) struct Document {
    /// Its `metadata.name`.
    pub(super) name: String,
    /// Where that is.
    pub(super) at: Position,
    pub(super) body: Body,
}

/// What a document says.
#[derive(Debug)]
pub(super) enum Body {
    /// With the place of each of its purposes.
    Grant(Arc<Grant>, Vec<Position>),
    /// With the place of its name.
    Purpose(Purpose, Position),
}

impl Body {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Grant(..) => "Grant",
            Self::Purpose(..) => "Purpose",
        }
    }
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Its documents, or everything that is wrong with them.
    pub(super) documents: Result<Vec<Document>, Problems>,
    /// Whether one of them takes access away by a kind that is not built: to act without it would be to allow what it forbids. `None` if
    /// the file cannot be read so far.
    pub(super) withholds: Option<bool>,
}

/// Decodes the documents of a file.
pub(super) fn decode(file: &str, source: &str) -> Decoded {
    let reader = Reader::new(file);
    let nodes = reader.parse(source);
    let found = nodes.iter().any(withholds);
    let withholds = (found || reader.is_clean()).then_some(found);
    // All are decoded before one of them can fail the file, so that the problems of all are reported.
    let documents: Vec<_> = nodes.iter().map(|node| document(&reader, node)).collect();
    Decoded { documents: reader.finish(documents.into_iter().collect()), withholds }
}

fn document(reader: &Reader, node: &Node) -> Option<Document> {
    let mut document = reader.mapping(node);
    document.required("apiVersion").parsed(api_version);
    let kind = document.required("kind").parsed(Kind::parse);
    let mut metadata = document.required("metadata").mapping();
    let name = metadata.required("name");
    let at = name.at();
    let name = name.parsed(document_name);
    metadata.finish();
    let spec = document.required("spec");
    document.finish();
    let body = match kind? {
        Kind::Grant => {
            let read = grant::document::read(name.clone(), spec.mapping())?;
            Body::Grant(Arc::new(read.grant), read.purposes_at)
        }
        Kind::Purpose => purpose(spec)?,
    };
    Some(Document { name: name?, at, body })
}

/// The kinds that are built.
enum Kind {
    Grant,
    Purpose,
}

impl Kind {
    fn parse(name: &str) -> Result<Self, String> {
        match name {
            "Grant" => Ok(Self::Grant),
            "Purpose" => Ok(Self::Purpose),
            _ if WITHHOLDING.contains(&name) => Err(format!(
                "the kind `{name}` is not built yet; as it takes access away, nothing in its directory loads beside it: remove it"
            )),
            "Activation" | "Fact" | "Resource" => {
                Err(format!("the kind `{name}` is not built yet: remove the document"))
            }
            _ => Err(format!("{} is not one of `Purpose`, `Grant`", quote(name))),
        }
    }
}

/// Asked of what the file says, not of what could be made of it: a mistake elsewhere in it hides no such document.
fn withholds(node: &Node) -> bool {
    let yaml::Kind::Mapping(entries) = &node.kind else {
        return false;
    };
    entries.iter().filter(|entry| entry.key == "kind").any(|entry| match &entry.value.kind {
        yaml::Kind::Plain(name) | yaml::Kind::Quoted(name) => WITHHOLDING.contains(&name.as_str()),
        _ => false,
    })
}

fn purpose(spec: Value<'_>) -> Option<Body> {
    let mut spec = spec.mapping();
    let name = spec.required("name");
    let at = name.at();
    let purpose = name.parsed(grant::document::purpose);
    spec.required("owner").parsed(grant::document::line);
    spec.optional("description").string();
    spec.finish();
    Some(Body::Purpose(purpose?, at))
}

fn api_version(version: &str) -> Result<(), String> {
    match version {
        API_VERSION => Ok(()),
        _ => Err(format!("{} is not `{API_VERSION}`", quote(version))),
    }
}

/// Reads a name that Kubernetes would take too ([RFC 1123](https://www.rfc-editor.org/rfc/rfc1123#section-2.1) subdomains).
fn document_name(name: &str) -> Result<String, &'static str> {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_inner = |byte: u8| is_end(Some(byte)) || matches!(byte, b'-' | b'.');
    let valid = name.len() <= MAX_NAME
        && is_end(name.bytes().next())
        && is_end(name.bytes().next_back())
        && name.bytes().all(is_inner);
    valid.then(|| name.to_owned()).ok_or(
        "a name has at most 253 lower-case letters, digits, `-` and `.`, and begins and ends with a letter or digit",
    )
}

const API_VERSION: &str = "hopguard.dev/v1alpha1";
const MAX_NAME: usize = 253;
const WITHHOLDING: [&str; 2] = ["Revocation", "Workload"];

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSE: &str = "
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: checkout}
spec: {name: shop.checkout, owner: team-shop, description: pay for an order}
";

    fn problems(source: &str) -> Vec<String> {
        let problems = decode("a.yaml", source).documents.unwrap_err();
        problems.0.iter().map(ToString::to_string).collect()
    }

    fn edited(from: &str, to: &str) -> Vec<String> {
        assert!(PURPOSE.contains(from), "{from}");
        problems(&PURPOSE.replace(from, to))
    }

    #[test]
    fn decodes_a_purpose() {
        let documents = decode("a.yaml", PURPOSE).documents.unwrap();
        let [Document { name, at, body: Body::Purpose(purpose, purpose_at) }] = &documents[..] else { panic!() };
        assert_eq!((name.as_str(), purpose.as_str()), ("checkout", "shop.checkout"));
        assert_eq!((at.line, at.column, purpose_at.line, purpose_at.column), (4, 18, 5, 14));
    }

    #[test]
    fn a_file_has_any_number_of_documents() {
        assert_eq!(decode("a.yaml", "").documents.unwrap().len(), 0);
        assert_eq!(decode("a.yaml", "# nothing yet\n---\n").documents.unwrap().len(), 0);
        assert_eq!(decode("a.yaml", &format!("{PURPOSE}---{PURPOSE}")).documents.unwrap().len(), 2);
    }

    #[test]
    fn says_where_and_how_to_repair_what_is_wrong() {
        for (from, to, problem) in [
            ("apiVersion: hopguard.dev/v1alpha1\n", "", "a.yaml:2:1: apiVersion: is required"),
            ("v1alpha1", "v1", "a.yaml:2:13: apiVersion: `hopguard.dev/v1` is not `hopguard.dev/v1alpha1`"),
            ("kind: Purpose\n", "", "a.yaml:2:1: kind: is required"),
            ("kind: Purpose", "kind: purpose", "a.yaml:3:7: kind: `purpose` is not one of `Purpose`, `Grant`"),
            ("metadata: {name: checkout}\n", "", "a.yaml:2:1: metadata: is required"),
            ("{name: checkout}", "{}", "a.yaml:4:11: metadata.name: is required"),
            ("checkout}\n", "checkout, labels: {a: b}}\n", "a.yaml:4:28: metadata: unknown field `labels`"),
            (
                "shop.checkout",
                "Shop",
                "a.yaml:5:14: spec.name: a purpose is lower-case words joined by dots, as in `billing.invoice`",
            ),
            ("owner: team-shop, ", "", "a.yaml:5:7: spec.owner: is required"),
            (
                "description",
                "describtion",
                "a.yaml:5:47: spec: unknown field `describtion`: did you mean `description`?",
            ),
            ("spec: {", "status: {}\nspec: {", "a.yaml:5:1: unknown field `status`"),
        ] {
            assert_eq!(edited(from, to), [problem]);
        }
    }

    #[test]
    fn a_document_name_is_one_that_kubernetes_would_take() {
        for name in ["a", "0", "a-b.c", &"a".repeat(253)] {
            assert!(document_name(name).is_ok(), "{name}");
        }
        for name in ["", "A", "a_b", "-a", "a-", ".a", "a.", "a b", "a/b", "ä", &"a".repeat(254)] {
            assert!(document_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn reports_the_problems_of_all_documents_at_once() {
        let wrong = PURPOSE.replace("team-shop", "[]").replace("checkout}", "Checkout}");
        let problems = problems(&format!("{wrong}---{wrong}"));
        assert_eq!(problems.len(), 4);
        assert!(problems[3].starts_with("a.yaml:10:36: spec.owner:"), "{problems:?}");
    }

    #[test]
    fn kinds_that_are_not_built_are_refused() {
        for kind in ["Activation", "Fact", "Resource", "Revocation", "Workload"] {
            let problems = edited("kind: Purpose", &format!("kind: {kind}"));
            assert!(
                problems[0].starts_with(&format!("a.yaml:3:7: kind: the kind `{kind}` is not built yet")),
                "{problems:?}"
            );
            assert_eq!(problems.len(), 1);
        }
    }

    #[test]
    fn notices_what_takes_access_away_whatever_else_is_wrong() {
        let withholds = |source: &str| decode("a.yaml", source).withholds;
        assert_eq!(withholds(PURPOSE), Some(false));
        assert_eq!(withholds(&PURPOSE.replace("team-shop", "[]")), Some(false));
        assert_eq!(withholds("kind: Revocation\n"), Some(true));
        assert_eq!(withholds("kind: 'Workload'\n"), Some(true));
        assert_eq!(withholds(&format!("{PURPOSE}---\nkind: Revocation\n---\n}}")), Some(true));
        assert_eq!(withholds("}\n---\nkind: Revocation\n"), None);
        assert_eq!(withholds("kind: Grant\nkind: Revocation\n"), None);
    }
}
