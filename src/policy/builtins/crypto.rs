//! `crypto`: digests and message authentication codes of texts, in hex.

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use aws_lc_rs::{
    constant_time,
    digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest},
    hmac,
};
use md5::{Digest as _, Md5};

use super::{
    super::engine::Value,
    native::{Failure, Native},
};
use crate::hex;

pub(super) const CRYPTO: &[Native] = &[
    Native { name: "crypto.hmac.equal", arity: 2, call: equal },
    Native { name: "crypto.hmac.md5", arity: 2, call: |arguments| authenticate(arguments, hmac_md5) },
    Native { name: "crypto.hmac.sha1", arity: 2, call: |arguments| authenticate(arguments, sha1) },
    Native { name: "crypto.hmac.sha256", arity: 2, call: |arguments| authenticate(arguments, sha256) },
    Native { name: "crypto.hmac.sha512", arity: 2, call: |arguments| authenticate(arguments, sha512) },
    Native {
        name: "crypto.md5",
        arity: 1,
        call: |arguments| Ok(hex::encode(&Md5::digest(text(arguments, 0)?)).into()),
    },
    Native { name: "crypto.sha1", arity: 1, call: |arguments| digested(arguments, &SHA1_FOR_LEGACY_USE_ONLY) },
    Native { name: "crypto.sha256", arity: 1, call: |arguments| digested(arguments, &SHA256) },
];

fn digested(arguments: &[Value], algorithm: &'static Algorithm) -> Result<Value, Failure> {
    Ok(hex::encode(digest(algorithm, text(arguments, 0)?).as_ref()).into())
}

/// The code of the first argument under the key that the second is.
fn authenticate(arguments: &[Value], code: fn(&[u8], &[u8]) -> Option<String>) -> Result<Value, Failure> {
    let (message, key) = (text(arguments, 0)?, text(arguments, 1)?);
    code(key, message).map(Value::from).ok_or_else(|| Failure::Error("the key cannot be used".to_owned()))
}

fn hmac_md5(key: &[u8], message: &[u8]) -> Option<String> {
    let mut code = Hmac::<Md5>::new_from_slice(key).ok()?;
    code.update(message);
    Some(hex::encode(&code.finalize().into_bytes()))
}

fn sha1(key: &[u8], message: &[u8]) -> Option<String> {
    Some(code(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, message))
}

fn sha256(key: &[u8], message: &[u8]) -> Option<String> {
    Some(code(hmac::HMAC_SHA256, key, message))
}

fn sha512(key: &[u8], message: &[u8]) -> Option<String> {
    Some(code(hmac::HMAC_SHA512, key, message))
}

fn code(algorithm: hmac::Algorithm, key: &[u8], message: &[u8]) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(algorithm, key), message).as_ref())
}

/// Whether two codes are the same, in a time that does not tell where they differ.
fn equal(arguments: &[Value]) -> Result<Value, Failure> {
    let (one, other) = (text(arguments, 0)?, text(arguments, 1)?);
    Ok(constant_time::verify_slices_are_equal(one, other).is_ok().into())
}

fn text(arguments: &[Value], index: usize) -> Result<&[u8], Failure> {
    match arguments.get(index) {
        Some(Value::String(text)) if text.len() > MAX_TEXT => {
            Err(Failure::Bound(format!("argument {} is longer than {MAX_TEXT} bytes", index.saturating_add(1))))
        }
        Some(Value::String(text)) => Ok(text.as_bytes()),
        _ => Err(Failure::Error(format!("argument {} is not a string", index.saturating_add(1)))),
    }
}

/// MD5, the slowest, takes well under a millisecond.
const MAX_TEXT: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &[&str]) -> Result<Value, Failure> {
        let native = CRYPTO.iter().find(|native| native.name == name).unwrap();
        assert_eq!(usize::from(native.arity), arguments.len());
        (native.call)(&arguments.iter().map(|text| Value::from(*text)).collect::<Vec<_>>())
    }

    #[test]
    fn digests_and_codes_are_those_of_the_standards() {
        // RFC 1321 §A.5, RFC 3174 §7.3, FIPS 180-4; RFC 2202 §2 and §3, RFC 4231 §4.3: test case 2 of each.
        let (key, message) = ("Jefe", "what do ya want for nothing?");
        for (name, arguments, expected) in [
            ("crypto.md5", &["abc"][..], "900150983cd24fb0d6963f7d28e17f72"),
            ("crypto.sha1", &["abc"], "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("crypto.sha256", &["abc"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ("crypto.hmac.md5", &[message, key], "750c783e6ab0b503eaa86e310a5db738"),
            ("crypto.hmac.sha1", &[message, key], "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            ("crypto.hmac.sha256", &[message, key], "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                "crypto.hmac.sha512",
                &[message, key],
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            assert_eq!(call(name, arguments), Ok(expected.into()), "{name}");
        }
    }

    #[test]
    fn codes_are_compared_whole() {
        assert_eq!(call("crypto.hmac.equal", &["ab", "ab"]), Ok(true.into()));
        assert_eq!(call("crypto.hmac.equal", &["ab", "aB"]), Ok(false.into()));
        assert_eq!(call("crypto.hmac.equal", &["ab", "abc"]), Ok(false.into()));
    }

    #[test]
    fn long_texts_and_other_values_are_refused() {
        for native in CRYPTO {
            let long = vec![Value::from("x".repeat(MAX_TEXT + 1)); native.arity.into()];
            assert!(matches!((native.call)(&long), Err(Failure::Bound(_))), "{}", native.name);
            let others = vec![Value::from(1_u64); native.arity.into()];
            assert!(matches!((native.call)(&others), Err(Failure::Error(_))), "{}", native.name);
        }
    }
}
