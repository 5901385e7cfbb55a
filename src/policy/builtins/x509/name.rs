//! A distinguished name is a list of attributes, each a text in one of seven encodings.

use super::der::{Der, Oid, SEQUENCE, SET};

/// The attributes of a name, in order.
pub(super) struct Name(pub(super) Vec<(Oid, String)>);

impl Name {
    /// Reads what is in the sequence of a name.
    pub(super) fn read(content: &[u8]) -> Option<Self> {
        let mut sequence = Der(content);
        let mut attributes = Vec::new();
        while !sequence.is_empty() {
            let mut set = sequence.take(SET)?;
            while !set.is_empty() {
                let mut attribute = set.take(SEQUENCE)?;
                let id = attribute.oid()?;
                let value = attribute.any()?;
                attributes.push((id, text(value.tag, value.content)?));
            }
        }
        Some(Self(attributes))
    }

    /// The values of the attribute that X.520 numbers so.
    pub(super) fn all(&self, number: u32) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().filter(move |(id, _)| **id == [2, 5, 4, number]).map(|(_, value)| value.as_str())
    }
}

fn text(tag: u8, content: &[u8]) -> Option<String> {
    let ascii = |holds: fn(&u8) -> bool| {
        content.iter().all(holds).then(|| content.iter().copied().map(char::from).collect::<String>())
    };
    match tag {
        UTF8_STRING => String::from_utf8(content.to_vec()).ok(),
        PRINTABLE_STRING => ascii(|byte| byte.is_ascii_alphanumeric() || PRINTABLE.contains(byte)),
        IA5_STRING => ascii(u8::is_ascii),
        NUMERIC_STRING => ascii(|byte| byte.is_ascii_digit() || *byte == b' '),
        // Read as Latin-1, as everybody does.
        T61_STRING => ascii(|_| true),
        BMP_STRING => wide(content),
        _ => None,
    }
}

/// Characters of two octets each, without an ending zero; halves of others are none.
fn wide(content: &[u8]) -> Option<String> {
    let (pairs, []) = content.as_chunks::<2>() else { return None };
    let pairs = pairs.strip_suffix(&[[0, 0]]).unwrap_or(pairs);
    let characters = pairs.iter().map(|pair| {
        let point = u32::from(u16::from_be_bytes(*pair));
        char::from_u32(point).filter(|_| !matches!(point, 0xfdd0..=0xfdef | 0xfffe | 0xffff))
    });
    characters.collect()
}

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const BMP_STRING: u8 = 0x1e;

/// Beside letters and digits; the last two are not the standard's, but stand in certificates.
const PRINTABLE: &[u8] = b" '()+,-./:=?*&";
