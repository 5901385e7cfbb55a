//! Lower-case hex, the form of every digest that is shown.

/// Encodes bytes, two digits each.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        text.extend([byte >> 4, byte & 15].map(|nibble| char::from_digit(nibble.into(), 16).unwrap_or('0')));
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_are_lower_case() {
        assert_eq!(super::encode(&[0, 0x1f, 0xab]), "001fab");
    }
}
