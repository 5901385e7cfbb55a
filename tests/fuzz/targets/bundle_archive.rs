//! An archive is read in one way, or not at all, within bounds, whoever packed it.
#![no_main]

use hopguard::{
    bundle::{Bundle, Key, Limits, Verification},
    policy::Source,
};
use hopguard_fuzz::now;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits { bytes: 1 << 20, file: 1 << 18, entries: 100, values: 10_000, ..Limits::default() };
    let skip = Verification::dangerous_skip();
    let read = || Bundle::read("bundle", data, &limits, Some(&skip), now()).ok();
    if let Some(bundle) = read() {
        assert!(bundle.modules().iter().chain(bundle.tests()).all(|module| bundle.roots().contain(&module.package)));
        let source = || Source::of_bundles(std::slice::from_ref(&bundle)).ok();
        assert_eq!(source(), source());
        assert_eq!(read().map(|again| again.data().clone()).as_ref(), Some(bundle.data()));
    }
    // Nobody knows this secret, so nothing is signed with it.
    let key = Key::new("HS256", "0123456789abcdef0123456789abcdef").expect("a key");
    let verification = Verification::new([("default".to_owned(), key)]).expect("a verification");
    assert!(Bundle::read("bundle", data, &limits, Some(&verification), now()).is_err());
});
