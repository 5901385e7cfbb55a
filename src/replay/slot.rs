//! The form of claims on disk: slots of one size, numbered and with a checksum, so that a changed, moved or missing one is seen.

use aws_lc_rs::digest::{SHA256, digest};

use super::{Key, table::Marks};
use crate::clock::Timestamp;

/// The size of every slot.
pub(super) const SIZE: usize = 64;

/// One token of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Its place in the file.
    pub(super) number: u64,
    /// How many slots of the same claim follow.
    pub(super) left: u8,
    pub(super) key: Key,
    pub(super) expires: Timestamp,
}

impl Slot {
    pub(super) fn encode(&self) -> [u8; SIZE] {
        let mut fields = Fields::default();
        fields.put(&self.number.to_be_bytes());
        fields.put(&[SLOT, self.left]);
        fields.put(&self.key);
        fields.put(&self.expires.nanos().to_be_bytes());
        fields.seal()
    }

    /// `None`: this is not what was written.
    pub(super) fn decode(bytes: &[u8; SIZE]) -> Option<Self> {
        let mut fields = opened(bytes)?;
        let number = u64::from_be_bytes(take(&mut fields)?);
        let [kind, left] = take(&mut fields)?;
        let key = take(&mut fields)?;
        let expires = Timestamp::from_nanos(i64::from_be_bytes(take(&mut fields)?));
        (kind == SLOT).then_some(Self { number, left, key, expires })
    }
}

/// The first slot: what is known of claims that are not in the file.
pub(super) fn encode_marks(marks: Marks) -> [u8; SIZE] {
    let mut fields = Fields::default();
    fields.put(&0_u64.to_be_bytes());
    fields.put(&[MARKS, VERSION, u8::from(marks.bound.is_some())]);
    fields.put(&marks.bound.map_or(0, Timestamp::nanos).to_be_bytes());
    fields.put(&marks.horizon.nanos().to_be_bytes());
    fields.seal()
}

/// `None`: this is not what was written, or not by this version.
pub(super) fn decode_marks(bytes: &[u8; SIZE]) -> Option<Marks> {
    let mut fields = opened(bytes)?;
    let number = u64::from_be_bytes(take(&mut fields)?);
    let [kind, version, bounded] = take(&mut fields)?;
    let bound = Timestamp::from_nanos(i64::from_be_bytes(take(&mut fields)?));
    let horizon = Timestamp::from_nanos(i64::from_be_bytes(take(&mut fields)?));
    let bound = match bounded {
        0 => None,
        1 => Some(bound),
        _ => return None,
    };
    (number == 0 && kind == MARKS && version == VERSION).then_some(Marks { bound, horizon })
}

/// The fields of a slot, in order; what is not used is zero.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn put(&mut self, field: &[u8]) {
        self.0.extend_from_slice(field);
    }

    fn seal(mut self) -> [u8; SIZE] {
        self.0.resize(CONTENT, 0);
        let checksum = digest(&SHA256, &self.0);
        self.0.extend_from_slice(checksum.as_ref());
        let mut slot = [0; SIZE];
        slot.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        slot
    }
}

/// The fields of a slot whose checksum is right.
fn opened(bytes: &[u8; SIZE]) -> Option<&[u8]> {
    let (fields, checksum) = bytes.split_at(CONTENT);
    digest(&SHA256, fields).as_ref().starts_with(checksum).then_some(fields)
}

fn take<const N: usize>(fields: &mut &[u8]) -> Option<[u8; N]> {
    let (field, rest) = fields.split_first_chunk()?;
    *fields = rest;
    Some(*field)
}

/// Without the checksum.
const CONTENT: usize = 50;
const MARKS: u8 = b'm';
const SLOT: u8 = b'c';
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Slot = Slot { number: 7, left: 1, key: [9; 32], expires: Timestamp::from_seconds(-5) };
    const KNOWN: Marks = Marks { bound: Some(Timestamp::from_seconds(100)), horizon: Timestamp::from_seconds(-1) };

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(Slot::decode(&ONE.encode()), Some(ONE));
        assert_eq!(decode_marks(&encode_marks(KNOWN)), Some(KNOWN));
        let unbounded = Marks { bound: None, ..KNOWN };
        assert_eq!(decode_marks(&encode_marks(unbounded)), Some(unbounded));
    }

    #[test]
    fn no_changed_bit_goes_unseen() {
        for bit in 0..SIZE * 8 {
            let (mut slot, mut marks) = (ONE.encode(), encode_marks(KNOWN));
            slot[bit / 8] ^= 1 << (bit % 8);
            marks[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Slot::decode(&slot), None, "bit {bit}");
            assert_eq!(decode_marks(&marks), None, "bit {bit}");
        }
    }

    #[test]
    fn one_kind_of_slot_is_not_read_as_the_other() {
        assert_eq!(Slot::decode(&encode_marks(KNOWN)), None);
        assert_eq!(decode_marks(&ONE.encode()), None);
        assert_eq!(Slot::decode(&[0; SIZE]), None);
    }
}
