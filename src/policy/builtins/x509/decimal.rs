//! Large numbers in decimal, at a bounded cost: writing one costs the square of its length.

/// The number whose octets these are, big end first, unless it is larger than any that certificates have.
pub(super) fn decimal(octets: &[u8]) -> Option<String> {
    if octets.len() > MAX_OCTETS {
        return None;
    }
    // Nine digits each, the least first.
    let mut digits: Vec<u64> = vec![0];
    for chunk in octets.rchunks(4).rev() {
        let bits = chunk.len().saturating_mul(8);
        let mut carried = chunk.iter().fold(0, |number, octet| number << 8 | u64::from(*octet));
        for digit in &mut digits {
            // INVARIANT: below 10⁹ · 2³² + 10⁹ · 2³², which fits.
            let number = (*digit << bits).saturating_add(carried);
            (*digit, carried) = (number % NINE_DIGITS, number / NINE_DIGITS);
        }
        while carried > 0 {
            digits.push(carried % NINE_DIGITS);
            carried /= NINE_DIGITS;
        }
    }
    let (first, rest) = digits.split_last()?;
    Some(rest.iter().rev().fold(first.to_string(), |text, digit| format!("{text}{digit:09}")))
}

const NINE_DIGITS: u64 = 1_000_000_000;
/// RSA of 16384 bits.
const MAX_OCTETS: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_large_numbers() {
        for (octets, text) in [
            (&[][..], "0"),
            (&[0, 0], "0"),
            (&[1, 0], "256"),
            (&[0x3b, 0x9a, 0xca, 0x00], "1000000000"),
            (&[0xff; 8], "18446744073709551615"),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 0], "18446744073709551616"),
            (&[0xff; 16], "340282366920938463463374607431768211455"),
            (&[0xff; 5], "1099511627775"),
            (&[0xff; 4], "4294967295"),
        ] {
            assert_eq!(decimal(octets).as_deref(), Some(text));
        }
        assert_eq!(decimal(&[1; MAX_OCTETS + 1]), None);
    }
}
