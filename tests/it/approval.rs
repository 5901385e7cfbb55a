//! What `ssh-keygen` signs, Hopguard verifies, and the other way round, with every kind of key that both have.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};
use hopguard::{
    approval::{AllowedSigners, NAMESPACE, SignatureError, armour, signed_message},
    clock::Timestamp,
    grant::Signature,
};

use crate::harness::Desk;

const MESSAGE: &[u8] = br#"{"apiVersion":"hopguard.dev/v1alpha1","kind":"Grant","metadata":{"name":"a"},"spec":{}}"#;
const ALICE: &str = "alice@example.com";
const NOW: Timestamp = Timestamp::from_seconds(1_795_165_200);

#[test]
fn hopguard_verifies_what_ssh_keygen_signs() {
    let desk = Desk::new();
    for key in KEYS {
        let key = desk.key(key);
        let signers = allow(&desk, &format!("{ALICE} {}", key.public));
        for hash in ["-Ohashalg=sha256", "-Ohashalg=sha512"] {
            let signature = desk.sign(&key, NAMESPACE, &[hash], MESSAGE);
            assert_eq!(verify(&signers, &signature, MESSAGE), Ok(()), "{} {hash}", key.public);
            assert_eq!(verify(&signers, &signature, b"{}"), Err(SignatureError::Mismatch));
        }
        let elsewhere = desk.sign(&key, "file", &[], MESSAGE);
        assert_eq!(verify(&signers, &elsewhere, MESSAGE), Err(SignatureError::Namespace("file".to_owned())));
    }
}

#[test]
fn ssh_keygen_verifies_what_is_signed_in_hopguards_armour() {
    let desk = Desk::new();
    let pair = Ed25519KeyPair::generate().unwrap();
    let mut key = Vec::new();
    for field in [&b"ssh-ed25519"[..], pair.public_key().as_ref()] {
        key.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        key.extend(field);
    }
    let signature = armour(&key, "ssh-ed25519", pair.sign(&signed_message(MESSAGE)).as_ref());
    desk.allow(&format!("{ALICE} ssh-ed25519 {}", STANDARD.encode(&key)));
    assert!(desk.verifies(ALICE, NAMESPACE, &signature, MESSAGE));
    assert!(!desk.verifies(ALICE, NAMESPACE, &signature, b"{}"));
    assert!(!desk.verifies(ALICE, "file", &signature, MESSAGE));
    assert!(!desk.verifies("bob@example.com", NAMESPACE, &signature, MESSAGE));
}

/// Where they differ, it is Hopguard that refuses.
#[test]
fn both_read_allowed_signers_alike() {
    let desk = Desk::new();
    let key = desk.key(&["-t", "ed25519"]);
    let signature = desk.sign(&key, NAMESPACE, &[], MESSAGE);
    let public = &key.public;
    for (line, counts) in [
        (format!("{ALICE} {public}"), true),
        (format!("  {ALICE}\t{public}"), true),
        (format!("# a comment\n\nbob@example.com,{ALICE} {public}"), true),
        (format!("\"{ALICE}\" {public}"), true),
        (format!("*@example.com {public}"), true),
        (format!("a????@example.com {public}"), true),
        (format!("*,!{ALICE} {public}"), false),
        (format!("*@other.example {public}"), false),
        (format!("Alice@example.com {public}"), false),
        (format!("{ALICE} namespaces=\"file,hopguard-*\" {public}"), true),
        (format!("{ALICE} NAMESPACES=\"*,!file\" {public}"), true),
        (format!("{ALICE} namespaces=\"file\" {public}"), false),
        (format!("{ALICE} namespaces=\"*,!hopguard-grant\" {public}"), false),
        (format!("{ALICE} valid-after=\"20261120Z\",valid-before=\"20261121Z\" {public}"), true),
        (format!("{ALICE} valid-after=\"202611200900Z\" {public}"), true),
        (format!("{ALICE} valid-after=\"20261120090001Z\" {public}"), false),
        (format!("{ALICE} valid-before=\"20261120085959Z\" {public}"), false),
        (format!("{ALICE} namespaces=\"file\" {public}\n{ALICE} {public}"), true),
    ] {
        let signers = allow(&desk, &line);
        assert_eq!(verify(&signers, &signature, MESSAGE).is_ok(), counts, "Hopguard: {line}");
        assert_eq!(desk.verifies(ALICE, NAMESPACE, &signature, MESSAGE), counts, "ssh-keygen: {line}");
    }
}

/// Who may sign, for both.
fn allow(desk: &Desk, lines: &str) -> AllowedSigners {
    desk.allow(lines);
    AllowedSigners::parse("allowed_signers", lines).unwrap()
}

fn verify(signers: &AllowedSigners, signature: &str, message: &[u8]) -> Result<(), SignatureError> {
    let signature = Signature { by: ALICE.to_owned(), armoured: signature.to_owned() };
    signers.verify(&signature, message, NOW)
}

const KEYS: [&[&str]; 5] = [
    &["-t", "ed25519"],
    &["-t", "ecdsa", "-b", "256"],
    &["-t", "ecdsa", "-b", "384"],
    &["-t", "ecdsa", "-b", "521"],
    &["-t", "rsa", "-b", "2048"],
];
