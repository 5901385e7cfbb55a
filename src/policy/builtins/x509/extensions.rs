//! What the extensions that OPA knows say; one of them that is malformed makes the certificate none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    certificate::Extension,
    constraints::Subtrees,
    der::{BOOLEAN, Der, INTEGER, OCTET_STRING, Oid, SEQUENCE, place, place_of_values, small},
    uri::Uri,
};

/// What the known extensions of a certificate say.
#[derive(Default)]
pub(super) struct Known {
    pub(super) key_usage: i64,
    pub(super) is_ca: Option<bool>,
    pub(super) max_path: i64,
    pub(super) alternatives: Alternatives,
    pub(super) constraints_critical: bool,
    pub(super) permitted: Subtrees,
    pub(super) excluded: Subtrees,
    pub(super) crl_points: Vec<Vec<u8>>,
    pub(super) authority_key_id: Option<Vec<u8>>,
    pub(super) subject_key_id: Option<Vec<u8>>,
    pub(super) require_explicit_policy: Option<i64>,
    pub(super) inhibit_policy_mapping: Option<i64>,
    pub(super) inhibit_any_policy: Option<i64>,
    pub(super) extended: Vec<Oid>,
    pub(super) policies: Option<Vec<Oid>>,
    pub(super) mappings: Vec<(Oid, Oid)>,
    pub(super) ocsp: Vec<Vec<u8>>,
    pub(super) issuing: Vec<Vec<u8>>,
    /// Critical, and not known.
    pub(super) unhandled: Vec<Oid>,
}

/// The names beside the subject (RFC 5280 §4.2.1.6).
#[derive(Default)]
pub(super) struct Alternatives {
    pub(super) emails: Vec<String>,
    pub(super) dns: Vec<String>,
    pub(super) uris: Vec<Uri>,
    pub(super) ips: Vec<IpAddr>,
}

impl Known {
    pub(super) fn read(extensions: &[Extension<'_>]) -> Option<Self> {
        let mut known = Self { max_path: 0, ..Self::default() };
        for extension in extensions {
            let handled = known.add(extension)?;
            if extension.critical && !handled {
                known.unhandled.push(extension.id.clone());
            }
        }
        Some(known)
    }

    /// Reads one extension, and says whether it is known.
    fn add(&mut self, extension: &Extension<'_>) -> Option<bool> {
        let mut der = Der(extension.value);
        match *extension.id {
            [2, 5, 29, 14] if !extension.critical => self.subject_key_id = Some(der.take(OCTET_STRING)?.0.to_vec()),
            [2, 5, 29, 15] => self.key_usage = usage(der)?,
            [2, 5, 29, 17] => {
                self.alternatives = Alternatives::read(der)?;
                return Some(!self.alternatives.is_empty());
            }
            [2, 5, 29, 19] => (self.is_ca, self.max_path) = basic(der).map(|(is_ca, path)| (Some(is_ca), path))?,
            [2, 5, 29, 30] => {
                let (permitted, excluded, handled) = Subtrees::both(der)?;
                (self.permitted, self.excluded, self.constraints_critical) = (permitted, excluded, extension.critical);
                return Some(handled);
            }
            [2, 5, 29, 31] => self.crl_points = crl_points(der)?,
            [2, 5, 29, 32] => self.policies = Some(policies(der)?),
            [2, 5, 29, 33] => self.mappings = mappings(der)?,
            [2, 5, 29, 35] if !extension.critical => {
                let id = der.take(SEQUENCE)?.optional(place(0))?;
                self.authority_key_id = id.map(|id| id.0.to_vec());
            }
            [2, 5, 29, 36] => {
                let mut limits = der.take(SEQUENCE)?;
                let limit = |der: Option<Der<'_>>| der.map(|der| small(der.0).ok_or(())).transpose().ok();
                self.require_explicit_policy = limit(limits.optional(place(0))?)?;
                self.inhibit_policy_mapping = limit(limits.optional(place(1))?)?;
            }
            [2, 5, 29, 37] => self.extended = list(der, Der::oid)?,
            [2, 5, 29, 54] => self.inhibit_any_policy = Some(der.small()?),
            [1, 3, 6, 1, 5, 5, 7, 1, 1] if !extension.critical => self.information_access(der)?,
            // These must not be critical.
            [2, 5, 29, 14 | 35] | [1, 3, 6, 1, 5, 5, 7, 1, 1] => return None,
            _ => return Some(false),
        }
        Some(true)
    }

    fn information_access(&mut self, mut der: Der<'_>) -> Option<()> {
        let mut descriptions = der.take(SEQUENCE)?;
        while !descriptions.is_empty() {
            let mut description = descriptions.take(SEQUENCE)?;
            let method = description.oid()?;
            if let Some(place) = description.optional(place(6))? {
                match *method {
                    [1, 3, 6, 1, 5, 5, 7, 48, 1] => self.ocsp.push(place.0.to_vec()),
                    [1, 3, 6, 1, 5, 5, 7, 48, 2] => self.issuing.push(place.0.to_vec()),
                    _ => {}
                }
            }
        }
        Some(())
    }
}

impl Alternatives {
    fn read(mut der: Der<'_>) -> Option<Self> {
        let mut names = der.take(SEQUENCE)?;
        let mut found = Self::default();
        while !names.is_empty() {
            let name = names.any()?;
            match name.tag {
                EMAIL => found.emails.push(ascii(name.content)?),
                DNS => found.dns.push(ascii(name.content)?),
                URI => found.uris.push(Uri::read(&ascii(name.content)?)?),
                IP => found.ips.push(address(name.content)?),
                _ => {}
            }
        }
        Some(found)
    }

    fn is_empty(&self) -> bool {
        self.emails.is_empty() && self.dns.is_empty() && self.uris.is_empty() && self.ips.is_empty()
    }
}

/// The address of four or sixteen octets.
pub(super) fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

pub(super) fn ascii(content: &[u8]) -> Option<String> {
    std::str::from_utf8(content).ok().filter(|text| text.is_ascii()).map(str::to_owned)
}

/// The bits of a key's usage, the first as the least.
fn usage(mut der: Der<'_>) -> Option<i64> {
    let (octets, _) = der.bits()?;
    let bit = |number: usize| octets.get(number / 8).is_some_and(|octet| octet >> (7 - number % 8) & 1 == 1);
    Some((0..9).filter(|number| bit(*number)).fold(0, |usage, number| usage | 1 << number))
}

/// Whether it may sign certificates, and how many may stand below it; -1 if that is not said.
fn basic(mut der: Der<'_>) -> Option<(bool, i64)> {
    let mut fields = der.take(SEQUENCE)?;
    let is_ca = fields.is_next(BOOLEAN) && fields.boolean()?;
    let path = if fields.is_next(INTEGER) { fields.small().filter(|path| *path >= 0)? } else { -1 };
    Some((is_ca, path))
}

fn crl_points(mut der: Der<'_>) -> Option<Vec<Vec<u8>>> {
    let mut points = der.take(SEQUENCE)?;
    let mut found = Vec::new();
    while !points.is_empty() {
        let Some(mut name) = points.take(SEQUENCE)?.optional(place_of_values(0))? else { continue };
        let mut full = name.take(place_of_values(0))?;
        while full.is_next(URI) {
            found.push(full.take(URI)?.0.to_vec());
        }
    }
    Some(found)
}

fn policies(der: Der<'_>) -> Option<Vec<Oid>> {
    let found = list(der, |list| list.take(SEQUENCE)?.oid())?;
    let is_unique = found
        .iter()
        .enumerate()
        .all(|(index, policy)| !found.iter().skip(index.saturating_add(1)).any(|other| other == policy));
    is_unique.then_some(found)
}

fn mappings(der: Der<'_>) -> Option<Vec<(Oid, Oid)>> {
    list(der, |list| {
        let mut mapping = list.take(SEQUENCE)?;
        Some((mapping.oid()?, mapping.oid()?))
    })
}

fn list<'a, T>(mut der: Der<'a>, item: impl Fn(&mut Der<'a>) -> Option<T>) -> Option<Vec<T>> {
    let mut sequence = der.take(SEQUENCE)?;
    let mut items = Vec::new();
    while !sequence.is_empty() {
        items.push(item(&mut sequence).filter(|_| items.len() < MAX_ITEMS)?);
    }
    Some(items)
}

const EMAIL: u8 = place(1);
const DNS: u8 = place(2);
const URI: u8 = place(6);
const IP: u8 = place(7);

/// More than anybody's, and few enough to compare with each other.
const MAX_ITEMS: usize = 256;
