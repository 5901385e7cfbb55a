//! Asks a policy alone, as `test` and `eval` do: the hop is read as it is on the road, and what only the road can prove is given. No permit
//! comes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Context;

use crate::{
    clock::Timestamp,
    decision::{Decision, DecisionIds, Denial},
    delegation::Tokens,
    hop::{Escapes, Hop, Outline, Public, Rules, Strict},
    pb::{
        AttributeContext, CheckRequest, CheckResponse, HeaderValueOption,
        attribute_context::{HttpRequest, Request},
        check_response::HttpResponse,
    },
    policy::{
        self, Entrypoint, Options, Policy, Value,
        answer::{self, Directives, Pairs},
    },
    response,
};

/// A request as somebody writes it down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) method: String,
    pub(super) scheme: String,
    pub(super) host: String,
    /// With its query.
    pub(super) path: String,
    pub(super) headers: Pairs,
    pub(super) body: String,
}

impl Line {
    /// What Envoy would ask of it: its pseudo headers are there too, and headers of one name are joined.
    pub(super) fn check(&self, now: Timestamp) -> CheckRequest {
        let Self { method, scheme, host, path, headers, body } = self;
        let pseudo = [(":authority", host), (":method", method), (":path", path), (":scheme", scheme)];
        let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.clone()));
        let length = (!body.is_empty()).then(|| ("content-length".to_owned(), body.len().to_string()));
        let mut joined = BTreeMap::<String, String>::new();
        for (name, value) in pseudo.into_iter().chain(headers.iter().cloned()) {
            let name = name.to_ascii_lowercase();
            joined.entry(name).and_modify(|joined| *joined = format!("{joined},{value}")).or_insert(value);
        }
        if let Some((name, value)) = length {
            joined.entry(name).or_insert(value);
        }
        let http = HttpRequest {
            method: method.clone(),
            scheme: scheme.clone(),
            host: host.clone(),
            path: path.clone(),
            headers: joined,
            body: body.clone(),
            size: i64::try_from(body.len()).unwrap_or(i64::MAX),
            protocol: "HTTP/2".to_owned(),
            ..HttpRequest::default()
        };
        let time = prost_types::Timestamp {
            seconds: now.seconds(),
            nanos: i32::try_from(now.nanos().rem_euclid(1_000_000_000)).unwrap_or_default(),
        };
        let request = Request { http: Some(http), time: Some(time) };
        CheckRequest { attributes: Some(AttributeContext { request: Some(request), ..AttributeContext::default() }) }
    }
}

/// A policy, and how hops are read and answers told.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) policy: Policy,
    pub(super) options: Options,
    pub(super) rules: Rules,
    pub(super) answers: response::Rules,
}

/// What the caller, or the upstream, is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Of a denial.
    pub(super) status: Option<u16>,
    /// On an allow, what the policy sets on the request; else those of the answer.
    pub(super) headers: Pairs,
    /// Of a denial.
    pub(super) body: String,
}

impl Asking {
    /// What the policy would see of a hop, with `given` over it.
    pub(super) fn document(
        &self,
        check: Option<&CheckRequest>,
        given: &Value,
        now: Timestamp,
    ) -> Result<Value, Denial> {
        let mut document = match check {
            Some(check) => {
                let hop = Hop::decode(check, &self.rules)?;
                let input = policy::Input {
                    request: &hop.request,
                    credentials: &self.rules.token_headers,
                    this: None,
                    peer: None,
                    workload: None,
                    tokens: Tokens::default(),
                    actor: None,
                    purpose: None,
                    resource: None,
                    grant: None,
                    facts: None,
                    now,
                };
                self.policy.show(&input)?.value().clone()
            }
            None => BTreeMap::from([(Value::from("now"), Value::from(now.nanos()))]).into(),
        };
        lay(&mut document, given);
        Ok(document)
    }

    /// What the policy says of a document.
    pub(super) fn answer(&self, document: &Value, now: Timestamp) -> Result<Directives, Denial> {
        let answer = self.policy.ask(document.clone(), now)?;
        Ok(answer::read(&answer, &self.options.answers)?)
    }

    /// What comes of an answer.
    pub(super) fn told(&self, verdict: &Result<Directives, Denial>, now: Timestamp) -> anyhow::Result<Told> {
        match verdict {
            Ok(directives) => Ok(Told { headers: directives.headers.clone(), ..Told::default() }),
            Err(denial) => {
                let decision = Decision::denied(now, Outline::default(), denial.clone());
                let id = DecisionIds::new().context("the system has no randomness to give")?.next();
                let response = response::encode(&decision, id, &CheckRequest::default(), self.answers, |_| false);
                Ok(Told::of(&response))
            }
        }
    }
}

impl Told {
    /// Reads a response.
    pub(super) fn of(response: &CheckResponse) -> Self {
        let pairs = |options: &[HeaderValueOption]| {
            let headers = options.iter().filter_map(|option| option.header.as_ref());
            headers.map(|header| (header.key.clone(), header.value.clone())).collect()
        };
        match &response.http_response {
            Some(HttpResponse::OkResponse(ok)) => Self { headers: pairs(&ok.headers), ..Self::default() },
            Some(HttpResponse::DeniedResponse(denied)) => Self {
                status: denied.status.and_then(|status| u16::try_from(status.code).ok()),
                headers: pairs(&denied.headers),
                body: denied.body.clone(),
            },
            // Envoy makes a 403 of a denial that says nothing.
            _ => Self {
                status: response.status.as_ref().is_none_or(|status| status.code != 0).then_some(403),
                ..Self::default()
            },
        }
    }
}

/// How hops are read where no configuration says.
pub(super) fn rules() -> Rules {
    Rules {
        escapes: Escapes::default(),
        max_headers: 100,
        purpose_header: "x-hop-purpose".to_owned(),
        keep_headers: BTreeSet::new(),
        token_headers: BTreeSet::new(),
        tcp: false,
        strict: Strict::Enforce,
        public: Public::default(),
    }
}

/// How policies are run where no configuration says.
pub(super) fn options(entrypoint: &Entrypoint, gate: policy::Gate) -> Options {
    Options { gate, ..Options::new(entrypoint.clone(), TIMEOUT) }
}

/// Lays `over` over a value: objects field by field, all else whole.
pub(super) fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(_), Value::Object(over)) if over.is_empty() => {}
        (under @ Value::Object(_), Value::Object(over)) => {
            for (key, value) in over.iter() {
                let mut below = match &*under {
                    Value::Object(fields) => fields.get(key).cloned().unwrap_or(Value::Undefined),
                    _ => Value::Undefined,
                };
                lay(&mut below, value);
                if let Ok(fields) = under.as_object_mut() {
                    fields.insert(key.clone(), below);
                }
            }
        }
        (under, over) => *under = over.clone(),
    }
}

/// A developer's machine is busy with other things too.
const TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_lies_over_what_is_there_field_by_field() {
        let json = |text| Value::from_json_str(text).unwrap();
        let mut value = json(r#"{"a": {"b": 1, "c": [1]}, "d": 2}"#);
        lay(&mut value, &json(r#"{"a": {"c": [], "e": {"f": null}}, "g": {}}"#));
        assert_eq!(value, json(r#"{"a": {"b": 1, "c": [], "e": {"f": null}}, "d": 2, "g": {}}"#));
    }

    #[test]
    fn a_line_becomes_what_envoy_asks() {
        let line = Line {
            method: "POST".to_owned(),
            scheme: "https".to_owned(),
            host: "ledger.prod.example".to_owned(),
            path: "/v1/x?a=1".to_owned(),
            headers: [("Accept", "a"), ("accept", "b")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: "{}".to_owned(),
        };
        let check = line.check(Timestamp::from_seconds(7));
        let hop = Hop::decode(&check, &rules()).unwrap();
        let crate::hop::Request::Http(http) = hop.request else { panic!("no HTTP") };
        assert_eq!((http.body.bytes, http.body.truncated), (&b"{}"[..], false));
        assert_eq!(http.headers.joined("accept").as_deref(), Some("a,b"));
        assert_eq!(http.line.unwrap().host, "ledger.prod.example");
    }
}
