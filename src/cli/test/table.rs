//! A decision table as it is written: every field is known, and every problem has its place.

use std::{fs, io::Read as _, path::Path};

use crate::{
    cli::asking::Line,
    clock::Timestamp,
    decision::Reason,
    pb::{CheckRequest, check_request_from_json},
    policy::{self, Value},
    yaml::{self, Kind, Mapping, Node, Position, Problem, Problems, Reader, nearest, quote},
};

/// One row: what is asked, and what is expected.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) at: Position,
    pub(super) now: Timestamp,
    pub(super) check: Option<CheckRequest>,
    /// What is laid over the input; an object.
    pub(super) given: Value,
    pub(super) expected: Expected,
}

/// What a row expects; what it does not say may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) allow: bool,
    pub(super) reason: Option<Reason>,
    pub(super) policy_reason: Option<String>,
    pub(super) status: Option<u16>,
    /// Each with all its values; none: it must not be there.
    pub(super) headers: Vec<(String, Vec<String>)>,
    pub(super) body: Option<String>,
}

/// Whether a file of this name is found as a table.
pub(super) fn is_table(name: &str) -> bool {
    name.ends_with("_cases.yaml") || name.ends_with("_cases.yml")
}

/// Reads a file of cases.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(path: &Path) -> Result<Vec<Row>, Problems> {
    let file = path.display().to_string();
    let mut text = String::new();
    let limit = u64::try_from(yaml::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let read = fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    if let Err(error) = read {
        return Err(Problem::of_file(&file, format!("cannot be read: {error}")).into());
    }
    parse(&file, &text)
}

fn parse(file: &str, text: &str) -> Result<Vec<Row>, Problems> {
    let reader = Reader::new(file);
    let documents = reader.parse(text);
    if documents.is_empty() && reader.is_clean() {
        reader.report(Position::START, "", "there are no cases: begin with `cases:`");
    }
    let mut rows = Vec::new();
    for document in &documents {
        let mut table = reader.mapping(document);
        let defaults = table.has("defaults").then(|| {
            let mut defaults = table.optional("defaults").mapping();
            let now = defaults.optional("now").timestamp();
            let given = given(&reader, &mut defaults);
            defaults.finish();
            (now, given)
        });
        let (now, under) = defaults.unwrap_or_else(|| (None, Value::new_object()));
        let cases = table.required("cases");
        let read = cases.list(|case| row(&reader, case, now, &under)).unwrap_or_default();
        if read.is_empty() && cases.is_present() && reader.is_clean() {
            cases.problem("has no case");
        }
        rows.extend(read);
        table.finish();
    }
    for (index, row) in rows.iter().enumerate() {
        if rows.iter().take(index).any(|before| before.name == row.name) {
            reader.report(row.at, "name", format!("another case is called {}: name one otherwise", quote(&row.name)));
        }
    }
    reader.finish(Some(rows))
}

fn row(reader: &Reader, case: yaml::Value<'_>, now: Option<Timestamp>, under: &Value) -> Option<Row> {
    let at = case.at();
    let mut case = case.mapping();
    let name = case.required("name").string();
    let now = if case.has("now") || now.is_none() { case.required("now").timestamp() } else { now };
    let check = check(reader, &mut case, now.unwrap_or(Timestamp::MIN));
    let mut laid = under.clone();
    super::super::asking::lay(&mut laid, &given(reader, &mut case));
    let expected = expected(&mut case);
    case.finish();
    Some(Row { name: name?, at, now: now?, check: check?, given: laid, expected: expected? })
}

/// What is asked: a line, the attributes as Envoy sends them, or nothing, where everything is given.
fn check(reader: &Reader, case: &mut Mapping<'_>, now: Timestamp) -> Option<Option<CheckRequest>> {
    let attributes = case.optional("attributes");
    let hop = case.optional("hop");
    if attributes.is_present() && hop.is_present() {
        attributes.problem("is a second request: write `hop` or `attributes`");
        return None;
    }
    if let Some(node) = attributes.node() {
        let json = json(reader, node, attributes.path())?;
        let check = check_request_from_json(&serde_json::json!({ "attributes": json }).to_string());
        return check.map(Some).map_err(|error| attributes.problem(error)).ok();
    }
    if !hop.is_present() {
        return Some(None);
    }
    let mut hop = hop.mapping();
    let method = hop.optional("method");
    let method = if method.is_present() { method.string()? } else { "GET".to_owned() };
    let path = hop.required("path").string();
    let host = hop.optional("host");
    let host = if host.is_present() { host.string() } else { Some("localhost".to_owned()) };
    let scheme = hop.optional("scheme");
    let scheme = if scheme.is_present() { scheme.string() } else { Some("https".to_owned()) };
    let headers = if hop.has("headers") { headers(&hop.optional("headers")) } else { Some(Vec::new()) };
    let body = hop.optional("body");
    let body = if body.is_present() { body.text() } else { Some(String::new()) };
    hop.finish();
    let headers =
        headers?.into_iter().flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)));
    let line = Line { method, scheme: scheme?, host: host?, path: path?, headers: headers.collect(), body: body? };
    Some(Some(line.check(now)))
}

/// Names with one value, or a list of them, or `null` for none.
fn headers(value: &yaml::Value<'_>) -> Option<Vec<(String, Vec<String>)>> {
    let read = value.entries(|value| match value.node().map(|node| &node.kind) {
        Some(Kind::Sequence(_)) => value.list(|item| item.text()),
        Some(Kind::Null) => Some(Vec::new()),
        _ => value.text().map(|text| vec![text]),
    })?;
    Some(read.into_iter().map(|(name, values)| (name.to_ascii_lowercase(), values)).collect())
}

/// The fields of the input that are taken as given.
fn given(reader: &Reader, case: &mut Mapping<'_>) -> Value {
    let given = case.optional("given");
    let mut object = serde_json::Map::new();
    if let Some(Kind::Mapping(entries)) = given.node().map(|node| &node.kind) {
        for entry in entries {
            let path = format!("{}.{}", given.path(), entry.key);
            if !FIELDS.contains(&entry.key.as_str()) {
                let meant = nearest(&entry.key, FIELDS.iter().copied());
                let hint = meant.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
                reader.report(entry.at, given.path(), format!("no input has the field {}{hint}", quote(&entry.key)));
            } else if let Some(value) = json(reader, &entry.value, &path) {
                object.insert(entry.key.clone(), value);
            }
        }
    } else if given.is_present() {
        given.problem("is a mapping: the fields of the policy's `input`");
    }
    let text = serde_json::Value::Object(object).to_string();
    policy::document(&text).unwrap_or_else(|error| {
        given.problem(error.to_string());
        Value::new_object()
    })
}

fn expected(case: &mut Mapping<'_>) -> Option<Expected> {
    let allow = case.required("decision").one_of(&[("allow", true), ("deny", false)]);
    let words = Reason::ALL.map(|reason| (reason.as_str(), reason));
    let denial = [case.optional("reason"), case.optional("status"), case.optional("body")];
    let mut is_clear = true;
    for value in denial.iter().filter(|value| value.is_present() && allow == Some(true)) {
        value.problem("is of a denial, and this case expects `allow`");
        is_clear = false;
    }
    let [reason, status, body] = denial;
    let reason = if reason.is_present() { Some(reason.one_of(&words)?) } else { None };
    let policy_reason = case.optional("policy_reason").text();
    let status = status.integer_in(100..=599).and_then(|status| u16::try_from(status).ok());
    let body = body.text();
    let headers = if case.has("headers") { headers(&case.optional("headers"))? } else { Vec::new() };
    is_clear.then_some(Expected { allow: allow?, reason, policy_reason, status, headers, body })
}

/// What a node says as JSON.
fn json(reader: &Reader, node: &Node, path: &str) -> Option<serde_json::Value> {
    Some(match &node.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::Quoted(text) => text.as_str().into(),
        Kind::Plain(text) if yaml::is_string(text) => text.as_str().into(),
        Kind::Plain(text) => {
            let number: Result<serde_json::Value, _> = serde_json::from_str(text);
            match number {
                Ok(value) => value,
                Err(_) => {
                    reader.report(
                        node.at,
                        path,
                        format!("{} is neither plainly a number nor a string: quote it", quote(text)),
                    );
                    return None;
                }
            }
        }
        Kind::Sequence(items) => {
            let items = items.iter().enumerate().map(|(index, item)| json(reader, item, &format!("{path}[{index}]")));
            items.collect::<Option<Vec<_>>>()?.into()
        }
        Kind::Mapping(entries) => {
            let fields = entries
                .iter()
                .map(|entry| Some((entry.key.clone(), json(reader, &entry.value, &format!("{path}.{}", entry.key))?)));
            fields.collect::<Option<serde_json::Map<_, _>>>()?.into()
        }
        Kind::Refused => return None,
    })
}

/// The fields that an input can have, `now` apart, which has its own.
const FIELDS: &[&str] = &[
    "actor",
    "attributes",
    "facts",
    "grant",
    "grants",
    "hop",
    "parsed_body",
    "parsed_path",
    "parsed_query",
    "peer",
    "purpose",
    "resource",
    "self",
    "source_principal",
    "stale_facts",
    "tokens",
    "truncated_body",
    "version",
];

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
defaults:
  now: 2026-11-20T09:00:00Z
  given: {grant: {type: standing}, peer: {labels: {tier: \"1\"}}}
cases:
  - name: a small amount
    hop: {path: \"/charge?amount=5\", headers: {accept: [a, b]}}
    decision: allow
  - name: a large one
    now: 2026-11-20T10:00:00Z
    hop: {method: POST, path: /charge, host: payments.prod.example, headers: {content-type: application/json}, body: '{}'}
    given: {grant: {name: g}}
    decision: deny
    reason: policy_denied
    status: 403
    headers: {x-none: null, content-type: application/json}
";

    #[test]
    fn a_table_is_read_with_what_lies_below_all_its_cases() {
        let rows = parse("a_cases.yaml", TABLE).unwrap();
        let [small, large] = rows.as_slice() else { panic!("two cases") };
        assert_eq!((small.now.to_string(), small.at.line), ("2026-11-20T09:00:00Z".to_owned(), 5));
        assert_eq!(large.now.to_string(), "2026-11-20T10:00:00Z");
        let grant = |row: &Row| {
            let json = row.given["grant"].to_json_str().unwrap();
            serde_json::from_str::<serde_json::Value>(&json).unwrap()
        };
        assert_eq!(grant(small), serde_json::json!({"type": "standing"}));
        assert_eq!(grant(large), serde_json::json!({"name": "g", "type": "standing"}));
        let expected = &large.expected;
        assert_eq!((expected.allow, expected.reason, expected.status), (false, Some(Reason::PolicyDenied), Some(403)));
        assert_eq!(
            expected.headers,
            [("content-type".to_owned(), vec!["application/json".to_owned()]), ("x-none".to_owned(), vec![])]
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_field() {
        let rows = [
            ("cases: []\n", "a.yaml:1:8: cases: has no case"),
            ("", "a.yaml:1:1: there are no cases: begin with `cases:`"),
            ("cases: [{name: a, decision: allow}]\n", "a.yaml:1:9: cases[0].now: is required"),
            (
                "cases: [{name: a, now: 2026-11-20T09:00:00Z, decision: allow, reason: grant_missing}]\n",
                "a.yaml:1:71: cases[0].reason: is of a denial, and this case expects `allow`",
            ),
            (
                "cases: [{name: a, now: 2026-11-20T09:00:00Z, decision: deny, reason: policy_deny}]\n",
                "cases[0].reason: `policy_deny` is not one of",
            ),
            (
                "cases: [{name: a, now: 2026-11-20T09:00:00Z, decision: deny, given: {pear: 1}}]\n",
                "a.yaml:1:70: cases[0].given: no input has the field `pear`: did you mean `peer`?",
            ),
            (
                "cases: [{name: a, now: 2026-11-20T09:00:00Z, decision: deny, hop: {path: /, metod: a}}]\n",
                "cases[0].hop: unknown field `metod`: did you mean `method`?",
            ),
            (
                "cases: [{name: a, now: 2026-11-20T09:00:00Z, decision: deny, attributes: {request: {htp: {}}}}]\n",
                "cases[0].attributes: ",
            ),
            (
                "defaults: {now: 2026-11-20T09:00:00Z}\ncases: [{name: a, decision: deny}, {name: a, decision: deny}]\n",
                "a.yaml:2:36: name: another case is called `a`",
            ),
        ];
        for (text, said) in rows {
            let found = parse("a.yaml", text).unwrap_err().to_string();
            assert!(found.contains(said), "{text}{found}");
        }
    }

    #[test]
    fn attributes_are_read_as_envoy_sends_them() {
        let table = "cases: [{name: a, now: 2026-11-20T09:00:00Z, decision: deny, attributes: {request: {http: {method: GET, size: 41}}}}]\n";
        let rows = parse("a.yaml", table).unwrap();
        let attributes = rows[0].check.clone().unwrap().attributes.unwrap();
        let http = attributes.request.unwrap().http.unwrap();
        assert_eq!((http.method.as_str(), http.size), ("GET", 41));
    }
}
