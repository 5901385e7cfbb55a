//! JSON for a policy: every number as it is written, and no value that the dialect does not define.

use std::collections::BTreeMap;

use super::{engine::Value, number};

/// What is done about what readers disagree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// It is refused.
    Strict,
    /// Go's reading, which is the plugin's: the last of two equal keys counts, and what is not Unicode is U+FFFD.
    Go,
}

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is not JSON, or something follows it.
    #[error("invalid JSON")]
    Syntax,
    /// An object names a key twice.
    #[error("a key occurs twice in one object")]
    Repeated,
    /// Arrays and objects nest too deeply.
    #[error("arrays and objects are nested too deeply")]
    TooDeep,
    /// No value is exactly this number: it is too large, or a fraction of too many digits.
    #[error("a number is too large, or has too many digits")]
    Number,
}

/// Reads a document that stands for a request, or for a part of one, as a body is read: no key twice, and every number exactly.
///
/// # Errors
/// Why it is none.
pub fn document(text: &str) -> Result<Value, JsonError> {
    read(text.as_bytes(), Dialect::Strict)
}

/// Reads one JSON text ([RFC 8259]).
///
/// [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259
pub(super) fn read(text: &[u8], dialect: Dialect) -> Result<Value, JsonError> {
    let mut reader = Reader { rest: text, dialect };
    reader.space();
    let value = reader.value(1)?;
    reader.space();
    if reader.rest.is_empty() { Ok(value) } else { Err(JsonError::Syntax) }
}

struct Reader<'a> {
    rest: &'a [u8],
    dialect: Dialect,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        match self.rest.first() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.text().map(Value::from),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        let mut fields = BTreeMap::new();
        self.skip(1);
        self.space();
        if self.takes(b'}') {
            return Ok(fields.into());
        }
        loop {
            if self.rest.first() != Some(&b'"') {
                return Err(JsonError::Syntax);
            }
            let name = self.text()?;
            self.space();
            self.expect(b':')?;
            self.space();
            let value = self.value(depth.saturating_add(1))?;
            if fields.insert(Value::from(name), value).is_some() && self.dialect == Dialect::Strict {
                return Err(JsonError::Repeated);
            }
            self.space();
            if self.takes(b'}') {
                return Ok(fields.into());
            }
            self.expect(b',')?;
            self.space();
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        let mut items = Vec::new();
        self.skip(1);
        self.space();
        if self.takes(b']') {
            return Ok(items.into());
        }
        loop {
            items.push(self.value(depth.saturating_add(1))?);
            self.space();
            if self.takes(b']') {
                return Ok(items.into());
            }
            self.expect(b',')?;
            self.space();
        }
    }

    /// The text between two quotes; the first is next.
    fn text(&mut self) -> Result<String, JsonError> {
        self.skip(1);
        let mut text = Vec::new();
        loop {
            let plain = self.run(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
            text.extend_from_slice(plain);
            match self.next() {
                Some(b'"') => break,
                Some(b'\\') => {
                    let char = self.escape()?;
                    text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => return Err(JsonError::Syntax),
            }
        }
        match (String::from_utf8(text), self.dialect) {
            (Ok(text), _) => Ok(text),
            (Err(_), Dialect::Strict) => Err(JsonError::Syntax),
            (Err(error), Dialect::Go) => Ok(replaced(error.as_bytes())),
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        Ok(match self.next() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(JsonError::Syntax),
        })
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        if let Some(char) = char::from_u32(first) {
            return Ok(char);
        }
        let before = self.rest;
        if (0xd800..0xdc00).contains(&first)
            && self.takes(b'\\')
            && self.takes(b'u')
            && let Ok(second @ 0xdc00..=0xdfff) = self.hex()
        {
            let pair = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return char::from_u32(pair).ok_or(JsonError::Syntax);
        }
        self.rest = before;
        match self.dialect {
            Dialect::Strict => Err(JsonError::Syntax),
            Dialect::Go => Ok(char::REPLACEMENT_CHARACTER),
        }
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        (0..4).try_fold(0, |number, _| {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or(JsonError::Syntax)?;
            Ok(number << 4 | digit)
        })
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let before = self.rest;
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            if !self.takes(b'-') {
                self.takes(b'+');
            }
            self.digits()?;
        }
        let length = before.len().saturating_sub(self.rest.len());
        let text = before.get(..length).and_then(|text| std::str::from_utf8(text).ok()).ok_or(JsonError::Syntax)?;
        number::read(text).ok_or(JsonError::Number)
    }

    fn digits(&mut self) -> Result<&'a [u8], JsonError> {
        let digits = self.run(|byte| byte.is_ascii_digit());
        if digits.is_empty() { Err(JsonError::Syntax) } else { Ok(digits) }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, JsonError> {
        self.rest = self.rest.strip_prefix(word).ok_or(JsonError::Syntax)?;
        Ok(value)
    }

    fn space(&mut self) {
        self.run(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn run(&mut self, is_part: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !is_part(*byte)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        run
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.takes(byte) { Ok(()) } else { Err(JsonError::Syntax) }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        if is_next {
            self.skip(1);
        }
        is_next
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

/// U+FFFD for each byte that is not of a character's, as Go has it.
pub(super) fn replaced(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// The deepest nesting that a policy is shown.
pub(super) const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Dialect::*, *};

    fn json(text: &str, dialect: Dialect) -> Result<String, JsonError> {
        read(text.as_bytes(), dialect).map(|value| serde_json::to_string(&value).unwrap())
    }

    #[test]
    fn reads_what_is_written() {
        let rows = [
            (" 1 ", "1"),
            ("-0", "-0.0"),
            ("9223372036854775807", "9223372036854775807"),
            ("18446744073709551615", "18446744073709551615"),
            ("0.5", "0.5"),
            ("[1,\t-2 , [ ] , {}]", "[1,-2,[],{}]"),
            (r#"{"b": true, "a": {"c": null}}"#, r#"{"a":{"c":null},"b":true}"#),
            (r#""\"\\\/\b\f\n\r\tA\ud83d\ude00é""#, "\"\\\"\\\\/\\b\\f\\n\\r\\tA\u{1f600}é\""),
        ];
        for (text, shown) in rows {
            for dialect in [Strict, Go] {
                assert_eq!(json(text, dialect).as_deref(), Ok(shown), "{text}");
            }
        }
    }

    #[test]
    fn numbers_are_kept_as_they_are_written() {
        let same =
            |one: &str, other: &str| read(one.as_bytes(), Strict).unwrap() == read(other.as_bytes(), Strict).unwrap();
        assert!(!same("18446744073709551617", "18446744073709551616"));
        assert!(!same("9007199254740993", "9007199254740992"));
        assert!(same("1e3", "1000") && same("10.0", "10") && same("1E+2", "100"));
        for long in
            [format!("1{}", "0".repeat(400)), "1e309".to_owned(), "1e1000000000".to_owned(), "1e-1000000000".to_owned()]
        {
            assert_eq!(json(&long, Go), Err(JsonError::Number));
        }
    }

    #[test]
    fn what_is_not_json_is_refused_in_every_dialect() {
        let rows = [
            "",
            " ",
            "{",
            "}",
            "[",
            "]",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "01",
            "+1",
            "-",
            ".5",
            "5.",
            "1e",
            "1e+",
            "0x1",
            "NaN",
            "nul",
            "truex",
            "1 2",
            "{} x",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\n\"",
            "\u{feff}{}",
            "[1}",
            "// x\n1",
        ];
        for text in rows {
            for dialect in [Strict, Go] {
                assert_eq!(json(text, dialect), Err(JsonError::Syntax), "{text}");
            }
        }
    }

    #[test]
    fn what_readers_disagree_on_is_refused_or_read_as_go_reads_it() {
        assert_eq!(json(r#"{"a":1,"\u0061":2}"#, Strict), Err(JsonError::Repeated));
        assert_eq!(json(r#"{"a":1,"\u0061":2}"#, Go).as_deref(), Ok(r#"{"a":2}"#));
        for (text, shown) in [
            (&br#""\ud800""#[..], "\"\u{fffd}\""),
            (br#""\udc00x""#, "\"\u{fffd}x\""),
            (br#""\ud800\u0041""#, "\"\u{fffd}A\""),
            (b"\"\xff\xfe\"", "\"\u{fffd}\u{fffd}\""),
            (b"\"\xed\xa0\x80\"", "\"\u{fffd}\u{fffd}\u{fffd}\""),
        ] {
            assert_eq!(read(text, Strict), Err(JsonError::Syntax), "{shown}");
            assert_eq!(serde_json::to_string(&read(text, Go).unwrap()).unwrap(), shown);
        }
    }

    #[test]
    fn the_depth_is_bounded() {
        let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(read(&nested(64), Strict).is_ok());
        assert_eq!(read(&nested(65), Strict), Err(JsonError::TooDeep));
        assert_eq!(read(&b"[".repeat(1_000_000), Go), Err(JsonError::TooDeep));
        assert_eq!(read(&b"{\"a\":".repeat(1_000_000), Go), Err(JsonError::TooDeep));
    }

    proptest! {
        #[test]
        fn no_text_is_read_that_another_reader_would_refuse(text in "[\\[\\]{}\",:0-9eE.+\\-truefalsn \\\\]{0,24}") {
            let other = serde_json::from_str::<serde_json::Value>(&text);
            match read(text.as_bytes(), Go) {
                Ok(_) => prop_assert!(other.is_ok(), "{}", text),
                Err(JsonError::Syntax) => prop_assert!(other.is_err(), "{}", text),
                Err(_) => {}
            }
        }
    }
}
