//! Whether what a token says was signed: by the right key, all of it, and in the one form that a signature has.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::{Expected, Row};
use crate::harness::{LOGIN, NOBODY, OWN, World};

pub(super) fn rows(world: &World) -> Vec<Row> {
    const WRONG: Expected = Err(("token_signature", "jwt.signature"));
    let token = world.svid(json!({}));
    let other = world.svid(json!({"jti": "other", "exp": world.at(500)}));
    let typed = world.headed(json!({"typ": "JWT"}));
    let [parts, others, typed]: [Vec<&str>; 3] = [&token, &other, &typed].map(|token| token.split('.').collect());
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let octets = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = octets.split_at(32);
    let signed = |signature: &[u8]| format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature));
    let der = [&[0x30, 70, 2, 33, 0], r, &[2, 33, 0], s].concat();
    let edited = URL_SAFE_NO_PAD.encode(world.svid_claims(json!({"exp": world.at(3000)})).to_string());
    let nobodys = NOBODY.sign(json!({}), &world.svid_claims(json!({}))).unwrap();
    let logins = LOGIN.sign(json!({"kid": "key-ES256"}), &world.svid_claims(json!({}))).unwrap();
    let person = OWN.sign(json!({"kid": "login-ES256"}), &world.oidc_claims(json!({}))).unwrap();
    let mut rows: Vec<Row> = [
        ("no signature", signed(&[])),
        ("an octet too few", signed(&octets[..63])),
        ("an octet too many", signed(&[&octets[..], &[0]].concat())),
        ("zeros", signed(&[0; 64])),
        ("r of zero", signed(&[&[0; 32], s].concat())),
        ("s of zero", signed(&[r, &[0; 32]].concat())),
        ("the largest numbers", signed(&[255; 64])),
        ("r and s the other way round", signed(&[s, r].concat())),
        ("DER", signed(&der)),
        ("another token's signature", format!("{header}.{claims}.{}", others[2])),
        ("another token's payload", format!("{header}.{}.{signature}", others[1])),
        ("another token's header", format!("{}.{claims}.{signature}", typed[0])),
        ("an edited payload", format!("{header}.{edited}.{signature}")),
        ("a stranger's key of the same name", nobodys),
        ("a person's issuer's key", logins),
    ]
    .into_iter()
    .map(|(name, token)| Row::svid(&[73, 127, 128], name, &token, WRONG))
    .collect();
    rows.push(Row::oidc(&[73], "a person, signed by a trust domain", &person, WRONG));
    rows
}
