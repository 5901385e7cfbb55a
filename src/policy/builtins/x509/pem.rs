//! PEM as OPA reads it: the first whole block, whatever stands before it.

use super::super::jwt::base64;

/// One block.
#[derive(Debug, PartialEq)]
pub(in super::super) struct Block {
    pub(in super::super) label: Vec<u8>,
    pub(in super::super) content: Vec<u8>,
}

/// The first block of `text`, and what follows it.
pub(in super::super) fn decode(text: &[u8]) -> Option<(Block, &[u8])> {
    let mut rest = text;
    loop {
        // The first end, and the last beginning before it: a beginning without an end is passed over.
        let end = find(rest, END)?;
        let after = end.checked_add(END.len())?;
        let (before, following) = (rest.get(..end)?, rest.get(after..)?);
        if let Some(begin) = find_last(before, BEGIN)
            && before.get(..begin)?.last().is_none_or(|byte| *byte == b'\n')
            && let Some(block) = block(rest.get(begin.checked_add(BEGIN.len())?..)?)
        {
            return Some(block);
        }
        rest = following;
    }
}

/// The block whose beginning was just read.
fn block(text: &[u8]) -> Option<(Block, &[u8])> {
    let (first, mut rest) = line(text);
    let label = first.strip_suffix(DASHES)?;
    let mut has_headers = false;
    loop {
        let (header, after) = line(rest);
        if rest.is_empty() {
            return None;
        }
        if !header.contains(&b':') {
            break;
        }
        has_headers = true;
        rest = after;
    }
    // An empty block without headers ends where its content would begin.
    let (content, ending) = match rest.strip_prefix(END.get(1..)?) {
        Some(ending) if !has_headers => (&[][..], ending),
        _ => {
            let end = find(rest, END)?;
            (rest.get(..end)?, rest.get(end.checked_add(END.len())?..)?)
        }
    };
    let (last, following) = line(ending);
    if last.strip_prefix(label)? != DASHES {
        return None;
    }
    let content: Vec<u8> = content.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t')).collect();
    Some((Block { label: label.to_vec(), content: base64(&content)? }, following))
}

/// The first line without the space behind it, and what follows.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n');
    let (line, rest) = match end.and_then(|end| text.split_at_checked(end)) {
        Some((line, rest)) => (line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..).unwrap_or_default()),
        None => (text, &[][..]),
    };
    let length = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |last| last.saturating_add(1));
    (line.get(..length).unwrap_or_default(), rest)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn find_last(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|window| window == part)
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "-----BEGIN X-----\nAQID\n-----END X-----\n";

    #[test]
    fn reads_the_first_whole_block() {
        for (text, rest) in [
            (ONE.to_owned(), ""),
            (format!("{ONE}more"), "more"),
            (format!("before\n-----BEGIN Y-----\n{ONE}"), ""),
            (ONE.replace('\n', "\r\n"), ""),
            (ONE.replace("AQID", "A Q\nI\tD"), ""),
            (ONE.replace("AQID", "Proc-Type: 4\n\nAQID"), ""),
            (ONE.replace("X-----\n-", "X-----  \t\n-"), ""),
            (format!("-----BEGIN Z-----\n?\n-----END Z-----\n{ONE}"), ""),
            (ONE.trim_end().to_owned(), ""),
        ] {
            let (block, after) = decode(text.as_bytes()).unwrap_or_else(|| panic!("{text:?}"));
            assert_eq!(
                (&*block.label, &*block.content, after),
                (&b"X"[..], &[1, 2, 3][..], rest.as_bytes()),
                "{text:?}"
            );
        }
        assert!(decode(b"-----BEGIN X-----\n-----END X-----").unwrap().0.content.is_empty());
    }

    #[test]
    fn refuses_what_is_no_block() {
        for text in [
            String::new(),
            format!("x{ONE}"),
            ONE.replace("END X", "END Y"),
            ONE.replace("END X-----", "END X-----x"),
            ONE.replace("AQID", "AQI"),
            ONE.replace("\n-----END", "-----END"),
            ONE.replace("BEGIN X-----", "BEGIN X----"),
        ] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }
}
