//! Texts with patterns in them (`regex.template_match`) and texts with groups in them (`regex.replace`).

use super::super::{
    arguments::{bound, error},
    native::Failure,
    patterns::{Kind, compiled, escaped},
};

/// The pattern of a template: what stands between the delimiters is a pattern, the rest is text.
pub(super) fn expand(template: &str, start: &str, end: &str) -> Result<String, Failure> {
    let (&[start], &[end]) = (start.as_bytes(), end.as_bytes()) else {
        return error("a delimiter is one character long");
    };
    let (mut out, mut inside, mut level) = (String::from("^"), String::new(), 0_usize);
    for char in template.chars() {
        let is = |byte: u8| char == char::from(byte) && char.is_ascii();
        if is(start) {
            level = level.saturating_add(1);
            if level == 1 {
                continue;
            }
        } else if is(end) {
            match level.checked_sub(1) {
                Some(0) => {
                    level = 0;
                    // Each pattern has to be one by itself.
                    compiled(Kind::Regex, &format!("^{inside}$"))?;
                    out.push_str(&format!("({inside})"));
                    inside.clear();
                    continue;
                }
                Some(left) => level = left,
                None => return error("the template has an end without a beginning"),
            }
        }
        if level > 0 { inside.push(char) } else { out.push_str(&escaped(char)) }
    }
    if level > 0 {
        return error("the template has a beginning without an end");
    }
    out.push('$');
    Ok(out)
}

/// A part of what replaces a match.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Group(usize),
}

impl<'a> Piece<'a> {
    pub(super) fn text(&self, captures: &regex::Captures<'a>) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Group(index) => captures.get(*index).map_or("", |group| group.as_str()),
        }
    }
}

/// The parts of a replacement: `$1`, `$name` and `${name}` are groups, as long as the name goes on; `$$` is a dollar sign.
pub(super) fn pieces<'a>(replacement: &'a str, names: &[Option<String>]) -> Result<Vec<Piece<'a>>, Failure> {
    let (mut pieces, mut rest) = (Vec::new(), replacement);
    while let Some((before, after)) = rest.split_once('$') {
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        if pieces.len() > MOST_PIECES {
            return bound("the replacement has too many parts");
        }
        if let Some(after) = after.strip_prefix('$') {
            pieces.push(Piece::Text("$"));
            rest = after;
        } else if let Some((name, after)) = name(after)? {
            if let Some(index) = group(name, names)? {
                pieces.push(Piece::Group(index));
            }
            rest = after;
        } else {
            pieces.push(Piece::Text("$"));
            rest = after;
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// The name that a text begins with, in braces or not, and what follows it.
fn name(text: &str) -> Result<Option<(&str, &str)>, Failure> {
    let inner = text.strip_prefix('{');
    let body = inner.unwrap_or(text);
    let end = body.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(body.len());
    let (name, after) = body.split_at_checked(end).unwrap_or((body, ""));
    if after.starts_with(|char: char| !char.is_ascii() && char.is_alphanumeric()) {
        return bound("the replacement names a group beyond ASCII");
    }
    if name.is_empty() {
        return Ok(None);
    }
    match inner {
        None => Ok(Some((name, after))),
        Some(_) => Ok(after.strip_prefix('}').map(|after| (name, after))),
    }
}

fn group(name: &str, names: &[Option<String>]) -> Result<Option<usize>, Failure> {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    if is_number {
        return Ok(name.parse().ok());
    }
    let mut named =
        names.iter().enumerate().filter(|(_, other)| other.as_deref() == Some(name)).map(|(index, _)| index);
    match (named.next(), named.next()) {
        (_, Some(_)) => bound("two groups go by the name that the replacement asks for"),
        (index, None) => Ok(index),
    }
}

const MOST_PIECES: usize = 256;
