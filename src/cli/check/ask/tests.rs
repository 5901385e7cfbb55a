use std::collections::BTreeMap;

use prost_types::{Struct, Value};

use super::*;
use crate::{
    hop::{Hop, PathPattern, Public, Route},
    pb::{DeniedHttpResponse, HttpStatus, OkHttpResponse},
};

fn metadata(fields: &[(&str, Kind)]) -> Option<Struct> {
    let field = |(name, kind): &(&str, Kind)| ((*name).to_owned(), Value { kind: Some(kind.clone()) });
    Some(Struct { fields: fields.iter().map(field).collect::<BTreeMap<_, _>>() })
}

fn text(text: &str) -> Kind {
    Kind::StringValue(text.to_owned())
}

fn denied(http: i32, fields: &[(&str, Kind)]) -> Answer {
    let denied = DeniedHttpResponse { status: Some(HttpStatus { code: http }), ..DeniedHttpResponse::default() };
    Answer::of(&CheckResponse {
        status: Some(crate::pb::Status { code: 7, message: String::new() }),
        http_response: Some(HttpResponse::DeniedResponse(denied)),
        dynamic_metadata: metadata(fields),
    })
}

fn allowed(fields: &[(&str, Kind)]) -> Answer {
    Answer::of(&CheckResponse {
        status: Some(crate::pb::Status { code: 0, message: String::new() }),
        http_response: Some(HttpResponse::OkResponse(OkHttpResponse::default())),
        dynamic_metadata: metadata(fields),
    })
}

fn told(asked: &Asked) -> (Exit, String) {
    let mut out = Vec::new();
    let exit = tell(&Address::Unix("/run/x.sock".to_owned()), asked, false, &mut out).unwrap();
    (exit, String::from_utf8(out).unwrap())
}

#[test]
fn a_denial_with_a_reason_is_a_decision() {
    let answer = denied(401, &[("decision_id", text("d1")), ("reason", text("peer_missing"))]);
    assert_eq!(answer.fault(), None);
    let said = "ask        unix:/run/x.sock: denied for `peer_missing`, decision `d1`\n";
    assert_eq!(told(&Ok(answer)), (Exit::Yes, said.to_owned()));
    // As OPA's plugin answers: no reason, and the policy's own status.
    assert_eq!(denied(403, &[("decision_id", text("d1"))]).fault(), None);
}

#[test]
fn what_cannot_be_told_is_no_decision() {
    for reason in Reason::ALL {
        let is_away = reason.status() == decision::Status::ServiceUnavailable;
        let answer = denied(403, &[("decision_id", text("d1")), ("reason", text(reason.as_str()))]);
        assert_eq!(answer.fault(), is_away.then_some(Fault::Undecided), "{}", reason.as_str());
    }
    for fields in [&[("decision_id", text("d1"))][..], &[("decision_id", text("d1")), ("reason", text("new"))]] {
        assert_eq!(denied(503, fields).fault(), Some(Fault::Undecided));
    }
    for fields in [&[][..], &[("decision_id", text(""))], &[("decision_id", Kind::BoolValue(true))]] {
        assert_eq!(denied(403, fields).fault(), Some(Fault::Unnamed));
    }
    assert_eq!(Answer::of(&CheckResponse::default()).fault(), Some(Fault::Unnamed));
}

#[test]
fn whoever_lets_a_stranger_in_fails_unless_it_only_watches() {
    let id = ("decision_id", text("d1"));
    for fields in [&[id.clone()][..], &[id.clone(), ("allowed", Kind::BoolValue(true))]] {
        let (exit, said) = told(&Ok(allowed(fields)));
        assert_eq!(exit, Exit::Failed);
        assert!(
            said.contains(": allowed, decision `d1`\nunix:/run/x.sock: it let a stranger in: set `mode.proof`"),
            "{said}"
        );
    }
    // Envoy takes an answer without a status for an allow.
    let empty = CheckResponse { dynamic_metadata: metadata(std::slice::from_ref(&id)), ..CheckResponse::default() };
    assert_eq!(Answer::of(&empty).fault(), Some(Fault::LetIn));
    let watched = allowed(&[id, ("allowed", Kind::BoolValue(false)), ("reason", text("peer_missing"))]);
    let (exit, said) = told(&Ok(watched));
    assert_eq!(exit, Exit::Yes);
    assert!(said.contains("let through, only observed, what would be denied for `peer_missing`"), "{said}");
}

#[test]
fn what_is_asked_is_never_public() {
    let question = question();
    let mut rules = crate::cli::asking::rules();
    let everything = Route::new(&["GET"], &["/**"], true).unwrap();
    rules.public = Public::new(vec![everything]);
    let hop = Hop::decode(&question, &rules).unwrap();
    assert!(hop.ambiguities.is_empty() && PathPattern::parse("/.hopguard/ask").is_ok());
    assert!(!rules.public.admits(&hop));
}

#[test]
fn an_address_is_a_socket_or_loopback() {
    let parse = Address::parse;
    assert_eq!(parse("unix:/run/hopguard/check.sock"), Ok(Address::Unix("/run/hopguard/check.sock".to_owned())));
    assert!(parse("127.0.0.1:9191").is_ok() && parse("[::1]:9191").is_ok());
    for (wrong, why) in [
        ("unix:run/x", "absolute"),
        ("unix:", "absolute"),
        ("10.0.0.1:9443", "beyond loopback"),
        ("0.0.0.0:9443", "beyond loopback"),
        ("localhost:1", "`unix:/path` or `ip:port`"),
        ("/run/x", "`unix:/path`"),
    ] {
        assert!(parse(wrong).unwrap_err().contains(why), "{wrong}");
    }
}

#[test]
fn programs_are_told_in_json_and_nothing_is_written_raw() {
    let mut out = Vec::new();
    let asked = Ok(denied(403, &[("decision_id", text("\u{1b}[2J")), ("reason", text("grant_missing"))]));
    assert_eq!(tell(&Address::Unix("/x".to_owned()), &asked, true, &mut out).unwrap(), Exit::Yes);
    let report: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&report["ok"], &report["ask"]["answer"]["reason"]), (&true.into(), &"grant_missing".into()));
    assert!(!told(&asked).1.contains('\u{1b}'));
    let (exit, said) = told(&Err("cannot be reached: no".to_owned()));
    assert_eq!((exit, said.as_str()), (Exit::Unreachable, "unix:/run/x.sock: cannot be reached: no\n"));
}
