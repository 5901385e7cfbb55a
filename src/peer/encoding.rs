//! Certificates come in one encoding, the one that Envoy writes: percent-encoded PEM, and nothing beside it.

use crate::{
    peer::{InvalidSvid, chain::MAX_PRESENTED},
    trust::pem::{self, PemError},
};

/// Decodes exactly one certificate.
pub(super) fn certificate(text: &str) -> Result<Vec<u8>, InvalidSvid> {
    certificates(text, 1, InvalidSvid::Several)?.pop().ok_or(InvalidSvid::Pem)
}

/// Decodes a leaf and at most ten intermediates.
pub(super) fn chain(text: &str) -> Result<Vec<Vec<u8>>, InvalidSvid> {
    certificates(text, 1 + MAX_PRESENTED, InvalidSvid::ChainLength)
}

fn certificates(text: &str, max: usize, too_many: InvalidSvid) -> Result<Vec<Vec<u8>>, InvalidSvid> {
    if text.len() > MAX_TEXT {
        return Err(InvalidSvid::TooLarge);
    }
    let pem = unescape(text.as_bytes()).ok_or(InvalidSvid::Encoding)?;
    let blocks = pem::certificates(&pem, max).map_err(|error| match error {
        PemError::TooMany { .. } => too_many,
        _ => InvalidSvid::Pem,
    })?;
    Ok(blocks.into_iter().map(|block| block.der).collect())
}

/// Decodes percent-encoding (RFC 3986 §2.1), in which only unreserved characters stand for themselves and PEM has no `%`.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = text.iter().copied();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => match hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)? {
                // A second encoding over the first.
                b'%' => return None,
                byte => byte,
            },
            b'-' | b'.' | b'_' | b'~' => byte,
            _ if byte.is_ascii_alphanumeric() => byte,
            _ => return None,
        });
    }
    Some(decoded)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// More than a leaf of 16 KiB has in this form, and as much as a header may have.
const MAX_TEXT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "-----BEGIN%20CERTIFICATE-----%0AAQID%2BAU%2F%0aBwg%3D%0A-----END%20CERTIFICATE-----%0A";

    #[test]
    fn decodes_what_envoy_writes() {
        assert_eq!(certificate(ONE), Ok(vec![1, 2, 3, 0xf8, 5, 0x3f, 7, 8]));
    }

    #[test]
    fn refuses_every_other_encoding() {
        use InvalidSvid::*;
        for (text, expected) in [
            (ONE.replace("%20", " "), Encoding),
            (ONE.replace("%0A", "\n"), Encoding),
            (ONE.replace("%20", "+"), Encoding),
            (ONE.replace("%2F", "/"), Encoding),
            (ONE.replace("%3D", "="), Encoding),
            (ONE.replace('%', "%25"), Encoding),
            (format!("{ONE}%"), Encoding),
            (format!("{ONE}%0"), Encoding),
            (format!("{ONE}%ZZ"), Encoding),
            (format!("{ONE}%+1"), Encoding),
            (format!("{ONE}\u{e9}"), Encoding),
            (" ".to_owned(), Encoding),
            ("%20".to_owned(), Pem),
            ("%0A".to_owned(), Pem),
            ("garbage".to_owned(), Pem),
            (format!("{ONE}x"), Pem),
            (format!("{ONE}{ONE}"), Several),
            (ONE.replace("CERTIFICATE", "PRIVATE%20KEY"), Pem),
            ("A".repeat(10 << 20), TooLarge),
        ] {
            assert_eq!(certificate(&text), Err(expected), "{:.80}", text);
        }
    }
}
