//! What a token looks like: three parts, one JSON object in each of the first two, and not too much of anything.

use hopguard::trust::jwk::Algorithm;
use serde_json::json;

use super::{Expected, Row};
use crate::harness::{OWN, World};

pub(super) fn rows(world: &World) -> Vec<Row> {
    [serializations(world), payloads(world), sizes(world)].concat()
}

fn serializations(world: &World) -> Vec<Row> {
    const MALFORMED: Expected = Err(("token_malformed", "jwt.format"));
    let token = world.svid(json!({}));
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let json = json!({"protected": header, "payload": claims, "signature": signature}).to_string();
    let general = json!({"payload": claims, "signatures": [{"protected": header, "signature": signature}]}).to_string();
    let nested = OWN.sign_raw(Algorithm::ES256, br#"{"alg":"ES256","kid":"key-ES256"}"#, token.as_bytes()).unwrap();
    let mut rows: Vec<Row> = [
        ("one part", header.to_owned()),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{token}.{signature}")),
        ("five parts", format!("{token}.{claims}.{signature}")),
        ("a JWE", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA".to_owned()),
        ("a dot before", format!(".{token}")),
        ("a dot behind", format!("{token}.")),
        ("dots alone", "..".to_owned()),
        ("no header", format!(".{claims}.{signature}")),
        ("no payload", format!("{header}..{signature}")),
        ("double dots", token.replace('.', "..")),
        ("padding", format!("{token}==")),
        ("padding of the header", format!("{header}=.{claims}.{signature}")),
        ("rubbish", "rubbish".to_owned()),
        ("the other alphabet", format!("{header}.{claims}.{}", signature.replace(['-', '_'], "+") + "/+")),
        ("bits beyond the last octet", spoiled_tail(&token)),
        ("flattened JSON", json),
        ("general JSON", general),
    ]
    .into_iter()
    // In the joined form a comma stands for a second header, so that is what is wrong with JSON, too.
    .map(|(name, token)| match token.contains(',') {
        true => Row::svid(&[74, 125], name, &token, Err(("hop_ambiguous", "header.authorization"))),
        false => Row::svid(&[73, 74, 125], name, &token, MALFORMED),
    })
    .collect();
    rows.push(Row::svid(&[74], "a token in a token", &nested, Err(("token_malformed", "jwt.json"))));
    rows
}

fn payloads(world: &World) -> Vec<Row> {
    let good = world.svid_claims(json!({})).to_string();
    let open = good.trim_end_matches('}');
    let (caller, deep) = (&world.caller, format!(r#"{{"a":{}1{}}}"#, "[".repeat(2000), "]".repeat(2000)));
    let shallow = format!(r#"{open},"a":{}1{}}}"#, "[".repeat(32), "]".repeat(32));
    let rows = [
        ("an array", "[]".to_owned()),
        ("an array of an object", format!("[{good}]")),
        ("a text", "\"x\"".to_owned()),
        ("a number", "1".to_owned()),
        ("null", "null".to_owned()),
        ("white space", " ".to_owned()),
        ("a byte order mark", format!("\u{feff}{good}")),
        ("two objects", format!("{good}{good}")),
        ("a second sub", format!(r#"{open},"sub":"{caller}"}}"#)),
        ("a second exp", format!(r#"{open},"exp":1}}"#)),
        ("a second aud, escaped", format!(r#"{open},"a\u0075d":"x"}}"#)),
        ("a second private claim", format!(r#"{open},"x":1,"x":1}}"#)),
        ("a second name within", format!(r#"{open},"x":{{"a":1,"a":1}}}}"#)),
        ("a lone surrogate", format!(r#"{open},"x":"\ud800"}}"#)),
        ("a null in a text", format!(r#"{open},"x":"\u0000"}}"#)),
        ("NaN", format!(r#"{open},"x":NaN}}"#)),
        ("infinity", format!(r#"{open},"x":Infinity}}"#)),
        ("a number beyond any", format!(r#"{open},"x":1e999}}"#)),
        ("a number beyond 64 bits", format!(r#"{open},"x":18446744073709551616}}"#)),
        ("a comma too many", format!("{open},}}")),
        ("a comment", format!("{open}/**/}}")),
        ("a great depth", deep),
        ("a depth just too great", shallow),
    ];
    let token = |claims: &[u8]| {
        OWN.sign_raw(Algorithm::ES256, br#"{"alg":"ES256","kid":"key-ES256"}"#, claims).expect("a signature")
    };
    let malformed = Err(("token_malformed", "jwt.json"));
    let mut rows: Vec<Row> =
        rows.iter().map(|(name, claims)| Row::svid(&[75, 124], *name, &token(claims.as_bytes()), malformed)).collect();
    rows.extend([
        Row::svid(&[75, 124], "a broken byte", &token(b"{\"x\":\"\xff\"}"), malformed),
        Row::svid(&[75], "a header of an array", &raw_header("[]"), Err(("token_malformed", "jwt.header"))),
        Row::svid(&[75], "a header of a text", &raw_header("\"ES256\""), Err(("token_malformed", "jwt.header"))),
    ]);
    rows
}

fn sizes(world: &World) -> Vec<Row> {
    const TOO_LONG: Expected = Err(("token_malformed", "limit.token"));
    let header = format!("{}.e30.AAAA", "A".repeat(64 * 1024));
    let fits = world.svid(json!({"pad": "x".repeat(5000)}));
    let long = world.svid(json!({"pad": "x".repeat(6000)}));
    assert!(fits.len() <= 8192 && long.len() > 8192, "{} {}", fits.len(), long.len());
    vec![
        Row::svid(&[133], "just short enough", &fits, Ok(())),
        Row::svid(&[133], "too long, and signed", &long, TOO_LONG),
        Row::svid(&[133], "8193 bytes", &"x".repeat(8193), TOO_LONG),
        Row::svid(&[133], "a header of 64 KiB", &header, TOO_LONG).direct(),
        Row::svid(&[74], "half a MiB", &"x".repeat(512 * 1024), TOO_LONG).direct(),
        Row::txn(&[74, 133], "a long transaction token", "x".repeat(8193), TOO_LONG),
        // What is longer than any Check is not a token's matter.
        Row::svid(&[74, 133], "10 MiB", &"x".repeat(10 << 20), Err(("hop_too_large", "grpc.message"))).direct(),
    ]
}

fn raw_header(header: &str) -> String {
    OWN.sign_raw(Algorithm::ES256, header.as_bytes(), b"{}").unwrap()
}

/// The same octets in another spelling: bits are set that stand for none.
fn spoiled_tail(token: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = token.split_at(token.len() - 1);
    let value = ALPHABET.iter().position(|byte| *byte == last.as_bytes()[0]).unwrap();
    format!("{head}{}", char::from(ALPHABET[value | 1]))
}
