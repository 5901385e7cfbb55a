//! No text but an issued token is one, in whichever header it is presented; and a cache changes no answer.
#![no_main]

use hopguard::token::Presented;
use hopguard_fuzz::{TOKENS, now, this, tokens, trust};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (verifier, issuers) = tokens();
    for (header, value) in [("txn-token", text.to_owned()), ("authorization", format!("Bearer {text}"))] {
        let presented = Presented::read(header, &value).into_iter().collect::<Vec<_>>();
        let found = verifier.verify(&presented, &this(), trust(), issuers, now());
        assert!(found.verified().next().is_none() || TOKENS.contains(&text), "{text}");
        assert!(found == verifier.verify(&presented, &this(), trust(), issuers, now()));
    }
    if let Some(presented) = Presented::read("authorization", text) {
        let found = verifier.verify(&[presented], &this(), trust(), issuers, now());
        let issued = TOKENS.iter().any(|token| text.ends_with(token));
        assert!(found.verified().next().is_none() || issued, "{text}");
    }
});
