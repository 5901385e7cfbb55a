//! JSON by its grammar, within bounds of depth, of count and of the length of a number.

use std::borrow::Cow;

use super::Tree;
use crate::{bundle::Limits, pause::pause};

/// How many values are read before others may go first.
pub(super) const STRETCH: usize = 64;

/// Where it went wrong, and why.
type Fault = (usize, &'static str);

pub(super) fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Tree<'a>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| (error.valid_up_to(), "this is not UTF-8"))?;
    let mut reader = Reader { text, at: 0, values: limits.values };
    let tree = reader.value(limits.json_depth.min(DEEPEST))?;
    reader.space();
    match reader.peek() {
        None => Ok(tree),
        Some(_) => Err((reader.at, "something follows the document")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many values may still come.
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, room: usize) -> Result<Tree<'a>, Fault> {
        self.space();
        self.values = self.values.checked_sub(1).ok_or((self.at, "there are too many values in one document"))?;
        if self.values.is_multiple_of(STRETCH) {
            pause();
        }
        match self.peek() {
            Some(b'{') => self.object(room.checked_sub(1).ok_or((self.at, TOO_DEEP))?),
            Some(b'[') => self.list(room.checked_sub(1).ok_or((self.at, TOO_DEEP))?),
            Some(b'"') => self.string().map(Tree::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", Tree::Null),
            Some(b't') => self.word("true", Tree::Bool(true)),
            Some(b'f') => self.word("false", Tree::Bool(false)),
            Some(_) => Err((self.at, "this is not JSON")),
            None => Err((self.at, "the document ends too early")),
        }
    }

    fn object(&mut self, room: usize) -> Result<Tree<'a>, Fault> {
        self.at += 1;
        let mut members: Vec<(Cow<'a, str>, Tree<'a>)> = Vec::new();
        let mut places = Vec::new();
        self.space();
        if self.takes(b'}') {
            return Ok(Tree::Object(members));
        }
        loop {
            self.space();
            let at = self.at;
            if self.peek() != Some(b'"') {
                return Err((at, "a key is missing: a key is a string in double quotes"));
            }
            let key = self.string()?;
            self.space();
            if !self.takes(b':') {
                return Err((self.at, "a colon is missing"));
            }
            // Documents that were written by a program have their keys in order already.
            let in_order = members.last().is_none_or(|(last, _)| *last < key);
            let value = self.value(room)?;
            if !in_order {
                places.push((key.clone(), at));
            }
            members.push((key, value));
            self.space();
            if self.takes(b'}') {
                break;
            }
            if !self.takes(b',') {
                return Err((self.at, "a comma or a closing brace is missing"));
            }
        }
        if !places.is_empty() {
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            let twice = members.windows(2).find_map(|pair| match pair {
                [(one, _), (other, _)] if one == other => Some(one),
                _ => None,
            });
            if let Some(key) = twice {
                let at = places.iter().rfind(|(name, _)| name == key).map_or(self.at, |(_, at)| *at);
                return Err((at, "this key occurs twice in one object"));
            }
        }
        members.shrink_to_fit();
        Ok(Tree::Object(members))
    }

    fn list(&mut self, room: usize) -> Result<Tree<'a>, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.takes(b']') {
            return Ok(Tree::List(items));
        }
        loop {
            items.push(self.value(room)?);
            self.space();
            if self.takes(b']') {
                items.shrink_to_fit();
                return Ok(Tree::List(items));
            }
            if !self.takes(b',') {
                return Err((self.at, "a comma or a closing bracket is missing"));
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let mut decoded: Option<String> = None;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let Some(end) = end else { return Err((self.text.len(), "a string does not end")) };
            let plain = rest.get(..end).unwrap_or_default();
            self.at += end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match decoded {
                        None => Cow::Borrowed(plain),
                        Some(text) => Cow::Owned(text + plain),
                    });
                }
                Some(b'\\') => {
                    let text = decoded.get_or_insert_default();
                    text.push_str(plain);
                    text.push(self.escape()?);
                }
                _ => return Err((self.at, "a control character in a string must be escaped")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let at = self.at;
        self.at += 1;
        let escaped = self.peek();
        self.at += 1;
        Ok(match escaped {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit().ok_or((at, BAD_ESCAPE))?;
                let units = if (0xd800..0xdc00).contains(&first) {
                    if !(self.takes(b'\\') && self.takes(b'u')) {
                        return Err((at, HALF));
                    }
                    [Some(first), Some(self.unit().ok_or((at, BAD_ESCAPE))?)]
                } else {
                    [Some(first), None]
                };
                let mut decoded = char::decode_utf16(units.into_iter().flatten());
                match (decoded.next(), decoded.next()) {
                    (Some(Ok(character)), None) => character,
                    _ => return Err((at, HALF)),
                }
            }
            _ => return Err((at, BAD_ESCAPE)),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at.checked_add(4)?)?;
        self.at += 4;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) -> Result<Tree<'a>, Fault> {
        let start = self.at;
        self.takes(b'-');
        if self.takes(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err((start, "a number begins with a zero"));
            }
        } else {
            self.digits()?;
        }
        let mut whole = true;
        if self.takes(b'.') {
            whole = false;
            self.digits()?;
        }
        let mut exponent = "";
        if self.takes(b'e') || self.takes(b'E') {
            whole = false;
            if !self.takes(b'-') {
                self.takes(b'+');
            }
            let from = self.at;
            self.digits()?;
            exponent = self.text.get(from..self.at).unwrap_or_default().trim_start_matches('0');
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        // Readers spend more than the length on these.
        if text.len() > MAX_DIGITS || exponent.len() > MAX_EXPONENT {
            return Err((start, "a number has too many digits"));
        }
        if !whole && !text.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err((start, "a number is too large"));
        }
        Ok(Tree::Number(Cow::Borrowed(text)))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == from { Err((from, "a digit is missing")) } else { Ok(()) }
    }

    fn word(&mut self, word: &str, tree: Tree<'a>) -> Result<Tree<'a>, Fault> {
        if !self.text.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err((self.at, "this is not JSON"));
        }
        self.at += word.len();
        Ok(tree)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// The engine gives up below.
const DEEPEST: usize = 100;
/// More than any quantity has.
const MAX_DIGITS: usize = 400;
const MAX_EXPONENT: usize = 3;

const TOO_DEEP: &str = "arrays and objects are nested too deeply";
const BAD_ESCAPE: &str = "this escape is not JSON's";
const HALF: &str = "half of a surrogate pair stands alone";
