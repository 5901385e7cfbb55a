//! What an agent gives for one trust domain, read strictly: all of it is understood, or none of it is taken.

use serde_json::{Map, Value};
use spiffe::TrustDomain;

use crate::{
    json,
    peer::id::parse_trust_domain,
    trust::{Authorities, TrustBundle},
};

/// What was read, or why it cannot be.
pub(super) type Reading<T> = Result<Given<T>, String>;

/// What was read of one trust domain.
#[derive(Debug)]
pub(super) struct Given<T> {
    /// Its certificates or keys.
    pub(super) items: Vec<T>,
    /// What whoever looks after the agent should know of them.
    pub(super) remarks: Vec<String>,
    /// Why nobody is trusted by them, where somebody should be.
    pub(super) problem: Option<&'static str>,
}

/// The trust domain under whose SPIFFE ID something is given.
pub(super) fn trust_domain(id: &str) -> Option<TrustDomain> {
    parse_trust_domain(id.strip_prefix("spiffe://")?).ok()
}

/// Reads certificates that stand one behind the other in DER. None are a bundle by which nobody is trusted.
pub(super) fn x509(trust_domain: &TrustDomain, bytes: &[u8]) -> Reading<Vec<u8>> {
    bounded(bytes)?;
    let ders = split(bytes).ok_or("its X.509 bundle is not the DER of certificates")?;
    let bundle =
        TrustBundle::from_authorities(trust_domain.clone(), ders.iter().cloned()).map_err(|error| error.to_string())?;
    let problem = match (ders.is_empty(), bundle.anchors().is_empty()) {
        (true, _) => Some("its X.509 bundle is empty: it is withdrawn"),
        (false, true) => Some("no certificate of its X.509 bundle can be used: nobody is trusted by it"),
        (false, false) => None,
    };
    Ok(Given { items: ders, remarks: bundle.remarks().collect(), problem })
}

/// Reads a JWK set. Agents leave `use` out of it (SPIRE), or say `sig` as RFC 7517 has it: what is given here is for tokens all the same.
/// No bytes at all are no keys.
pub(super) fn jwt(_: &TrustDomain, bytes: &[u8]) -> Reading<Value> {
    bounded(bytes)?;
    if bytes.is_empty() {
        return Ok(Given { items: Vec::new(), remarks: Vec::new(), problem: None });
    }
    let mut set = json::parse(bytes, MAX_DEPTH).map_err(|error| format!("its JWT bundle: {error}"))?;
    let Some(Value::Array(jwt)) = set.get_mut("keys").map(Value::take) else {
        return Err("its JWT bundle has no array `keys`".to_owned());
    };
    let jwt = jwt.into_iter().map(for_tokens).collect();
    let authorities = Authorities { x509: Vec::new(), jwt };
    let (_, ignored) = authorities.jwt_keys().map_err(|error| format!("its JWT bundle: {error}"))?;
    let remarks = ignored.iter().map(ToString::to_string).collect();
    Ok(Given { items: authorities.jwt, remarks, problem: None })
}

fn for_tokens(mut jwk: Value) -> Value {
    if let Value::Object(members) = &mut jwk
        && is_general(members)
    {
        members.insert("use".to_owned(), Value::from("jwt-svid"));
    }
    jwk
}

fn is_general(jwk: &Map<String, Value>) -> bool {
    jwk.get("use").is_none_or(|name| name == "sig")
}

fn bounded(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > MAX_BUNDLE { Err("its bundle has more than 1 MiB".to_owned()) } else { Ok(()) }
}

/// Splits a row of DER sequences. What each holds is not looked at.
pub(super) fn split(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut ders = Vec::new();
    while !bytes.is_empty() {
        let (der, rest) = bytes.split_at_checked(length(bytes)?)?;
        ders.push(der.to_vec());
        bytes = rest;
        if ders.len() > MAX_CERTIFICATES {
            return None;
        }
    }
    Some(ders)
}

/// The octets of the sequence at the head of `bytes`, its head included (X.690 §8.1.3, §10.1: the length in its shortest form).
fn length(bytes: &[u8]) -> Option<usize> {
    let (&[0x30, first], rest) = bytes.split_first_chunk()? else { return None };
    if first < 0x80 {
        return Some(2 + usize::from(first));
    }
    let digits = usize::from(first & 0x7f);
    let length = rest.get(..digits).filter(|digits| (1..=4).contains(&digits.len()))?;
    let length = length.iter().try_fold(0_usize, |sum, &digit| sum.checked_mul(256)?.checked_add(digit.into()))?;
    let shortest = if length < 0x80 { 0 } else { (usize::BITS - length.leading_zeros()).div_ceil(8) as usize };
    (digits == shortest).then_some(length.checked_add(2 + digits)?)
}

const MAX_BUNDLE: usize = 1024 * 1024;
/// More than a bundle may have, so that the refusal can say so.
const MAX_CERTIFICATES: usize = 101;
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::peer::fixture::{Authority, tlv};

    fn td() -> TrustDomain {
        parse_trust_domain("td.test").unwrap()
    }

    #[test]
    fn splits_what_stands_one_behind_the_other() {
        let (a, b) = (Authority::root("a"), Authority::root("b"));
        let both = [a.der(), b.der()].concat();
        assert_eq!(x509(&td(), &both).unwrap().items, [a.der(), b.der()]);
        assert_eq!(x509(&td(), b"").unwrap().items, Vec::<Vec<u8>>::new());
        assert_eq!(split(&tlv(0x30, &[])), Some(vec![vec![0x30, 0]]));
        for cut in 1..both.len() {
            let whole = cut == a.der().len();
            assert_eq!(x509(&td(), &both[..cut]).is_ok(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_length_has_one_spelling() {
        for bytes in [
            &[0x30, 0x80, 0, 0][..],
            &[0x30, 0x81, 0x01, 0],
            &[0x30, 0x82, 0x00, 0x01, 0],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x30, 0xff],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x31, 0],
            &[0x30],
            b"-----BEGIN CERTIFICATE-----",
        ] {
            assert_eq!(split(bytes), None, "{bytes:?}");
        }
        assert_eq!(split(&tlv(0x30, &[0; 127])).unwrap().len(), 1);
        assert_eq!(split(&tlv(0x30, &[0; 128])).unwrap().len(), 1);
        assert_eq!(split(&tlv(0x30, &[0; 256])).unwrap().len(), 1);
    }

    #[test]
    fn one_broken_certificate_costs_the_bundle() {
        let root = Authority::root("root");
        let error = x509(&td(), &[root.der(), &[0x30, 0]].concat()).unwrap_err();
        assert_eq!(error, "trust anchors: certificate 2 cannot be read");
        let error = x509(&td(), &root.der().repeat(101)).unwrap_err();
        assert_eq!(error, "trust anchors: more than 100 certificates");
        assert!(x509(&td(), &root.der().repeat(102)).is_err());
        assert_eq!(x509(&td(), &vec![0x30; MAX_BUNDLE + 1]).unwrap_err(), "its bundle has more than 1 MiB");
        let leaf = root.svid("spiffe://td.test/x");
        let given = x509(&td(), &[root.der(), &leaf].concat()).unwrap();
        assert_eq!((given.remarks.len(), given.problem), (1, None));
        let given = x509(&td(), &leaf).unwrap();
        assert_eq!(given.problem, Some("no certificate of its X.509 bundle can be used: nobody is trusted by it"));
    }

    #[test]
    fn what_is_given_for_tokens_is_for_tokens() {
        let key = |name: Value| {
            json!({"use": name, "kid": "a", "kty": "EC", "crv": "P-256",
                "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
        };
        let read = |key: &Value| {
            let given = jwt(&td(), json!({"keys": [key]}).to_string().as_bytes()).unwrap();
            let keys = Authorities { x509: Vec::new(), jwt: given.items }.jwt_keys().unwrap().0;
            (keys.len(), given.remarks.len())
        };
        let mut general = key(json!(null));
        general.as_object_mut().unwrap().remove("use");
        assert_eq!(read(&general), (1, 0));
        for (name, expected) in
            [("jwt-svid", (1, 0)), ("sig", (1, 0)), ("enc", (0, 1)), ("wit-svid", (0, 1)), ("x509-svid", (0, 0))]
        {
            assert_eq!(read(&key(json!(name))), expected, "{name}");
        }
        general.as_object_mut().unwrap().remove("kid");
        assert_eq!(read(&general), (0, 1));
    }

    #[test]
    fn a_broken_jwk_set_is_refused() {
        for (text, expected) in [
            ("{}", "its JWT bundle has no array `keys`"),
            (r#"{"keys": {}}"#, "its JWT bundle has no array `keys`"),
            ("[]", "its JWT bundle has no array `keys`"),
            ("x", "its JWT bundle: this is not JSON"),
            (r#"{"keys": [], "keys": []}"#, "its JWT bundle: a key occurs twice in one object"),
        ] {
            assert_eq!(jwt(&td(), text.as_bytes()).unwrap_err(), expected, "{text}");
        }
        assert!(jwt(&td(), br#"{"keys": [{"d": "x"}]}"#).unwrap_err().contains("private"));
        assert_eq!(jwt(&td(), b"").unwrap().items, Vec::<Value>::new());
        assert_eq!(jwt(&td(), br#"{"keys": []}"#).unwrap().items, Vec::<Value>::new());
    }

    #[test]
    fn a_bundle_is_given_under_a_spiffe_id() {
        assert_eq!(trust_domain("spiffe://td.test"), Some(td()));
        for id in [
            "td.test",
            "spiffe://TD.test",
            "SPIFFE://td.test",
            "spiffe://td.test/",
            "spiffe://td.test/x",
            "spiffe://",
            "",
        ] {
            assert_eq!(trust_domain(id), None, "{id:?}");
        }
    }
}
