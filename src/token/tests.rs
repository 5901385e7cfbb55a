#![expect(clippy::needless_pass_by_value, reason = "a value is written where it is used")]

use std::time::Duration;

use serde_json::json;

use super::{fixture::*, *};

mod cache;
mod jwt_svid;
mod oidc;
mod properties;
mod route;
mod times;
mod transaction;

#[test]
fn what_no_rule_names_is_no_token() {
    let scene = Scene::new();
    let tokens = scene.tokens(&[("x-token", "rubbish"), (BEARER, "Basic rubbish")]);
    assert_eq!(tokens, Tokens { jwt_svid: Ok(None), transaction: Ok(None), oidc: Ok(None) });
    let none = Scene::with(|scene| scene.rules = Rules::default());
    assert_eq!(none.tokens(&[(BEARER, "Bearer rubbish"), (TXN, "rubbish")]).error(), None);
}

#[test]
fn names_the_headers_that_may_hold_a_token() {
    let mut rules = rules();
    rules.oidc[0].header = "x-person".into();
    for (header, named) in
        [(BEARER, true), (TXN, true), ("x-person", true), ("x-token", false), ("Authorization", false)]
    {
        assert_eq!(rules.names(header), named, "{header}");
    }
}

#[test]
fn a_required_token_that_is_not_there_is_missing() {
    let missing = |edit: fn(&mut Rules), headers: &[(&str, &str)]| {
        let tokens = Scene::with(|scene| edit(&mut scene.rules)).tokens(headers);
        tokens.error().map(|error| (error.kind, reason(error), error.detail()))
    };
    let jwt_svid: fn(&mut Rules) = |rules| rules.jwt_svid.as_mut().unwrap().required = true;
    let transaction: fn(&mut Rules) = |rules| rules.transaction.as_mut().unwrap().required = true;
    let oidc: fn(&mut Rules) = |rules| rules.oidc[0].required = true;
    let (svid, person, txn) =
        (format!("Bearer {}", svid(json!({}))), format!("Bearer {}", oidc_token()), txn(json!({})));
    for (edit, kind, held) in [
        (jwt_svid, Kind::JwtSvid, (BEARER, &svid)),
        (transaction, Kind::Transaction, (TXN, &txn)),
        (oidc, Kind::Oidc, (BEARER, &person)),
    ] {
        let absent = Some((kind, "token_missing", "jwt.absent"));
        assert_eq!(missing(edit, &[]), absent);
        assert_eq!(missing(edit, &[(BEARER, "Basic YTpi")]), absent);
        assert_eq!(missing(edit, &[(held.0, held.1)]), None);
    }
    assert_eq!(missing(jwt_svid, &[(BEARER, &person)]).unwrap().1, "token_missing");
    assert_eq!(missing(oidc, &[(BEARER, &svid)]).unwrap().1, "token_missing");
    assert_eq!(missing(jwt_svid, &[(BEARER, "Bearer")]).unwrap().1, "token_malformed", "bad is not absent");
}

#[test]
fn of_several_required_issuers_each_is_required() {
    let scene = Scene::with(|scene| {
        scene.rules.oidc[0].required = true;
        let more = OidcRules { issuer: "https://other.example".into(), ..scene.rules.oidc[0].clone() };
        scene.rules.oidc.push(more);
    });
    let tokens = scene.tokens(&[(BEARER, &format!("Bearer {}", oidc_token()))]);
    assert_eq!(tokens.oidc.unwrap_err().why, Why::Missing);
}

fn oidc_token() -> String {
    oidc(json!({}))
}
