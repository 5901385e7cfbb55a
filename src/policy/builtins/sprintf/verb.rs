//! One directive of a format: its flags, its width, its precision and its verb.

use std::{iter::Peekable, str::Chars};

use super::{
    super::{super::engine::Value, arguments::bound, native::Failure},
    Argument,
    shown::quote,
};

/// A number, as OPA gives it to Go.
pub(super) enum Number {
    Word(i64),
    Big(Value),
    Float(f64),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Directive {
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
    pub(super) verb: char,
}

impl Directive {
    pub(super) fn plain(verb: char) -> Self {
        Self { verb, ..Self::default() }
    }

    /// What stands after a percent sign, and what follows it.
    pub(super) fn parse(text: &str) -> Result<(Option<Self>, &str), Failure> {
        let mut directive = Self::default();
        let mut chars = text.chars().peekable();
        let mut taken = 0_usize;
        while let Some(flag) = chars.next_if(|char| matches!(char, '-' | '+' | ' ' | '0' | '#')) {
            taken = taken.saturating_add(1);
            match flag {
                '-' => directive.minus = true,
                '+' => directive.plus = true,
                ' ' => directive.space = true,
                '0' => directive.zero = true,
                _ => directive.sharp = true,
            }
        }
        directive.width = number(&mut chars, &mut taken)?.unwrap_or(0);
        if chars.next_if_eq(&'.').is_some() {
            taken = taken.saturating_add(1);
            directive.precision = Some(number(&mut chars, &mut taken)?.unwrap_or(0));
        }
        match chars.next() {
            None => Ok((None, "")),
            Some('*' | '[') => bound("a width or a place that an argument gives is not formatted here"),
            Some(verb) => {
                directive.verb = verb;
                Ok((Some(directive), text.get(taken.saturating_add(verb.len_utf8())..).unwrap_or_default()))
            }
        }
    }

    pub(super) fn write(&self, argument: &Argument) -> Result<String, Failure> {
        match (self.verb, argument) {
            ('T', it) => {
                let kind: String = it.kind().chars().take(self.precision.unwrap_or(usize::MAX)).collect();
                self.padded(&kind, self.zero)
            }
            ('p' | 'w', _) => self.bad(argument),
            (_, Argument::Text(text)) => self.text(text, argument),
            (_, Argument::Number(Number::Word(number))) => self.unnamed().word(*number, argument),
            (_, Argument::Number(Number::Big(number))) => self.big(number),
            (_, Argument::Number(Number::Float(number))) => self.unnamed().float(*number, argument),
        }
    }

    /// To Go `%+v` asks for the names of fields, which a number does not have.
    fn unnamed(&self) -> Self {
        Self { plus: self.plus && self.verb != 'v', ..*self }
    }

    fn text(&self, text: &str, argument: &Argument) -> Result<String, Failure> {
        let cut: String = text.chars().take(self.precision.unwrap_or(usize::MAX)).collect();
        match self.verb {
            'v' | 's' if !self.sharp || self.verb == 's' => self.padded(&cut, self.zero),
            'q' if !self.sharp && !self.plus => {
                let mut quoted = String::new();
                quote(&cut, '"', &mut quoted)?;
                self.padded(&quoted, self.zero)
            }
            'x' | 'X' if !self.sharp && !self.space => {
                let bytes = text.bytes().take(self.precision.unwrap_or(usize::MAX));
                let digits: String = match self.verb {
                    'x' => bytes.map(|byte| format!("{byte:02x}")).collect(),
                    _ => bytes.map(|byte| format!("{byte:02X}")).collect(),
                };
                self.padded(&digits, self.zero)
            }
            'v' | 'q' | 'x' | 'X' => bound("this form of a text is not formatted here"),
            _ => self.bad(argument),
        }
    }

    fn word(&self, number: i64, argument: &Argument) -> Result<String, Failure> {
        let size = number.unsigned_abs();
        let (prefix, digits) = match self.verb {
            'v' if self.sharp => return bound("this form of a number is not formatted here"),
            'v' | 'd' => ("", size.to_string()),
            'b' => (if self.sharp { "0b" } else { "" }, format!("{size:b}")),
            'o' => ("", format!("{}{size:o}", if self.sharp && size != 0 { "0" } else { "" })),
            'O' if self.sharp => return bound("this form of a number is not formatted here"),
            'O' => ("0o", format!("{size:o}")),
            'x' => (if self.sharp { "0x" } else { "" }, format!("{size:x}")),
            'X' => (if self.sharp { "0X" } else { "" }, format!("{size:X}")),
            'c' | 'q' | 'U' => return self.character(number),
            _ => return self.bad(argument),
        };
        if self.sharp && self.verb == 'o' && (self.precision.is_some() || self.zero) {
            return bound("this form of a number is not formatted here");
        }
        if self.precision == Some(0) && size == 0 {
            return self.blank();
        }
        self.signed(number < 0, prefix, digits)
    }

    /// A whole number with its sign, its digits filled up with zeros.
    fn signed(&self, negative: bool, prefix: &str, mut digits: String) -> Result<String, Failure> {
        let sign = if negative {
            "-"
        } else if self.plus {
            "+"
        } else if self.space {
            " "
        } else {
            ""
        };
        let fill = match self.precision {
            Some(precision) => precision,
            // Zeros count towards the width with the sign, and without the base.
            None if self.zero && !self.minus => self.width.saturating_sub(sign.len()),
            None => 0,
        };
        digits = format!("{}{digits}", "0".repeat(fill.saturating_sub(digits.len())));
        self.padded(&format!("{sign}{prefix}{digits}"), false)
    }

    fn character(&self, number: i64) -> Result<String, Failure> {
        if self.plus || self.sharp || self.zero || self.precision.is_some() {
            return bound("this form of a character is not formatted here");
        }
        let char = u32::try_from(number).ok().and_then(char::from_u32);
        match self.verb {
            'U' if number >= 0 => self.padded(&format!("U+{number:04X}"), false),
            'c' => self.padded(&char.unwrap_or('\u{fffd}').to_string(), false),
            'q' => {
                let mut quoted = String::new();
                quote(&char.unwrap_or('\u{fffd}').to_string(), '\'', &mut quoted)?;
                self.padded(&quoted, false)
            }
            _ => bound("this form of a character is not formatted here"),
        }
    }

    fn big(&self, number: &Value) -> Result<String, Failure> {
        let radix = match self.verb {
            'v' | 'd' | 's' => 10,
            'x' => 16,
            'o' => 8,
            'b' => 2,
            _ => return bound("this form of a large number is not formatted here"),
        };
        if self.sharp {
            return bound("this form of a large number is not formatted here");
        }
        let digits =
            number.as_number().ok().and_then(|number| number.as_big()).map(|number| number.to_str_radix(radix));
        let Some(digits) = digits else { return bound("the number cannot be written") };
        match digits.strip_prefix('-') {
            Some(digits) => self.signed(true, "", digits.to_owned()),
            None => self.signed(false, "", digits),
        }
    }

    fn float(&self, number: f64, argument: &Argument) -> Result<String, Failure> {
        if self.sharp {
            return bound("this form of a fraction is not formatted here");
        }
        let size = number.abs();
        let digits = match self.verb {
            'f' | 'F' => format!("{size:.*}", self.precision.unwrap_or(6)),
            'e' | 'E' => exponent(&format!("{size:.*e}", self.precision.unwrap_or(6))),
            'v' | 'g' | 'G' => shortest(size, self.precision),
            'b' | 'x' | 'X' => return bound("this form of a fraction is not formatted here"),
            _ => return self.bad(argument),
        };
        let digits = if matches!(self.verb, 'E' | 'G') { digits.to_uppercase() } else { digits };
        Self { precision: None, ..*self }.signed(number.is_sign_negative(), "", digits)
    }

    /// What Go writes where a verb does not fit.
    fn bad(&self, argument: &Argument) -> Result<String, Failure> {
        if self.width > 0 || self.precision.is_some() || self.plus || self.sharp || self.space {
            return bound("a verb does not fit its argument");
        }
        Ok(format!("%!{}({}={})", self.verb, argument.kind(), argument.plain()?))
    }

    fn blank(&self) -> Result<String, Failure> {
        Ok(" ".repeat(self.width))
    }

    fn padded(&self, text: &str, zero: bool) -> Result<String, Failure> {
        let missing = self.width.saturating_sub(text.chars().count());
        let fill = if zero && !self.minus { "0" } else { " " }.repeat(missing);
        Ok(if self.minus { format!("{text}{fill}") } else { format!("{fill}{text}") })
    }
}

/// Digits, as a width or a precision.
fn number(chars: &mut Peekable<Chars<'_>>, taken: &mut usize) -> Result<Option<usize>, Failure> {
    let mut number = None;
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        *taken = taken.saturating_add(1);
        let digit = usize::try_from(digit.to_digit(10).unwrap_or_default()).unwrap_or_default();
        number = Some(number.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit));
        if number > Some(WIDEST) {
            return bound("a width is memory: it is larger than a builtin may fill");
        }
    }
    Ok(number)
}

/// Go's exponents have a sign and two digits.
fn exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{mantissa}e-{exponent:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

/// As short as it can be, with an exponent where that is shorter.
fn shortest(size: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        Some(precision) => format!("{size:.*e}", precision.max(1).saturating_sub(1)),
        None => format!("{size:e}"),
    };
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or_default();
    let digits: String = mantissa.replace('.', "");
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let mut most = precision.map_or(6, |precision| i32::try_from(precision.max(1)).unwrap_or(i32::MAX));
    if precision.is_some() && most > length && length > power {
        most = length;
    }
    if power < -4 || power >= most {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
        let point = if rest.is_empty() { "" } else { "." };
        return exponent(&format!("{first}{point}{rest}e{power}"));
    }
    let decimals = usize::try_from(length.saturating_sub(1).saturating_sub(power)).unwrap_or(0);
    format!("{size:.decimals$}")
}

const WIDEST: usize = 4096;
