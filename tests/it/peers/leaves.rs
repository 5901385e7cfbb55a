//! Hostile leaves: each may speak for nobody, though an authority that is trusted has signed it.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};

use super::{
    case::{Case, hold},
    ids::hostile,
    world::World,
};
use crate::harness::{
    FRONTEND, STRANGER,
    chain::{BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, KEY_USAGE, Rsa, SUBJECT_ALT_NAME, Shown, extension, tlv, uri},
};

#[tokio::test]
async fn each_hostile_leaf_is_denied_for_its_reason() {
    let (setup, world) = World::new();
    let guard = setup.start().await;
    hold(&guard, &cases(&world)).await;
}

pub(crate) fn cases(world: &World) -> Vec<Case> {
    let edited = EDITED
        .iter()
        .map(|(rows, what, edit, expected)| Case::new(rows, what, world.root.svid_with(FRONTEND, edit), expected));
    let named = hostile().into_iter().map(|(row, raw, detail)| {
        let shown = world.root.svid_with(FRONTEND, |p| names(p, &[(0x86, raw.as_bytes())]));
        Case::new(row, "a hostile ID", shown, detail)
    });
    edited.chain(named).chain(timed(world)).chain(altered(world)).chain(keyed(world)).collect()
}

type Edited = (&'static str, &'static str, fn(&mut CertificateParams), &'static str);

const EDITED: &[Edited] = &[
    ("29", "as it should be", |_| {}, "allow"),
    ("22 B46", "no names", |p| p.subject_alt_names.clear(), "peer_invalid san.no_uri"),
    ("22", "an empty list of names", |p| names(p, &[]), "peer_invalid san.no_uri"),
    ("22 B46", "a DNS name", |p| names(p, &[(0x82, b"prod.example")]), "peer_invalid san.no_uri"),
    ("23 B46", "two IDs", |p| p.subject_alt_names.push(uri(STRANGER)), "peer_invalid san.multiple_uri"),
    ("23", "the same ID twice", |p| p.subject_alt_names.push(uri(FRONTEND)), "peer_invalid san.multiple_uri"),
    ("B46", "a URI of another kind", |p| p.subject_alt_names.push(uri("https://x")), "peer_invalid san.multiple_uri"),
    (
        "25 B52",
        "a second URI that is no text",
        |p| names(p, &[(0x86, FRONTEND.as_bytes()), (0x86, b"spiffe://prod.example/\xff")]),
        "peer_invalid san.invalid_name",
    ),
    (
        "25",
        "a first URI that is no text",
        |p| names(p, &[(0x86, b"spiffe://prod.example/\xff"), (0x86, FRONTEND.as_bytes())]),
        "peer_invalid san.invalid_name",
    ),
    ("26", "a URI in a constructed tag", |p| names(p, &[(0xa6, FRONTEND.as_bytes())]), "peer_invalid san.mismatch"),
    (
        "26",
        "a second URI in a constructed tag",
        |p| names(p, &[(0x86, FRONTEND.as_bytes()), (0xa6, FRONTEND.as_bytes())]),
        "peer_invalid san.multiple_uri",
    ),
    ("28", "an ID in a DNS name", |p| names(p, &[(0x82, FRONTEND.as_bytes())]), "peer_invalid san.no_uri"),
    (
        "28 B46",
        "an ID in the subject",
        |p| {
            p.subject_alt_names.clear();
            p.distinguished_name.push(DnType::CommonName, FRONTEND);
        },
        "peer_invalid san.no_uri",
    ),
    (
        "29",
        "names of other kinds beside the ID",
        |p| {
            p.subject_alt_names.push(SanType::DnsName("web.example".try_into().unwrap()));
            p.subject_alt_names.push(SanType::Rfc822Name(STRANGER.try_into().unwrap()));
        },
        "allow",
    ),
    ("31 B47", "keyCertSign", |p| p.key_usages.push(KeyUsagePurpose::KeyCertSign), "peer_invalid leaf.key_usage"),
    ("32 B47", "cRLSign", |p| p.key_usages.push(KeyUsagePurpose::CrlSign), "peer_invalid leaf.key_usage"),
    ("B47", "no key usage", |p| p.key_usages.clear(), "peer_invalid leaf.key_usage"),
    ("B47", "a key usage that is not critical", uncritical_key_usage, "peer_invalid leaf.key_usage"),
    (
        "B47",
        "no digitalSignature",
        |p| p.key_usages = vec![KeyUsagePurpose::KeyEncipherment],
        "peer_invalid leaf.key_usage",
    ),
    ("B47", "a CA", |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), "peer_invalid leaf.is_ca"),
    ("B56", "no basic constraints", |p| p.is_ca = IsCa::NoCa, "peer_invalid leaf.basic_constraints"),
    (
        "B56 34",
        "basic constraints that are none",
        |p| {
            p.is_ca = IsCa::NoCa;
            p.custom_extensions.push(extension(BASIC_CONSTRAINTS, &[0x30, 0, 0]));
        },
        "peer_invalid cert.malformed",
    ),
    ("34", "a key usage with wrong unused bits", |p| key_usage(p, &[3, 2, 0, 0x80]), "peer_invalid cert.malformed"),
    ("34", "a key usage with undefined bits", |p| key_usage(p, &[3, 3, 6, 0x80, 0x40]), "peer_invalid cert.malformed"),
    ("34", "a key usage of a long form", |p| key_usage(p, &[3, 0x81, 2, 7, 0x80]), "peer_invalid cert.malformed"),
    ("34", "bytes behind the key usage", |p| key_usage(p, &[3, 2, 7, 0x80, 0]), "peer_invalid cert.malformed"),
    (
        "35 B56",
        "names twice",
        |p| p.custom_extensions.push(extension(SUBJECT_ALT_NAME, &tlv(0x30, &tlv(0x86, STRANGER.as_bytes())))),
        "peer_invalid cert.duplicate_ext",
    ),
    (
        "35 B56",
        "key usage twice",
        |p| p.custom_extensions.push(extension(KEY_USAGE, &[3, 2, 7, 0x80])),
        "peer_invalid cert.duplicate_ext",
    ),
    (
        "35",
        "basic constraints twice",
        |p| p.custom_extensions.push(extension(BASIC_CONSTRAINTS, &[0x30, 0])),
        "peer_invalid cert.duplicate_ext",
    ),
    (
        "35",
        "extended key usage twice",
        |p| {
            let client = tlv(0x30, &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2]);
            p.custom_extensions.push(extension(EXTENDED_KEY_USAGE, &client));
        },
        "peer_invalid cert.duplicate_ext",
    ),
    ("37", "a client's extended key usage alone", |p| extended(p, &[ExtendedKeyUsagePurpose::ClientAuth]), "allow"),
    ("37", "no extended key usage", |p| extended(p, &[]), "allow"),
    (
        "37 B47",
        "a server's extended key usage",
        |p| extended(p, &[ExtendedKeyUsagePurpose::ServerAuth]),
        "peer_invalid x509.eku",
    ),
    ("37", "any extended key usage", |p| extended(p, &[ExtendedKeyUsagePurpose::Any]), "peer_invalid x509.eku"),
    ("38", "code signing", |p| extended(p, &[ExtendedKeyUsagePurpose::CodeSigning]), "peer_invalid x509.eku"),
    (
        "38",
        "an empty extended key usage",
        |p| {
            extended(p, &[]);
            p.custom_extensions.push(extension(EXTENDED_KEY_USAGE, &[0x30, 0]));
        },
        "peer_invalid x509.eku",
    ),
    (
        "43 B56",
        "an unknown critical extension",
        |p| p.custom_extensions.push(extension(&[1, 2, 3, 4], &[5, 0])),
        "peer_invalid x509.critical_ext",
    ),
    ("49", "the ID of the trust domain", |p| p.subject_alt_names = vec![uri("spiffe://prod.example")], ROOT_PATH),
    (
        "49 B47",
        "the certificate of an authority",
        |p| {
            p.subject_alt_names = vec![uri("spiffe://prod.example")];
            p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        },
        ROOT_PATH,
    ),
    (
        "52 B57",
        "17 KiB",
        |p| {
            let mut comment = extension(&[1, 2, 3, 4], &tlv(4, &[0; 17 * 1024]));
            comment.set_criticality(false);
            p.custom_extensions.push(comment);
        },
        "peer_invalid limit.cert_size",
    ),
    (
        "52 B57",
        "very many names",
        |p| names(p, &vec![(0x82, b"web.example".as_slice()); 1_500]),
        "peer_invalid limit.cert_size",
    ),
    ("B52", "a NUL", |p| names(p, &[(0x86, b"spiffe://prod.example/a\0/b")]), "peer_invalid id.bad_char"),
    ("B52", "a line break", |p| names(p, &[(0x86, b"spiffe://prod.example/a\r\nb")]), "peer_invalid id.bad_char"),
];

/// Leaves out of their time, each for its reason.
fn timed(world: &World) -> Vec<Case> {
    let lasting = |from: i64, until: i64| {
        let root = &world.root;
        root.svid_with(FRONTEND, |p| (p.not_before, p.not_after) = (root.at(from), root.at(until)))
    };
    let for_ever = world.root.svid_with(FRONTEND, |p| p.not_after = rcgen::date_time_ymd(9999, 12, 31));
    vec![
        Case::new("40 B50", "one that ended", lasting(-7_200, -3_600), "peer_expired x509.expired"),
        Case::new("40 B50", "one that lies ahead", lasting(3_600, 7_200), "peer_invalid x509.not_yet_valid"),
        Case::new("41", "an end before its beginning", lasting(-60, -61), "peer_invalid cert.malformed"),
        Case::new("B50", "one for too long", lasting(-60, 25 * 3_600), "peer_lifetime leaf.lifetime"),
        Case::new("B50", "one for ever", for_ever, "peer_lifetime leaf.lifetime"),
    ]
}

/// Leaves whose bytes were chosen.
fn altered(world: &World) -> Vec<Case> {
    let root = &world.root;
    let good = root.svid_with(FRONTEND, |p| {
        p.serial_number = Some(vec![0x11, 0x22, 0x33, 0x44].into());
        p.not_before = root.at(-60);
    });
    let begin = utc(root.at(-60));
    let time = |tag: u8, text: &[u8; 13]| {
        root.resigned(&good, &[&[0x17, 13], begin.as_bytes()].concat(), &[&[tag, 13], &text[..]].concat())
    };
    let flipped = |index: usize| {
        let mut leaf = good.leaf.clone();
        leaf[index] ^= 1;
        Shown { leaf, ..good.clone() }
    };
    let outer = good.leaf.windows(8).rposition(|oid| oid == ECDSA_SHA256).unwrap();
    let serial = good.leaf.windows(4).position(|window| window == [0x11, 0x22, 0x33, 0x44]).unwrap();
    let trailing = Shown { leaf: [&good.leaf[..], &[0]].concat(), ..good.clone() };
    let malformed = "peer_invalid cert.malformed";
    let signature = "peer_untrusted x509.bad_signature";
    vec![
        Case::new("41", "a year of two digits in the last century", time(0x17, b"500101000000Z"), malformed),
        Case::new("41", "a fraction of a second", time(0x18, b"2026112008.5Z"), malformed),
        Case::new("41", "a time without a zone", time(0x18, b"2026112008000"), malformed),
        Case::new("34", "bytes behind the certificate", trailing, malformed),
        Case::new("44", "another algorithm outside than inside", flipped(outer + 7), malformed),
        Case::new("47", "one bit of what is signed", flipped(serial), signature),
        Case::new("47", "one bit of the signature", flipped(good.leaf.len() - 1), signature),
    ]
}

/// Leaves with keys that nobody should rely on.
fn keyed(world: &World) -> Vec<Case> {
    let weak = "peer_invalid leaf.weak_key";
    let rsa = |bytes: usize, exponent: &[u8]| world.root.svid_for(FRONTEND, &Rsa::new(bytes, exponent), |_| {});
    let good = world.root.svid(FRONTEND);
    let odd_curve = world.root.resigned(&good, &[0x3d, 3, 1, 7], &[0x3d, 3, 1, 6]);
    vec![
        Case::new("B53", "RSA of 1024 bits", rsa(128, &[1, 0, 1]), weak),
        Case::new("B53", "RSA with exponent 1", rsa(256, &[1]), weak),
        Case::new("B53", "RSA with exponent 3", rsa(256, &[3]), weak),
        Case::new("B53", "RSA as it should be", rsa(256, &[1, 0, 1]), "allow"),
        Case::new("B53", "a curve that nobody knows", Shown { key: None, ..odd_curve }, weak),
    ]
}

fn names(params: &mut CertificateParams, names: &[(u8, &[u8])]) {
    let content: Vec<u8> = names.iter().flat_map(|(tag, name)| tlv(*tag, name)).collect();
    params.subject_alt_names.clear();
    params.custom_extensions.push(extension(SUBJECT_ALT_NAME, &tlv(0x30, &content)));
}

fn key_usage(params: &mut CertificateParams, content: &[u8]) {
    params.key_usages.clear();
    params.custom_extensions.push(extension(KEY_USAGE, content));
}

fn uncritical_key_usage(params: &mut CertificateParams) {
    key_usage(params, &[3, 2, 7, 0x80]);
    params.custom_extensions.last_mut().unwrap().set_criticality(false);
}

fn extended(params: &mut CertificateParams, purposes: &[ExtendedKeyUsagePurpose]) {
    params.extended_key_usages = purposes.to_vec();
}

/// A time as certificates write it.
fn utc(time: time::OffsetDateTime) -> String {
    let (date, clock) = (time.date(), time.time());
    let fields = [u8::from(date.month()), date.day(), clock.hour(), clock.minute(), clock.second()];
    let fields: String = fields.map(|field| format!("{field:02}")).concat();
    format!("{:02}{fields}Z", date.year() % 100)
}

const ROOT_PATH: &str = "peer_invalid id.root_path";
/// The object identifier of ecdsa-with-SHA256.
const ECDSA_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
