use serde_json::json;

use super::*;

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn a_bearer_goes_to_the_verifier_of_its_issuer() {
    let kind = |token: &str| Scene::new().verify(BEARER, token).unwrap().kind();
    assert_eq!(kind(&oidc(json!({}))), Kind::Oidc);
    assert_eq!(kind(&svid(json!({}))), Kind::JwtSvid);
    assert_eq!(kind(&svid(json!({"iss": "https://spire.prod.example"}))), Kind::JwtSvid);
}

#[test]
fn there_is_no_second_try() {
    let error = |scene: Scene, token: &str| {
        let tokens = scene.tokens(&[(BEARER, &bearer(token))]);
        let error = tokens.error().unwrap();
        (error.kind, reason(error), error.detail())
    };
    let person_who_is_a_workload = svid(json!({"iss": "https://login.example"}));
    assert_eq!(error(Scene::new(), &person_who_is_a_workload), (Kind::Oidc, "token_malformed", "jwt.sub"));
    let signed_by_a_workload = PROD.sign(json!({}), &oidc_claims(json!({}))).unwrap();
    assert_eq!(error(Scene::new(), &signed_by_a_workload), (Kind::Oidc, "token_untrusted", "jwt.unknown_key"));
    for iss in
        ["https://login.example/", "https://LOGIN.example", "https://login.example.evil.example", "login.example"]
    {
        let expected = (Kind::JwtSvid, "token_malformed", "id.scheme");
        assert_eq!(error(Scene::new(), &oidc(json!({"iss": iss}))), expected, "{iss}");
    }
    let no_svids = || Scene::with(|scene| scene.rules.jwt_svid = None);
    assert_eq!(error(no_svids(), &svid(json!({}))), (Kind::Oidc, "token_untrusted", "jwt.iss"));
    assert_eq!(error(no_svids(), "rubbish"), (Kind::Oidc, "token_malformed", "jwt.format"));
    let no_people = || Scene::with(|scene| scene.rules.oidc.clear());
    assert_eq!(error(no_people(), &oidc(json!({}))), (Kind::JwtSvid, "token_malformed", "id.scheme"));
}

#[test]
fn each_header_holds_its_own_kinds() {
    let scene = || {
        Scene::with(|scene| {
            scene.rules.oidc[0].header = "x-person".into();
        })
    };
    assert_eq!(scene().verify("x-person", &oidc(json!({}))).unwrap().kind(), Kind::Oidc);
    assert_eq!(scene().verify(BEARER, &svid(json!({}))).unwrap().kind(), Kind::JwtSvid);
    assert_eq!(scene().verify("x-person", &svid(json!({}))), Err(("token_untrusted", "jwt.iss")));
    assert_eq!(scene().verify(BEARER, &oidc(json!({}))), Err(("token_malformed", "id.scheme")));
    assert_eq!(scene().verify(TXN, &oidc(json!({}))), Err(("token_malformed", "jwt.typ")));
    assert_eq!(scene().verify(BEARER, &txn(json!({}))), Err(("token_malformed", "jwt.typ")));
    let whole = scene().tokens(&[("x-person", &bearer(&oidc(json!({}))))]);
    assert_eq!(whole.error().unwrap().detail(), "jwt.format", "only `authorization` has schemes");
}

#[test]
fn a_header_of_transaction_tokens_holds_nothing_else() {
    let scene = Scene::with(|scene| {
        scene.rules.oidc[0].header = TXN.into();
        scene.rules.jwt_svid.as_mut().unwrap().header = TXN.into();
    });
    assert_eq!(scene.verify(TXN, &oidc(json!({}))), Err(("token_malformed", "jwt.typ")));
    assert_eq!(scene.verify(TXN, &svid(json!({}))), Err(("token_malformed", "jwt.typ")));
    assert_eq!(scene.verify(TXN, &txn(json!({}))).unwrap().kind(), Kind::Transaction);
}

#[test]
fn several_kinds_stand_beside_each_other() {
    let tokens = Scene::with(|scene| scene.rules.oidc[0].header = "x-person".into()).tokens(&[
        ("x-person", &oidc(json!({}))),
        (TXN, &txn(json!({}))),
        (BEARER, &bearer(&svid(json!({})))),
    ]);
    assert_eq!(tokens.error(), None);
    let subjects: Vec<_> = tokens.verified().map(|token| (token.kind(), token.subject().to_owned())).collect();
    let expected = [(Kind::JwtSvid, WEB), (Kind::Transaction, "alice"), (Kind::Oidc, "alice")];
    assert_eq!(subjects, expected.map(|(kind, subject)| (kind, subject.to_owned())));
}

#[test]
fn one_bad_token_spoils_no_other_and_is_not_hidden() {
    let tokens = Scene::new().tokens(&[(TXN, "rubbish"), (BEARER, &bearer(&svid(json!({}))))]);
    assert_eq!(tokens.error().unwrap().kind, Kind::Transaction);
    assert!(tokens.jwt_svid.is_ok_and(|token| token.is_some()));
}

#[test]
fn two_of_a_kind_are_none() {
    let scene = || {
        Scene::with(|scene| {
            let second = OidcRules { header: "x-person".into(), ..scene.rules.oidc[0].clone() };
            scene.rules.oidc.push(second);
        })
    };
    let token = oidc(json!({}));
    let both = scene().tokens(&[(BEARER, &bearer(&token)), ("x-person", &token)]);
    let error = both.oidc.unwrap_err();
    assert_eq!((reason(&error), error.detail()), ("token_malformed", "jwt.several"));
    let one_bad = scene().tokens(&[(BEARER, &bearer(&token)), ("x-person", "rubbish")]);
    assert!(one_bad.oidc.is_err());
    let other_bad = scene().tokens(&[("x-person", "rubbish"), (BEARER, &bearer(&token))]);
    assert!(other_bad.oidc.is_err());
}

#[test]
fn a_scheme_without_a_token_is_malformed() {
    for value in ["Bearer", "Bearer ", "Bearer  x", "Bearer\tx", " Bearer x"] {
        let tokens = Scene::new().tokens(&[(BEARER, value)]);
        let error = tokens.error().unwrap();
        assert_eq!((reason(error), error.detail()), ("token_malformed", "jwt.scheme"), "{value:?}");
    }
    for scheme in ["bearer", "BEARER"] {
        assert_eq!(Scene::new().tokens(&[(BEARER, &format!("{scheme} {}", svid(json!({}))))]).error(), None);
    }
}
