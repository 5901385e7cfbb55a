//! Reads one line of `allowed_signers`: `principals [options] kind key [comment]`.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::Entry;
use crate::{
    approval::{key::PublicKey, pattern::Patterns},
    clock::Timestamp,
    yaml::quote,
};

/// What a line says, if it says anything; or what is wrong with it, behind its column.
pub(super) fn read(line: &str) -> Result<Option<Entry>, (usize, String)> {
    let mut rest = Rest { line, at: 0 };
    rest.skip_spaces();
    if rest.text().is_empty() || rest.text().starts_with('#') {
        return Ok(None);
    }
    let at = rest.column();
    let principals = rest.principals().and_then(|list| Patterns::parse(list).map_err(str::to_owned));
    let principals = principals.map_err(|message| (at, message))?;
    let mut at = rest.column();
    let mut word = rest.word();
    let mut options = Options::default();
    if !is_kind(word) {
        options = Options::read(word).map_err(|message| (at, message))?;
        at = rest.column();
        word = rest.word();
    }
    let kind = word;
    if kind.is_empty() {
        return Err((at, "a key is missing: write its kind and itself, as in its `.pub` file".to_owned()));
    }
    let blob = rest.word();
    let key = STANDARD.decode(blob).map_err(|_| "the key is broken: copy it again from its `.pub` file".to_owned());
    let key = key.and_then(|blob| PublicKey::read(&blob)).map_err(|message| (at, message))?;
    if key.kind() != kind {
        return Err((
            at,
            format!("the key is one of `{}` and not of {}: copy the whole line", key.kind(), quote(kind)),
        ));
    }
    let Options { namespaces, valid_after, valid_before } = options;
    Ok(Some(Entry { principals, namespaces, valid_after, valid_before, key }))
}

/// Whether a word is a kind of key and no option: those have a name that is known, or a value.
fn is_kind(word: &str) -> bool {
    let name = word.split(['=', ',']).next().unwrap_or_default().to_ascii_lowercase();
    let looks_so = ["ssh-", "ecdsa-", "sk-", "rsa-"].iter().any(|prefix| name.starts_with(prefix));
    word.is_empty() || looks_so && !word.contains(['=', ','])
}

/// What is left of a line.
struct Rest<'a> {
    line: &'a str,
    /// In bytes.
    at: usize,
}

impl<'a> Rest<'a> {
    fn text(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    fn column(&self) -> usize {
        self.line.get(..self.at).unwrap_or_default().chars().count().saturating_add(1)
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let taken = self.text().get(..bytes).unwrap_or_default();
        self.at = self.at.saturating_add(taken.len());
        taken
    }

    fn skip_spaces(&mut self) {
        let text = self.text();
        self.take(text.len().saturating_sub(text.trim_start_matches(is_space).len()));
    }

    /// What is before the next space outside quotes.
    fn word(&mut self) -> &'a str {
        let mut quoted = false;
        let end = self.text().find(|character| {
            quoted ^= character == '"';
            !quoted && is_space(character)
        });
        let word = self.take(end.unwrap_or_else(|| self.text().len()));
        self.skip_spaces();
        word
    }

    /// Who is meant; quotes are around all of them, or none.
    fn principals(&mut self) -> Result<&'a str, String> {
        let word = self.word();
        let bare = match word.strip_prefix('"') {
            Some(rest) => {
                rest.strip_suffix('"').ok_or("a quote is not closed, or does not end the principals: close it")?
            }
            None => word,
        };
        if bare.contains('"') {
            return Err("quotes stand around all principals or none".to_owned());
        }
        Ok(bare)
    }
}

#[derive(Default)]
struct Options {
    namespaces: Option<Patterns>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

impl Options {
    fn read(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        let mut quoted = false;
        let separator = |character| {
            quoted ^= character == '"';
            !quoted && character == ','
        };
        for option in text.split(separator) {
            let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
            match name.to_ascii_lowercase().as_str() {
                "namespaces" => {
                    once(&mut options.namespaces, name, value, |list| Patterns::parse(list).map_err(str::to_owned))
                }
                "valid-after" => once(&mut options.valid_after, name, value, time),
                "valid-before" => once(&mut options.valid_before, name, value, time),
                "cert-authority" => {
                    Err("`cert-authority` is not built: list the keys that people sign with".to_owned())
                }
                _ => Err(format!(
                    "{} is neither a kind of key nor one of the options `namespaces`, `valid-after`, `valid-before`",
                    quote(name)
                )),
            }?;
        }
        if options.valid_after.zip(options.valid_before).is_some_and(|(begin, end)| end <= begin) {
            return Err("`valid-before` is not later than `valid-after`".to_owned());
        }
        Ok(options)
    }
}

fn once<T>(
    to: &mut Option<T>,
    name: &str,
    value: Option<&str>,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<(), String> {
    let value = value.and_then(|value| value.strip_prefix('"')).and_then(|value| value.strip_suffix('"'));
    let Some(value) = value.filter(|value| !value.contains(['"', '\\'])) else {
        return Err(format!("{} needs a value in quotes: `{}=\"…\"`", quote(name), name.to_ascii_lowercase()));
    };
    if to.is_some() {
        return Err(format!("{} is there twice: leave one out", quote(name)));
    }
    *to = Some(read(value)?);
    Ok(())
}

/// Reads `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS` in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("{} is not a time in UTC such as `20261120Z` or `202611200900Z`", quote(text));
    let digits = text.strip_suffix(['Z', 'z']).ok_or_else(wrong)?;
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let whole = format!("{digits:0<14}");
    let part = |from: usize, to: usize| whole.get(from..to).unwrap_or_default();
    let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8));
    let (hour, minute, second) = (part(8, 10), part(10, 12), part(12, 14));
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok_or_else(wrong)
}

const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}
