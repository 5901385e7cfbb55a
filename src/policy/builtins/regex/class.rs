//! Character classes of Go's regular expressions: Perl's and POSIX's are of ASCII, Unicode's only those whose names both sides know.

use super::{
    super::{
        arguments::{bound, error},
        native::Failure,
        patterns::escaped,
    },
    translate::Parser,
};

/// A class in brackets, of which `[` was read.
pub(super) fn bracketed(parser: &mut Parser<'_>) -> Result<usize, Failure> {
    let negated = parser.rest.next_if_eq(&'^').is_some();
    let (mut inside, mut weight, mut first) = (String::new(), if negated { WIDE } else { 2 }, true);
    loop {
        let Some(&char) = parser.rest.peek() else { return error("the pattern has a class without an end") };
        if char == ']' && !first {
            parser.rest.next();
            break;
        }
        first = false;
        if char == '['
            && let Some(class) = posix(parser)?
        {
            inside.push_str(&class);
            continue;
        }
        if char == '\\' {
            let mut ahead = parser.rest.clone();
            ahead.next();
            if ahead.peek().is_some_and(|next| matches!(next, 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')) {
                parser.rest.next();
                if let Some((class, heavy)) = escaped_class(parser)? {
                    inside.push_str(&class);
                    weight = weight.max(heavy);
                }
                continue;
            }
        }
        let low = class_char(parser)?;
        let mut high = low;
        if parser.rest.peek() == Some(&'-') {
            let mut ahead = parser.rest.clone();
            ahead.next();
            if ahead.peek().is_some_and(|next| *next != ']') {
                parser.rest.next();
                high = class_char(parser)?;
            }
        }
        if high < low {
            return error("the pattern has a range that ends before it begins");
        }
        if !high.is_ascii() {
            weight = WIDE;
        }
        inside.push_str(&if low == high { escaped(low) } else { format!("{}-{}", escaped(low), escaped(high)) });
    }
    let not = if negated { "^" } else { "" };
    parser.out.push_str(&format!("[{not}{inside}]"));
    Ok(weight)
}

/// `[:name:]`; where nothing of the kind stands, the bracket is a plain character.
fn posix(parser: &mut Parser<'_>) -> Result<Option<String>, Failure> {
    let mut ahead = parser.rest.clone();
    ahead.next();
    if ahead.next() != Some(':') {
        return Ok(None);
    }
    let (mut name, mut closed) = (String::new(), false);
    while let Some(char) = ahead.next() {
        if char == ':' && ahead.peek() == Some(&']') {
            ahead.next();
            closed = true;
            break;
        }
        name.push(char);
    }
    if !closed {
        return Ok(None);
    }
    let plain = name.strip_prefix('^').unwrap_or(&name);
    if !POSIX.contains(&plain) {
        return error("the pattern has a class whose name is not known");
    }
    parser.rest = ahead;
    Ok(Some(format!("[:{name}:]")))
}

fn class_char(parser: &mut Parser<'_>) -> Result<char, Failure> {
    match parser.rest.next() {
        Some('\\') => escaped_char(parser),
        Some(char) => Ok(char),
        None => error("the pattern has a class without an end"),
    }
}

/// The class that stands after a backslash, and its weight.
pub(super) fn escaped_class(parser: &mut Parser<'_>) -> Result<Option<(String, usize)>, Failure> {
    let class = match parser.rest.peek() {
        Some('d') => ("[0-9]", 2),
        Some('D') => ("[^0-9]", WIDE),
        Some('s') => (r"[\t\n\f\r ]", 2),
        Some('S') => (r"[^\t\n\f\r ]", WIDE),
        Some('w') => ("[0-9A-Za-z_]", 2),
        Some('W') => ("[^0-9A-Za-z_]", WIDE),
        Some('p' | 'P') => return unicode(parser).map(Some),
        _ => return Ok(None),
    };
    parser.rest.next();
    Ok(Some((class.0.to_owned(), class.1)))
}

fn unicode(parser: &mut Parser<'_>) -> Result<(String, usize), Failure> {
    let mut negated = parser.rest.next() == Some('P');
    let name = match parser.rest.next() {
        Some('{') => {
            negated ^= parser.rest.next_if_eq(&'^').is_some();
            let mut name = String::new();
            loop {
                match parser.rest.next() {
                    Some('}') => break name,
                    Some(char) => name.push(char),
                    None => return error("the pattern has a Unicode class without an end"),
                }
            }
        }
        Some(char) => char.to_string(),
        None => return error("the pattern has a Unicode class without a name"),
    };
    if !UNICODE.contains(&name.as_str()) {
        // Both sides know names that the other does not.
        return bound("the pattern has a Unicode class that is not supported");
    }
    Ok((format!(r"\{}{{{name}}}", if negated { 'P' } else { 'p' }), UNICODE_WEIGHT))
}

/// The character that stands after a backslash.
pub(super) fn escaped_char(parser: &mut Parser<'_>) -> Result<char, Failure> {
    let Some(char) = parser.rest.next() else { return error("the pattern ends with a backslash") };
    Ok(match char {
        '1'..='7' if !parser.rest.peek().is_some_and(|next| matches!(next, '0'..='7')) => {
            return error("the pattern refers back to a group");
        }
        '0'..='7' => {
            let mut value = char.to_digit(8).unwrap_or_default();
            for _ in 1..3 {
                let Some(digit) = parser.rest.next_if(|next| matches!(next, '0'..='7')) else { break };
                value = value.saturating_mul(8).saturating_add(digit.to_digit(8).unwrap_or_default());
            }
            return char_of(value);
        }
        'x' => return hexadecimal(parser),
        'a' => '\x07',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        char if char.is_ascii() && !char.is_ascii_alphanumeric() => char,
        _ => return error("the pattern escapes what cannot be escaped"),
    })
}

fn hexadecimal(parser: &mut Parser<'_>) -> Result<char, Failure> {
    let mut value = 0_u32;
    let mut digits = 0_usize;
    let braces = parser.rest.next_if_eq(&'{').is_some();
    while let Some(digit) = parser.rest.next_if(char::is_ascii_hexdigit) {
        value = value.saturating_mul(16).saturating_add(digit.to_digit(16).unwrap_or_default());
        digits = digits.saturating_add(1);
        if value > 0x10_FFFF {
            return error("the pattern has a character that is none");
        }
        if !braces && digits == 2 {
            break;
        }
    }
    if braces && (digits == 0 || parser.rest.next() != Some('}')) || !braces && digits != 2 {
        return error("the pattern escapes a character that is none");
    }
    char_of(value)
}

fn char_of(value: u32) -> Result<char, Failure> {
    match char::from_u32(value) {
        Some(char) => Ok(char),
        None => bound("the pattern has half a character"),
    }
}

/// What a class costs that reaches beyond ASCII: its characters are sequences of bytes to the matcher.
pub(super) const WIDE: usize = 8;
const UNICODE_WEIGHT: usize = 200;

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

const UNICODE: [&str; 47] = [
    "L",
    "Ll",
    "Lm",
    "Lo",
    "Lt",
    "Lu",
    "M",
    "Mc",
    "Me",
    "Mn",
    "N",
    "Nd",
    "Nl",
    "No",
    "P",
    "Pc",
    "Pd",
    "Pe",
    "Pf",
    "Pi",
    "Po",
    "Ps",
    "S",
    "Sc",
    "Sk",
    "Sm",
    "So",
    "Z",
    "Zl",
    "Zp",
    "Zs",
    "Cc",
    "Cf",
    "Arabic",
    "Armenian",
    "Bengali",
    "Cyrillic",
    "Devanagari",
    "Georgian",
    "Greek",
    "Han",
    "Hangul",
    "Hebrew",
    "Hiragana",
    "Katakana",
    "Latin",
    "Thai",
];
