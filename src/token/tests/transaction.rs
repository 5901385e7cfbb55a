use serde_json::{Value, json};

use super::*;

fn verdict(token: &str) -> (&'static str, &'static str) {
    Scene::new().verify(TXN, token).expect_err("a denial")
}

fn compat() -> Scene {
    Scene::with(|scene| scene.rules.transaction.as_mut().unwrap().compat = true)
}

fn with_issuers(issuers: Vec<TransactionIssuer>) -> Scene {
    Scene::with(|scene| scene.rules.transaction.as_mut().unwrap().issuers = issuers)
}

fn own_keys(issuer: &str) -> TransactionIssuer {
    TransactionIssuer { issuer: issuer.into(), keys: KeySource::Issuer }
}

fn typed(typ: Value, changes: Value) -> String {
    PROD.sign(json!({"typ": typ}), &txn_claims(changes)).unwrap()
}

#[test]
fn tells_what_it_says() {
    let token =
        txn(json!({"scope": "billing.invoice audit", "req_wl": [WEB, "spiffe://prod.example/orders"], "jti": "j"}));
    let verified = Scene::new().verify(TXN, &token).unwrap();
    assert_eq!(verified.kind(), Kind::Transaction);
    assert_eq!((verified.issuer(), verified.subject()), ("spiffe://prod.example/txn", "alice"));
    assert_eq!((verified.id(), verified.txn(), verified.jti()), (Some("t-1"), Some("t-1"), Some("j")));
    assert_eq!(verified.scope(), ["billing.invoice", "audit"]);
    let requesting: Vec<_> = verified.requesting_workload().iter().map(ToString::to_string).collect();
    assert_eq!(requesting, [WEB, "spiffe://prod.example/orders"]);
    assert_eq!(verified.spiffe_id(), None);
    assert_eq!(verified.claims()["tctx"]["amount"], 5);
}

#[test]
fn its_type_is_its_own() {
    for typ in ["txn_token", "JWT", "txntoken", "TXNTOKEN+JWT", "application/txntoken+jwt", "at+jwt", "N_A", ""] {
        assert_eq!(verdict(&typed(json!(typ), json!({}))), ("token_malformed", "jwt.typ"), "{typ}");
    }
    let untyped = PROD.sign(json!({}), &txn_claims(json!({}))).unwrap();
    assert_eq!(verdict(&untyped), ("token_malformed", "jwt.typ"));
    let extra = PROD.sign(json!({"typ": "txntoken+jwt", "x5t": "x"}), &txn_claims(json!({}))).unwrap();
    assert_eq!(verdict(&extra), ("token_malformed", "jwt.header"));
}

#[test]
fn every_claim_of_the_draft_has_to_be_there() {
    for (name, detail) in [
        ("iat", "jwt.iat"),
        ("aud", "jwt.aud"),
        ("exp", "jwt.exp"),
        ("txn", "jwt.txn"),
        ("sub", "jwt.sub"),
        ("scope", "jwt.scope"),
        ("req_wl", "jwt.req_wl"),
    ] {
        for value in [json!(ABSENT), json!(null), json!(true), json!(""), json!({})] {
            assert_eq!(verdict(&txn(json!({name: value}))), ("token_malformed", detail), "{name}: {value}");
        }
    }
    for name in ["tctx", "rctx"] {
        assert!(Scene::new().verify(TXN, &txn(json!({name: ABSENT}))).is_ok());
        let detail = if name == "tctx" { "jwt.tctx" } else { "jwt.rctx" };
        for value in [json!(null), json!([]), json!("x")] {
            assert_eq!(verdict(&txn(json!({name: value}))), ("token_malformed", detail), "{name}: {value}");
        }
    }
}

#[test]
fn a_scope_is_values_with_one_space_between_them() {
    for scope in [
        json!(["billing.invoice"]),
        json!(" a"),
        json!("a "),
        json!("a  b"),
        json!("a\tb"),
        json!("a\"b"),
        json!("a\\b"),
        json!("\u{430}"),
    ] {
        assert_eq!(verdict(&txn(json!({"scope": scope}))), ("token_malformed", "jwt.scope"), "{scope}");
    }
}

#[test]
fn who_asked_for_it_is_a_workload() {
    for (req_wl, detail) in [
        (json!([]), "jwt.req_wl"),
        (json!([WEB, 1]), "jwt.req_wl"),
        (json!(vec![WEB; 33]), "jwt.req_wl"),
        (json!("gateway.prod.example"), "id.scheme"),
        (json!("spiffe://prod.example"), "id.root_path"),
        (json!([WEB, "spiffe://PROD.example/x"]), "id.non_canonical"),
        (json!("spiffe://prod.example/a,spiffe://prod.example/b"), "id.bad_char"),
    ] {
        assert_eq!(verdict(&txn(json!({"req_wl": req_wl}))), ("token_malformed", detail), "{req_wl:.80}");
    }
}

#[test]
fn it_is_valid_in_one_trust_domain() {
    assert!(Scene::new().verify(TXN, &txn(json!({"aud": ["prod.example"]}))).is_ok());
    for aud in [
        json!("other.example"),
        json!("PROD.example"),
        json!("spiffe://prod.example"),
        json!(THIS),
        json!(["prod.example", "prod.example"]),
        json!(["prod.example", "other.example"]),
        json!("https://ledger.prod.example"),
    ] {
        assert_eq!(verdict(&txn(json!({"aud": aud}))), ("token_audience", "jwt.aud"), "{aud}");
    }
    assert_eq!(verdict(&txn(json!({"exp": NOW + 291}))), ("token_lifetime", "jwt.lifetime"));
}

#[test]
fn its_issuer_may_be_left_out_if_there_is_only_one() {
    let anonymous = txn(json!({"iss": ABSENT}));
    assert_eq!(Scene::new().verify(TXN, &anonymous).unwrap().issuer(), "spiffe://prod.example/txn");
    let untrusted = Err(("token_untrusted", "jwt.iss"));
    let first = || Scene::new().rules.transaction.unwrap().issuers.remove(0);
    assert_eq!(with_issuers(vec![first(), own_keys("https://desk.example")]).verify(TXN, &anonymous), untrusted);
    assert_eq!(with_issuers(vec![]).verify(TXN, &anonymous), untrusted);
    for iss in ["spiffe://prod.example/txn2", "spiffe://PROD.example/txn", "https://login.example", "prod.example"] {
        assert_eq!(Scene::new().verify(TXN, &txn(json!({"iss": iss}))), untrusted, "{iss}");
    }
}

#[test]
fn its_keys_are_its_issuers() {
    let scene = with_issuers(vec![own_keys("https://desk.example"), own_keys("https://nowhere.example")]);
    let header = json!({"typ": "txntoken+jwt"});
    let token = |iss: &str| DESK.sign(header.clone(), &txn_claims(json!({"iss": iss}))).unwrap();
    assert_eq!(scene.verify(TXN, &token("https://desk.example")).unwrap().issuer(), "https://desk.example");
    assert_eq!(scene.verify(TXN, &token("https://nowhere.example")), Err(("token_untrusted", "jwt.no_keys")));
    let domains = txn(json!({"iss": "https://desk.example"}));
    assert_eq!(scene.verify(TXN, &domains), Err(("token_untrusted", "jwt.unknown_key")));
    assert_eq!(verdict(&token("spiffe://prod.example/txn")), ("token_untrusted", "jwt.unknown_key"));
    let stale = KeySet { stale_at: Some(Timestamp::from_seconds(NOW)), ..key_set(&DESK) };
    let scene = Scene { issuers: [("https://desk.example".to_owned(), stale)].into_iter().collect(), ..scene };
    assert_eq!(scene.verify(TXN, &token("https://desk.example")), Err(("trust_stale", "jwt.stale_keys")));
}

#[test]
fn older_drafts_are_understood_only_if_wanted() {
    let old = json!({"scope": ABSENT, "tctx": ABSENT, "purp": "billing.invoice", "azd": {"amount": 7}});
    let token = typed(json!("txn_token"), old.clone());
    assert_eq!(verdict(&token), ("token_malformed", "jwt.typ"));
    assert_eq!(verdict(&typed(json!("txntoken+jwt"), old)), ("token_malformed", "jwt.scope"));
    let verified = compat().verify(TXN, &token).unwrap();
    assert_eq!(verified.scope(), ["billing.invoice"]);
    assert_eq!(
        (&verified.claims()["tctx"]["amount"], &verified.claims()["scope"]),
        (&json!(7), &json!("billing.invoice"))
    );
    assert_eq!((verified.claims().get("purp"), verified.claims().get("azd")), (None, None));
    assert!(compat().verify(TXN, &txn(json!({}))).is_ok(), "the present draft still is");
    for (changes, detail) in [
        (json!({"purp": "x"}), "jwt.scope"),
        (json!({"azd": {}}), "jwt.tctx"),
        (json!({"scope": ABSENT, "purp": ["x"]}), "jwt.scope"),
        (json!({"tctx": ABSENT, "azd": "x"}), "jwt.tctx"),
        (json!({"req_wl": ABSENT}), "jwt.req_wl"),
    ] {
        let verdict = compat().verify(TXN, &typed(json!("txn_token"), changes.clone()));
        assert_eq!(verdict, Err(("token_malformed", detail)), "{changes}");
    }
    let plain = Scene::new().verify(TXN, &txn(json!({"purp": "x"}))).unwrap();
    assert_eq!((plain.scope(), &plain.claims()["purp"]), (&["billing.invoice".to_owned()][..], &json!("x")));
}
