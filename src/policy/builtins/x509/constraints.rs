//! The names that a certificate's issuer may give, and may not (RFC 5280 §4.2.1.10).

use std::net::IpAddr;

use super::{
    der::{Der, SEQUENCE, place, place_of_values},
    extensions::{address, ascii},
    uri::is_domain,
};

/// Names, by their kind.
#[derive(Default)]
pub(super) struct Subtrees {
    pub(super) dns: Vec<String>,
    pub(super) emails: Vec<String>,
    pub(super) uris: Vec<String>,
    /// An address and its mask.
    pub(super) ips: Vec<(IpAddr, Vec<u8>)>,
}

impl Subtrees {
    /// What is permitted, what is excluded, and whether every kind of name is known.
    pub(super) fn both(mut der: Der<'_>) -> Option<(Self, Self, bool)> {
        let mut fields = der.take(SEQUENCE)?;
        let (permitted, excluded) = (fields.optional(place_of_values(0))?, fields.optional(place_of_values(1))?);
        let is_said = [permitted, excluded].iter().flatten().any(|names| !names.is_empty());
        if !(der.is_empty() && fields.is_empty() && is_said) {
            return None;
        }
        let mut handled = true;
        let mut read = |names: Option<Der<'_>>| Self::read(names.unwrap_or(Der(&[])), &mut handled);
        let (permitted, excluded) = (read(permitted)?, read(excluded)?);
        Some((permitted, excluded, handled))
    }

    fn read(mut names: Der<'_>, handled: &mut bool) -> Option<Self> {
        let mut found = Self::default();
        while !names.is_empty() {
            let name = names.take(SEQUENCE)?.any()?;
            match name.tag {
                EMAIL => found.emails.push(ascii(name.content).filter(|text| is_mailbox_or_domain(text))?),
                DNS => found.dns.push(ascii(name.content).filter(|text| is_domain(text, true))?),
                URI => found
                    .uris
                    .push(ascii(name.content).filter(|text| text.parse::<IpAddr>().is_err() && is_domain(text, true))?),
                IP => {
                    let (octets, mask) = name.content.split_at_checked(name.content.len() / 2)?;
                    let address = address(octets).filter(|_| mask.len() == octets.len() && is_mask(mask))?;
                    found.ips.push((address, mask.to_vec()));
                }
                _ => *handled = false,
            }
        }
        Some(found)
    }
}

/// Ones, and then zeros.
fn is_mask(mask: &[u8]) -> bool {
    let ones = mask.iter().take_while(|octet| **octet == 0xff).count();
    let mut rest = mask.iter().skip(ones);
    rest.next().is_none_or(|octet| octet.leading_ones().saturating_add(octet.trailing_zeros()) >= 8)
        && rest.all(|octet| *octet == 0)
}

/// A plain mailbox; quoted ones are nobody's.
fn is_mailbox_or_domain(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return is_domain(text, true) };
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    !local.is_empty() && !dots && local.bytes().all(is_atom) && !domain.starts_with('.') && is_domain(domain, false)
}

const EMAIL: u8 = place(1);
const DNS: u8 = place(2);
const URI: u8 = place(6);
const IP: u8 = place(7);
