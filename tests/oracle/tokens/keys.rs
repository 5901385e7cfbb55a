//! A key for each algorithm, and what is known of it in public.

use std::collections::BTreeMap;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{
    CertificateParams, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519,
    PKCS_RSA_SHA256,
};
use serde_json::{Value, json};

/// Keys of every kind.
pub(crate) struct Keys {
    rsa: RsaKeyPair,
    curves: BTreeMap<&'static str, EcdsaKeyPair>,
    ed25519: Ed25519KeyPair,
    /// PEM of public keys and certificates, by the algorithm that they are for.
    pem: BTreeMap<&'static str, [String; 2]>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let mut pem = BTreeMap::new();
        let mut add = |name, pair: &rcgen::KeyPair| {
            let certificate = CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(pair).unwrap();
            pem.insert(name, [pair.public_key_pem(), certificate.pem()]);
        };
        let mut curves = BTreeMap::new();
        for (name, algorithm, scheme) in [
            ("ES256", &PKCS_ECDSA_P256_SHA256, &ECDSA_P256_SHA256_FIXED_SIGNING),
            ("ES384", &PKCS_ECDSA_P384_SHA384, &ECDSA_P384_SHA384_FIXED_SIGNING),
            ("ES512", &PKCS_ECDSA_P521_SHA512, &ECDSA_P521_SHA512_FIXED_SIGNING),
        ] {
            let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
            add(name, &pair);
            curves.insert(name, EcdsaKeyPair::from_pkcs8(scheme, pair.serialized_der()).unwrap());
        }
        let pair = rcgen::KeyPair::generate_for(&PKCS_ED25519).unwrap();
        add("EdDSA", &pair);
        let ed25519 = Ed25519KeyPair::from_pkcs8(pair.serialized_der()).unwrap();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let encoded = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).unwrap();
        let der = rustls_pki_types::PrivatePkcs8KeyDer::from(encoded.as_ref().to_vec());
        add("RS256", &rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256).unwrap());
        Self { rsa, curves, ed25519, pem }
    }

    pub(crate) const fn secret(&self) -> &'static str {
        "a secret of nobody's"
    }

    /// What verifies signatures of that algorithm: a PEM of a public key, or the secret.
    pub(crate) fn text(&self, algorithm: &str) -> String {
        match &algorithm[..2] {
            "HS" => self.secret().to_owned(),
            "RS" | "PS" => self.pem["RS256"][0].clone(),
            _ => self.pem[algorithm][0].clone(),
        }
    }

    /// Everything that holds public keys: PEM of each kind, JWKs and a set of them all.
    pub(crate) fn texts(&self) -> Vec<String> {
        let pem = self.pem.values().flatten().cloned();
        let jwks = self.pem.keys().map(|name| self.jwk(name).to_string());
        let mut all: Vec<Value> = self.pem.keys().map(|name| self.jwk(name)).collect();
        let set = json!({"keys": all}).to_string();
        for (jwk, name) in all.iter_mut().zip(self.pem.keys()) {
            jwk["alg"] = json!(name);
            jwk["kid"] = json!(name);
        }
        pem.chain(jwks).chain([set, json!({"keys": all}).to_string()]).collect()
    }

    pub(crate) fn jwk(&self, algorithm: &str) -> Value {
        let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        match algorithm {
            "EdDSA" => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(self.ed25519.public_key().as_ref())}),
            "HS256" => json!({"kty": "oct", "k": encode(self.secret().as_bytes())}),
            "RS256" => {
                // RFC 8017 §A.1.1: the modulus stands before the five octets of the exponent 65537.
                let der = self.rsa.public_key().as_ref();
                let end = der.len() - 5;
                json!({"kty": "RSA", "n": encode(&der[end - 256..end]), "e": "AQAB"})
            }
            curve => {
                let point = &self.curves[curve].public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = match curve {
                    "ES256" => "P-256",
                    "ES384" => "P-384",
                    _ => "P-521",
                };
                json!({"kty": "EC", "crv": crv, "x": encode(x), "y": encode(y)})
            }
        }
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value, algorithm: &str) -> String {
        self.sign_text(&header.to_string(), &claims.to_string(), algorithm)
    }

    /// A token of exactly that header and payload, signed with the key of that algorithm whatever the header says.
    pub(crate) fn sign_text(&self, header: &str, payload: &str, algorithm: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let message = signed.as_bytes();
        let random = SystemRandom::new();
        let rsa = |encoding: &'static dyn RsaEncoding| {
            let mut octets = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(encoding, &random, message, &mut octets).unwrap();
            octets
        };
        let secret =
            |algorithm| hmac::sign(&hmac::Key::new(algorithm, self.secret().as_bytes()), message).as_ref().to_vec();
        let octets = match algorithm {
            "RS256" => rsa(&signature::RSA_PKCS1_SHA256),
            "RS384" => rsa(&signature::RSA_PKCS1_SHA384),
            "RS512" => rsa(&signature::RSA_PKCS1_SHA512),
            "PS256" => rsa(&signature::RSA_PSS_SHA256),
            "PS384" => rsa(&signature::RSA_PSS_SHA384),
            "PS512" => rsa(&signature::RSA_PSS_SHA512),
            "EdDSA" => self.ed25519.sign(message).as_ref().to_vec(),
            "HS256" => secret(hmac::HMAC_SHA256),
            "HS384" => secret(hmac::HMAC_SHA384),
            "HS512" => secret(hmac::HMAC_SHA512),
            curve => self.curves[curve].sign(&random, message).unwrap().as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(octets))
    }
}
