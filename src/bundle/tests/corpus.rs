//! Bundles that OPA made (`tests/corpus/bundles/make.sh`) are read, and what was signed is verified.

use std::{fs, path::PathBuf};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn corpus(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/corpus/bundles", name].iter().collect();
    fs::read(path).unwrap()
}

fn key(algorithm: &str) -> Key {
    let file = match algorithm.split_at(2) {
        ("HS", _) => return Key::new(algorithm, SECRET).unwrap(),
        ("ES", _) => format!("{}.pub", algorithm.to_lowercase()),
        _ => "rsa.pub".to_owned(),
    };
    Key::new(algorithm, &String::from_utf8(corpus(&file)).unwrap()).unwrap()
}

fn verify(name: &str, key: Key) -> Result<Bundle, String> {
    let verification = Verification::new([("default".to_owned(), key)]).unwrap();
    let read = Bundle::read(name, &corpus(name), &Limits::default(), Some(&verification), now());
    read.map_err(|problems| problems.to_string())
}

#[test]
fn what_opa_builds_is_read() {
    let bundle = read(&corpus("plain.tar.gz")).unwrap();
    assert_eq!(bundle.revision(), Some("r1"));
    assert_eq!(bundle.modules()[0].path, "src/policy/a.rego");
    assert_eq!(bundle.modules()[0].package, ["policy", "a"]);
    assert_eq!(bundle.tests()[0].path, "src/policy/a_test.rego");
    assert_eq!(bundle.metadata(), &json(r#"{"team": "edge"}"#));
    assert_eq!(bundle.data()["roles"]["huge"], Value::from_numeric_string("1e30").unwrap());
    assert_eq!(bundle.data()["top"]["z"][4], Value::from_numeric_string("12345678901234567890123").unwrap());
    let loose = read(&corpus("loose.tar.gz")).unwrap();
    assert_eq!((loose.revision(), loose.roots()), (None, &Roots::everything()));
    assert_eq!(loose.data(), bundle.data());
    assert_eq!(read(&corpus("plan.tar.gz")).unwrap().ignored(), ["plan.json"]);
}

#[test]
fn what_opa_signs_is_verified_with_every_algorithm() {
    let algorithms =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512"];
    for algorithm in algorithms {
        let name = format!("{}.tar.gz", algorithm.to_lowercase());
        let bundle = verify(&name, key(algorithm)).unwrap();
        assert_eq!(bundle.signed().unwrap().key_id, "default");
        assert!(read(&corpus(&name)).unwrap_err().contains("no key is configured"));
        for other in algorithms.into_iter().filter(|other| *other != algorithm) {
            assert!(verify(&name, key(other)).unwrap_err().contains("its algorithm is"), "{algorithm} as {other}");
        }
    }
}

#[test]
fn a_directory_that_was_signed_and_packed_is_verified_with_its_yaml() {
    let bundle = verify("packed.tar.gz", key("RS256").with_scope("write")).unwrap();
    let iat = Timestamp::from_seconds(1_795_262_000);
    assert_eq!(bundle.signed(), Some(&Signed { key_id: "default".to_owned(), issued_at: Some(iat) }));
    assert_eq!(bundle.ignored(), ["README.md"]);
    assert_eq!(bundle.data(), read(&corpus("plain.tar.gz")).unwrap().data());
    assert!(verify("packed.tar.gz", key("RS256")).unwrap_err().contains("its scope"));
    let verification = Verification::new([("default".to_owned(), key("RS256").with_scope("write"))]).unwrap();
    let end = Timestamp::from_seconds(1_795_263_000);
    let late = Bundle::read("b", &corpus("packed.tar.gz"), &Limits::default(), Some(&verification), end);
    assert!(late.unwrap_err().to_string().contains("it has expired"));
}
