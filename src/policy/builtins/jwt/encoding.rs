//! Base64 as OPA reads it: line ends anywhere, and bits beyond the last octet, are passed over.

use base64::{
    Engine as _,
    alphabet::{Alphabet, STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Reads base64url, with padding or without.
pub(in super::super) fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    // The padding is reckoned with line ends in the text, as OPA reckons it.
    let missing: &[u8] = match (text.ends_with(b"="), text.len() % 4) {
        (true, _) | (false, 0) => b"",
        (false, 2) => b"==",
        (false, 3) => b"=",
        _ => return None,
    };
    PADDED_URL.decode(kept(text, missing)).ok()
}

/// Reads base64 with padding.
pub(in super::super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    PADDED.decode(kept(text, b"")).ok()
}

/// Reads the base64 of a key's number, whose kind is told by what is in it.
pub(super) fn base64_of_any_kind(text: &[u8]) -> Option<Vec<u8>> {
    let (padded, standard) = (text.ends_with(b"="), text.iter().any(|byte| matches!(byte, b'+' | b'/')));
    let engine = match (padded, standard) {
        (true, true) => PADDED,
        (true, false) => PADDED_URL,
        (false, true) => UNPADDED,
        (false, false) => UNPADDED_URL,
    };
    engine.decode(kept(text, b"")).ok()
}

/// The text without line ends, and what is added to it.
fn kept(text: &[u8], added: &[u8]) -> Vec<u8> {
    text.iter().chain(added).copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

const fn engine(alphabet: &Alphabet, padding: DecodePaddingMode) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(padding);
    GeneralPurpose::new(alphabet, config)
}

const PADDED: GeneralPurpose = engine(&STANDARD, DecodePaddingMode::RequireCanonical);
const PADDED_URL: GeneralPurpose = engine(&URL_SAFE, DecodePaddingMode::RequireCanonical);
const UNPADDED: GeneralPurpose = engine(&STANDARD, DecodePaddingMode::RequireNone);
const UNPADDED_URL: GeneralPurpose = engine(&URL_SAFE, DecodePaddingMode::RequireNone);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_opa_reads() {
        for text in ["YQ", "YQ==", "YR", "Y\nQ=\r=", "YQ==\n"] {
            let read = base64url(text.as_bytes());
            assert_eq!(read.is_some(), text != "YQ==\n", "{text:?}");
        }
        assert_eq!(base64url(b"-_8"), Some(vec![0xfb, 0xff]));
        for text in ["Y", "YQ=", "Y===", "+/8", " YQ", "YQ==YQ==", "="] {
            assert_eq!(base64url(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(base64(b"+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(base64(b"+/8"), None);
        for text in ["-_8", "-_8=", "+/8", "+/8="] {
            assert_eq!(base64_of_any_kind(text.as_bytes()), Some(vec![0xfb, 0xff]), "{text:?}");
        }
        assert_eq!(base64_of_any_kind(b"-/8="), None);
    }
}
