//! What is read of a header is what is printed, and what is printed is read again.
#![no_main]

use hopguard::peer::xfcc;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = xfcc::read(text, true);
    if let Ok(element) = xfcc::read(text, false) {
        assert_eq!(xfcc::xfcc_elements(text), Some(1), "{text}");
        let printed = element.to_string();
        assert_eq!(xfcc::read(&printed, false).as_ref(), Ok(&element), "{text}\n{printed}");
    }
});
