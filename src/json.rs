//! JSON in which no two readers can find different values: each key once, nothing behind it, no integer rounded.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads one JSON text whose arrays and objects stand at most `max_depth` deep, and never more than 100 ([RFC 8259]).
///
/// [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259
///
/// # Errors
/// A text that is not JSON or goes on behind it, names a key twice in any object, nests too deeply, holds U+0000 in a string or key, or an
/// integer that would have to be rounded to fit.
pub fn parse(bytes: &[u8], max_depth: usize) -> Result<Value, JsonError> {
    let fault = Cell::new(JsonError::Syntax);
    let strict = Strict { room: max_depth.min(MAX_DEPTH), fault: &fault };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    strict.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value)).map_err(|_| fault.get())
}

/// Why a text is not JSON that can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is not JSON, or something follows it.
    #[error("this is not JSON")]
    Syntax,
    /// An object names a key twice.
    #[error("a key occurs twice in one object")]
    DuplicateKey,
    /// Arrays and objects nest too deeply.
    #[error("arrays and objects are nested too deeply")]
    TooDeep,
    /// A string or key holds U+0000, where other readers would end it.
    #[error("a string holds the character U+0000")]
    Nul,
    /// A number cannot be kept as it is written.
    #[error("a number is too large to be kept exactly")]
    Number,
}

/// Reads a value in which there is room for so many more levels; says in `fault` what was wrong beyond the syntax.
#[derive(Clone, Copy)]
struct Strict<'a> {
    room: usize,
    fault: &'a Cell<JsonError>,
}

impl Strict<'_> {
    fn refuse<T, E: Error>(self, fault: JsonError) -> Result<T, E> {
        self.fault.set(fault);
        Err(E::custom(fault))
    }

    fn text<E: Error>(self, text: String) -> Result<String, E> {
        if text.contains('\0') { self.refuse(JsonError::Nul) } else { Ok(text) }
    }

    fn inner<E: Error>(self) -> Result<Self, E> {
        match self.room.checked_sub(1) {
            Some(room) => Ok(Self { room, ..self }),
            None => self.refuse(JsonError::TooDeep),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // An integer comes here only if it fits into neither type above, and then it was rounded.
        if value.abs() >= TWO_TO_THE_63 { self.refuse(JsonError::Number) } else { Ok(value.into()) }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.text(value.to_owned()).map(Value::String)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.text(value).map(Value::String)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(array.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let name = self.text(name)?;
            if object.insert(name, fields.next_value_seed(inner)?).is_some() {
                return self.refuse(JsonError::DuplicateKey);
            }
        }
        Ok(object.into())
    }
}

/// Below the depth at which the parser gives up by itself.
const MAX_DEPTH: usize = 100;
const TWO_TO_THE_63: f64 = 9_223_372_036_854_775_808.0;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_is_written() {
        let text = br#" {"a": [1, -2, 1.5, null, true, "x\ud83d\ude00"], "b": {"a": 18446744073709551615}} "#;
        let value = json!({"a": [1, -2, 1.5, null, true, "x\u{1f600}"], "b": {"a": u64::MAX}});
        assert_eq!(parse(text, 2), Ok(value));
    }

    #[test]
    fn refuses_what_readers_disagree_on() {
        use JsonError::*;
        let rows: [(&[u8], JsonError); 22] = [
            (b"", Syntax),
            (b"{} {}", Syntax),
            (b"{}x", Syntax),
            (b"{\"a\":1,}", Syntax),
            (b"{'a':1}", Syntax),
            (b"\xef\xbb\xbf{}", Syntax),
            (b"\"\xff\"", Syntax),
            (br#""\ud800""#, Syntax),
            (br#""\udc00""#, Syntax),
            (br#"{"\ud800":1}"#, Syntax),
            (b"NaN", Syntax),
            (b"Infinity", Syntax),
            (b"1e999", Syntax),
            (b"01", Syntax),
            (b"\"\n\"", Syntax),
            (br#"{"a":1,"a":1}"#, DuplicateKey),
            (br#"{"a":1,"\u0061":2}"#, DuplicateKey),
            (br#"[{"b":{"a":1,"a":2}}]"#, DuplicateKey),
            (br#""a\u0000b""#, Nul),
            (br#"{"a\u0000":1}"#, Nul),
            (b"18446744073709551616", Number),
            (b"[1e308]", Number),
        ];
        for (text, error) in rows {
            assert_eq!(parse(text, 10), Err(error), "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn bounds_the_depth() {
        let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert_eq!(parse(b"1", 0), Ok(json!(1)));
        assert_eq!(parse(b"[]", 0), Err(JsonError::TooDeep));
        assert!(parse(&nested(8), 8).is_ok());
        assert_eq!(parse(&nested(9), 8), Err(JsonError::TooDeep));
        assert!(parse(&nested(100), usize::MAX).is_ok());
        assert_eq!(parse(&nested(101), usize::MAX), Err(JsonError::TooDeep));
        assert_eq!(parse(&nested(10_000), usize::MAX), Err(JsonError::TooDeep));
        assert_eq!(parse(&b"{\"a\":".repeat(10_000), 8), Err(JsonError::TooDeep));
    }

    #[test]
    fn the_largest_integers_are_exact() {
        assert_eq!(parse(b"-9223372036854775808", 0), Ok(json!(i64::MIN)));
        assert_eq!(parse(b"-9223372036854775809", 0), Err(JsonError::Number));
        assert_eq!(parse(b"9223372036854775807", 0), Ok(json!(i64::MAX)));
    }
}
