//! One element has one reading: each key that may stand once does, quotes are where Envoy puts them, and printing it gives it back.

use std::{borrow::Cow, fmt};

use super::{MAX_PAIRS, XfccError};

/// What one proxy says about the certificate of its peer. Keys that are not known are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element<'a> {
    /// `By`: the URIs in the proxy's own certificate.
    pub by: Vec<Cow<'a, str>>,
    /// `Hash`: the SHA-256 of the peer's certificate, in hex.
    pub hash: Option<Cow<'a, str>>,
    /// `Cert`: the peer's certificate, as percent-encoded PEM.
    pub cert: Option<Cow<'a, str>>,
    /// `Chain`: that certificate, then what came with it, as percent-encoded PEM.
    pub chain: Option<Cow<'a, str>>,
    /// `Subject`: the subject of the peer's certificate.
    pub subject: Option<Cow<'a, str>>,
    /// `URI`: the URIs in the peer's certificate. One that is empty stands for none.
    pub uris: Vec<Cow<'a, str>>,
    /// `DNS`: the DNS names in the peer's certificate.
    pub dns: Vec<Cow<'a, str>>,
    /// `Issuer`: the issuer of the peer's certificate.
    pub issuer: Option<Cow<'a, str>>,
}

impl<'a> Element<'a> {
    /// Reads an element in Envoy's text format: pairs of a key and a value, between semicolons.
    ///
    /// A value without quotes holds no space and none of `,` `;` `=` `"` `\`, so nothing that Envoy copies from a certificate can look like
    /// a value that it wrote itself.
    pub(super) fn parse(text: &'a str) -> Result<Self, XfccError> {
        let mut element = Self::default();
        let mut rest = Some(text);
        let mut pairs = 0;
        while let Some(text) = rest {
            pairs += 1;
            if pairs > MAX_PAIRS {
                return Err(XfccError::Limit);
            }
            let (key, text) = text.split_once('=').ok_or(XfccError::Syntax)?;
            if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
                return Err(XfccError::Syntax);
            }
            let (value, after) = text.strip_prefix('"').map_or_else(|| plain(text), quoted).ok_or(XfccError::Syntax)?;
            element.add(key, value)?;
            rest = after.strip_prefix(';');
            if rest.is_none() && !after.is_empty() {
                return Err(XfccError::Syntax);
            }
        }
        element.said()
    }

    /// Adds a pair.
    pub(super) fn add(&mut self, key: &str, value: Cow<'a, str>) -> Result<(), XfccError> {
        match key.to_ascii_lowercase().as_str() {
            "by" => self.by.push(value),
            "uri" => self.uris.push(value),
            "dns" => self.dns.push(value),
            "hash" => once(&mut self.hash, value)?,
            "cert" => once(&mut self.cert, value)?,
            "chain" => once(&mut self.chain, value)?,
            "subject" => once(&mut self.subject, value)?,
            "issuer" => once(&mut self.issuer, value)?,
            _ => {}
        }
        Ok(())
    }

    /// This element, unless it says nothing that is known.
    pub(super) fn said(self) -> Result<Self, XfccError> {
        if self == Self::default() { Err(XfccError::Syntax) } else { Ok(self) }
    }

    /// Its pairs, in the order in which Envoy writes them.
    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        fn all<'b>(key: &'static str, values: &'b [Cow<'_, str>]) -> impl Iterator<Item = (&'static str, &'b str)> {
            values.iter().map(move |value| (key, value.as_ref()))
        }
        all("By", &self.by)
            .chain(all("Hash", self.hash.as_slice()))
            .chain(all("Cert", self.cert.as_slice()))
            .chain(all("Chain", self.chain.as_slice()))
            .chain(all("Subject", self.subject.as_slice()))
            .chain(all("URI", &self.uris))
            .chain(all("DNS", &self.dns))
            .chain(all("Issuer", self.issuer.as_slice()))
    }
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.pairs().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            let is_plain = value.bytes().all(is_plain) && !matches!(key, "Cert" | "Chain" | "Subject" | "Issuer");
            if is_plain {
                write!(f, "{separator}{key}={value}")?;
            } else {
                write!(f, "{separator}{key}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))?;
            }
        }
        Ok(())
    }
}

/// Fills what may be filled once.
fn once<'a>(slot: &mut Option<Cow<'a, str>>, value: Cow<'a, str>) -> Result<(), XfccError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(XfccError::DuplicateKey),
    }
}

/// Splits a value without quotes from what follows it.
fn plain(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find([';', ',']).unwrap_or(text.len());
    let (value, after) = text.split_at_checked(end)?;
    value.bytes().all(is_plain).then_some((Cow::Borrowed(value), after))
}

/// Splits a value, whose quote is open, from what follows its closing quote.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut unescaped: Option<String> = None;
    let mut rest = text;
    loop {
        let (clear, special) = rest.split_at_checked(rest.find(['"', '\\'])?)?;
        if !is_printable(clear) {
            return None;
        }
        if let Some(after) = special.strip_prefix('"') {
            let value = match unescaped {
                None => Cow::Borrowed(clear),
                Some(value) => Cow::Owned(value + clear),
            };
            return Some((value, after));
        }
        let mut escape = special.chars().skip(1);
        let escaped = escape.next().filter(|&char| matches!(char, ' '..='~'))?;
        let value = unescaped.get_or_insert_default();
        value.push_str(clear);
        value.push(escaped);
        rest = special.split_at_checked(2)?.1;
    }
}

pub(super) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b',' | b';' | b'=' | b'"' | b'\\')
}
