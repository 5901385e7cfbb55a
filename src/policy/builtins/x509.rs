//! `crypto.x509`: certificates as OPA reads them. No private key is read here, and none belongs in a policy.

mod certificate;
mod chain;
mod constraints;
mod decimal;
mod der;
mod extensions;
mod name;
pub(super) mod pem;
mod public_key;
mod shape;
mod signature_algorithm;
mod time;
mod uri;

pub(super) use self::{
    certificate::Certificate,
    public_key::{Curve, PublicKey},
};
use super::{
    super::engine::Value,
    jwt::base64,
    native::{Failure, Native, now_ns},
};
use crate::clock::Timestamp;

pub(super) const X509: &[Native] = &[
    Native { name: "crypto.x509.parse_and_verify_certificates", arity: 1, call: parse_and_verify },
    Native { name: "crypto.x509.parse_certificates", arity: 1, call: parse },
];

fn parse(arguments: &[Value]) -> Result<Value, Failure> {
    let der = der(text(arguments)?)?;
    let certificates = certificates(&der)?;
    values(&certificates)
}

/// Whether the last certificate leads to the first by way of the others; if so, with that path.
fn parse_and_verify(arguments: &[Value]) -> Result<Value, Failure> {
    let der = der(text(arguments)?);
    let certificates = match der.as_deref().map(certificates) {
        Ok(Ok(certificates)) => certificates,
        Ok(Err(bound @ Failure::Bound(_))) => return Err(bound),
        Ok(Err(Failure::Error(_))) | Err(_) => Vec::new(),
    };
    match chain::verify(&certificates, Timestamp::from_nanos(now_ns()))? {
        Some(path) => Ok(vec![true.into(), values(path)?].into()),
        None => Ok(vec![false.into(), Vec::<Value>::new().into()].into()),
    }
}

fn values<'c>(certificates: impl IntoIterator<Item = &'c Certificate<'c>>) -> Result<Value, Failure> {
    let value = |certificate| {
        shape::value(certificate)
            .ok_or_else(|| Failure::Bound("a certificate has a number of more than 16384 bits".to_owned()))
    };
    certificates.into_iter().map(value).collect::<Result<Vec<_>, _>>().map(Value::from)
}

fn text(arguments: &[Value]) -> Result<&str, Failure> {
    match arguments.first() {
        Some(Value::String(text)) if text.len() > MAX_TEXT => {
            Err(Failure::Bound(format!("the certificates are longer than {MAX_TEXT} bytes")))
        }
        Some(Value::String(text)) => Ok(text),
        _ => Err(error("the certificates are not a string")),
    }
}

/// The DER of certificates, one behind the other: from PEM, or from base64 of either.
fn der(text: &str) -> Result<Vec<u8>, Failure> {
    if text.starts_with(BEGIN) {
        return blocks(text.as_bytes());
    }
    let bytes = base64(text.as_bytes()).ok_or_else(|| error("the certificates are neither PEM nor base64"))?;
    if bytes.starts_with(BEGIN.as_bytes()) { blocks(&bytes) } else { Ok(bytes) }
}

/// What is in the blocks of a PEM text; whatever follows the last one is passed over.
fn blocks(mut text: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut der = Vec::new();
    while let Some((block, rest)) = pem::decode(text) {
        if block.label != b"CERTIFICATE" {
            return Err(error("a PEM block is no CERTIFICATE"));
        }
        der.extend(block.content);
        text = rest;
    }
    Ok(der)
}

fn certificates(der: &[u8]) -> Result<Vec<Certificate<'_>>, Failure> {
    let mut certificates = Vec::new();
    let mut rest = der;
    while !rest.is_empty() {
        if certificates.len() == MAX_CERTIFICATES {
            return Err(Failure::Bound(format!("there are more than {MAX_CERTIFICATES} certificates")));
        }
        let (certificate, following) = Certificate::read(rest).ok_or_else(|| error("a certificate cannot be read"))?;
        certificates.push(certificate);
        rest = following;
    }
    Ok(certificates)
}

fn error(message: &str) -> Failure {
    Failure::Error(message.to_owned())
}

const BEGIN: &str = "-----BEGIN";
/// What one call can read in well under a millisecond.
const MAX_TEXT: usize = 64 * 1024;
const MAX_CERTIFICATES: usize = 16;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::{super::native::set_now, *};

    fn call(name: &str, argument: &str) -> Result<Value, Failure> {
        let native = X509.iter().find(|native| native.name == name).unwrap();
        (native.call)(&[argument.into()])
    }

    fn certificate() -> (Vec<u8>, String) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI("spiffe://acme.example/a".try_into().unwrap())];
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        (certificate.der().to_vec(), certificate.pem())
    }

    #[test]
    fn a_certificate_is_what_policies_for_opa_read() {
        let (_, pem) = certificate();
        let certificates = call("crypto.x509.parse_certificates", &pem).unwrap();
        let certificate = certificates.as_array().unwrap().first().unwrap().clone();
        let field = |name: &str| certificate.as_object().unwrap().get(&name.into()).unwrap().clone();
        assert_eq!(field("URIStrings"), vec![Value::from("spiffe://acme.example/a")].into());
        assert_eq!(field("NotBefore"), "1975-01-01T00:00:00Z".into());
        assert_eq!(field("DNSNames"), Value::Null);
        let subject = field("Subject");
        assert_eq!(subject.as_object().unwrap().get(&"CommonName".into()), Some(&"rcgen self signed cert".into()));
    }

    #[test]
    fn what_is_cut_or_too_much_is_no_certificate() {
        let (der, pem) = certificate();
        let encode = |der: &[u8]| ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, der);
        for length in 1..der.len() {
            let cut = call("crypto.x509.parse_certificates", &encode(&der[..length]));
            assert!(matches!(cut, Err(Failure::Error(_))), "{length}");
        }
        assert!(call("crypto.x509.parse_certificates", &pem.repeat(MAX_CERTIFICATES)).is_ok());
        for name in X509.iter().map(|native| native.name) {
            for text in [pem.repeat(MAX_CERTIFICATES + 1), "x".repeat(MAX_TEXT + 1)] {
                assert!(matches!(call(name, &text), Err(Failure::Bound(_))), "{name}");
            }
        }
    }

    #[test]
    fn a_root_is_verified_at_the_decision_s_time() {
        let authority = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "root");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let root = params.self_signed(&authority).unwrap().pem();
        let issuer = rcgen::Issuer::from_params(&params, &authority);
        let leaf = CertificateParams::default().signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem();
        for (now, expected) in [
            ("2019-12-31T23:59:59Z", false),
            ("2020-01-01T00:00:00Z", true),
            ("2021-01-01T00:00:00.5Z", true),
            ("2021-01-01T00:00:01Z", false),
        ] {
            set_now(Timestamp::parse(now).unwrap());
            let answer = call("crypto.x509.parse_and_verify_certificates", &format!("{root}{leaf}")).unwrap();
            assert_eq!(answer.as_array().unwrap().first(), Some(&expected.into()), "{now}");
        }
    }
}
