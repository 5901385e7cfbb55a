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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, grant::field::spec, purpose::Purpose};

    fn load(target: &str) -> Result<Target, Vec<String>> {
        let text = format!("{{target: {target}, reason: lost, at: 2026-11-20T09:00:00Z}}");
        spec(&text, read).map(|revocation| revocation.target)
    }

    #[test]
    fn each_target_is_read_as_what_it_is() {
        let id = id::parse_workload("spiffe://td/a").unwrap();
        let fingerprint = "ab".repeat(32);
        let rows = [
            ("{grant: ledger-read}", Target::Grant("ledger-read".to_owned())),
            ("{spiffeId: spiffe://td/a}", Target::Workload(id.clone())),
            ("{prefix: spiffe://td/ns/}", Target::Prefix(IdPrefix::parse("spiffe://td/ns/").unwrap())),
            ("{trustDomain: td}", Target::TrustDomain(id.trust_domain().clone())),
            (
                "{subject: {issuer: https://login, subject: alice}}",
                Target::Subject { issuer: "https://login".to_owned(), subject: "alice".to_owned() },
            ),
            ("{serial: 0a1b}", Target::Serial("0a1b".to_owned())),
            ("{serial: \"1234\"}", Target::Serial("1234".to_owned())),
            (&format!("{{fingerprint: {fingerprint}}}"), Target::Fingerprint(fingerprint)),
            ("{jti: ' a b '}", Target::TokenId(" a b ".to_owned())),
            ("{txn: t-1}", Target::Transaction("t-1".to_owned())),
            ("{kid: key-1}", Target::Key("key-1".to_owned())),
            ("{actor: spiffe://td/a}", Target::Actor("spiffe://td/a".to_owned())),
            ("{purpose: billing.invoice}", Target::Purpose(Purpose::parse("billing.invoice").unwrap())),
        ];
        for (text, target) in rows {
            assert_eq!(load(text), Ok(target), "{text}");
        }
    }

    #[test]
    fn exactly_one_thing_is_revoked() {
        let list = TARGETS.map(|key| format!("`{key}`")).join(", ");
        assert_eq!(load("{}"), Err(vec![format!("a.yaml:1:10: target: needs exactly one of {list}")]));
        assert_eq!(
            load("{grant: a, jti: b}"),
            Err(vec![format!("a.yaml:1:10: target: has several of {list}: keep exactly one")])
        );
        for (text, problem) in [
            ("grant", "1:10: target: expected a mapping, found `grant`"),
            ("{grant: A}", "1:18: target.grant: a name has at most 253 lower-case letters"),
            ("{grant: }", "1:11: target.grant: is empty: give it a value or leave it out"),
            ("{spiffeId: spiffe://td}", "1:21: target.spiffeId: the path is missing"),
            ("{spiffeId: spiffe://TD/a}", "1:21: target.spiffeId: scheme and trust domain are written in lower case"),
            ("{prefix: spiffe://td/ns}", "1:19: target.prefix: a prefix ends with `/`"),
            ("{trustDomain: spiffe://td}", "1:24: target.trustDomain: "),
            ("{subject: {issuer: a}}", "1:20: target.subject.subject: is required"),
            ("{subject: {issuer: a, subject: b, aud: c}}", "1:44: target.subject: unknown field `aud`"),
            ("{serial: 1234}", "1:19: target.serial: `1234` is a number, not a string: quote it"),
            ("{serial: 0A1B}", "1:19: target.serial: a serial number is whole bytes in lower-case hex"),
            ("{serial: 0a:1b}", "1:19: target.serial: a serial number is whole bytes"),
            ("{serial: a1b}", "1:19: target.serial: a serial number is whole bytes"),
            ("{serial: 000a}", "1:19: target.serial: a serial number is whole bytes"),
            ("{fingerprint: 0a1b}", "1:24: target.fingerprint: a fingerprint is a SHA-256"),
            ("{jti: 7}", "1:16: target.jti: `7` is a number, not a string: quote it"),
            ("{jti: ''}", "1:16: target.jti: must not be empty"),
            ("{purpose: Billing}", "1:20: target.purpose: a purpose is lower-case words"),
            ("{grants: a, jti: b}", "1:11: target: unknown field `grants`: did you mean `grant`?"),
        ] {
            let problems = load(text).unwrap_err();
            assert!(problems[0].starts_with(&format!("a.yaml:{problem}")), "{text}: {problems:#?}");
            assert_eq!(problems.len(), 1, "{text}: {problems:#?}");
        }
    }

    #[test]
    fn an_end_comes_after_the_beginning() {
        let load = |rest: &str| spec(&format!("{{target: {{grant: a}}, {rest}}}"), read);
        let whole = load("reason: lost, at: 2026-11-20T09:00:00Z, until: 2026-11-20T09:00:01Z").unwrap();
        assert_eq!((whole.name.as_str(), whole.reason.as_str()), ("it", "lost"));
        assert_eq!(whole.until, Timestamp::parse("2026-11-20T09:00:01Z"));
        assert_eq!(load("reason: lost, at: 2026-11-20T09:00:00Z").unwrap().until, None);
        for (rest, problem) in [
            ("at: 2026-11-20T09:00:00Z", "1:1: reason: is required"),
            ("reason: lost", "1:1: at: is required"),
            ("reason: lost, at: 2026-11-20T09:00:00Z, until: never", "1:69: until: expected a time in UTC"),
            ("reason: lost, at: 2026-11-20T09:00:00Z, until: ", "1:62: until: is empty"),
            (
                "reason: lost, at: 2026-11-20T09:00:00Z, until: 2026-11-20T09:00:00Z",
                "1:69: until: is not later than `at`: nothing would be revoked",
            ),
            ("reason: lost, at: 2026-11-20T09:00:00Z, signatures: [x]", "1:62: unknown field `signatures`"),
        ] {
            let problems = load(rest).unwrap_err();
            assert!(problems[0].starts_with(&format!("a.yaml:{problem}")), "{rest}: {problems:#?}");
        }
    }
}
