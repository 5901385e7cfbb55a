//! A token is a JWS in compact serialization, in one spelling, whose header says nothing that could lead its verifier astray ([RFC 7515]).
//!
//! [RFC 7515]: https://www.rfc-editor.org/rfc/rfc7515

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::error::Malformed;
use crate::{
    json,
    trust::jwk::{Algorithm, MAX_KID},
};

/// A token that was read; nothing it says is verified.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: String,
    pub(super) typ: Option<String>,
    pub(super) extra: Extra,
    pub(super) claims: Map<String, Value>,
    /// Header and payload as they stand in the token: what is signed.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
}

/// What the header says beyond `alg`, `kid` and `typ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extra {
    Nothing,
    /// What issuers of OIDC tokens add, and nothing here reads.
    Oidc,
    /// Something that another verifier might obey: a key, a critical extension.
    Other,
}

impl<'a> Jws<'a> {
    /// Reads a token whose length is bounded by the caller.
    pub(super) fn read(token: &'a str) -> Result<Self, Malformed> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Malformed::Format)?;
        let (header, payload) = signed.split_once('.').ok_or(Malformed::Format)?;
        if header.is_empty() || payload.is_empty() {
            return Err(Malformed::Format);
        }
        // This decoder admits no padding, no white space, no further dot and no bits beyond the last octet: one text for these octets.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Malformed::Format);
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);

        let Ok(Value::Object(header)) = json::parse(&header, HEADER_DEPTH) else { return Err(Malformed::Header) };
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        let kid = header.get("kid").and_then(Value::as_str).filter(|kid| (1..=MAX_KID).contains(&kid.len()));
        let typ = match header.get("typ") {
            None => None,
            Some(Value::String(typ)) => Some(typ.clone()),
            Some(_) => return Err(Malformed::Type),
        };
        let extra = header.keys().map(|name| match name.as_str() {
            "alg" | "kid" | "typ" => Extra::Nothing,
            "x5t" | "x5t#S256" | "nonce" => Extra::Oidc,
            _ => Extra::Other,
        });
        let extra = extra.max().unwrap_or(Extra::Nothing);
        let algorithm = algorithm.ok_or(Malformed::Algorithm)?;
        if extra == Extra::Other {
            return Err(Malformed::Header);
        }
        let kid = kid.ok_or(Malformed::KeyId)?.to_owned();
        match json::parse(&payload, CLAIMS_DEPTH)? {
            Value::Object(claims) => Ok(Self { algorithm, kid, typ, extra, claims, signed, signature }),
            _ => Err(Malformed::NotAnObject),
        }
    }
}

/// Deep enough for what `x5t` and the like hold, which is text.
const HEADER_DEPTH: usize = 4;
/// Policies are shown the claims, so these are bounded as bodies are, and more.
const CLAIMS_DEPTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn read(header: &str, claims: &str) -> Result<Extra, Malformed> {
        let token = format!("{}.{}.AAAA", encode(header), encode(claims));
        Jws::read(&token).map(|jws| jws.extra)
    }

    #[test]
    fn reads_the_three_parts() {
        let token = format!("{}.{}.AQID", encode(r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#), encode(r#"{"a":1}"#));
        let jws = Jws::read(&token).unwrap();
        assert_eq!((jws.algorithm, &*jws.kid, jws.typ.as_deref()), (Algorithm::ES256, "k", Some("JWT")));
        assert_eq!(jws.claims["a"], 1);
        assert_eq!(format!("{}.AQID", jws.signed), token);
        assert_eq!(jws.signature, [1, 2, 3]);
    }

    #[test]
    fn refuses_every_other_serialization() {
        let (header, claims) = (encode(r#"{"alg":"ES256","kid":"k"}"#), encode("{}"));
        assert!(Jws::read(&format!("{header}.{claims}.AAAA")).is_ok());
        for token in [
            String::new(),
            ".".into(),
            "..".into(),
            header.clone(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}.AAAA.AAAA"),
            format!("{header}.{claims}.AAAA.AAAA.AAAA"),
            format!(".{header}.{claims}.AAAA"),
            format!("{header}.{claims}.AAAA."),
            format!(".{claims}.AAAA"),
            format!("{header}..AAAA"),
            format!("{header}.{claims}.AAAA="),
            format!("{header}.{claims}.AA=="),
            format!("{header}.{claims}.AAA/"),
            format!("{header}.{claims}.AA+A"),
            format!("{header}.{claims}.AAAA\n"),
            format!("{header}.{claims}.AA AA"),
            format!("{header}.{claims}.AB"),
            format!("{header}.{claims}.A"),
            format!(" {header}.{claims}.AAAA"),
            format!("{header}.{claims}\n.AAAA"),
            format!("{header}=.{claims}.AAAA"),
            format!(r#"{{"protected":"{header}","payload":"{claims}","signature":"AAAA"}}"#),
        ] {
            assert_eq!(Jws::read(&token).unwrap_err(), Malformed::Format, "{token}");
        }
    }

    #[test]
    fn admits_no_header_that_another_verifier_might_obey() {
        for field in ["jwk", "jku", "x5c", "x5u", "crit", "b64", "cty", "zip", "enc", "epk", "iss", "Alg", ""] {
            let header = format!(r#"{{"alg":"ES256","kid":"k","{field}":"x"}}"#);
            assert_eq!(read(&header, "{}"), Err(Malformed::Header), "{field}");
        }
        for field in ["x5t", "x5t#S256", "nonce"] {
            let header = format!(r#"{{"alg":"ES256","kid":"k","{field}":"x"}}"#);
            assert_eq!(read(&header, "{}"), Ok(Extra::Oidc), "{field}");
        }
    }

    #[test]
    fn refuses_hostile_headers() {
        use Malformed::{Algorithm as Alg, Header, KeyId, Type};
        for (header, error) in [
            (r#"{"kid":"k"}"#, Alg),
            (r#"{"alg":"none","kid":"k"}"#, Alg),
            (r#"{"alg":"None","kid":"k"}"#, Alg),
            (r#"{"alg":"nOnE","kid":"k"}"#, Alg),
            (r#"{"alg":"","kid":"k"}"#, Alg),
            (r#"{"alg":null,"kid":"k"}"#, Alg),
            (r#"{"alg":["ES256"],"kid":"k"}"#, Alg),
            (r#"{"alg":"HS256","kid":"k"}"#, Alg),
            (r#"{"alg":"es256","kid":"k"}"#, Alg),
            (r#"{"alg":"EdDSA","kid":"k"}"#, Alg),
            (r#"{"alg":"ES256K","kid":"k"}"#, Alg),
            (r#"{"alg":"ES256"}"#, KeyId),
            (r#"{"alg":"ES256","kid":null}"#, KeyId),
            (r#"{"alg":"ES256","kid":""}"#, KeyId),
            (r#"{"alg":"ES256","kid":1}"#, KeyId),
            (r#"{"alg":"ES256","kid":"k","typ":1}"#, Type),
            (r#"{"alg":"ES256","kid":"k","typ":null}"#, Type),
            (r#"{"alg":"ES256","alg":"ES256","kid":"k"}"#, Header),
            (r#"{"alg":"ES256","kid":"k","kid":"l"}"#, Header),
            (r#"{"alg":"ES256","kid":"k","typ":"JWT","typ":"JWT"}"#, Header),
            (r#"["alg"]"#, Header),
            ("ES256", Header),
            (r#"{"alg":"ES256","kid":"k"}{}"#, Header),
        ] {
            assert_eq!(read(header, "{}"), Err(error), "{header}");
        }
        let long = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(257));
        assert_eq!(read(&long, "{}"), Err(KeyId));
    }

    #[test]
    fn claims_are_an_object() {
        let header = r#"{"alg":"ES256","kid":"k"}"#;
        for claims in ["[]", "\"x\"", "1", "null"] {
            assert_eq!(read(header, claims), Err(Malformed::NotAnObject), "{claims}");
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for claims in
            [r#"{"a":1,"a":2}"#, "{\u{0}}", r#"{"a":"\ud800"}"#, r#"{"a":"\u0000"}"#, "{} ]", &deep, "\u{feff}{}"]
        {
            assert!(matches!(read(header, claims), Err(Malformed::Json(_))), "{claims:.20}");
        }
    }
}
