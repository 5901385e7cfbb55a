//! Every rule for the head of a document, each with the place that breaks it.

use super::*;

const PURPOSE: &str = "
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: checkout}
spec: {name: shop.checkout, owner: team-shop, description: pay for an order}
";

fn read(source: &str) -> Result<Vec<Document>, Problems> {
    decode("a.yaml", source, &Reading::of(&Rules::default()))
}

fn problems(source: &str) -> Vec<String> {
    read(source).unwrap_err().0.iter().map(ToString::to_string).collect()
}

fn edited(from: &str, to: &str) -> Vec<String> {
    assert!(PURPOSE.contains(from), "{from}");
    problems(&PURPOSE.replace(from, to))
}

#[test]
fn decodes_a_purpose() {
    let documents = read(PURPOSE).unwrap();
    let [Document { name, at, body: Body::Purpose(purpose, purpose_at), canonical, .. }] = &documents[..] else {
        panic!()
    };
    assert_eq!((name.as_str(), purpose.as_str()), ("checkout", "shop.checkout"));
    assert_eq!((at.line, at.column, purpose_at.line, purpose_at.column), (4, 18, 5, 14));
    assert!(canonical.is_empty());
}

#[test]
fn a_file_has_any_number_of_documents() {
    assert_eq!(read("").unwrap().len(), 0);
    assert_eq!(read("# nothing yet\n---\n").unwrap().len(), 0);
    assert_eq!(read(&format!("{PURPOSE}---{PURPOSE}")).unwrap().len(), 2);
}

#[test]
fn says_where_and_how_to_repair_what_is_wrong() {
    for (from, to, problem) in [
        ("apiVersion: hopguard.dev/v1alpha1\n", "", "a.yaml:2:1: apiVersion: is required"),
        ("v1alpha1", "v1", "a.yaml:2:13: apiVersion: `hopguard.dev/v1` is not `hopguard.dev/v1alpha1`"),
        ("kind: Purpose\n", "", "a.yaml:2:1: kind: is required"),
        (
            "kind: Purpose",
            "kind: purpose",
            "a.yaml:3:7: kind: `purpose` is not one of `Workload`, `Purpose`, `Resource`, `Grant`, `Activation`, \
             `Revocation`, `Fact`: did you mean `Purpose`?",
        ),
        ("metadata: {name: checkout}\n", "", "a.yaml:2:1: metadata: is required"),
        ("{name: checkout}", "{}", "a.yaml:4:11: metadata.name: is required"),
        ("checkout}\n", "checkout, labels: {a: b}}\n", "a.yaml:4:28: metadata: unknown field `labels`"),
        (
            "shop.checkout",
            "Shop",
            "a.yaml:5:14: spec.name: a purpose is lower-case words joined by dots, as in `billing.invoice`",
        ),
        ("owner: team-shop, ", "", "a.yaml:5:7: spec.owner: is required"),
        ("description", "describtion", "a.yaml:5:47: spec: unknown field `describtion`: did you mean `description`?"),
        ("spec: {", "status: {}\nspec: {", "a.yaml:5:1: unknown field `status`"),
    ] {
        assert_eq!(edited(from, to), [problem]);
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
fn every_kind_is_read_as_what_it_is() {
    for (kind, spec, withdraws) in [
        ("Purpose", "{name: shop, owner: team-shop}", false),
        (
            "Resource",
            "{audience: spiffe://td/a, actions: [{methods: [GET], paths: [/a]}], owner: team-a, sensitivity: low}",
            false,
        ),
        ("Revocation", "{target: {grant: a}, reason: lost, at: 2026-11-20T09:00:00Z}", true),
        ("Workload", "{spiffeId: spiffe://td/a, kind: job, owner: team-a}", false),
        ("Workload", "{spiffeId: spiffe://td/a, kind: job, owner: team-a, state: suspended}", true),
        ("Workload", "{prefix: spiffe://td/a/, kind: vendor, owner: team-a, state: offboarded}", true),
        ("Fact", "{key: a, value: 1, source: ci, observedAt: 2026-11-20T09:00:00Z, maxAge: 5m}", false),
        (
            "Activation",
            "{grant: a, requestedBy: bob, reason: fire, ticket: T-1, from: 2026-11-20T09:00:00Z, until: 2026-11-20T09:30:00Z}",
            false,
        ),
    ] {
        let source = format!("apiVersion: hopguard.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n");
        let documents = read(&source).unwrap();
        assert_eq!((documents[0].body.kind(), documents[0].body.withdraws()), (kind, withdraws));
    }
}

#[test]
fn what_is_signed_is_kept_where_there_is_a_signature() {
    let source = "
apiVersion: hopguard.dev/v1alpha1
kind: Workload
metadata: {name: a}
spec: {spiffeId: spiffe://td/a, kind: job, owner: team-a, signatures: [{by: alice, signature: x}]}
";
    let documents = read(source).unwrap();
    let expected = r#"{"apiVersion":"hopguard.dev/v1alpha1","kind":"Workload","metadata":{"name":"a"},"spec":{"kind":"job","owner":"team-a","spiffeId":"spiffe://td/a"}}"#;
    assert_eq!(std::str::from_utf8(&documents[0].canonical).unwrap(), expected);
}

#[test]
fn a_signature_is_whose_and_what() {
    for (signatures, problem) in [
        ("[]", "5:71: spec.signatures: is an empty list: name at least one"),
        ("[{by: alice}]", "5:72: spec.signatures[0].signature: is required"),
        ("[{signature: x}]", "5:72: spec.signatures[0].by: is required"),
        ("[{by: alice, signature: ''}]", "5:95: spec.signatures[0].signature: must not be empty"),
        ("[{by: alice, signature: x, date: z}]", "5:98: spec.signatures[0]: unknown field `date`"),
    ] {
        let head = "\napiVersion: hopguard.dev/v1alpha1\nkind: Workload\nmetadata: {name: a}\n";
        let spec =
            format!("{head}spec: {{spiffeId: spiffe://td/a, kind: job, owner: team-a, signatures: {signatures}}}\n");
        assert_eq!(problems(&spec), [format!("a.yaml:{problem}")]);
    }
}

#[test]
fn where_only_facts_are_read_nothing_else_is() {
    let problems = decode("a.yaml", PURPOSE, &Reading::FACTS).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "a.yaml:3:7: kind: only documents of kind `Fact` are read from this directory: move it to the others"
    );
}
