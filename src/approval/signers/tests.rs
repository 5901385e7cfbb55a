//! Signatures that others made, and every way to break them.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;
use crate::approval::{armour, signed_message};

const MESSAGE: &str = include_str!("../../../tests/corpus/signatures/message.json");
const THEIRS: &str = "This is a test, this is only a test";

macro_rules! vector {
    ($name:literal) => {
        include_str!(concat!("../../../tests/corpus/signatures/", $name))
    };
}

const ED25519: (&str, &str) = (vector!("ed25519.pub"), vector!("ed25519.sig"));
const ECDSA256: (&str, &str) = (vector!("ecdsa256.pub"), vector!("ecdsa256.sig"));
const ECDSA384: (&str, &str) = (vector!("ecdsa384.pub"), vector!("ecdsa384.sig"));
const ECDSA521: (&str, &str) = (vector!("ecdsa521.pub"), vector!("ecdsa521.sig"));
const RSA: (&str, &str) = (vector!("rsa2048.pub"), vector!("rsa2048.sig"));
const RSA_SHA256: (&str, &str) = (vector!("rsa2048.pub"), vector!("rsa2048-sha256.sig"));
const ED25519_SHA256: (&str, &str) = (vector!("ed25519.pub"), vector!("ed25519-sha256.sig"));
const ALL: [(&str, &str); 7] = [ED25519, ED25519_SHA256, ECDSA256, ECDSA384, ECDSA521, RSA, RSA_SHA256];
const TOKENS: [(&str, &str); 2] = [
    (vector!("openssh-ed25519-sk.pub"), vector!("openssh-ed25519-sk.sig")),
    (vector!("openssh-ecdsa-sk.pub"), vector!("openssh-ecdsa-sk.sig")),
];

const NOW: Timestamp = Timestamp::from_seconds(1_795_165_200);

fn signature(armoured: &str) -> Signature {
    Signature { by: "alice@example.com".to_owned(), armoured: armoured.to_owned() }
}

fn signers(text: &str) -> AllowedSigners {
    AllowedSigners::parse("allowed_signers", text).unwrap()
}

fn alice(key: &str) -> AllowedSigners {
    signers(&format!("alice@example.com {key}"))
}

fn verify(signers: &AllowedSigners, armoured: &str, message: &str) -> Result<(), SignatureError> {
    signers.verify(&signature(armoured), message.as_bytes(), NOW)
}

fn problem(text: &str) -> String {
    AllowedSigners::parse("allowed_signers", text).unwrap_err().to_string()
}

/// The bytes in an armour.
fn blob(armoured: &str) -> Vec<u8> {
    let inner: String = armoured.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(inner).unwrap()
}

fn armoured(blob: &[u8]) -> String {
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", wrapped(&STANDARD.encode(blob)))
}

fn wrapped(text: &str) -> String {
    text.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\n")
}

fn raw_key(public: &str) -> Vec<u8> {
    STANDARD.decode(public.split(' ').nth(1).unwrap().trim()).unwrap()
}

#[test]
fn takes_what_ssh_keygen_signed_with_every_kind_of_key() {
    for (key, armoured) in ALL {
        assert_eq!(verify(&alice(key), armoured, MESSAGE), Ok(()), "{key}");
    }
}

#[test]
fn takes_what_security_keys_signed() {
    for (key, armoured) in TOKENS {
        let signers = alice(key);
        let verified =
            |message: &str| signers.verified_for("unittest", &signature(armoured), message.as_bytes(), NOW).map(|_| ());
        assert_eq!(verified(THEIRS), Ok(()), "{key}");
        assert_eq!(verified("This is another test"), Err(SignatureError::Mismatch), "{key}");
    }
}

#[test]
fn a_security_key_that_nobody_touched_signs_nothing() {
    for (key, armoured_signature) in TOKENS {
        let signers = alice(key);
        // The flags are five bytes before the end, before the counter.
        let mut blob = blob(armoured_signature);
        let at = blob.len() - 5;
        assert_eq!(blob[at] & 1, 1);
        blob[at] &= !1;
        let verified = signers.verified_for("unittest", &signature(&armoured(&blob)), THEIRS.as_bytes(), NOW);
        assert_eq!(verified.map(|_| ()), Err(SignatureError::Mismatch));
    }
}

/// The same, with a key of ours, so that it is the flag and not the signature that is refused.
#[test]
fn a_signature_without_a_touch_is_refused_though_it_is_right() {
    use aws_lc_rs::{
        digest::{SHA256, digest},
        signature::{Ed25519KeyPair, KeyPair},
    };

    use super::super::wire::put_string;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let mut key = Vec::new();
    for field in [&b"sk-ssh-ed25519@openssh.com"[..], pair.public_key().as_ref(), b"ssh:"] {
        put_string(&mut key, field);
    }
    let key = PublicKey::read(&key).unwrap();
    let signed = |flags: u8| {
        let mut touched = digest(&SHA256, b"ssh:").as_ref().to_vec();
        touched.extend([flags, 0, 0, 0, 9]);
        touched.extend(digest(&SHA256, b"message").as_ref());
        let mut signature = key::named("sk-ssh-ed25519@openssh.com", pair.sign(&touched).as_ref());
        signature.extend([flags, 0, 0, 0, 9]);
        key.verify(b"message", &signature)
    };
    assert!(signed(0x01) && signed(0x05));
    assert!(!signed(0x00) && !signed(0x04));
}

#[test]
fn refuses_what_a_browser_signed() {
    let signers = alice(vector!("openssh-ecdsa-sk-webauthn.pub"));
    let signature = signature(vector!("openssh-ecdsa-sk-webauthn.sig"));
    let verified = signers.verified_for("unittest", &signature, THEIRS.as_bytes(), NOW);
    assert_eq!(verified.map(|_| ()), Err(SignatureError::Mismatch));
}

#[test]
fn says_why_a_signature_counts_for_nothing() {
    let fingerprint = key::fingerprint(&raw_key(ED25519.0));
    let (key, armoured) = ED25519;
    let verified = |text: &str, armoured: &str| verify(&signers(text), armoured, MESSAGE);
    assert_eq!(verified("", armoured), Err(SignatureError::UnknownKey(fingerprint.clone())));
    let others = format!("bob@example.com {key}");
    assert_eq!(verified(&others, armoured), Err(SignatureError::OthersKey(fingerprint.clone())));
    let otherwise = format!("Alice@example.com {key}");
    assert_eq!(verified(&otherwise, armoured), Err(SignatureError::OthersKey(fingerprint.clone())));
    let for_mail = format!("alice@example.com namespaces=\"email,file\" {key}");
    assert_eq!(verified(&for_mail, armoured), Err(SignatureError::OtherPurpose(fingerprint.clone())));
    let over = format!("alice@example.com valid-before=\"20261120Z\" {key}");
    assert_eq!(verified(&over, armoured), Err(SignatureError::KeyTime(fingerprint)));
    let mine = format!("alice@example.com {key}");
    assert_eq!(
        verified(&mine, vector!("ed25519-other-namespace.sig")),
        Err(SignatureError::Namespace("file".to_owned()))
    );
    assert!(matches!(verified(&mine, vector!("certificate.sig")), Err(SignatureError::UnknownKey(_))));
    assert_eq!(verify(&signers(&mine), armoured, &format!("{MESSAGE}\n")), Err(SignatureError::Mismatch));
}

#[test]
fn a_key_counts_from_its_beginning_until_before_its_end() {
    let (key, armoured) = ED25519;
    let text = format!("alice@example.com valid-after=\"202611200900Z\",valid-before=\"20261120090001Z\" {key}");
    let signers = signers(&text);
    let begin = Timestamp::parse("2026-11-20T09:00:00Z").unwrap();
    let end = Timestamp::parse("2026-11-20T09:00:01Z").unwrap();
    let counts = |now| signers.verify(&signature(armoured), MESSAGE.as_bytes(), now).is_ok();
    assert!(counts(begin) && counts(Timestamp::from_nanos(end.nanos() - 1)));
    assert!(!counts(end) && !counts(Timestamp::from_nanos(begin.nanos() - 1)));
    assert_eq!(signers.changes_after(Timestamp::MIN), Some(begin));
    assert_eq!(signers.changes_after(begin), Some(end));
    assert_eq!(signers.changes_after(end), None);
}

#[test]
fn any_line_of_a_key_may_let_it_count() {
    let (key, armoured) = ED25519;
    let text = format!(
        "# people\n\n  alice@example.com namespaces=\"file\" {key}bob {key}\talice@example.com,carol NAMESPACES=\"hop*,!other\" {key}"
    );
    assert_eq!(verify(&signers(&text), armoured, MESSAGE), Ok(()));
    let quoted = format!("\"*@example.com,!eve@example.com\" {}", key.replace(' ', "\t"));
    assert_eq!(verify(&signers(&quoted), armoured, MESSAGE), Ok(()));
    let not_her = format!("*@example.com,!alice@* {key}");
    assert!(verify(&signers(&not_her), armoured, MESSAGE).is_err());
}

#[test]
fn the_armour_has_one_shape() {
    let (key, whole) = ED25519;
    let signers = alice(key);
    assert_eq!(verify(&signers, whole.trim_end(), MESSAGE), Ok(()));
    assert_eq!(verify(&signers, &whole.replace('\n', "\r\n"), MESSAGE), Ok(()));
    let lines: Vec<&str> = whole.lines().collect();
    for other in [
        String::new(),
        whole.replace('\n', " "),
        whole.replace('\n', ""),
        format!(" {whole}"),
        format!("{whole}\n"),
        format!("{whole}{whole}"),
        whole.replace("BEGIN SSH", "BEGIN  SSH"),
        whole.replace("=\n", "\n"),
        whole.replacen('\n', "\n\n", 1),
        whole.replacen('\n', "\nComment: x\n", 1),
        lines[1..].join("\n"),
        lines[..lines.len() - 1].join("\n"),
        format!("{}\n{}", lines[0], lines[lines.len() - 1]),
        armoured(&[blob(whole), vec![0]].concat()),
        "A".repeat(20_000),
    ] {
        if other != whole {
            assert_eq!(verify(&signers, &other, MESSAGE), Err(SignatureError::Armour), "{other}");
        }
    }
}

#[test]
fn what_is_not_signed_is_empty() {
    let (key, whole) = ED25519;
    let blob = blob(whole);
    let namespace = b"hopguard-grant";
    let at = blob.windows(namespace.len()).position(|window| window == namespace).unwrap() + namespace.len();
    assert_eq!(blob[at..at + 4], [0; 4]);
    let reserved = [&blob[..at], &[0, 0, 0, 1, 7], &blob[at + 4..]].concat();
    assert_eq!(verify(&alice(key), &armoured(&reserved), MESSAGE), Err(SignatureError::Armour));
}

#[test]
fn any_other_bit_of_a_signature_breaks_it() {
    for (key, whole) in ALL {
        let signers = alice(key);
        let blob = blob(whole);
        for bit in 0..blob.len() * 8 {
            let mut changed = blob.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&signers, &armoured(&changed), MESSAGE).is_err(), "{key} {bit}");
        }
    }
    for (key, whole) in TOKENS {
        let signers = alice(key);
        let blob = blob(whole);
        for bit in 0..blob.len() * 8 {
            let mut changed = blob.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let signature = signature(&armoured(&changed));
            assert!(signers.verified_for("unittest", &signature, THEIRS.as_bytes(), NOW).is_err(), "{key} {bit}");
        }
    }
}

#[test]
fn any_other_bit_of_the_message_breaks_a_signature() {
    let signers = alice(ED25519.0);
    let signature = signature(ED25519.1);
    for bit in 0..MESSAGE.len() * 8 {
        let mut changed = MESSAGE.as_bytes().to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(signers.verify(&signature, &changed, NOW), Err(SignatureError::Mismatch));
    }
}

#[test]
fn any_other_bit_of_a_key_makes_it_no_key_or_another() {
    for (key, whole) in ALL {
        let raw = raw_key(key);
        let kind = key.split(' ').next().unwrap();
        for bit in 0..raw.len() * 8 {
            let mut changed = raw.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let line = format!("alice@example.com {kind} {}", STANDARD.encode(changed));
            if let Ok(signers) = AllowedSigners::parse("allowed_signers", &line) {
                assert!(verify(&signers, whole, MESSAGE).is_err(), "{key} {bit}");
            }
        }
    }
}

#[test]
fn a_signature_that_is_cut_short_or_goes_on_is_refused() {
    for (key, whole) in ALL {
        let signers = alice(key);
        let blob = blob(whole);
        for end in 0..blob.len() {
            assert!(verify(&signers, &armoured(&blob[..end]), MESSAGE).is_err(), "{key} {end}");
        }
        let opened = SshSignature::open(whole, NAMESPACE).unwrap();
        let longer = [&opened.signature[..], &[0]].concat();
        assert!(
            !PublicKey::read(&raw_key(key)).unwrap().verify(&opened.signed(MESSAGE.as_bytes(), NAMESPACE), &longer)
        );
    }
}

#[test]
fn an_rsa_key_signs_nothing_with_sha_1() {
    let (key, whole) = RSA;
    let blob = blob(whole);
    let name = b"rsa-sha2-512";
    let at = blob.windows(name.len()).position(|window| window == name).unwrap();
    let opened = SshSignature::open(whole, NAMESPACE).unwrap();
    let key = PublicKey::read(&raw_key(key)).unwrap();
    let signed = opened.signed(MESSAGE.as_bytes(), NAMESPACE);
    let raw = &blob[at + name.len() + 4..];
    assert!(key.verify(&signed, &key::named("rsa-sha2-512", raw)));
    for algorithm in ["ssh-rsa", "rsa-sha2-256", "ssh-ed25519", ""] {
        assert!(!key.verify(&signed, &key::named(algorithm, raw)), "{algorithm}");
    }
}

#[test]
fn who_has_a_key_can_sign_without_ssh_keygen() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = key::named("ssh-ed25519", pair.public_key().as_ref());
    let signed = pair.sign(&signed_message(MESSAGE.as_bytes()));
    let whole = armour(&key, "ssh-ed25519", signed.as_ref());
    let line = { format!("ssh-ed25519 {}", STANDARD.encode(key)) };
    assert_eq!(verify(&alice(&line), &whole, MESSAGE), Ok(()));
    assert_eq!(armoured(&blob(ED25519.1)), ED25519.1);
}

#[test]
fn says_where_and_how_to_repair_a_line() {
    let key = ED25519.0.trim();
    let (kind, rest) = key.split_once(' ').unwrap();
    let raw = rest.split(' ').next().unwrap();
    for (line, expected) in [
        ("alice".to_owned(), ":1:6: a key is missing: write its kind and itself, as in its `.pub` file"),
        (format!("alice {kind}"), ":1:7: the key is broken: copy it again from its `.pub` file"),
        (
            format!("alice {kind} {}", raw.get(..40).unwrap()),
            ":1:7: the key is broken: copy it again from its `.pub` file",
        ),
        (format!("alice {kind} {raw}="), ":1:7: the key is broken: copy it again from its `.pub` file"),
        (
            format!("alice ssh-rsa {raw}"),
            ":1:7: the key is one of `ssh-ed25519` and not of `ssh-rsa`: copy the whole line",
        ),
        (
            format!("alice {}", vector!("rsa1024.pub")),
            ":1:7: an RSA key has 2048 to 8192 bits, and this one has 1024: make a new one",
        ),
        (
            format!("alice {}", vector!("certificate.pub")),
            ":1:7: `ssh-ed25519-cert-v01@openssh.com` is a certificate, which is not built: list the key itself",
        ),
        (
            format!("alice cert-authority {key}"),
            ":1:7: `cert-authority` is not built: list the keys that people sign with",
        ),
        (
            format!("alice namespaces=\"file\",Cert-Authority {key}"),
            ":1:7: `cert-authority` is not built: list the keys that people sign with",
        ),
        (
            format!("alice no-touch-required {key}"),
            ":1:7: `no-touch-required` is neither a kind of key nor one of the options `namespaces`, `valid-after`, `valid-before`",
        ),
        (format!("alice namespaces=file {key}"), ":1:7: `namespaces` needs a value in quotes: `namespaces=\"…\"`"),
        (format!("alice namespaces {key}"), ":1:7: `namespaces` needs a value in quotes: `namespaces=\"…\"`"),
        (format!("alice namespaces=\"a\",namespaces=\"b\" {key}"), ":1:7: `namespaces` is there twice: leave one out"),
        (format!("alice namespaces=\"\" {key}"), ":1:7: a list has an empty pattern: leave out its comma"),
        (
            format!("alice valid-after=\"20261120\" {key}"),
            ":1:7: `20261120` is not a time in UTC such as `20261120Z` or `202611200900Z`",
        ),
        (
            format!("alice valid-before=\"20261320Z\" {key}"),
            ":1:7: `20261320Z` is not a time in UTC such as `20261120Z` or `202611200900Z`",
        ),
        (
            format!("alice valid-after=\"20261120Z\",valid-before=\"20261120Z\" {key}"),
            ":1:7: `valid-before` is not later than `valid-after`",
        ),
        (
            format!("alice namespaces=\"a\", {key}"),
            ":1:7: `` is neither a kind of key nor one of the options `namespaces`, `valid-after`, `valid-before`",
        ),
        (format!("alice, {key}"), ":1:1: a list has an empty pattern: leave out its comma"),
        (format!("!alice {key}"), ":1:1: a list with nothing but `!` patterns matches nobody: name somebody"),
        (format!("\"alice {key}"), ":1:1: a quote is not closed, or does not end the principals: close it"),
        (format!("\"alice\"bob {key}"), ":1:1: a quote is not closed, or does not end the principals: close it"),
        (format!("alice,\"bob\" {key}"), ":1:1: quotes stand around all principals or none"),
        (format!("  alice\tnamespaces=\"a  {key}"), ":1:9: `namespaces` needs a value in quotes: `namespaces=\"…\"`"),
    ] {
        assert_eq!(problem(&line), format!("allowed_signers{expected}"), "{line}");
    }
}

#[test]
fn one_line_that_cannot_be_read_makes_the_whole_file_not_count() {
    let text = format!("alice {}bob\n# carol\ncarol ssh-dss AAAA\n", ED25519.0);
    let problems = AllowedSigners::parse("allowed_signers", &text).unwrap_err();
    let lines: Vec<_> = problems.0.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 4]);
    assert!(problem(&"#".repeat(MAX_BYTES + 1)).contains("longer than 1 MiB"));
}

#[test]
fn remembers_what_was_right_and_nothing_else() {
    let signers = alice(ED25519.0);
    assert_eq!(verify(&signers, ED25519.1, "{}"), Err(SignatureError::Mismatch));
    assert_eq!(signers.memory.len(), 0);
    for _ in 0..2 {
        assert_eq!(verify(&signers, ED25519.1, MESSAGE), Ok(()));
        assert_eq!(signers.memory.len(), 1);
        assert_eq!(verify(&signers, ED25519.1, "{}"), Err(SignatureError::Mismatch));
        assert_eq!(verify(&signers, ED25519_SHA256.1, "{}"), Err(SignatureError::Mismatch));
    }
    let by_bob = Signature { by: "bob@example.com".to_owned(), ..signature(ED25519.1) };
    assert!(signers.verify(&by_bob, MESSAGE.as_bytes(), NOW).is_err());
}

#[test]
fn knows_whose_a_key_could_be() {
    let text = format!("alice,*-oncall {}bob {}Alice+x {}", ED25519.0, ECDSA256.0, ECDSA256.0);
    let signers = signers(&text);
    let (one, other) = (&signers.entries[0].key, &signers.entries[1].key);
    assert!(signers.may_hold("ALICE", one) && signers.may_hold("dave-oncall", one) && signers.may_hold("bob", other));
    assert!(!signers.may_hold("bob", one) && !signers.may_hold("carol", other));
    assert!(signers.may_share(one, one));
    assert!(!signers.may_share(one, other));
}

static SIGNERS: LazyLock<AllowedSigners> = LazyLock::new(|| {
    let lines: String =
        ALL.iter().chain(&TOKENS).map(|(key, _)| format!("alice@example.com {}\n", key.trim())).collect();
    signers(&lines)
});

proptest! {
    #[test]
    fn no_garbage_is_a_signature(garbage in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(&SIGNERS, &armoured(&garbage), MESSAGE).is_err());
        let behind_the_head = [b"SSHSIG\0\0\0\x01", &garbage[..]].concat();
        prop_assert!(verify(&SIGNERS, &armoured(&behind_the_head), MESSAGE).is_err());
        prop_assert!(verify(&SIGNERS, &String::from_utf8_lossy(&garbage), MESSAGE).is_err());
    }

    #[test]
    fn no_garbage_of_a_listed_key_is_a_signature(garbage in proptest::collection::vec(any::<u8>(), 0..200), which in 0..ALL.len()) {
        let key = raw_key(ALL[which].0);
        for algorithm in ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "sk-ssh-ed25519@openssh.com"] {
            prop_assert!(verify(&SIGNERS, &armour(&key, algorithm, &garbage), MESSAGE).is_err());
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "([ -~\t]|\n|alice |namespaces=\"|ssh-ed25519 |\"|,|AAAA){0,60}") {
        if let Ok(signers) = AllowedSigners::parse("allowed_signers", &text) {
            prop_assert!(verify(&signers, ED25519.1, MESSAGE).is_err());
        }
    }

    #[test]
    fn garbage_is_no_key(garbage in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(PublicKey::read(&garbage).is_err());
    }
}
