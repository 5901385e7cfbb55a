//! Chance that comes again: the same throws in every run.

/// A generator of numbers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((number ^ number >> 31) % u64::try_from(end).unwrap()).unwrap()
    }

    /// The text with one to three changes: a character replaced, removed, doubled or put in, or a piece cut out.
    pub(crate) fn change(&mut self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            let index = self.below(bytes.len().max(1));
            let byte = PUT_IN[self.below(PUT_IN.len())];
            match self.below(6) {
                0 if index < bytes.len() => drop(bytes.remove(index)),
                1 => bytes.insert(index.min(bytes.len()), byte),
                2 => bytes.truncate(index),
                3 if index < bytes.len() => bytes.insert(index, bytes[index]),
                _ if index < bytes.len() => bytes[index] = byte,
                _ => bytes.push(byte),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The octets with one to three of them changed.
    pub(crate) fn change_octets(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut octets = octets.to_vec();
        for _ in 0..=self.below(3) {
            let index = self.below(octets.len());
            octets[index] = match self.below(4) {
                0 => 0,
                1 => octets[index].wrapping_add(1),
                2 => octets[index] ^ 0x20,
                _ => u8::try_from(self.below(256)).unwrap(),
            };
        }
        octets
    }
}

/// What tells one part of a text from another, and what does not.
const PUT_IN: &[u8] = b"AZaz09-_+/=. \n\r\"'{}[]:,\\-B";
