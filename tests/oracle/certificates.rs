//! `crypto.x509`: certificates of every shape, changed octet by octet.
//!
//! Where Hopguard differs on purpose it has an error, or a chain that is not verified, where OPA reads on: a chain that ends with an
//! authority or can be read in several ways, keys that [`tokens`](crate::tokens) have no signatures of, DSA keys and P-224, times with an
//! offset, URIs that would have to be unescaped, quoted mailboxes in constraints, policies whose numbers exceed 31 bits, bounds (64 KiB of text, 16 certificates, 64 extensions, numbers of 16384 bits).

mod chains;
mod made;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use self::made::pem;
use crate::{
    dice::Dice,
    opa::Outcome,
    question::{Answers, Question},
};

#[test]
fn certificates_of_every_shape_are_read_the_same() {
    let mut question = Question::call("crypto.x509.parse_certificates", 1);
    for der in made::certificates() {
        question.ask(&json!([STANDARD.encode(&der)]));
        question.ask(&json!([pem(&der)]));
        question.ask(&json!([STANDARD.encode(pem(&der))]));
    }
    assert!(question.done() >= 39);
}

#[test]
fn texts_of_certificates_are_read_the_same() {
    let mut question = Question::call("crypto.x509.parse_certificates", 1);
    let ders: Vec<Vec<u8>> = made::certificates().into_iter().take(2).collect();
    let (one, two) = (pem(&ders[0]), pem(&ders[1]));
    for text in [
        String::new(),
        format!("{one}{two}"),
        format!("{one}\n{two}x"),
        format!("{one}rest"),
        format!("x{one}"),
        format!("\n{one}"),
        format!("{one}{}", two.replace("CERTIFICATE", "PRIVATE KEY")),
        one.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        one.replace("-----END", "----END"),
        one.replace('\n', "\r\n"),
        one.replace('\n', " "),
        format!("{one}-----BEGIN CERTIFICATE-----\n{two}"),
        "-----BEGIN".to_owned(),
        "AAAA".to_owned(),
        "%%%".to_owned(),
        STANDARD.encode([&ders[0][..], &ders[1]].concat()),
        STANDARD.encode([&ders[0][..], &[0]].concat()),
        STANDARD.encode(&ders[0][..ders[0].len() - 1]),
        STANDARD.encode(format!("{one}{two}")),
        STANDARD.encode("-----BEGIN"),
        format!("{}\n", STANDARD.encode(&ders[0])),
    ] {
        question.ask(&json!([text]));
    }
    for other in [json!(null), json!(1), json!([one])] {
        question.ask(&json!([other]));
    }
    question.done();
}

#[test]
fn changed_certificates_are_read_the_same() {
    let mut question = Question::call("crypto.x509.parse_certificates", 1);
    let mut dice = Dice::new(3);
    for der in made::certificates() {
        for _ in 0..100 {
            let changed = dice.change_octets(&der);
            if made::is_beyond_us(&changed) {
                continue;
            }
            question.ask_or_refuse(&json!([STANDARD.encode(changed)]), is_refused_on_purpose);
        }
    }
    assert!(question.done() > 500);
}

/// Whether what OPA read of a certificate has what Hopguard does not read.
fn is_refused_on_purpose(read: &Value) -> bool {
    let certificate = &read[0];
    // Numbers of 32 bits or more are kept in these alone.
    let has_offset = |time: &Value| time.as_str().is_some_and(|time| !time.ends_with('Z'));
    has_offset(&certificate["NotBefore"])
        || has_offset(&certificate["NotAfter"])
        || ["URIs", "PermittedEmailAddresses", "ExcludedEmailAddresses", "Policies", "PolicyMappings"]
            .iter()
            .any(|name| !certificate[name].is_null())
}

#[test]
fn chains_are_verified_the_same() {
    let mut question = Question::call("crypto.x509.parse_and_verify_certificates", 1);
    for chain in chains::chains() {
        let text: String = chain.iter().map(|der| pem(der)).collect();
        question.ask(&json!([text]));
    }
    for text in ["", "x", "AAAA", "-----BEGIN"] {
        question.ask(&json!([text]));
    }
    for other in [json!(null), json!(1)] {
        question.ask(&json!([other]));
    }
    assert!(question.done() > 25);
}

#[test]
fn changed_chains_are_never_verified_where_opa_does_not() {
    let mut question = Question::call("crypto.x509.parse_and_verify_certificates", 1);
    let mut dice = Dice::new(4);
    let verified = Outcome::Value(json!(true));
    let chain = chains::good();
    let mut asked = 0;
    for index in 0..chain.len() {
        for _ in 0..150 {
            let mut chain = chain.clone();
            chain[index] = dice.change_octets(&chain[index]);
            let body = json!([STANDARD.encode(chain.concat())]);
            let says = |answers: Answers| match answers.lenient {
                Outcome::Value(value) => Outcome::Value(value[0].clone()),
                other => other,
            };
            let (opa, hopguard) = (says(question.opa(&body)), says(question.hopguard(&body)));
            assert!(hopguard != verified || opa == verified, "{body}");
            asked += 1;
        }
    }
    assert_eq!(asked, 450);
}

#[test]
fn a_chain_that_ends_with_an_authority_or_forks_is_not_verified() {
    let question = Question::call("crypto.x509.parse_and_verify_certificates", 1);
    let chain = chains::good();
    let ask = |ders: &[&Vec<u8>]| question.hopguard(&json!([ders.iter().map(|der| pem(der)).collect::<String>()]));
    let refused = Outcome::Value(json!([false, []]));
    assert_eq!(ask(&[&chain[0], &chain[1]]).lenient, refused);
    assert_eq!(ask(&[&chain[0], &chain[0]]).lenient, refused);
    let forked = ask(&[&chain[0], &chain[1], &chain[1], &chain[2]]);
    assert_eq!(forked, Answers { strict: Outcome::Error, lenient: Outcome::Error });
}
