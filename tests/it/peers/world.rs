//! The trust domains of the tables, and the authorities that they trust and do not trust.

use hopguard::clock::Timestamp;
use rcgen::{CertificateParams, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints};

use crate::harness::{
    FRONTEND, Grant, Setup,
    chain::{Ca, NAME_CONSTRAINTS, extension, tlv},
};

/// Authorities, named after what is wrong with them; what `td` trusts is a mixture of good ones and others.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    /// Trusted, and as it should be.
    pub(crate) root: Ca,
    /// The same name, another key: the next root in a rotation.
    pub(crate) twin: Ca,
    /// Trusted until a while ago.
    pub(crate) ended: Ca,
    /// Published as if it were an authority.
    pub(crate) no_ca: Ca,
    /// Published, though it may sign nothing.
    pub(crate) unsigning: Ca,
    /// Trusted, for leaves directly below it.
    pub(crate) narrow: Ca,
    /// Those of a trust domain that constrains URIs: four kinds of constraints, and a root without any.
    pub(crate) constrained: Vec<Ca>,
    pub(crate) unconstrained: Ca,
    /// Trusted, with a constraint on DNS names.
    pub(crate) dns: Ca,
    /// Trusted, with keys of other kinds.
    pub(crate) p384: Ca,
    pub(crate) p521: Ca,
    pub(crate) ed25519: Ca,
    pub(crate) rsa: Ca,
    /// That of another trust domain.
    pub(crate) second: Ca,
    /// That of a third one.
    third: Ca,
    /// An intermediate of that, which knows it from its configuration.
    pub(crate) configured: Ca,
    /// The same, ended.
    pub(crate) configured_ended: Ca,
    /// Nobody's.
    pub(crate) stranger: Ca,
}

impl World {
    /// All of them, and a Hopguard that trusts as it says there. It takes certificates from wherever they come.
    pub(crate) fn new() -> (Setup, Self) {
        let setup = Setup::new();
        let world = Self::at(setup.now());
        (world.trusted_by(setup), world)
    }

    /// All of them.
    fn at(now: Timestamp) -> Self {
        let root = |name: &str| Ca::root(name, now);
        let third = root("third");
        let configured = [third.sub("configured"), third.sub_with("configured ended", |p| p.not_after = at(now, -5))];
        let [configured, configured_ended] = configured;
        let key = |algorithm| KeyPair::generate_for(algorithm).unwrap();
        Self {
            now,
            root: root("mesh root"),
            twin: root("mesh root"),
            ended: Ca::root_with("ended root", now, |p| p.not_after = at(now, -5)),
            no_ca: Ca::root_with("no ca", now, |p| p.is_ca = IsCa::ExplicitNoCa),
            unsigning: Ca::root_with("unsigning", now, |p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
            narrow: Ca::root_with("narrow", now, |p| {
                p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
            }),
            constrained: (0..)
                .zip(URI_CONSTRAINTS)
                .map(|(index, edit)| Ca::root_with(&format!("constrained {index}"), now, edit))
                .collect(),
            unconstrained: root("unconstrained"),
            dns: Ca::root_with("dns", now, |p| {
                let permitted_subtrees = vec![GeneralSubtree::DnsName("prod.example".to_owned())];
                p.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
            }),
            p384: Ca::root_with_key("p384", now, key(&rcgen::PKCS_ECDSA_P384_SHA384), |_| {}),
            p521: Ca::root_with_key("p521", now, key(&rcgen::PKCS_ECDSA_P521_SHA512), |_| {}),
            ed25519: Ca::root_with_key("ed25519", now, key(&rcgen::PKCS_ED25519), |_| {}),
            rsa: Ca::root_with_key("rsa", now, key(&rcgen::PKCS_RSA_SHA256), |_| {}),
            second: root("second"),
            configured,
            configured_ended,
            third,
            stranger: root("stranger"),
        }
    }

    /// A Hopguard that trusts them as it says there.
    pub(crate) fn trusted_by(&self, setup: Setup) -> Setup {
        setup.write("td.pem", &self.anchors());
        setup.write("second.pem", &self.second.pem());
        let strict = self.constrained.iter().chain([&self.unconstrained]);
        setup.write("strict.pem", &strict.map(Ca::pem).collect::<String>());
        setup.write("third.pem", &self.third.pem());
        setup.write("between.pem", &[&self.configured, &self.configured_ended].map(Ca::pem).concat());
        setup.write("empty.json", r#"{"keys": []}"#);
        let grant = Grant::to("/charge", self.now).named("third").subject(THIRD);
        setup.grants(&[Grant::to("/charge", self.now).subject(FRONTEND), grant]);
        setup
            .set(
                "trust",
                "[{trust_domain: prod.example, pem: td.pem}, {trust_domain: second.example, pem: second.pem}, \
                  {trust_domain: third.example, pem: third.pem, intermediates: between.pem}, \
                  {trust_domain: strict.example, pem: strict.pem}, {trust_domain: empty.example, bundle: empty.json}]",
            )
            .set("peer.evidence", "[certificate, xfcc]")
            .set("peer.xfcc", "{sanitize_set: true}")
    }

    /// What the trust domain of the frontend trusts, as PEM.
    pub(crate) fn anchors(&self) -> String {
        let single = [&self.root, &self.twin, &self.ended, &self.no_ca, &self.unsigning, &self.narrow, &self.dns];
        let keys = [&self.p384, &self.p521, &self.ed25519, &self.rsa];
        single.into_iter().chain(keys).map(Ca::pem).collect()
    }
}

/// A constraint on URIs, by the tag of its list and the host in it.
pub(super) fn uri_constraint(params: &mut CertificateParams, list: u8, host: &str) {
    let subtree = tlv(0x30, &tlv(0x86, host.as_bytes()));
    params.custom_extensions.push(extension(NAME_CONSTRAINTS, &tlv(0x30, &tlv(list, &subtree))));
}

pub(super) const PERMITTED: u8 = 0xa0;
pub(super) const EXCLUDED: u8 = 0xa1;

const URI_CONSTRAINTS: [fn(&mut CertificateParams); 4] = [
    |p| uri_constraint(p, PERMITTED, "strict.example"),
    |p| uri_constraint(p, PERMITTED, ".example"),
    |p| uri_constraint(p, PERMITTED, "other.example"),
    |p| uri_constraint(p, EXCLUDED, "other.example"),
];

fn at(now: Timestamp, seconds: i64) -> time::OffsetDateTime {
    crate::harness::chain::at(now, seconds)
}

/// A workload of the trust domain that constrains URIs.
pub(super) const STRICT: &str = "spiffe://strict.example/web";
/// A workload of the trust domain whose intermediates are configured; the grant is the frontend's.
pub(crate) const THIRD: &str = "spiffe://third.example/web";
