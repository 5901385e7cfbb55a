//! A leaf names one workload and can do nothing but speak for it ([X509-SVID] §2 to §5).
//!
//! Two parsers read each certificate and must agree: what one of them would skip is how a second name hides.
//!
//! [X509-SVID]: https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::{CertificateDer, UnixTime};
use spiffe::SpiffeId;
use webpki::{EndEntityCert, Error};
use x509_parser::{
    extensions::{ExtendedKeyUsage, GeneralName, SubjectAlternativeName},
    oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME,
};

use crate::{
    hex,
    peer::{InvalidSvid, Usage, id},
    trust::certificate::{Certificate, Malformed, Window},
};

/// What a certificate says about itself.
#[derive(Debug)]
pub(super) struct Svid {
    pub(super) id: SpiffeId,
    pub(super) serial: String,
    pub(super) fingerprint: String,
    pub(super) window: Window,
}

/// Reads an X.509-SVID, holds it against the profile of a leaf, and gives what path building needs of it.
pub(super) fn read<'a>(der: &'a CertificateDer<'a>, usage: Usage) -> Result<(Svid, EndEntityCert<'a>), InvalidSvid> {
    let certificate = Certificate::read(der)?;
    let leaf = EndEntityCert::try_from(der).map_err(|error| match error {
        Error::UnsupportedCriticalExtension => InvalidSvid::CriticalExtension,
        _ => InvalidSvid::Malformed,
    })?;
    let id = id(&certificate, &leaf)?;
    profile(&certificate, usage)?;
    let window = certificate.window()?;
    stands_alone(&leaf, window, usage)?;
    let fingerprint = hex::encode(digest(&SHA256, der).as_ref());
    Ok((Svid { id, serial: certificate.serial(), fingerprint, window }, leaf))
}

/// The one URI among the subject alternative names (§2, §5.2).
fn id(certificate: &Certificate<'_>, leaf: &EndEntityCert<'_>) -> Result<SpiffeId, InvalidSvid> {
    let names: Option<SubjectAlternativeName<'_>> = certificate.extension(&OID_X509_EXT_SUBJECT_ALT_NAME)?;
    let names = names.map(|names| names.general_names).unwrap_or_default();
    if names.iter().any(|name| matches!(name, GeneralName::Invalid(..))) {
        return Err(InvalidSvid::InvalidName);
    }
    let mut uris = names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
    let uri = uris.next().ok_or(InvalidSvid::NoUri)?;
    if uris.next().is_some() {
        return Err(InvalidSvid::SeveralUris);
    }
    if !leaf.valid_uri_names().eq([uri]) {
        return Err(InvalidSvid::NameMismatch);
    }
    Ok(id::parse_workload(uri)?)
}

/// The constraints of a leaf (§4), none of which path building checks.
fn profile(certificate: &Certificate<'_>, usage: Usage) -> Result<(), InvalidSvid> {
    let constraints = certificate.basic_constraints()?.ok_or(InvalidSvid::NoBasicConstraints)?;
    if constraints.ca {
        return Err(InvalidSvid::Ca);
    }
    let key_usage = certificate.key_usage()?.ok_or(InvalidSvid::NoKeyUsage)?;
    if !certificate.key_usage_is_critical() {
        return Err(InvalidSvid::KeyUsageNotCritical);
    }
    if !key_usage.digital_signature() {
        return Err(InvalidSvid::CannotAuthenticate);
    }
    if key_usage.key_cert_sign() || key_usage.crl_sign() {
        return Err(InvalidSvid::MaySign);
    }
    let allows = |extended: ExtendedKeyUsage<'_>| match usage {
        Usage::Client => extended.client_auth,
        Usage::Server => extended.server_auth,
    };
    if !certificate.extended_key_usage()?.is_none_or(allows) {
        return Err(InvalidSvid::ExtendedKeyUsage(usage));
    }
    if !certificate.has_strong_key() {
        return Err(InvalidSvid::WeakKey);
    }
    Ok(())
}

/// Whether all that path building can say against the leaf is that it knows no issuer, in its first second as in its last.
fn stands_alone(leaf: &EndEntityCert<'_>, window: Window, usage: Usage) -> Result<(), InvalidSvid> {
    for second in [window.not_before, window.not_after] {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(second));
        let Err(Error::UnknownIssuer) = leaf.verify_for_usage(&[], &[], &[], time, usage.required(), None, None) else {
            return Err(InvalidSvid::Malformed);
        };
    }
    Ok(())
}

impl From<Malformed> for InvalidSvid {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::TooLarge => Self::TooLarge,
            Malformed::Der => Self::Malformed,
            Malformed::DuplicateExtension => Self::DuplicateExtension,
        }
    }
}
