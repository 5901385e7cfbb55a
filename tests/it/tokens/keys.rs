//! Keys come and go while tokens live on: what is gone verifies nothing, at once, whatever was verified before.

use serde_json::{Value, json};

use crate::harness::{ALONE, FOR_ALICE, Guard, NOBODY, OWN, Setup, bundle, until};

/// Waits until a bearer is answered so: no reason is an allow.
async fn comes_to(guard: &Guard, path: &str, token: &str, expected: Option<(&str, &str)>) {
    until(&format!("the answer {expected:?}"), async || {
        let answer = guard.hop().method("GET").path(path).bearer(token).send().await;
        let detail = if answer.is_allow() { Value::Null } else { answer.body()["detail"].clone() };
        let came = answer.reason().map(|reason| (reason, detail.as_str().unwrap_or_default().to_owned()));
        (came == expected.map(|(reason, detail)| (reason.to_owned(), detail.to_owned()))).then_some(())
    })
    .await;
}

fn keys(issuer: &hopguard::dev::TokenIssuer) -> Vec<Value> {
    issuer.jwks("jwt-svid")["keys"].as_array().unwrap().clone()
}

/// Keys that are withdrawn, or of somebody else, verify nothing (69), and those that replace others do so at once (80).
#[tokio::test]
async fn a_key_counts_as_long_as_it_is_published() {
    let guard = Setup::new().with_tokens().set("response.reveal", "full").start().await;
    let (setup, world) = (guard.setup(), guard.setup().world());
    let root: &[u8] = setup.authority().root();
    let token = world.svid(json!({}));
    let publish = |keys: &[Value]| setup.write("own.json", &bundle(&[root], keys));
    comes_to(&guard, ALONE, &token, None).await;

    publish(&[]);
    comes_to(&guard, ALONE, &token, Some(("token_untrusted", "jwt.no_keys"))).await;
    publish(&keys(&NOBODY));
    comes_to(&guard, ALONE, &token, Some(("token_signature", "jwt.signature"))).await;
    let successor = NOBODY.sign(json!({}), &world.svid_claims(json!({}))).unwrap();
    comes_to(&guard, ALONE, &successor, None).await;

    let mut rest = keys(&OWN);
    rest.retain(|key| key["kid"] != "key-ES256");
    publish(&rest);
    comes_to(&guard, ALONE, &token, Some(("token_untrusted", "jwt.unknown_key"))).await;
    comes_to(&guard, ALONE, &world.headed(json!({"alg": "ES384"})), None).await;
    let unused: Vec<Value> = keys(&OWN)
        .into_iter()
        .map(|mut key| {
            key["use"] = "sig".into();
            key
        })
        .collect();
    publish(&unused);
    comes_to(&guard, ALONE, &token, Some(("token_untrusted", "jwt.no_keys"))).await;
    setup.write_bundles();
    comes_to(&guard, ALONE, &token, None).await;

    // A document that cannot be read is an outage, and no withdrawal.
    setup.write("own.json", "{");
    assert!(!guard.problems("trust").await.is_empty());
    comes_to(&guard, ALONE, &token, None).await;
}

#[tokio::test]
async fn a_persons_issuer_withdraws_its_keys_as_a_domain_does() {
    let guard = Setup::new().with_tokens().set("response.reveal", "full").start().await;
    let (setup, token) = (guard.setup(), guard.setup().world().oidc(json!({})));
    comes_to(&guard, FOR_ALICE, &token, None).await;
    setup.write("login.json", r#"{"keys": []}"#);
    comes_to(&guard, FOR_ALICE, &token, Some(("token_untrusted", "jwt.no_keys"))).await;
    setup.write("login.json", &NOBODY.jwks("sig").to_string());
    comes_to(&guard, FOR_ALICE, &token, Some(("token_untrusted", "jwt.unknown_key"))).await;
    setup.write_bundles();
    comes_to(&guard, FOR_ALICE, &token, None).await;
}

#[tokio::test]
async fn without_a_name_there_is_nobody_to_be_meant() {
    for (key, value, wrong) in [
        ("tokens.oidc", "[{issuer: \"https://login.example\", audiences: [], jwks: {file: login.json}}]", "audiences"),
        (
            "tokens.oidc",
            "[{issuer: \"https://login.example\", audiences: [a], algorithms: [], jwks: {file: login.json}}]",
            "algorithms",
        ),
        (
            "tokens.oidc",
            "[{issuer: \"https://login.example\", audiences: [a], algorithms: [HS256], jwks: {file: login.json}}]",
            "algorithms",
        ),
        ("tokens.leeway", "6s", "leeway"),
    ] {
        let ended = Setup::new().with_tokens().set(key, value).refused().await;
        assert_ne!(ended.code, Some(0));
        assert!(ended.setup.said().contains(wrong), "{}", ended.setup.said());
    }
}
