//! What was decided, and why, for people and for programs. Credentials are in neither.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use serde_json::{Value as Json, json};

use crate::{
    cli::{argument::Output, asking::Told},
    decision::{Decision, Denial},
    pb::{CheckResponse, check_response::HttpResponse},
    policy::{
        Came, PolicyError, Step, Trace, Value,
        answer::{Directives, Pairs},
    },
};

/// One decision, and what led to it.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) is_allow: bool,
    pub(super) id: Option<String>,
    reason: Option<&'static str>,
    detail: Option<&'static str>,
    message: Option<String>,
    policy_reason: Option<String>,
    observed: Vec<&'static str>,
    told: Told,
    remove: Vec<String>,
    response_headers: Pairs,
    metadata: Vec<(String, Json)>,
    pub(super) missing: Vec<String>,
    pub(super) trace: Option<Trace>,
    pub(super) input: Option<Value>,
    /// Further headers that hold credentials.
    pub(super) hide: BTreeSet<String>,
}

impl Report {
    /// Of a decision of the whole road.
    pub(super) fn of(decision: &Decision, response: &CheckResponse) -> Self {
        let denial = decision.denial();
        let (remove, response_headers) = match &response.http_response {
            Some(HttpResponse::OkResponse(ok)) => {
                let header = ok.response_headers_to_add.iter().filter_map(|option| option.header.as_ref());
                let pairs = header.map(|header| (header.key.clone(), header.value.clone())).collect();
                (ok.headers_to_remove.clone(), pairs)
            }
            _ => (Vec::new(), Pairs::new()),
        };
        let fields = response.dynamic_metadata.iter().flat_map(|metadata| &metadata.fields);
        Self {
            is_allow: decision.is_permit(),
            observed: decision.findings.observed.iter().map(|denial| denial.reason().as_str()).collect(),
            told: Told::of(response),
            remove,
            response_headers,
            metadata: fields.map(|(name, value)| (name.clone(), plain(value))).collect(),
            ..Self::because(denial)
        }
    }

    /// Of a policy's answer.
    pub(super) fn asked(verdict: &Result<Directives, Denial>, told: Told) -> Self {
        match verdict {
            Ok(directives) => Self {
                is_allow: true,
                told,
                policy_reason: directives.reason.clone(),
                remove: directives.remove.clone(),
                response_headers: directives.response_headers.clone(),
                ..Self::default()
            },
            Err(denial) => Self { told, ..Self::because(Some(denial)) },
        }
    }

    fn because(denial: Option<&Denial>) -> Self {
        let policy_reason = match denial {
            Some(Denial::Policy(PolicyError::Denied(reply))) => reply.reason.clone(),
            _ => None,
        };
        Self {
            reason: denial.map(|denial| denial.reason().as_str()),
            detail: denial.and_then(Denial::detail),
            message: denial.map(ToString::to_string),
            policy_reason,
            ..Self::default()
        }
    }

    /// Writes it.
    pub(super) fn write(&self, output: Output, out: &mut impl Write) -> io::Result<()> {
        match output {
            Output::Text => self.write_text(out),
            Output::Json => writeln!(out, "{:#}", self.to_json()),
        }
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let mut line = |name: &str, value: &str| writeln!(out, "{name:<16}{value}");
        for missing in &self.missing {
            line("missing", missing)?;
        }
        line("decision", self.decision())?;
        let status = self.told.status.map(|status| status.to_string());
        let rows = [
            ("id", self.id.as_deref()),
            ("reason", self.reason),
            ("detail", self.detail),
            ("message", self.message.as_deref()),
            ("policy reason", self.policy_reason.as_deref()),
            ("status", status.as_deref()),
        ];
        for (name, value) in rows {
            value.map_or(Ok(()), |value| line(name, &shown(value)))?;
        }
        self.observed.iter().try_for_each(|reason| line("observed", reason))?;
        let pairs =
            |pairs: &Pairs| pairs.iter().map(|(name, value)| shown(&format!("{name}: {value}"))).collect::<Vec<_>>();
        pairs(&self.told.headers).iter().try_for_each(|header| line("header", header))?;
        self.remove.iter().try_for_each(|name| line("remove", &shown(name)))?;
        pairs(&self.response_headers).iter().try_for_each(|header| line("response header", header))?;
        if !self.told.body.is_empty() {
            line("body", &shown(&self.told.body))?;
        }
        self.metadata.iter().try_for_each(|(name, value)| line("metadata", &format!("{name} = {value}")))?;
        if let Some(trace) = &self.trace {
            writeln!(out)?;
            for Step { name, file, line, came, stopped } in &trace.steps {
                let stopped = stopped.map(|line| format!(" (stops at line {line})")).unwrap_or_default();
                writeln!(out, "{file}:{line}: {name} {}{stopped}", said(came))?;
            }
            trace.printed.iter().try_for_each(|line| writeln!(out, "printed: {}", shown(line)))?;
        }
        if let Some(input) = &self.input {
            writeln!(out, "\n{:#}", self.scrubbed(input))?;
        }
        Ok(())
    }

    const fn decision(&self) -> &'static str {
        if self.is_allow { "allow" } else { "deny" }
    }

    fn to_json(&self) -> Json {
        let pairs = |pairs: &Pairs| pairs.iter().map(|(name, value)| json!([name, value])).collect::<Vec<_>>();
        let step = |Step { name, file, line, came, stopped }: &Step| {
            let (value, called, failed) = match came {
                Came::Value(value) => (json_of(value), false, None),
                Came::Called => (None, true, None),
                Came::Failed(why) => (None, false, Some(why)),
            };
            json!({
                "rule": name, "file": file, "line": line, "defined": value.is_some(), "value": value, "function": called,
                "failed": failed, "stopped": stopped,
            })
        };
        json!({
            "decision": self.decision(),
            "id": self.id,
            "reason": self.reason,
            "detail": self.detail,
            "message": self.message,
            "policy_reason": self.policy_reason,
            "observed": self.observed,
            "missing": self.missing,
            "response": {
                "status": self.told.status,
                "headers": pairs(&self.told.headers),
                "headers_to_remove": self.remove,
                "response_headers_to_add": pairs(&self.response_headers),
                "body": self.told.body,
                "metadata": self.metadata.iter().cloned().collect::<serde_json::Map<_, _>>(),
            },
            "explain": self.trace.as_ref().map(|trace| trace.steps.iter().map(step).collect::<Vec<_>>()),
            "printed": self.trace.as_ref().map(|trace| &trace.printed),
            "input": self.input.as_ref().map(|input| self.scrubbed(input)),
        })
    }

    /// The input without what speaks for anybody: a policy may be shown that, and a terminal may not.
    fn scrubbed(&self, input: &Value) -> Json {
        let mut input = json_of(input).unwrap_or_default();
        let is_hidden = |name: &str| {
            let name = name.to_ascii_lowercase();
            CREDENTIALS.contains(&name.as_str()) || self.hide.contains(&name)
        };
        if let Some(Json::Object(headers)) = input.pointer_mut("/attributes/request/http/headers") {
            for (_, value) in headers.iter_mut().filter(|(name, _)| is_hidden(name)) {
                *value = HIDDEN.into();
            }
        }
        if let Some(Json::Array(entries)) = input.pointer_mut("/attributes/request/http/headerMap/headers") {
            for entry in entries {
                if entry.get("key").and_then(Json::as_str).is_some_and(is_hidden) {
                    for name in ["value", "rawValue"] {
                        if let Some(value) = entry.get_mut(name) {
                            *value = HIDDEN.into();
                        }
                    }
                }
            }
        }
        input
    }
}

/// A value as JSON; none if it is undefined, or JSON cannot hold it.
fn json_of(value: &Value) -> Option<Json> {
    // Display can panic on values that only policies make; this says so instead.
    let json = value.to_json_str().ok().filter(|_| !matches!(value, Value::Undefined))?;
    serde_json::from_str(&json).ok()
}

fn said(came: &Came) -> String {
    match came {
        Came::Value(Value::Undefined) => "is undefined".to_owned(),
        Came::Value(value) => match json_of(value) {
            Some(json) => format!("= {}", cut(&json.to_string())),
            None => "has a value that cannot be shown".to_owned(),
        },
        Came::Called => "was called".to_owned(),
        Came::Failed(why) => shown(why),
    }
}

/// A text that stays on its line, and tells a terminal nothing.
fn shown(text: &str) -> String {
    let escape = |character: char| {
        if character.is_control() { character.escape_default().collect() } else { character.to_string() }
    };
    text.chars().map(escape).collect()
}

fn cut(text: &str) -> String {
    let mut cut: String = text.chars().take(MAX_SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    shown(&cut)
}

fn plain(value: &prost_types::Value) -> Json {
    use prost_types::value::Kind;
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::NumberValue(number)) => json!(number),
        Some(Kind::StringValue(text)) => json!(text),
        Some(Kind::BoolValue(value)) => json!(value),
        Some(Kind::StructValue(fields)) => {
            Json::Object(fields.fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        Some(Kind::ListValue(list)) => list.values.iter().map(plain).collect(),
    }
}

/// Headers that hold credentials wherever they are.
const CREDENTIALS: [&str; 5] =
    ["authorization", "cookie", "proxy-authorization", "txn-token", "x-forwarded-client-cert"];
const HIDDEN: &str = "(hidden)";
const MAX_SHOWN: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown_in_either_form_of_headers() {
        let input = Value::from_json_str(
            r#"{"attributes": {"request": {"http": {
                "headers": {"authorization": "s", "x-own": "s", "accept": "a"},
                "headerMap": {"headers": [{"key": "Cookie", "rawValue": "s"}, {"key": "accept", "value": "a"}]}
            }}}}"#,
        )
        .unwrap();
        let report = Report { hide: BTreeSet::from(["x-own".to_owned()]), ..Report::default() };
        let shown = report.scrubbed(&input).to_string();
        assert!(!shown.contains("\"s\"") && shown.matches(HIDDEN).count() == 3, "{shown}");
        assert_eq!(shown.matches("\"a\"").count(), 2);
    }

    #[test]
    fn what_a_policy_says_tells_a_terminal_nothing() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(said(&Came::Value(Value::Undefined)), "is undefined");
    }
}
