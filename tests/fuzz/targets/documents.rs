//! Documents of grants and whom they trust to sign are read in one way, or not at all, and nothing in them lives for ever.
#![no_main]

use std::{collections::BTreeMap, sync::Arc};

use hopguard::{
    approval::{AllowedSigners, Approvals},
    clock::Timestamp,
    grant::{Grants, Signature},
    store::{Documents, Rules, Texts},
};
use hopguard_fuzz::{NOW, PAYMENTS};
use libfuzzer_sys::fuzz_target;
use spiffe::SpiffeId;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let now = Timestamp::from_seconds(NOW);
    // Behind this line is who may sign, which may be the documents themselves.
    let (documents, signers) = text.split_once("\n%%%\n").unwrap_or((text, text));
    let signers = AllowedSigners::parse("signers", signers).ok().map(Arc::new);
    if let Some(signers) = &signers {
        let signature = Signature { by: "alice@example.com".to_owned(), armoured: documents.to_owned() };
        assert!(signers.verify(&signature, data, now).is_err(), "a text signs itself");
    }
    let read = || -> Documents {
        let rules = Rules { approvals: Approvals { required: false, signers: signers.clone() }, ..Rules::default() };
        Texts::new(rules).read(BTreeMap::from([("a.yaml".to_owned(), documents.to_owned())]), now)
    };
    let (first, second) = (read(), read());
    assert_eq!((&first.revision, &first.grants), (&second.revision, &second.grants));
    assert_eq!((&first.revocations, &first.workloads), (&second.revocations, &second.workloads));
    for grant in &first.grants {
        assert!(grant.not_before() < grant.expires_at(), "{} never ends", grant.name());
        assert_ne!(grant.approver(), grant.requested_by(), "{} approves itself", grant.name());
        assert!(
            grant.expires_at().since(grant.not_before()) <= grant.kind().max_ttl(),
            "{} lives too long",
            grant.name()
        );
    }
    let this = SpiffeId::new(PAYMENTS).unwrap();
    drop(Grants::new(this, &first.grants, &first.activations));
});
