//! Where a token stands: which headers hold one, how often, and under which scheme.

use serde_json::json;

use super::{Expected, Row};
use crate::harness::World;

pub(super) fn rows(world: &World) -> Vec<Row> {
    let token = world.svid(json!({}));
    [schemes(&token), elsewhere(&token), several(world, &token)].concat()
}

fn schemes(token: &str) -> Vec<Row> {
    const SCHEME: Expected = Err(("token_malformed", "jwt.scheme"));
    let row = |value: String, expected: Expected| {
        let name = format!("authorization {:?}", value.replace(token, "TOKEN"));
        Row::new(&[131], name, expected).header("authorization", value)
    };
    let mut rows: Vec<Row> = ["Bearer", "bearer", "BEARER", "bEaReR"]
        .into_iter()
        .map(|scheme| row(format!("{scheme} {token}"), Ok(())))
        .collect();
    for value in [
        format!("Bearer  {token}"),
        format!("Bearer\t{token}"),
        format!("Bearer {token} x"),
        format!("Bearer {token} {token}"),
        "Bearer".to_owned(),
        format!("Bearer={token}"),
        format!("Bearer:{token}"),
        format!("Bearer\u{a0}{token}"),
        format!("\"Bearer {token}\""),
        format!("(Bearer {token}"),
    ] {
        rows.push(row(value, SCHEME));
    }
    // Envoy trims what it forwards, so that the upstream sees what was judged.
    for value in
        [format!(" Bearer {token}"), format!("\tBearer {token}"), format!("Bearer {token} "), "Bearer ".to_owned()]
    {
        rows.push(row(value, SCHEME).direct());
    }
    // Other schemes are the application's: not read, and no proof of anything.
    for value in [
        "Basic YTpi".to_owned(),
        format!("xBearer {token}"),
        format!("Bearerx {token}"),
        format!("DPoP {token}"),
        token.to_owned(),
        String::new(),
    ] {
        rows.push(row(value, Ok(())));
    }
    rows
}

/// Where no token is looked for, there is none, whatever stands there.
fn elsewhere(token: &str) -> Vec<Row> {
    const EXPIRED: &str = "eyJhbGciOiJub25lIn0.e30.";
    [
        ("x-access-token", token.to_owned()),
        ("x-access-token", EXPIRED.to_owned()),
        ("proxy-authorization", format!("Bearer {EXPIRED}")),
        ("cookie", format!("token={EXPIRED}")),
        ("x-authorization", format!("Bearer {EXPIRED}")),
    ]
    .map(|(name, value)| {
        let what = if value.contains(EXPIRED) { "an unsigned" } else { "a good" };
        Row::new(&[27], format!("{what} token in {name}"), Ok(())).header(name, value)
    })
    .into()
}

fn several(world: &World, token: &str) -> Vec<Row> {
    const AMBIGUOUS: Expected = Err(("hop_ambiguous", "header.authorization"));
    let bad = world.svid(json!({"exp": 1}));
    let txn = world.txn(json!({}));
    let two = |name: &str, first: &str, second: &str| {
        Row::new(&[25], name, AMBIGUOUS).header("authorization", first).header("authorization", second)
    };
    let bearer = |token: &str| format!("Bearer {token}");
    vec![
        two("valid, then invalid", &bearer(token), &bearer(&bad)),
        two("invalid, then valid", &bearer(&bad), &bearer(token)),
        two("the same twice", &bearer(token), &bearer(token)),
        two("a bearer beside a password", "Basic YTpi", &bearer(token)),
        two("a password beside a bearer", &bearer(token), "Basic YTpi"),
        Row::new(&[25], "joined", AMBIGUOUS).header("authorization", format!("{}, {}", bearer(token), bearer(token))),
        Row::new(&[25], "joined with a password", AMBIGUOUS)
            .header("authorization", format!("Basic YTpi,{}", bearer(token))),
        Row::new(&[25], "two passwords", Ok(()))
            .header("authorization", "Basic YTpi")
            .header("authorization", "Basic YTpj"),
        Row::txn(&[25], "two transaction tokens", txn.clone(), Err(("hop_ambiguous", "header.txn_token")))
            .header("txn-token", txn.clone()),
        Row::txn(
            &[25],
            "transaction tokens joined",
            format!("{txn},{txn}"),
            Err(("hop_ambiguous", "header.txn_token")),
        ),
        Row::txn(&[25], "an empty transaction token", "", Err(("token_malformed", "jwt.format"))),
        Row::txn(&[131], "a scheme where none belongs", bearer(&txn), Err(("token_malformed", "jwt.format"))),
        Row::txn(&[131], "a JWT-SVID as a transaction token", token, Err(("token_malformed", "jwt.typ"))),
        Row::svid(&[131], "a transaction token as a bearer", &txn, Err(("token_malformed", "jwt.typ"))),
    ]
}
