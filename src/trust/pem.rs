//! PEM is read to the letter: blocks of certificates and nothing else ([RFC 7468] §3, strict).
//!
//! Lenient readers skip what they do not know, so two of them can see different certificates in one text. Here every line belongs to a
//! block, empty lines between blocks apart.
//!
//! [RFC 7468]: https://www.rfc-editor.org/rfc/rfc7468

use base64::{Engine, engine::general_purpose::STANDARD};

/// One certificate of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line on which it begins, counted from one.
    pub line: usize,
    /// What it holds.
    pub der: Vec<u8>,
}

/// Reads all certificates of `text`, at most `max`. An empty text has none.
pub fn certificates(text: &[u8], max: usize) -> Result<Vec<Block>, PemError> {
    let mut blocks = Vec::new();
    let mut lines = lines(text);
    while let Some((line, content)) = lines.next() {
        if content.is_empty() {
            continue;
        }
        if content != BEGIN {
            let label = content.starts_with(b"-----BEGIN ");
            return Err(if label { PemError::Label { line } } else { PemError::Garbage { line } });
        }
        if blocks.len() == max {
            return Err(PemError::TooMany { line, max });
        }
        blocks.push(Block { line, der: body(line, &mut lines)? });
    }
    Ok(blocks)
}

/// Why a text is not PEM of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// A line outside of every block.
    #[error("text outside of a PEM block")]
    Garbage {
        /// The line.
        line: usize,
    },
    /// A block of another type.
    #[error("a PEM block that is no CERTIFICATE")]
    Label {
        /// The line on which it begins.
        line: usize,
    },
    /// A block without an end.
    #[error("a PEM block without its `-----END CERTIFICATE-----`")]
    Unterminated {
        /// The line on which it begins.
        line: usize,
    },
    /// A block whose content is not base64, or is empty.
    #[error("a PEM block whose content is not canonical base64")]
    Base64 {
        /// The line on which the block begins.
        line: usize,
    },
    /// More blocks than allowed.
    #[error("more than {max} certificates")]
    TooMany {
        /// The line of the first one too many.
        line: usize,
        /// The bound.
        max: usize,
    },
}

impl PemError {
    /// The line that it is about, counted from one.
    pub const fn line(self) -> usize {
        match self {
            Self::Garbage { line }
            | Self::Label { line }
            | Self::Unterminated { line }
            | Self::Base64 { line }
            | Self::TooMany { line, .. } => line,
        }
    }
}

/// The content of the block that began on line `begin`, up to and with its end.
fn body<'a>(begin: usize, lines: &mut impl Iterator<Item = (usize, &'a [u8])>) -> Result<Vec<u8>, PemError> {
    let mut base64 = Vec::new();
    for (_, content) in lines {
        if content == END {
            let der = STANDARD.decode(&base64).map_err(|_| PemError::Base64 { line: begin })?;
            return if der.is_empty() { Err(PemError::Base64 { line: begin }) } else { Ok(der) };
        }
        if content.is_empty() || content.starts_with(b"-") {
            break;
        }
        base64.extend_from_slice(content);
    }
    Err(PemError::Unterminated { line: begin })
}

/// The lines of `text` with their numbers, without their ends (LF or CRLF).
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines)
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "-----BEGIN CERTIFICATE-----\nAQIDBAUG\nBwg=\n-----END CERTIFICATE-----\n";

    #[test]
    fn reads_every_block() {
        let text = format!("{ONE}\n{}", ONE.replace('\n', "\r\n"));
        let blocks = certificates(text.as_bytes(), 2).unwrap();
        assert_eq!(blocks.iter().map(|block| block.line).collect::<Vec<_>>(), [1, 6]);
        assert!(blocks.iter().all(|block| block.der == [1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(certificates(ONE.trim_end().as_bytes(), 1).unwrap().len(), 1);
        assert_eq!(certificates(b"\n\n", 1), Ok(Vec::new()));
    }

    #[test]
    fn refuses_everything_else() {
        use PemError::*;
        for (text, expected) in [
            (format!("subject=CN\n{ONE}"), Garbage { line: 1 }),
            (format!("{ONE}x"), Garbage { line: 5 }),
            (format!(" {ONE}"), Garbage { line: 1 }),
            (format!("\u{feff}{ONE}"), Garbage { line: 1 }),
            (ONE.replace("CERTIFICATE", "PRIVATE KEY"), Label { line: 1 }),
            (ONE.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), Label { line: 1 }),
            (ONE.replace("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE----- "), Label { line: 1 }),
            (ONE.replace("-----END CERTIFICATE-----", ""), Unterminated { line: 1 }),
            (ONE.replace("END CERTIFICATE", "END X"), Unterminated { line: 1 }),
            (ONE.replace("AQIDBAUG", "AQIDBAUG\n"), Unterminated { line: 1 }),
            (ONE.replace("AQIDBAUG", "AQID BAUG"), Base64 { line: 1 }),
            (ONE.replace("AQIDBAUG", "Proc-Type: 4,ENCRYPTED"), Base64 { line: 1 }),
            (ONE.replace("Bwg=", "Bwg"), Base64 { line: 1 }),
            (ONE.replace("Bwg=", "Bwh="), Base64 { line: 1 }),
            (ONE.replace("Bwg=", "Bx=="), Base64 { line: 1 }),
            (ONE.replace("AQIDBAUG\nBwg=\n", ""), Base64 { line: 1 }),
            (format!("{ONE}{ONE}{ONE}"), TooMany { line: 9, max: 2 }),
        ] {
            let read = certificates(text.as_bytes(), 2);
            assert_eq!(read.map_err(|error| (error, error.line())), Err((expected, expected.line())), "{text:?}");
        }
    }
}
