//! Reads and writes what SSH puts on the wire ([RFC 4251 §5]), to the last byte and in one way only.
//!
//! [RFC 4251 §5]: https://www.rfc-editor.org/rfc/rfc4251#section-5

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire<'a>(pub(super) &'a [u8]);

impl<'a> Wire<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        str::from_utf8(self.string()?).ok()
    }

    /// A number greater than zero, without the zero that keeps its sign; as short as it can be, so that it has one spelling.
    pub(super) fn positive(&mut self) -> Option<&'a [u8]> {
        let written = self.string()?;
        match written {
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Some(rest),
            [1..0x80, ..] => Some(written),
            _ => None,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes a string behind what is there. What is as long as 2^32 bytes does not fit into one, and never comes here.
pub(super) fn put_string(to: &mut Vec<u8>, string: &[u8]) {
    to.extend(u32::try_from(string.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(string);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(bytes: &[u8]) -> Vec<u8> {
        let mut to = Vec::new();
        put_string(&mut to, bytes);
        to
    }

    #[test]
    fn reads_no_further_than_there_is() {
        assert_eq!(Wire(&string(b"abc")).string(), Some(&b"abc"[..]));
        assert_eq!(Wire(&[0, 0, 0, 4, 1, 2, 3]).string(), None);
        assert_eq!(Wire(&[0xff; 7]).string(), None);
        assert_eq!(Wire(&[0, 0, 0]).u32(), None);
        assert_eq!(Wire(&[]).byte(), None);
    }

    #[test]
    fn a_number_has_one_spelling() {
        let number = |bytes: &[u8]| Wire(&string(bytes)).positive().map(<[u8]>::to_vec);
        assert_eq!(number(&[1]), Some(vec![1]));
        assert_eq!(number(&[0x7f, 0]), Some(vec![0x7f, 0]));
        assert_eq!(number(&[0, 0x80]), Some(vec![0x80]));
        for other in [&[][..], &[0], &[0, 1], &[0, 0, 0x80], &[0x80], &[0xff, 1]] {
            assert_eq!(number(other), None, "{other:?}");
        }
    }
}
