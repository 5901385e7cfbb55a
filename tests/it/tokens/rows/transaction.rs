//! What a transaction token says: for which domain, by which issuer, who asked for it, and what it is for.

use serde_json::{Value, json};

use super::{Expected, Row};
use crate::harness::{ABSENT, FRIEND, FRIENDLY, LOGIN, LOGIN_ISSUER, OWN, SIGNED, World};

pub(super) fn rows(world: &World) -> Vec<Row> {
    [claims(world), issuers(world), purposes(world)].concat()
}

fn claims(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, detail) in [
        ("iat", "jwt.iat"),
        ("aud", "jwt.aud"),
        ("exp", "jwt.exp"),
        ("txn", "jwt.txn"),
        ("sub", "jwt.sub"),
        ("scope", "jwt.scope"),
        ("req_wl", "jwt.req_wl"),
        ("tctx", "jwt.tctx"),
        ("rctx", "jwt.rctx"),
        ("jti", "jwt.jti"),
    ] {
        for value in [json!(null), json!(true), json!(""), json!([])] {
            let token = world.txn(json!({name: value}));
            rows.push(Row::txn(&[62, 64, 76, 78], format!("{name} {value}"), token, Err(("token_malformed", detail))));
        }
    }
    for name in ["iat", "aud", "exp", "txn", "sub", "scope", "req_wl"] {
        let detail = rows.iter().find(|row| row.name.ends_with(&format!(" {name} null"))).unwrap().expected;
        rows.push(Row::txn(&[62, 64, 76, 78], format!("no {name}"), world.txn(json!({name: ABSENT})), detail));
    }
    let other = Err(("token_audience", "jwt.aud"));
    for aud in [
        json!("other.example"),
        json!(world.domain.to_uppercase()),
        json!(format!("spiffe://{}", world.domain)),
        json!(world.this),
        json!([world.domain, "other.example"]),
        json!([world.domain, world.domain]),
        json!("https://payments.prod.example"),
    ] {
        rows.push(Row::txn(&[64, 65], format!("aud {aud}"), world.txn(json!({"aud": aud})), other));
    }
    for (req_wl, detail) in [
        (json!("gateway.prod.example"), "id.scheme"),
        (json!(format!("spiffe://{}", world.domain)), "id.root_path"),
        (json!([world.caller, world.caller.to_uppercase()]), "id.non_canonical"),
        (json!(format!("{0},{0}", world.caller)), "id.bad_char"),
        (json!(vec![world.caller.clone(); 33]), "jwt.req_wl"),
    ] {
        let token = world.txn(json!({"req_wl": req_wl}));
        rows.push(Row::txn(&[76], format!("req_wl {req_wl:.60}"), token, Err(("token_malformed", detail))));
    }
    let long = world.txn(json!({"exp": world.at(300)}));
    rows.push(Row::txn(&[63], "a long life", long, Err(("token_lifetime", "jwt.lifetime"))));
    rows.push(Row::txn(
        &[63],
        "an end",
        world.txn(json!({"exp": world.at(-1)})),
        Err(("token_expired", "jwt.expired")),
    ));
    for typ in ["JWT", "txn_token", "TXNTOKEN+JWT", "application/txntoken+jwt", "at+jwt", ""] {
        let token = OWN.sign(json!({"typ": typ}), &world.txn_claims(json!({}))).unwrap();
        rows.push(Row::txn(&[113], format!("typ `{typ}`"), token, Err(("token_malformed", "jwt.typ"))));
    }
    let untyped = OWN.sign(json!({}), &world.txn_claims(json!({}))).unwrap();
    rows.push(Row::txn(&[113], "no typ", untyped, Err(("token_malformed", "jwt.typ"))));
    rows
}

fn issuers(world: &World) -> Vec<Row> {
    const UNKNOWN: Expected = Err(("token_untrusted", "jwt.iss"));
    let desk = world.desk();
    let header = json!({"typ": "txntoken+jwt"});
    let friends = FRIEND.sign(header.clone(), &world.txn_claims(json!({}))).unwrap();
    let logins = LOGIN.sign(header, &world.txn_claims(json!({}))).unwrap();
    let mut rows: Vec<Row> = [
        desk.to_uppercase(),
        format!("{desk}/"),
        format!("{desk}2"),
        format!("spiffe://{FRIENDLY}/txn"),
        LOGIN_ISSUER.to_owned(),
        world.domain.to_owned(),
    ]
    .into_iter()
    .map(|iss| Row::txn(&[76], format!("iss {iss}"), world.txn(json!({"iss": iss})), UNKNOWN))
    .collect();
    rows.extend([
        Row::txn(&[76], "no iss, where only one is possible", world.txn(json!({"iss": ABSENT})), Ok(())),
        Row::txn(&[68], "a friendly domain's key of the same name", friends, Err(("token_signature", "jwt.signature"))),
        Row::txn(&[68], "a key of another issuer", logins, Err(("token_untrusted", "jwt.unknown_key"))),
    ]);
    rows
}

fn purposes(world: &World) -> Vec<Row> {
    const MALFORMED: Expected = Err(("token_malformed", "jwt.scope"));
    const UNKNOWN: Expected = Err(("purpose_unknown", "purpose.unknown"));
    const AMBIGUOUS: Expected = Err(("purpose_ambiguous", "purpose.ambiguous"));
    const WIDENED: Expected = Err(("purpose_widened", "purpose.widened"));
    const OTHER: Expected = Err(("grant_missing", "grant.purpose"));
    let txn = |scope: Value| world.txn(json!({"scope": scope}));
    let mut rows: Vec<Row> = [
        (json!("checkout"), Ok(())),
        (json!("openid checkout trace.id"), Ok(())),
        (json!("checkout checkout"), Ok(())),
        (json!("checkout.gift"), Ok(())),
        (json!(["checkout"]), MALFORMED),
        (json!(" checkout"), MALFORMED),
        (json!("checkout "), MALFORMED),
        (json!("checkout  openid"), MALFORMED),
        (json!("checkout\topenid"), MALFORMED),
        (json!("checkout\n"), MALFORMED),
        (json!("\"checkout\""), MALFORMED),
        (json!("che\u{441}kout"), MALFORMED),
        (json!("Checkout"), UNKNOWN),
        (json!("CHECKOUT"), UNKNOWN),
        (json!("check"), UNKNOWN),
        (json!("checkouts"), UNKNOWN),
        (json!("checkout."), UNKNOWN),
        (json!("checkout.gifts"), UNKNOWN),
        (json!("checkout,refund"), UNKNOWN),
        (json!("checkout.*"), UNKNOWN),
        (json!("*"), UNKNOWN),
        (json!("openid"), UNKNOWN),
        (json!("checkout refund"), AMBIGUOUS),
        (json!("checkout checkout.gift"), AMBIGUOUS),
        (json!("refund"), OTHER),
    ]
    .into_iter()
    .map(|(scope, expected)| Row::txn(&[78], format!("scope {scope}"), txn(scope), expected).at(SIGNED))
    .collect();
    for (scope, declared, expected) in [
        ("checkout", "checkout", Ok(())),
        ("checkout", "checkout.gift", Ok(())),
        ("checkout.gift", "checkout", WIDENED),
        ("checkout", "refund", WIDENED),
        ("checkout", "Checkout", UNKNOWN),
        ("checkout", "checkout.gifts", UNKNOWN),
        ("checkout", "", UNKNOWN),
        ("refund", "refund", OTHER),
    ] {
        let name = format!("scope {scope} and header `{declared}`");
        rows.push(Row::txn(&[78], name, txn(json!(scope)), expected).purpose(declared).at(SIGNED));
    }
    // Said by the peer alone, a purpose is not signed.
    let unsigned = Row::oidc(
        &[78],
        "a purpose that nobody signed",
        &world.oidc(json!({})),
        Err(("grant_missing", "grant.purpose_binding")),
    );
    rows.push(unsigned.at(SIGNED));
    rows
}
