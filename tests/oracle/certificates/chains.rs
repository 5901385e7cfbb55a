//! Chains of certificates, root first, whole and with one thing wrong.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};

/// Someone who is certified.
struct Party {
    params: CertificateParams,
    pair: KeyPair,
    certificate: Certificate,
}

impl Party {
    fn new(name: &str, issuer: Option<&Self>, change: &dyn Fn(&mut CertificateParams)) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let certificate = match issuer {
            None => params.self_signed(&pair).unwrap(),
            Some(issuer) => params.signed_by(&pair, &Issuer::from_params(&issuer.params, &issuer.pair)).unwrap(),
        };
        Self { params, pair, certificate }
    }

    fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
}

fn server(params: &mut CertificateParams) {
    params.subject_alt_names = vec![rcgen::SanType::DnsName("a.example".try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

/// Root, intermediate and leaf, each changed on top of what it needs.
fn chain(changes: [&dyn Fn(&mut CertificateParams); 3]) -> Vec<Vec<u8>> {
    let with =
        |base: fn(&mut CertificateParams), change: &dyn Fn(&mut CertificateParams), params: &mut CertificateParams| {
            base(params);
            change(params);
        };
    let root = Party::new("root", None, &|params| with(authority, changes[0], params));
    let middle = Party::new("middle", Some(&root), &|params| with(authority, changes[1], params));
    let leaf = Party::new("leaf", Some(&middle), &|params| with(server, changes[2], params));
    vec![root.der(), middle.der(), leaf.der()]
}

/// A chain in which nothing is wrong.
pub(crate) fn good() -> Vec<Vec<u8>> {
    chain([&|_| {}; 3])
}

pub(crate) fn chains() -> Vec<Vec<Vec<u8>>> {
    let good = good();
    let [root, middle, leaf] = [good[0].clone(), good[1].clone(), good[2].clone()];
    let mut chains = vec![
        good,
        vec![],
        vec![root.clone()],
        vec![root.clone(), leaf.clone()],
        vec![leaf.clone(), middle.clone(), root],
        vec![middle.clone(), leaf.clone()],
        vec![super::made::certificates().swap_remove(0), middle, leaf],
    ];
    // What may be wrong with any of them.
    let changes: [&dyn Fn(&mut CertificateParams); 16] = [
        &|params| params.not_after = date_time_ymd(2000, 1, 1),
        &|params| params.not_before = date_time_ymd(2200, 1, 1),
        &|params| params.is_ca = IsCa::NoCa,
        &|params| params.is_ca = IsCa::ExplicitNoCa,
        &|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1)),
        &|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature],
        &|params| params.key_usages = vec![],
        &|params| params.extended_key_usages = vec![],
        &|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        &|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth]
        },
        &|params| {
            params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0])];
        },
        &|params| {
            let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0]);
            unknown.set_criticality(true);
            params.custom_extensions = vec![unknown];
        },
        &|params| params.name_constraints = Some(only("example")),
        &|params| params.name_constraints = Some(only("b.example")),
        &|params| params.name_constraints = Some(never("a.example")),
        &|params| params.subject_alt_names = vec![rcgen::SanType::IpAddress([192, 0, 2, 1].into())],
    ];
    for change in changes {
        chains.push(chain([change, &|_| {}, &|_| {}]));
        chains.push(chain([&|_| {}, change, &|_| {}]));
        let is_authority = matches!(
            {
                let mut params = CertificateParams::default();
                change(&mut params);
                params.is_ca
            },
            IsCa::Ca(_)
        );
        if !is_authority {
            chains.push(chain([&|_| {}, &|_| {}, change]));
        }
    }
    chains.push(chain([&|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)), &|_| {}, &|_| {}]));
    chains.push(chain([&|_| {}, &|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)), &|_| {}]));
    chains
}

fn only(domain: &str) -> NameConstraints {
    NameConstraints { permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())], excluded_subtrees: vec![] }
}

fn never(domain: &str) -> NameConstraints {
    NameConstraints { permitted_subtrees: vec![], excluded_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())] }
}
