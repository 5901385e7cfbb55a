//! Reads the `spec` of a `Revocation` document.

use super::{Revocation, Target};
use crate::{
    grant::field::{document_name, exactly_one, foreign, purpose},
    peer::{IdPrefix, id},
    yaml::{Mapping, Value},
};

/// Reads a `spec`; what is wrong with it is with its reader, and then there may be nothing.
pub(crate) fn read(name: Option<String>, mut spec: Mapping<'_>) -> Option<Revocation> {
    let target = target(spec.required("target"));
    let reason = spec.required("reason").string();
    let at = spec.required("at").timestamp();
    let end = spec.optional("until");
    let until = end.timestamp();
    if at.zip(until).is_some_and(|(at, until)| until <= at) {
        end.problem("is not later than `at`: nothing would be revoked");
    }
    let is_endless = !spec.has("until");
    spec.finish();
    if until.is_none() && !is_endless {
        return None;
    }
    Some(Revocation { name: name?, target: target?, reason: reason?, at: at?, until })
}

fn target(value: Value<'_>) -> Option<Target> {
    let mut target = value.mapping();
    let one = exactly_one(&mut target, &TARGETS);
    target.finish();
    let (key, value) = one?;
    match key {
        "grant" => value.parsed(document_name).map(Target::Grant),
        "spiffeId" => value.parsed(id::parse_workload).map(Target::Workload),
        "prefix" => value.parsed(IdPrefix::parse).map(Target::Prefix),
        "trustDomain" => value.parsed(id::parse_trust_domain).map(Target::TrustDomain),
        "subject" => subject(value),
        "serial" => value.parsed(serial).map(Target::Serial),
        "fingerprint" => value.parsed(fingerprint).map(Target::Fingerprint),
        "jti" => value.parsed(foreign).map(Target::TokenId),
        "txn" => value.parsed(foreign).map(Target::Transaction),
        "kid" => value.parsed(foreign).map(Target::Key),
        "actor" => value.parsed(foreign).map(Target::Actor),
        _ => value.parsed(purpose).map(Target::Purpose),
    }
}

fn subject(value: Value<'_>) -> Option<Target> {
    let mut subject = value.mapping();
    let issuer = subject.required("issuer").parsed(foreign);
    let name = subject.required("subject").parsed(foreign);
    subject.finish();
    Some(Target::Subject { issuer: issuer?, subject: name? })
}

/// A serial number as the record has it: whole bytes, without the zeros before them.
fn serial(text: &str) -> Result<String, &'static str> {
    let is_shortest = !text.starts_with("00") || text == "00";
    if is_hex(text) && is_shortest && text.len() <= MAX_SERIAL { Ok(text.to_owned()) } else { Err(SERIAL) }
}

fn fingerprint(text: &str) -> Result<String, &'static str> {
    if is_hex(text) && text.len() == FINGERPRINT_LEN { Ok(text.to_owned()) } else { Err(FINGERPRINT) }
}

fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

const TARGETS: [&str; 12] = [
    "grant",
    "spiffeId",
    "prefix",
    "trustDomain",
    "subject",
    "serial",
    "fingerprint",
    "jti",
    "txn",
    "kid",
    "actor",
    "purpose",
];
const SERIAL: &str =
    "a serial number is whole bytes in lower-case hex, without separators and without leading zero bytes";
const FINGERPRINT: &str = "a fingerprint is a SHA-256 in 64 digits of lower-case hex, without separators";
const FINGERPRINT_LEN: usize = 64;
const MAX_SERIAL: usize = 80;
