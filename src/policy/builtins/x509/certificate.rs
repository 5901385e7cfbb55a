//! A certificate is read whole, as OPA reads it: what is no certificate there is none here.

use super::{
    der::{BOOLEAN, Der, OCTET_STRING, Oid, SEQUENCE, place, place_of_values},
    extensions::Known,
    name::Name,
    public_key::PublicKey,
    signature_algorithm, time,
};

/// What a certificate says; nothing of it is verified.
pub(in super::super) struct Certificate<'a> {
    pub(super) raw: &'a [u8],
    pub(super) tbs: &'a [u8],
    pub(super) raw_key: &'a [u8],
    pub(super) raw_subject: &'a [u8],
    pub(super) raw_issuer: &'a [u8],
    pub(super) signature: Vec<u8>,
    pub(super) signature_algorithm: i64,
    pub(super) key_algorithm: Oid,
    pub(super) key: PublicKey,
    pub(super) version: i64,
    /// Big end first, without a zero in front.
    pub(super) serial: &'a [u8],
    pub(super) issuer: Name,
    pub(super) subject: Name,
    /// RFC 3339, in UTC.
    pub(super) not_before: String,
    pub(super) not_after: String,
    pub(super) extensions: Vec<Extension<'a>>,
    pub(super) known: Known,
}

/// An extension, as it stands in the certificate.
pub(super) struct Extension<'a> {
    pub(super) id: Oid,
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads the certificate that `bytes` begin with, and what follows it.
    pub(in super::super) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut input = Der(bytes);
        let whole = input.element(SEQUENCE)?;
        let mut outer = Der(whole.content);
        let tbs = outer.element(SEQUENCE)?;
        let mut inner = Der(tbs.content);
        let version = match inner.optional(place_of_values(0))? {
            None => 0,
            Some(mut version) => version.small().filter(|_| version.is_empty())?,
        };
        if !(0..=2).contains(&version) {
            return None;
        }
        let serial = inner.unsigned()?;
        let algorithm = inner.take(SEQUENCE)?;
        if outer.take(SEQUENCE)?.0 != algorithm.0 {
            return None;
        }
        let signature_algorithm = signature_algorithm::read(algorithm)?;
        let raw_issuer = inner.element(SEQUENCE)?;
        let mut validity = inner.take(SEQUENCE)?;
        let (not_before, not_after) = (time::read(&mut validity)?, time::read(&mut validity)?);
        let raw_subject = inner.element(SEQUENCE)?;
        let raw_key = inner.element(SEQUENCE)?;
        let (key_algorithm, key) = public_key(Der(raw_key.content))?;
        let extensions = extensions(inner, version)?;
        let known = Known::read(&extensions)?;
        let (octets, unused) = outer.bits()?;
        let certificate = Self {
            raw: whole.whole,
            tbs: tbs.whole,
            raw_key: raw_key.whole,
            raw_subject: raw_subject.whole,
            raw_issuer: raw_issuer.whole,
            signature: right_aligned(octets, unused),
            signature_algorithm,
            key_algorithm,
            key,
            version: version.saturating_add(1),
            serial,
            issuer: Name::read(raw_issuer.content)?,
            subject: Name::read(raw_subject.content)?,
            not_before,
            not_after,
            extensions,
            known,
        };
        Some((certificate, input.0))
    }

    pub(in super::super) fn into_public_key(self) -> PublicKey {
        self.key
    }
}

fn public_key(mut info: Der<'_>) -> Option<(Oid, PublicKey)> {
    let mut algorithm = info.take(SEQUENCE)?;
    let oid = algorithm.oid()?;
    let parameters = if algorithm.is_empty() { &[][..] } else { algorithm.any()?.whole };
    let (octets, unused) = info.bits()?;
    let key = PublicKey::of(&oid, parameters, &right_aligned(octets, unused))?;
    Some((oid, key))
}

fn extensions(mut inner: Der<'_>, version: i64) -> Option<Vec<Extension<'_>>> {
    let mut found: Vec<Extension<'_>> = Vec::new();
    if version > 0 {
        // The unique IDs that nobody has.
        inner.optional(place(1))?;
        inner.optional(place(2))?;
    }
    if version == 2
        && let Some(mut list) = inner.optional(place_of_values(3))?
    {
        let mut list = list.take(SEQUENCE)?;
        while !list.is_empty() {
            let mut extension = list.take(SEQUENCE)?;
            let id = extension.oid()?;
            let critical = extension.is_next(BOOLEAN) && extension.boolean()?;
            let value = extension.take(OCTET_STRING)?.0;
            if found.len() == MAX_EXTENSIONS || found.iter().any(|other| other.id == id) {
                return None;
            }
            found.push(Extension { id, critical, value });
        }
    }
    Some(found)
}

/// Octets of bits, shifted so that the last one counts.
fn right_aligned(octets: &[u8], unused: u8) -> Vec<u8> {
    let mut carried = 0;
    let shifted = octets.iter().map(|octet| {
        let whole = u16::from(carried) << 8 | u16::from(*octet);
        carried = *octet;
        u8::try_from(whole >> unused & 0xff).unwrap_or(0)
    });
    shifted.collect()
}

/// More than anybody's.
const MAX_EXTENSIONS: usize = 64;
