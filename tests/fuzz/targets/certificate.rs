//! No bytes but the caller's own leaf prove a caller, whether they come as DER or as Envoy writes them.
#![no_main]

use std::sync::{Arc, LazyLock};

use hopguard::peer::{PeerEvidence, Rules, Usage, Verifier, verify_chain};
use hopguard_fuzz::{LEAF, LEAF_TEXT, bundle, now, trust};
use libfuzzer_sys::fuzz_target;

static VERIFIER: LazyLock<Verifier> =
    LazyLock::new(|| Verifier::new(Rules::certificate(std::time::Duration::MAX), Arc::default()));

fuzz_target!(|data: &[u8]| {
    let proved = verify_chain(data, &[data], Usage::Client, bundle(), None, now());
    assert!(proved.is_err() || data == LEAF);
    // The same bytes as an intermediate under a good leaf: helper data at most.
    assert!(verify_chain(LEAF, &[data], Usage::Client, bundle(), None, now()).is_ok() || data.len() > 16 * 1024);
    if let Ok(certificate) = std::str::from_utf8(data) {
        let evidence = PeerEvidence { certificate, principal: "", xfcc: None };
        let proved = VERIFIER.verify(&evidence, trust(), now());
        // Line breaks and escapes can be written in more ways than one, the certificate inside cannot.
        assert!(
            proved.is_err()
                || proved == VERIFIER.verify(&PeerEvidence { certificate: LEAF_TEXT, ..evidence }, trust(), now())
        );
    }
});
