//! A record is one line of printable ASCII: nothing in it can be taken for a line's end, or for a command, by whoever reads the log.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Appends `record` as a line, or nothing.
pub(super) fn append(lines: &mut Vec<u8>, record: &impl Serialize) -> serde_json::Result<()> {
    let before = lines.len();
    match record.serialize(&mut Serializer::with_formatter(&mut *lines, Ascii)) {
        Ok(()) => lines.push(b'\n'),
        Err(error) => {
            lines.truncate(before);
            return Err(error);
        }
    }
    Ok(())
}

/// Escapes what JSON would let stand: line ends of Unicode, control characters of terminals, letters that turn the direction of text.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for piece in fragment.split_inclusive(is_odd) {
            writer.write_all(piece.trim_end_matches(is_odd).as_bytes())?;
            for odd in piece.chars().filter(|char| is_odd(*char)) {
                for unit in odd.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

fn is_odd(char: char) -> bool {
    !matches!(char, ' '..='~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_one_line_of_ascii_and_comes_back_as_it_was() {
        for text in ["", "plain", "é", "aéb", "éé", "\u{2028}", "\u{9b}31m\u{7f}", "\u{202e}x", "\r\n\u{1b}", "😀 \"\\"]
        {
            let mut lines = Vec::new();
            append(&mut lines, &text).unwrap();
            let (end, line) = lines.split_last().unwrap();
            assert!(*end == b'\n' && line.iter().all(|byte| (b' '..=b'~').contains(byte)), "{line:?}");
            assert_eq!(serde_json::from_slice::<String>(line).unwrap(), text);
        }
    }
}
