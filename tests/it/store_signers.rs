//! Who may sign is a file like any other: what it says takes effect at once, and what it cannot say takes nothing back.

use aws_lc_rs::{
    digest::{SHA512, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hopguard::approval::canonical;
use serde_json::{Value, json};

use crate::{
    harness::{FRONTEND, PAYMENTS, Setup, until},
    revocation_lag::{allowed, denied},
};

const ALICE: &str = "alice@example.com";

/// A key of somebody who signs as `ssh-keygen -Y sign` does.
struct Signer(Ed25519KeyPair);

impl Signer {
    fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    fn public(&self) -> Vec<u8> {
        [string(b"ssh-ed25519"), string(self.0.public_key().as_ref())].concat()
    }

    /// A line of `allowed_signers`.
    fn line(&self, principal: &str) -> String {
        format!("{principal} namespaces=\"hopguard-grant\" ssh-ed25519 {}\n", STANDARD.encode(self.public()))
    }

    fn sign(&self, message: &[u8]) -> String {
        let terms = [string(b"hopguard-grant"), string(b""), string(b"sha512")].concat();
        let signed = [b"SSHSIG".to_vec(), terms.clone(), string(digest(&SHA512, message).as_ref())].concat();
        let signature = [string(b"ssh-ed25519"), string(self.0.sign(&signed).as_ref())].concat();
        let version = 1_u32.to_be_bytes().to_vec();
        let blob = [b"SSHSIG".to_vec(), version, string(&self.public()), terms, string(&signature)].concat();
        let lines: Vec<String> =
            STANDARD.encode(blob).as_bytes().chunks(70).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// The frontend's grant, signed by `signer` for Alice.
fn grant(setup: &Setup, signer: &Signer) -> String {
    let now = setup.now();
    let at = |days: i64| hopguard::clock::Timestamp::from_seconds(now.seconds() + days * 86_400).to_string();
    let mut document = json!({
        "apiVersion": "hopguard.dev/v1alpha1",
        "kind": "Grant",
        "metadata": {"name": "charge"},
        "spec": {
            "type": "standing",
            "subject": {"spiffeId": FRONTEND},
            "audience": PAYMENTS,
            "actions": [{"methods": ["POST"], "paths": ["/charge"]}],
            "purposes": ["checkout"],
            "owner": "team-payments",
            "requestedBy": "bob@example.com",
            "approver": ALICE,
            "notBefore": at(-1),
            "reviewBy": at(29),
            "expiresAt": at(30),
        }
    });
    let signature = signer.sign(&canonical(&document));
    document["spec"]["signatures"] = json!([{"by": ALICE, "signature": signature}]);
    serde_json::to_string_pretty::<Value>(&document).unwrap()
}

#[tokio::test]
async fn who_may_sign_takes_effect_at_once_and_stays_while_the_file_is_broken() {
    let (alice, mallory) = (Signer::new(), Signer::new());
    let setup = Setup::new().set("grants.approvals", "required").set("grants.allowed_signers", "signers");
    setup.write("documents/grants.yaml", &grant(&setup, &alice));
    setup.write("signers", &mallory.line(ALICE));
    let guard = setup.start().await;
    let write = |lines: &str| guard.setup().write("signers", lines);
    let answer = denied(&guard, "grant_pending").await;
    assert_eq!(guard.record(&answer).await["detail"], "grant.signatures");
    write(&alice.line(ALICE));
    allowed(&guard).await;
    write("alice@example.com ssh-ed25519 nothing\n");
    assert!(guard.problems("store").await.contains("signers:1:"));
    guard.hop().send().await.allowed();
    guard.setup().remove("signers");
    until("the problem", async || guard.problems("store").await.contains("cannot be read").then_some(())).await;
    guard.hop().send().await.allowed();
    // Whose key is withdrawn has signed nothing any more.
    write(&mallory.line(ALICE));
    denied(&guard, "grant_pending").await;
    write(&alice.line(ALICE));
    allowed(&guard).await;
    guard.setup().write("documents/grants.yaml", &grant(guard.setup(), &mallory));
    denied(&guard, "grant_pending").await;
}
