//! JSON as OPA reads it from a token: the last of two keys counts, and what is no Unicode is U+FFFD.
//!
//! It is bounded: deeper nesting and longer numbers than anybody's are refused, whatever OPA says.

use std::collections::BTreeMap;

use super::super::{super::engine::Value, native::Failure};

/// Reads the object that `bytes` hold.
pub(super) fn object(bytes: &[u8], what: &str) -> Result<Value, Failure> {
    match parse(bytes) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) | Err(Trouble::Syntax) => Err(Failure::Error(format!("the {what} is not a JSON object"))),
        Err(Trouble::Bound) => Err(Failure::Bound(format!(
            "the {what} nests deeper than {MAX_DEPTH} or has a number of more than {MAX_DIGITS} digits"
        ))),
    }
}

fn parse(bytes: &[u8]) -> Result<Value, Trouble> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(MAX_DEPTH)?;
    reader.space();
    if reader.rest.is_empty() { Ok(value) } else { Err(Trouble::Syntax) }
}

#[derive(Debug, PartialEq)]
enum Trouble {
    Syntax,
    Bound,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self, room: usize) -> Result<Value, Trouble> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(room.checked_sub(1).ok_or(Trouble::Bound)?),
            Some(b'[') => self.array(room.checked_sub(1).ok_or(Trouble::Bound)?),
            Some(b'"') => self.string().map(|text| Value::String(text.into())),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, room: usize) -> Result<Value, Trouble> {
        let mut fields = BTreeMap::new();
        self.next();
        self.space();
        if self.takes(b'}') {
            return Ok(Value::from(fields));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(b':')?;
            let value = self.value(room)?;
            fields.insert(Value::String(name.into()), value);
            self.space();
            if self.takes(b'}') {
                return Ok(Value::from(fields));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, room: usize) -> Result<Value, Trouble> {
        let mut items = Vec::new();
        self.next();
        self.space();
        if self.takes(b']') {
            return Ok(Value::from(items));
        }
        loop {
            items.push(self.value(room)?);
            self.space();
            if self.takes(b']') {
                return Ok(Value::from(items));
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<String, Trouble> {
        self.expect(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.next().ok_or(Trouble::Syntax)? {
                b'"' => return Ok(unicode(&text)),
                b'\\' => self.escape(&mut text)?,
                0..=0x1f => return Err(Trouble::Syntax),
                byte => text.push(byte),
            }
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Trouble> {
        let byte = match self.next().ok_or(Trouble::Syntax)? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let unit = self.unit()?;
                let character = self.character(unit);
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(Trouble::Syntax),
        };
        text.push(byte);
        Ok(())
    }

    /// The character of a UTF-16 unit and, if that is half of one, of the escape that follows.
    fn character(&mut self, unit: u16) -> char {
        if let Some(character) = char::from_u32(u32::from(unit)) {
            return character;
        }
        let before = self.rest;
        if self.takes(b'\\')
            && self.takes(b'u')
            && let Ok(low) = self.unit()
            && let Some(Ok(character)) = char::decode_utf16([unit, low]).next()
        {
            return character;
        }
        self.rest = before;
        char::REPLACEMENT_CHARACTER
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u16, Trouble> {
        (0..4).try_fold(0, |unit: u16, _| {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or(Trouble::Syntax)?;
            Ok(unit << 4 | u16::try_from(digit).unwrap_or(0))
        })
    }

    fn number(&mut self) -> Result<Value, Trouble> {
        let all = self.rest;
        self.takes(b'-');
        if !self.takes(b'0') && self.digits() == 0 {
            return Err(Trouble::Syntax);
        }
        let mut whole = true;
        if self.takes(b'.') {
            whole = false;
            if self.digits() == 0 {
                return Err(Trouble::Syntax);
            }
        }
        let mut exponent = 0;
        if self.takes(b'e') || self.takes(b'E') {
            whole = false;
            let _ = self.takes(b'+') || self.takes(b'-');
            exponent = self.digits();
            if exponent == 0 {
                return Err(Trouble::Syntax);
            }
        }
        let literal = all.get(..all.len().saturating_sub(self.rest.len())).unwrap_or_default();
        let literal = std::str::from_utf8(literal).map_err(|_| Trouble::Syntax)?;
        if literal.len() > MAX_DIGITS || exponent > MAX_EXPONENT_DIGITS {
            return Err(Trouble::Bound);
        }
        if whole && let Ok(integer) = literal.parse::<i64>() {
            return Ok(Value::from(integer));
        }
        if !literal.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(Trouble::Bound);
        }
        Value::from_numeric_string(literal).map_err(|_| Trouble::Bound)
    }

    /// How many digits follow.
    fn digits(&mut self) -> usize {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.rest = self.rest.get(count..).unwrap_or_default();
        count
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, Trouble> {
        self.rest = self.rest.strip_prefix(word).ok_or(Trouble::Syntax)?;
        Ok(value)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.next();
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Trouble> {
        if self.takes(byte) { Ok(()) } else { Err(Trouble::Syntax) }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let takes = self.peek() == Some(byte);
        if takes {
            self.next();
        }
        takes
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }
}

/// The text of `bytes`, with U+FFFD for each byte that is no part of a character.
pub(in super::super) fn unicode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// The deepest input that a policy is shown.
const MAX_DEPTH: usize = 64;
/// More than any number that means something, and few enough to reckon with.
const MAX_DIGITS: usize = 400;
const MAX_EXPONENT_DIGITS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_opa_reads() {
        for (text, json) in [
            (
                r#" {"a":[1,-2,1.5e1,true,false,null,"x\n\u00e9\ud83d\ude00"]} "#.as_bytes(),
                r#"{"a":[1,-2,15,true,false,null,"x\né😀"]}"#,
            ),
            (br#"{"a":1,"a":{"b":2}}"#, r#"{"a":{"b":2}}"#),
            (b"[\"\xff\xfe\\ud800x\\ud800\\u0041\"]", "[\"\u{fffd}\u{fffd}\u{fffd}x\u{fffd}A\"]"),
            (b"\"\\u0000\"", r#""\u0000""#),
        ] {
            assert_eq!(parse(text).unwrap(), Value::from_json_str(json).unwrap(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn whole_numbers_are_exact() {
        for (text, same) in [("18446744073709551616", "18446744073709551616"), ("1e20", "100000000000000000000")] {
            assert_eq!(parse(text.as_bytes()).unwrap(), Value::from_numeric_string(same).unwrap(), "{text}");
        }
        assert_ne!(parse(b"9007199254740993"), parse(b"9007199254740992"));
    }

    #[test]
    fn refuses_what_is_no_json() {
        for text in [
            "",
            " ",
            "{",
            "{}x",
            "{} {}",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "'a'",
            "01",
            "1.",
            ".5",
            "-",
            "1e",
            "+1",
            "NaN",
            "tru",
            "truex",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"",
            "\u{feff}{}",
            "{\"a\" 1}",
            "[1 2]",
            "{1:2}",
            "\u{0}",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(Trouble::Syntax), "{text:?}");
        }
    }

    #[test]
    fn is_bounded() {
        let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(parse(&nested(MAX_DEPTH + 1)), Err(Trouble::Bound));
        assert_eq!(parse(&b"{\"a\":".repeat(100_000)), Err(Trouble::Bound));
        for number in ["1".repeat(401), "1e9999".to_owned(), "1e999".to_owned(), "-1e-9999".to_owned()] {
            assert_eq!(parse(number.as_bytes()), Err(Trouble::Bound), "{number}");
        }
    }
}
