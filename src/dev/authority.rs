//! A throwaway certificate authority whose SVIDs have the X.509-SVID leaf profile and nothing more.

use std::{fmt, path::Path};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use spiffe::{SpiffeId, TrustDomain};
use time::OffsetDateTime;

use super::{Error, files};
use crate::clock::Timestamp;

/// The authority of one trust domain; its key never leaves the process.
pub struct Authority {
    trust_domain: TrustDomain,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes an authority with a fresh P-256 key, valid between the two times.
    pub fn new(trust_domain: TrustDomain, from: Timestamp, until: Timestamp) -> Result<Self, Error> {
        let mut params = validity(from, until)?;
        params.distinguished_name.push(DnType::CommonName, format!("throwaway authority of {trust_domain}"));
        params.subject_alt_names.push(uri(trust_domain.id_string())?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(refused("make an authority"))?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(refused("make an authority"))?;
        Ok(Self { trust_domain, issuer })
    }

    /// The trust domain that it speaks for.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The certificate to trust, as PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The certificate to trust.
    pub fn root(&self) -> &CertificateDer<'static> {
        self.issuer.der()
    }

    /// Mints an SVID with a fresh P-256 key, valid from `from` through the second of `until`
    /// ([X509-SVID §2 and §4](https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md)).
    ///
    /// The ID may be of any trust domain: telling them apart is what Hopguard is for.
    pub fn mint(&self, id: &SpiffeId, from: Timestamp, until: Timestamp) -> Result<Svid, Error> {
        let key = KeyPair::generate().map_err(refused("mint an SVID"))?;
        self.certify(id, &key, from, until)
    }

    /// Mints the next SVID for the holder of `svid` and its key, so that only one file has to be replaced.
    pub fn renew(&self, svid: &Svid, from: Timestamp, until: Timestamp) -> Result<Svid, Error> {
        let key = KeyPair::from_pem(&svid.key_pem).map_err(refused("mint an SVID"))?;
        self.certify(&svid.id, &key, from, until)
    }

    fn certify(&self, id: &SpiffeId, key: &KeyPair, from: Timestamp, until: Timestamp) -> Result<Svid, Error> {
        let mut params = validity(from, until)?;
        params.subject_alt_names.push(uri(id.to_string())?);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(key, &self.issuer).map_err(refused("mint an SVID"))?;
        Ok(Svid { id: id.clone(), certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("trust_domain", &self.trust_domain).finish_non_exhaustive()
    }
}

/// A workload's certificate and key.
#[derive(Clone)]
pub struct Svid {
    id: SpiffeId,
    certificate_pem: String,
    key_pem: String,
}

impl Svid {
    /// Reads what [`Svid::write`] wrote for the workload `id`.
    pub fn read(id: SpiffeId, stem: &Path) -> Result<Self, Error> {
        let read = |path: &Path| std::fs::read_to_string(path).map_err(Error::file("read", path));
        let certificate_pem = read(&stem.with_extension("pem"))?;
        let key_pem = read(&stem.with_extension("key"))?;
        Ok(Self { id, certificate_pem, key_pem })
    }

    /// Writes `<stem>.pem` and, readable by its owner alone, `<stem>.key`; each appears whole.
    pub fn write(&self, stem: &Path) -> Result<(), Error> {
        files::replace(&stem.with_extension("key"), self.key_pem.as_bytes(), 0o600)?;
        files::replace(&stem.with_extension("pem"), self.certificate_pem.as_bytes(), 0o644)
    }

    /// The workload it was minted for.
    pub fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// The leaf, as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The leaf.
    pub fn certificate(&self) -> Result<CertificateDer<'static>, Error> {
        CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).map_err(refused("read a certificate"))
    }

    /// The private key.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).map_err(refused("read a private key"))
    }
}

impl fmt::Debug for Svid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Svid").field("id", &self.id).finish_non_exhaustive()
    }
}

fn validity(from: Timestamp, until: Timestamp) -> Result<CertificateParams, Error> {
    let at = |time: Timestamp| OffsetDateTime::from_unix_timestamp(time.seconds()).map_err(refused("write a validity"));
    let mut params = CertificateParams::default();
    params.not_before = at(from)?;
    params.not_after = at(until)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "hopguard dev");
    Ok(params)
}

fn uri(text: String) -> Result<SanType, Error> {
    Ok(SanType::URI(text.try_into().map_err(refused("write a SPIFFE ID"))?))
}

/// Builds the error of a certificate operation, for `map_err`.
pub(super) fn refused<E: fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> Error {
    move |why| Error::Certificate { doing, why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_165_200);
    const LATER: Timestamp = Timestamp::from_seconds(1_795_168_800);

    fn authority() -> Authority {
        Authority::new(TrustDomain::new("dev.hopguard.example").unwrap(), NOW, LATER).unwrap()
    }

    fn web() -> SpiffeId {
        SpiffeId::from_segments(TrustDomain::new("dev.hopguard.example").unwrap(), &["web"]).unwrap()
    }

    #[test]
    fn mints_the_leaf_profile_and_nothing_more() {
        let svid = authority().mint(&web(), NOW, LATER).unwrap();
        let der = svid.certificate().unwrap();
        let (_, leaf) = X509Certificate::from_der(&der).unwrap();
        let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert!(matches!(names[..], [GeneralName::URI("spiffe://dev.hopguard.example/web")]), "{names:?}");
        assert!(!leaf.basic_constraints().unwrap().unwrap().value.ca);
        let usage = leaf.key_usage().unwrap().unwrap();
        assert!(usage.critical);
        assert_eq!(usage.value.flags, 1, "digitalSignature alone");
        let extended = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.client_auth && extended.server_auth && !extended.any);
        assert_eq!(leaf.validity().not_before.timestamp(), NOW.seconds());
        assert_eq!(leaf.validity().not_after.timestamp(), LATER.seconds());
    }

    #[test]
    fn the_authority_may_sign_leaves_alone() {
        let authority = authority();
        let (_, root) = X509Certificate::from_der(authority.root()).unwrap();
        let constraints = root.basic_constraints().unwrap().unwrap().value;
        assert!(constraints.ca);
        assert_eq!(constraints.path_len_constraint, Some(0));
        assert!(root.key_usage().unwrap().unwrap().value.key_cert_sign());
    }

    #[test]
    fn a_renewed_svid_keeps_its_key() {
        let authority = authority();
        let first = authority.mint(&web(), NOW, LATER).unwrap();
        let second = authority.renew(&first, LATER, LATER).unwrap();
        assert_eq!(first.key_pem, second.key_pem);
        assert_ne!(first.certificate_pem, second.certificate_pem);
    }

    #[test]
    fn a_key_is_readable_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let svid = authority().mint(&web(), NOW, LATER).unwrap();
        svid.write(&dir.path().join("web")).unwrap();
        let mode = std::fs::metadata(dir.path().join("web.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Svid::read(web(), &dir.path().join("web")).unwrap().key_pem, svid.key_pem);
    }

    #[test]
    fn no_key_is_ever_printed() {
        let authority = authority();
        let svid = authority.mint(&web(), NOW, LATER).unwrap();
        assert!(!format!("{authority:?} {svid:?}").contains("PRIVATE"));
    }
}
