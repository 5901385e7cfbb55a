//! Bundle documents, bundle maps and key sets are read in one way, or not at all.
#![no_main]

use hopguard::trust::{
    document,
    jwk::{JwtKeys, Uses},
    map,
};
use hopguard_fuzz::trust_domain;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let read = || document::parse(trust_domain(), data).ok().map(|document| document.bundle.revision().to_string());
    assert_eq!(read(), read());
    let mapped = || {
        let documents = map::parse(data).ok()?;
        Some(documents.into_iter().map(|(name, it)| (name, it.bundle.revision().to_string())).collect::<Vec<_>>())
    };
    assert_eq!(mapped(), mapped());
    for uses in [Uses::Plain, Uses::SpiffeBundle] {
        let keys = || JwtKeys::parse(data, uses).ok().map(|(keys, _)| keys.revision().to_string());
        assert_eq!(keys(), keys());
    }
});
