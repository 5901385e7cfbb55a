//! Reads what an earlier process left: all of it, up to a torn end; or what can be read, and the word that something is missing.

use std::io::{self, Read};

use super::{
    Key,
    slot::{self, SIZE, Slot},
    table::Marks,
};
use crate::clock::Timestamp;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Loaded {
    /// What is known of claims that are not in the file.
    pub(super) marks: Option<Marks>,
    pub(super) claims: Vec<(Key, Timestamp)>,
    /// Something that was acknowledged may be missing.
    pub(super) damaged: bool,
}

/// Reads a file of claims.
///
/// The end is torn where a crash left less than a whole claim behind: nobody was told of that one. Everything else that is not as it was
/// written is damage; whole slots still count.
pub(super) fn read(mut file: impl Read) -> io::Result<Loaded> {
    let mut loaded = Loaded::default();
    match next(&mut file)? {
        Some(header) => loaded.marks = slot::decode_marks(&header),
        // The file was moved to its place whole.
        None => loaded.damaged = true,
    }
    loaded.damaged |= loaded.marks.is_none();
    let mut expected = 1_u64;
    let mut claim: Vec<Slot> = Vec::new();
    while let Some(bytes) = next(&mut file)? {
        let Some(slot) = Slot::decode(&bytes) else {
            loaded.damaged = true;
            continue;
        };
        let follows = claim.last().is_none_or(|last| last.left.checked_sub(1) == Some(slot.left));
        if slot.number != expected || !follows {
            loaded.damaged = true;
            loaded.take(&mut claim);
        }
        expected = slot.number.saturating_add(1);
        claim.push(slot);
        if slot.left == 0 {
            loaded.take(&mut claim);
        }
    }
    if loaded.damaged {
        loaded.take(&mut claim);
    }
    Ok(loaded)
}

impl Loaded {
    fn take(&mut self, claim: &mut Vec<Slot>) {
        self.claims.extend(claim.drain(..).map(|slot| (slot.key, slot.expires)));
    }
}

/// The next slot; `None` at the end, and where less than a slot is left.
fn next(file: &mut impl Read) -> io::Result<Option<[u8; SIZE]>> {
    let mut bytes = [0; SIZE];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { bound: None, horizon: Timestamp::MIN };

    /// Claims of one, two and one tokens.
    fn file() -> Vec<u8> {
        let slot = |number: u64, left| {
            let key = [u8::try_from(number).unwrap(); 32];
            Slot { number, left, key, expires: Timestamp::from_seconds(60) }.encode()
        };
        [slot::encode_marks(MARKS), slot(1, 0), slot(2, 1), slot(3, 0), slot(4, 0)].concat()
    }

    fn keys(loaded: &Loaded) -> Vec<u8> {
        loaded.claims.iter().map(|(key, _)| key[0]).collect()
    }

    #[test]
    fn at_whatever_byte_it_ends_the_claims_before_that_are_there_and_none_by_half() {
        let file = file();
        for length in SIZE..=file.len() {
            let loaded = read(&file[..length]).unwrap();
            let whole: &[u8] = match length / SIZE - 1 {
                0 => &[],
                1 | 2 => &[1],
                3 => &[1, 2, 3],
                _ => &[1, 2, 3, 4],
            };
            assert_eq!((keys(&loaded).as_slice(), loaded.damaged), (whole, false), "{length} bytes");
            assert_eq!(loaded.marks, Some(MARKS));
        }
    }

    #[test]
    fn a_file_without_its_beginning_is_damaged() {
        let file = file();
        for length in 0..SIZE {
            assert!(read(&file[..length]).unwrap().damaged, "{length} bytes");
        }
        assert!(read(&file[SIZE..]).unwrap().damaged);
    }

    #[test]
    fn any_other_change_is_damage_and_the_rest_still_counts() {
        let whole = file();
        for byte in 0..whole.len() {
            let mut file = whole.clone();
            file[byte] ^= 0x10;
            let loaded = read(file.as_slice()).unwrap();
            assert!(loaded.damaged, "byte {byte}");
            let hit = u8::try_from(byte / SIZE).unwrap();
            let rest: Vec<u8> = (1..=4).filter(|number| *number != hit).collect();
            assert_eq!(keys(&loaded), rest, "byte {byte}");
        }
    }

    #[test]
    fn a_slot_that_is_missing_moved_or_zero_is_damage() {
        let whole = file();
        let missing = [&whole[..SIZE], &whole[2 * SIZE..]].concat();
        let swapped = [&whole[..SIZE], &whole[4 * SIZE..], &whole[2 * SIZE..4 * SIZE], &whole[SIZE..2 * SIZE]].concat();
        let zero = [whole.as_slice(), &[0; SIZE]].concat();
        for (name, file) in [("missing", missing), ("swapped", swapped), ("zero", zero)] {
            assert!(read(file.as_slice()).unwrap().damaged, "{name}");
        }
    }
}
