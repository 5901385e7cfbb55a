//! What a token claims: about whom, for whom, and when.

use serde_json::{Value, json};

use super::{Expected, Row};
use crate::harness::{ABSENT, LOGIN_ISSUER, World};

pub(super) fn rows(world: &World) -> Vec<Row> {
    [subjects(world), audiences(world), ends(world), beginnings(world), people(world)].concat()
}

fn subjects(world: &World) -> Vec<Row> {
    let row = |name: &str, sub: Value, detail: &'static str| {
        Row::svid(&[76, 116], format!("sub {name}"), &world.svid(json!({"sub": sub})), Err(("token_malformed", detail)))
    };
    let domain = world.domain;
    let id = |path: &str| json!(format!("spiffe://{domain}{path}"));
    let other = Err(("token_untrusted", "td.not_listed"));
    vec![
        row("absent", json!(ABSENT), "jwt.sub"),
        row("null", json!(null), "jwt.sub"),
        row("empty", json!(""), "jwt.sub"),
        row("a number", json!(1), "jwt.sub"),
        row("a list", json!([world.caller]), "jwt.sub"),
        row("with a line break", id("/web\n"), "jwt.sub"),
        row("with a null", id("/web\u{0}"), "jwt.json"),
        row("a person", json!("alice"), "id.scheme"),
        row("an https URL", json!("https://prod.example/web"), "id.scheme"),
        row("with one slash", json!("spiffe:/prod.example/web"), "id.scheme"),
        row("in upper case", json!(world.caller.replace("spiffe:", "SPIFFE:")), "id.non_canonical"),
        row(
            "in a domain in upper case",
            json!(world.caller.replace(domain, &domain.to_uppercase())),
            "id.non_canonical",
        ),
        row("the domain itself", id(""), "id.root_path"),
        row("with an empty segment", id("//web"), "id.empty_segment"),
        row("with a slash at its end", id("/web/"), "id.trailing_slash"),
        row("with dots", id("/a/../web"), "id.dot_segment"),
        row("with an escape", id("/%77eb"), "id.bad_char"),
        row("with a query", id("/web?a"), "id.bad_char"),
        row("with a fragment", id("/web#a"), "id.bad_char"),
        row("with a space", id("/web "), "id.bad_char"),
        row("with a look-alike", id("/w\u{435}b"), "id.bad_char"),
        row("with a port", json!(format!("spiffe://{domain}:443/web")), "id.bad_char"),
        row("with a user", json!(format!("spiffe://root@{domain}/web")), "id.bad_char"),
        row("of 2049 bytes", id(&format!("/{}", "a".repeat(2049))), "jwt.sub"),
        Row::svid(&[116], "sub of a stranger", &world.svid(json!({"sub": "spiffe://stranger.example/web"})), other),
    ]
}

fn audiences(world: &World) -> Vec<Row> {
    const MALFORMED: Expected = Err(("token_malformed", "jwt.aud"));
    const OTHER: Expected = Err(("token_audience", "jwt.aud"));
    let me = world.this.as_str();
    let many: Vec<String> = std::iter::once(me.to_owned()).chain((1..33).map(|n| format!("x{n}"))).collect();
    let mut rows: Vec<Row> = [
        (json!(ABSENT), MALFORMED),
        (json!(null), MALFORMED),
        (json!(""), MALFORMED),
        (json!([]), MALFORMED),
        (json!([""]), MALFORMED),
        (json!(7), MALFORMED),
        (json!(true), MALFORMED),
        (json!([[me]]), MALFORMED),
        (json!({"aud": me}), MALFORMED),
        (json!([me, 1]), MALFORMED),
        (json!([me, null]), MALFORMED),
        (json!(many), MALFORMED),
        (json!(me), Ok(())),
        (json!([me]), Ok(())),
        (json!("https://payments.prod.example"), Ok(())),
        (json!([me, "https://payments.prod.example"]), Ok(())),
        (json!(format!("{me}2")), OTHER),
        (json!(me.to_uppercase()), OTHER),
        (json!(format!("{me}/")), OTHER),
        (json!(me.trim_end_matches(char::is_alphanumeric)), OTHER),
        (json!(format!("x{me}")), OTHER),
        (json!(format!(" {me}")), OTHER),
        (json!(format!("{me},x")), OTHER),
        (json!(format!("spiffe://{}", world.domain)), OTHER),
        (json!("https://payments.prod.example/"), OTHER),
        (json!("https://PAYMENTS.prod.example"), OTHER),
        (json!("payments"), OTHER),
        (json!("*"), OTHER),
        (json!(world.caller), OTHER),
    ]
    .into_iter()
    .map(|(aud, expected)| {
        let token = world.svid(json!({"aud": aud}));
        Row::svid(&[64, 118, 119], format!("aud {aud:.80}"), &token, expected)
    })
    .collect();
    for aud in [json!([me, "x"]), json!(["x", me]), json!([world.caller, me])] {
        rows.push(Row::svid(&[65], format!("aud {aud}"), &world.svid(json!({"aud": aud})), OTHER));
    }
    let crowd: Vec<String> = (0..900).map(|n| n.to_string()).chain([me.to_owned()]).collect();
    rows.push(Row::svid(&[64], "aud of a crowd", &world.svid(json!({"aud": crowd})), MALFORMED));
    rows
}

fn ends(world: &World) -> Vec<Row> {
    const MALFORMED: Expected = Err(("token_malformed", "jwt.exp"));
    const EXPIRED: Expected = Err(("token_expired", "jwt.expired"));
    let soon = world.at(600);
    [
        (json!(ABSENT), MALFORMED),
        (json!(null), MALFORMED),
        (json!(soon.to_string()), MALFORMED),
        (json!(soon as f64), MALFORMED),
        (json!(soon as f64 + 0.5), MALFORMED),
        (json!(1e15), MALFORMED),
        (json!(1e308), Err(("token_malformed", "jwt.json"))),
        (json!(-1), MALFORMED),
        (json!(1_u64 << 63), MALFORMED),
        (json!(u64::MAX), MALFORMED),
        (json!(253_402_300_800_i64), MALFORMED),
        (json!(true), MALFORMED),
        (json!([soon]), MALFORMED),
        (json!({"exp": soon}), MALFORMED),
        (json!(0), EXPIRED),
        (json!(1), EXPIRED),
        (json!(world.at(-1)), EXPIRED),
        (json!(world.at(-59)), EXPIRED),
        (json!(world.at(-86_400)), EXPIRED),
        (json!(soon), Ok(())),
        (json!(world.at(3500)), Ok(())),
        (json!(world.at(7200)), Err(("token_lifetime", "jwt.lifetime"))),
        (json!(253_402_300_799_i64), Err(("token_lifetime", "jwt.lifetime"))),
    ]
    .into_iter()
    .map(|(exp, expected)| {
        let token = world.svid(json!({"exp": exp, "iat": ABSENT}));
        Row::svid(&[62, 63, 121], format!("exp {exp}"), &token, expected)
    })
    .collect()
}

fn beginnings(world: &World) -> Vec<Row> {
    let mut rows = Vec::new();
    for (claim, detail) in [("nbf", "jwt.nbf"), ("iat", "jwt.iat")] {
        let ahead = Err(("token_not_yet_valid", detail));
        let malformed = Err(("token_malformed", detail));
        for (value, expected) in [
            (json!(world.at(-5)), Ok(())),
            (json!(world.at(400)), ahead),
            (json!(world.at(-5).to_string()), malformed),
            (json!(world.at(-5) as f64), malformed),
            (json!(null), malformed),
            (json!(false), malformed),
            (json!(-1), malformed),
        ] {
            let token = world.svid(json!({claim: value}));
            rows.push(Row::svid(&[63, 122], format!("{claim} {value}"), &token, expected));
        }
    }
    let far = world.svid(json!({"iat": 4_000_000_000_u64, "exp": 4_000_000_300_u64}));
    let backwards = world.svid(json!({"iat": world.at(30), "exp": world.at(30)}));
    rows.extend([
        Row::svid(&[63, 122], "iat far ahead", &far, Err(("token_not_yet_valid", "jwt.iat"))),
        Row::svid(&[63], "an end that is its beginning", &backwards, Err(("token_malformed", "jwt.exp"))),
    ]);
    rows
}

/// Tokens of people: whose `iss` is not exactly that of a configured issuer is a workload, or nobody.
fn people(world: &World) -> Vec<Row> {
    let other = Err(("token_audience", "jwt.aud"));
    let nobody = Err(("token_malformed", "id.scheme"));
    let issued = |iss: &str| world.oidc(json!({"iss": iss}));
    let mut rows = vec![
        Row::oidc(&[64], "a person", &world.oidc(json!({})), Ok(())),
        Row::oidc(&[65], "a person for others too", &world.oidc(json!({"aud": ["payments", "x"]})), Ok(())),
        Row::oidc(&[64], "a person for somebody else", &world.oidc(json!({"aud": "ledger"})), other),
        Row::oidc(&[64], "a person for our namesake", &world.oidc(json!({"aud": "Payments"})), other),
        Row::oidc(
            &[76],
            "another person",
            &world.oidc(json!({"sub": "mallory"})),
            Err(("grant_missing", "grant.on_behalf_of")),
        ),
        Row::oidc(
            &[76],
            "a person with a long name",
            &world.oidc(json!({"sub": "a".repeat(256)})),
            Err(("token_malformed", "jwt.sub")),
        ),
        // A person whose issuer vouches for a workload's name is still a person.
        Row::oidc(
            &[76],
            "a person named as the peer",
            &world.oidc(json!({"sub": world.caller})),
            Err(("token_malformed", "jwt.sub")),
        ),
        Row::svid(
            &[76],
            "a person where nobody is admitted",
            &world.oidc(json!({})),
            Err(("grant_missing", "grant.on_behalf_of")),
        ),
        Row::oidc(
            &[76],
            "a workload of a person's issuer",
            &world.svid(json!({"iss": LOGIN_ISSUER})),
            Err(("token_malformed", "jwt.sub")),
        ),
    ];
    for iss in
        ["https://login.example/", "https://LOGIN.example", "https://login.example.evil.example", "login.example"]
    {
        rows.push(Row::oidc(&[76], format!("iss {iss}"), &issued(iss), nobody));
    }
    rows
}
