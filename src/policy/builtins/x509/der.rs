//! DER is read to the letter: every length in its one form, every number in as few octets as it needs (X.690 §10.1, §8.3.2).

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

/// One value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With its tag and length.
    pub(super) whole: &'a [u8],
}

/// An object identifier, number by number.
pub(super) type Oid = Vec<u32>;

impl<'a> Der<'a> {
    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether the next value has that tag.
    pub(super) fn is_next(self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// The next value, whatever it is.
    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let (&[tag, length], _) = self.0.split_first_chunk()?;
        // Tags of more than one octet have no use in what is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (header, length) = match usize::from(length) {
            short @ 0..=0x7f => (2, short),
            long => {
                let count = long & 0x7f;
                let octets = self.0.get(2..count.checked_add(2)?).filter(|_| (1..=4).contains(&count))?;
                let length = octets.iter().fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
                if length < 0x80 || octets.first() == Some(&0) {
                    return None;
                }
                (count.checked_add(2)?, length)
            }
        };
        let (whole, rest) = self.0.split_at_checked(header.checked_add(length)?)?;
        self.0 = rest;
        Some(Element { tag, content: whole.get(header..)?, whole })
    }

    /// The next value, which must have that tag.
    pub(super) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        if self.is_next(tag) { self.any() } else { None }
    }

    /// What is in the next value, which must have that tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<Self> {
        Some(Self(self.element(tag)?.content))
    }

    /// What is in the next value if it has that tag.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<Self>> {
        if self.is_next(tag) { self.take(tag).map(Some) } else { Some(None) }
    }

    pub(super) fn oid(&mut self) -> Option<Oid> {
        let content = self.take(OID)?.0;
        let mut numbers = Vec::new();
        let mut number = None;
        for octet in content {
            let before: u32 = match number {
                None if *octet == 0x80 => return None,
                None => 0,
                Some(before) => before,
            };
            if before >= 1 << 24 {
                return None;
            }
            let with = before << 7 | u32::from(octet & 0x7f);
            number = if octet & 0x80 == 0 {
                numbers.push(with);
                None
            } else {
                Some(with)
            };
        }
        let first = *numbers.first().filter(|_| number.is_none())?;
        let split = if first < 80 { [first / 40, first % 40] } else { [2, first.saturating_sub(80)] };
        Some(split.into_iter().chain(numbers.into_iter().skip(1)).collect())
    }

    /// The octets of a number, big end first, in two's complement.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        let content = self.take(INTEGER)?.0;
        is_integer(content).then_some(content)
    }

    /// A number that is not negative, without the zero before its first bit.
    pub(super) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.integer()? {
            [first, ..] if first & 0x80 != 0 => None,
            [0, rest @ ..] => Some(rest),
            content => Some(content),
        }
    }

    /// A small number.
    pub(super) fn small(&mut self) -> Option<i64> {
        small(self.integer()?)
    }

    /// The octets of bits, and how many of the last one do not count.
    pub(super) fn bits(&mut self) -> Option<(&'a [u8], u8)> {
        let (&unused, octets) = self.take(BIT_STRING)?.0.split_first()?;
        let tail = 1_u8.checked_shl(unused.into())?.saturating_sub(1);
        let is_padded = octets.last().map_or(unused == 0, |last| last & tail == 0);
        (unused <= 7 && is_padded).then_some((octets, unused))
    }

    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.take(BOOLEAN)?.0 {
            [0] => Some(false),
            [0xff] => Some(true),
            _ => None,
        }
    }
}

/// The number whose octets these are, if it is small.
pub(super) fn small(content: &[u8]) -> Option<i64> {
    if !is_integer(content) || content.len() > 8 {
        return None;
    }
    let negative = content.first()? & 0x80 != 0;
    Some(content.iter().fold(if negative { -1 } else { 0 }, |number, octet| number << 8 | i64::from(*octet)))
}

fn is_integer(content: &[u8]) -> bool {
    match content {
        [] => false,
        [0, second, ..] => second & 0x80 != 0,
        [0xff, second, ..] => second & 0x80 == 0,
        _ => true,
    }
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag of a value that is named by its place.
pub(super) const fn place(number: u8) -> u8 {
    0x80 | number
}

/// The tag of a value that is named by its place and holds others.
pub(super) const fn place_of_values(number: u8) -> u8 {
    0xa0 | number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_form() {
        assert!(Der(&[0x30, 0x00]).take(SEQUENCE).unwrap().is_empty());
        let long = [&[0x04, 0x81, 0x80][..], &[7; 0x80]].concat();
        assert_eq!(Der(&long).take(OCTET_STRING).unwrap().0, [7; 0x80]);
        for refused in [
            &[][..],
            &[0x30],
            &[0x30, 0x01],
            &[0x30, 0x80],
            &[0x30, 0x81, 0x01, 0x00],
            &[0x30, 0x82, 0x00, 0x80],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x85, 0, 0, 0, 0, 1],
            &[0x3f, 0x01, 0x00],
        ] {
            assert!(Der(refused).any().is_none(), "{refused:?}");
        }
    }

    #[test]
    fn a_number_has_one_form() {
        let integer = |content: &[u8]| small(content);
        assert_eq!(
            [&[0][..], &[0x7f], &[0x80], &[0, 0x80], &[0xff]].map(integer),
            [Some(0), Some(127), Some(-128), Some(128), Some(-1)]
        );
        assert_eq!([&[][..], &[0, 1], &[0xff, 0x80], &[1; 9]].map(integer), [None; 4]);
    }

    #[test]
    fn an_object_identifier_has_one_form() {
        let oid = |content: &[u8]| Der(&[&[OID, u8::try_from(content.len()).unwrap()], content].concat()).oid();
        assert_eq!(oid(&[0x55, 0x04, 0x03]), Some(vec![2, 5, 4, 3]));
        assert_eq!(oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]), Some(vec![1, 2, 840, 113_549]));
        assert_eq!(oid(&[0x88, 0x37]), Some(vec![2, 999]));
        for refused in
            [&[][..], &[0x80], &[0x55, 0x80, 0x01], &[0x55, 0x86], &[0x55, 0x8f, 0xff, 0xff, 0xff, 0xff, 0x7f]]
        {
            assert_eq!(oid(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn bits_that_do_not_count_are_zero() {
        assert_eq!(Der(&[3, 2, 4, 0xf0]).bits(), Some((&[0xf0][..], 4)));
        for refused in [&[3, 0][..], &[3, 1, 1], &[3, 2, 8, 0], &[3, 2, 5, 0xf0], &[3, 2, 255, 0]] {
            assert_eq!(Der(refused).bits(), None, "{refused:?}");
        }
    }
}
