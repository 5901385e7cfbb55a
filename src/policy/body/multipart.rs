//! `multipart/form-data` (RFC 7578), read whole and with bounds, so that no two readers find different parts.

use super::media_type::MediaType;

/// One part that has a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) name: String,
    /// Its `content-type`; empty if it has none.
    pub(super) content_type: String,
    pub(super) value: &'a [u8],
}

/// What is done about what readers disagree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// Lines end as they must, nothing stands before the first part or behind the last, and each part has a name.
    Strict,
    /// Go's reading, which is the plugin's.
    Go,
}

/// Why a body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::policy) enum MultipartError {
    /// It does not end with its boundary.
    #[error("multipart: the last boundary is missing")]
    Unfinished,
    /// Something stands where a boundary must.
    #[error("multipart: there is something between two parts")]
    Between,
    /// A part's headers cannot be read in one way only.
    #[error("multipart: malformed headers of a part")]
    Headers,
    /// A part is encoded in a way that is not read.
    #[error("multipart: an encoded part")]
    Encoded,
    /// There are too many parts or headers.
    #[error("multipart: too many parts or headers")]
    TooMany,
}

/// Reads the parts between the boundaries.
pub(super) fn parts<'a>(payload: &'a [u8], boundary: &str, lines: Lines) -> Result<Vec<Part<'a>>, MultipartError> {
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
        return Err(MultipartError::Unfinished);
    }
    let mut reader = Reader { rest: payload, dashes: format!("--{boundary}").into_bytes(), newline: b"\r\n", lines };
    let mut parts = Vec::new();
    let mut seen: usize = 0;
    let mut after_newline = false;
    loop {
        let (line, is_last) = reader.line();
        if reader.is_end(line) {
            let nothing_follows = reader.rest.is_empty() || lines == Lines::Go;
            return if nothing_follows { Ok(parts) } else { Err(MultipartError::Between) };
        }
        if is_last {
            return Err(MultipartError::Unfinished);
        }
        if reader.is_boundary(line, seen == 0) {
            seen = seen.saturating_add(1);
            if seen > MAX_PARTS {
                return Err(MultipartError::TooMany);
            }
            after_newline = false;
            parts.extend(reader.part()?);
        } else if after_newline || (seen == 0 && lines == Lines::Strict) {
            return Err(MultipartError::Between);
        } else if seen > 0 {
            // Every part is followed by a line's end, and that by a boundary.
            after_newline = line == reader.newline;
            if !after_newline {
                return Err(MultipartError::Between);
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    /// `--boundary`
    dashes: Vec<u8>,
    newline: &'static [u8],
    lines: Lines,
}

impl<'a> Reader<'a> {
    /// The next line with its end, and whether it is one that does not end.
    fn line(&mut self) -> (&'a [u8], bool) {
        let end = self.rest.iter().position(|byte| *byte == b'\n').and_then(|at| at.checked_add(1));
        let (line, rest) = end.and_then(|end| self.rest.split_at_checked(end)).unwrap_or((self.rest, &[]));
        self.rest = rest;
        (line, end.is_none())
    }

    /// `--boundary--`
    fn is_end(&self, line: &[u8]) -> bool {
        let rest = line.strip_prefix(&*self.dashes).and_then(|rest| rest.strip_prefix(b"--"));
        rest.map(unpadded).is_some_and(|rest| rest.is_empty() || rest == self.newline)
    }

    /// `--boundary`; the first of them shows how lines end.
    fn is_boundary(&mut self, line: &[u8], is_first: bool) -> bool {
        let Some(rest) = line.strip_prefix(&*self.dashes).map(unpadded) else { return false };
        if is_first && rest == b"\n" && self.lines == Lines::Go {
            self.newline = b"\n";
        }
        rest == self.newline
    }

    /// The part that begins here; nothing, if it has no name.
    fn part(&mut self) -> Result<Option<Part<'a>>, MultipartError> {
        let headers = self.headers()?;
        let value = self.body()?;
        let mut named = Vec::new();
        let mut content_types = Vec::new();
        for (name, text) in headers {
            if name.eq_ignore_ascii_case("content-disposition") {
                named.push(text);
            } else if name.eq_ignore_ascii_case("content-type") {
                content_types.push(text);
            } else if name.eq_ignore_ascii_case("content-transfer-encoding")
                && (self.lines == Lines::Strict || text.eq_ignore_ascii_case("quoted-printable"))
            {
                return Err(MultipartError::Encoded);
            }
        }
        let several = named.len() > 1 || content_types.len() > 1;
        // Of a parameter in the extended form it is not known what other readers take for the name.
        let extended = named.iter().any(|text| text.contains('*') && MediaType::parse(text).is_none());
        if extended || (several && self.lines == Lines::Strict) {
            return Err(MultipartError::Headers);
        }
        let disposition = named.first().and_then(|text| MediaType::parse(text));
        let name = disposition.filter(|it| it.essence == "form-data").and_then(|mut it| it.parameters.remove("name"));
        match name.filter(|name| !name.is_empty()) {
            Some(name) => {
                let content_type = content_types.into_iter().next().unwrap_or_default();
                Ok(Some(Part { name, content_type, value }))
            }
            None if self.lines == Lines::Go => Ok(None),
            None => Err(MultipartError::Headers),
        }
    }

    /// Names and values up to the empty line.
    fn headers(&mut self) -> Result<Vec<(String, String)>, MultipartError> {
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut room = MAX_HEADER_BYTES;
        loop {
            let (line, is_last) = self.line();
            room = room.checked_sub(line.len()).ok_or(MultipartError::TooMany)?;
            let text = line.strip_suffix(b"\n").ok_or(MultipartError::Unfinished)?;
            let text = match (text.strip_suffix(b"\r"), self.lines) {
                (Some(text), _) => text,
                (None, Lines::Go) => text,
                (None, Lines::Strict) => return Err(MultipartError::Headers),
            };
            if text.is_empty() {
                return Ok(headers);
            }
            if is_last || headers.len() >= MAX_HEADERS {
                return Err(MultipartError::TooMany);
            }
            let text = std::str::from_utf8(text).map_err(|_| MultipartError::Headers)?;
            let folded = text.starts_with([' ', '\t']);
            if folded && self.lines == Lines::Go {
                let (_, value) = headers.last_mut().ok_or(MultipartError::Headers)?;
                value.push(' ');
                value.push_str(text.trim());
                continue;
            }
            let (name, value) = text.split_once(':').ok_or(MultipartError::Headers)?;
            if folded || name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(MultipartError::Headers);
            }
            headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }

    /// Everything up to the line's end before the next boundary, which stays.
    fn body(&mut self) -> Result<&'a [u8], MultipartError> {
        // A part without a body may be followed by a boundary at once.
        if self.rest.strip_prefix(&*self.dashes).is_some_and(ends_boundary) {
            return if self.lines == Lines::Go { Ok(&[]) } else { Err(MultipartError::Between) };
        }
        let boundary = [self.newline, &*self.dashes].concat();
        let mut from = 0;
        loop {
            let behind = self.rest.get(from..).unwrap_or_default();
            let at = find(behind, &boundary).and_then(|at| at.checked_add(from)).ok_or(MultipartError::Unfinished)?;
            let (body, rest) = self.rest.split_at_checked(at).ok_or(MultipartError::Unfinished)?;
            if rest.get(boundary.len()..).is_some_and(ends_boundary) {
                self.rest = rest;
                return Ok(body);
            }
            from = at.saturating_add(boundary.len());
        }
    }
}

/// Whether a boundary ends here: its own text may be the beginning of a longer word.
fn ends_boundary(rest: &[u8]) -> bool {
    matches!(rest, [] | [b' ' | b'\t' | b'\r' | b'\n', ..] | [b'-', b'-', ..])
}

/// Without the blanks that a mail gateway may have added.
fn unpadded(line: &[u8]) -> &[u8] {
    let blanks = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    line.get(blanks..).unwrap_or_default()
}

/// Where `needle` stands. It begins with the end of a line, so that hardly any place is looked at twice.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut from = 0;
    loop {
        let behind = text.get(from..)?;
        let at = behind.iter().position(|byte| byte == first)?.checked_add(from)?;
        if text.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at.checked_add(1)?;
    }
}

/// RFC 2046 §5.1.1.
const MAX_BOUNDARY: usize = 70;
const MAX_PARTS: usize = 1_000;
const MAX_HEADERS: usize = 32;
const MAX_HEADER_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::{Lines::*, MultipartError::*, *};

    type Read = Result<Vec<(String, String, String)>, MultipartError>;

    fn read(payload: &str, lines: Lines) -> Read {
        let text = |part: Part<'_>| (part.name, part.content_type, String::from_utf8_lossy(part.value).into_owned());
        parts(payload.as_bytes(), "foo", lines).map(|parts| parts.into_iter().map(text).collect())
    }

    fn part(name: &str, value: &str) -> (String, String, String) {
        (name.to_owned(), String::new(), value.to_owned())
    }

    const NAMED: &str = "Content-Disposition: form-data; name=";

    #[test]
    fn parts_stand_between_boundaries() {
        let payload = format!(
            "--foo\r\n{NAMED}\"a\"\r\n\r\n1\r\n--fool\r\n--foo\r\ncontent-type: text/plain\r\n{NAMED}b; filename=\"x\"\r\n\r\n\r\n--foo--\r\n"
        );
        let b = ("b".to_owned(), "text/plain".to_owned(), String::new());
        for lines in [Strict, Go] {
            assert_eq!(read(&payload, lines), Ok(vec![part("a", "1\r\n--fool"), b.clone()]));
        }
    }

    #[test]
    fn what_readers_disagree_on_is_refused_or_read_as_go_reads_it() {
        let rows: [(String, MultipartError, Read); 9] = [
            (format!("--foo\n{NAMED}a\n\n1\n--foo--\n"), Between, Ok(vec![part("a", "1")])),
            (format!("before\r\n--foo\r\n{NAMED}a\r\n\r\n1\r\n--foo--"), Between, Ok(vec![part("a", "1")])),
            (format!("--foo\r\n{NAMED}a\r\n\r\n1\r\n--foo--\r\nafter"), Between, Ok(vec![part("a", "1")])),
            ("--foo\r\n\r\n1\r\n--foo--".to_owned(), Headers, Ok(vec![])),
            (format!("--foo\r\n{NAMED}\"\"\r\n\r\n1\r\n--foo--"), Headers, Ok(vec![])),
            (format!("--foo\r\n{NAMED}a\r\n{NAMED}b\r\n\r\n1\r\n--foo--"), Headers, Ok(vec![part("a", "1")])),
            (format!("--foo\r\n{NAMED}\r\n a\r\n\r\n1\r\n--foo--"), Headers, Ok(vec![part("a", "1")])),
            (
                format!("--foo\r\n{NAMED}a\r\nContent-Transfer-Encoding: 8bit\r\n\r\n1\r\n--foo--"),
                Encoded,
                Ok(vec![part("a", "1")]),
            ),
            (format!("--foo\r\n{NAMED}a\r\n\r\n--foo--"), Between, Ok(vec![part("a", "")])),
        ];
        for (payload, error, go) in rows {
            assert_eq!(read(&payload, Strict), Err(error), "{payload:?}");
            assert_eq!(read(&payload, Go), go, "{payload:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let rows = [
            ("", Unfinished),
            ("x", Unfinished),
            ("--foo", Unfinished),
            ("--foo\r\n", Unfinished),
            ("--foo\r\nContent-Disposition: form-data; name=a\r\n\r\n1", Unfinished),
            ("--foo\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--foo", Unfinished),
            ("--foo\r\nContent-Disposition form-data\r\n\r\n1\r\n--foo--", Headers),
            ("--foo\r\n: x\r\n\r\n1\r\n--foo--", Headers),
            ("--foo\r\nContent-Disposition: form-data; name*=utf-8''a\r\n\r\n1\r\n--foo--", Headers),
            (
                "--foo\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n1\r\n--foo--",
                Encoded,
            ),
        ];
        for (payload, error) in rows {
            for lines in [Strict, Go] {
                assert_eq!(read(payload, lines), Err(error), "{payload:?}");
            }
        }
        assert_eq!(parts(b"--\r\n\r\n----", "", Go), Err(Unfinished));
    }

    #[test]
    fn parts_and_their_headers_are_bounded() {
        let one = format!("--foo\r\n{NAMED}a\r\n\r\n1\r\n");
        assert_eq!(read(&format!("{}--foo--", one.repeat(1_000)), Strict).map(|parts| parts.len()), Ok(1_000));
        assert_eq!(read(&format!("{}--foo--", one.repeat(1_001)), Go), Err(TooMany));
        let headers = "x: y\r\n".repeat(33);
        assert_eq!(read(&format!("--foo\r\n{headers}\r\n1\r\n--foo--"), Go), Err(TooMany));
        let long = "y".repeat(9_000);
        assert_eq!(read(&format!("--foo\r\nx: {long}\r\n\r\n1\r\n--foo--"), Go), Err(TooMany));
    }
}
