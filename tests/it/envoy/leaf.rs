//! What a client presents: SVIDs as they should be, and certificates that Envoy takes and Hopguard must not.

use std::time::Duration;

use hopguard::{
    clock::Timestamp,
    dev::{Authority, Svid, TRUST_DOMAIN, WorkloadApi, spiffe_id},
    peer::id,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use spiffe::TrustDomain;
use time::OffsetDateTime;

/// A certificate and its key.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl From<Svid> for Leaf {
    fn from(svid: Svid) -> Self {
        Self { certificate: svid.certificate().unwrap(), key: svid.key().unwrap() }
    }
}

/// The two authorities that Envoy and Hopguard trust alike: one for SVIDs, and one that signs anything.
pub(crate) struct Authorities {
    proper: Authority,
    careless: CertifiedIssuer<'static, KeyPair>,
    now: Timestamp,
}

impl Authorities {
    pub(crate) fn new(now: Timestamp) -> Self {
        let domain = TrustDomain::new(TRUST_DOMAIN).unwrap();
        let mut careless = params(&format!("spiffe://{TRUST_DOMAIN}"), now);
        careless.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        careless.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        careless.distinguished_name.push(rcgen::DnType::CommonName, "careless authority");
        Self {
            proper: Authority::new(domain, ago(now), now.after(30 * DAY)).unwrap(),
            careless: CertifiedIssuer::self_signed(careless, KeyPair::generate().unwrap()).unwrap(),
            now,
        }
    }

    /// Both, as PEM.
    pub(crate) fn pem(&self) -> String {
        format!("{}\n{}", self.proper.pem(), self.careless.pem())
    }

    /// Both, as DER.
    pub(super) fn roots(&self) -> [&[u8]; 2] {
        [self.proper.root(), self.careless.der()]
    }

    /// An SVID of one of the playground's workloads, valid for an hour.
    pub(crate) fn svid(&self, name: &str) -> Svid {
        self.proper.mint(&spiffe_id(name).unwrap(), ago(self.now), self.now.after(DAY / 24)).unwrap()
    }

    /// Has an agent give the SVID of a playground's workload to its caller, and the roots to everybody.
    pub(super) fn issue(&self, name: &str, agent: &WorkloadApi) {
        agent.set_svids(&[(&self.svid(name), &self.proper)]).unwrap();
        agent.set_bundles([(format!("spiffe://{TRUST_DOMAIN}"), self.roots().concat())]);
    }

    /// An SVID of any SPIFFE ID, valid until then.
    pub(super) fn svid_until(&self, id: &str, until: Timestamp) -> Leaf {
        self.proper.mint(&id::parse(id).unwrap(), ago(self.now), until).unwrap().into()
    }

    /// A leaf with these URIs.
    pub(super) fn leaf_of(&self, uris: &[&str]) -> Leaf {
        let (first, rest) = uris.split_first().unwrap();
        let mut params = params(first, self.now);
        params.subject_alt_names.extend(rest.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        self.signed(&params)
    }

    /// A leaf that may sign others.
    pub(super) fn leaf_that_signs(&self, uri: &str) -> Leaf {
        let mut params = params(uri, self.now);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.signed(&params)
    }

    fn signed(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.careless).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        Leaf { certificate: certificate.der().clone(), key }
    }
}

fn params(uri: &str, now: Timestamp) -> CertificateParams {
    let at = |time: Timestamp| OffsetDateTime::from_unix_timestamp(time.seconds()).unwrap();
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (at(ago(now)), at(now.after(DAY / 24)));
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// Clocks of one machine agree, but certificates begin with a whole second.
fn ago(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds() - 10)
}

pub(super) const DAY: Duration = Duration::from_secs(86_400);
