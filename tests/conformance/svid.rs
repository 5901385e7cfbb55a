//! An X.509-SVID as SPIRE gives it out: a chain, a key, and what is written in the leaf.

use std::{fmt, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use spiffe::X509Svid;
use x509_parser::{extensions::ParsedExtension, prelude::*};

/// A certificate chain, the leaf first, and the leaf's key.
pub(crate) struct Svid {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Svid {
    /// Reads what `spire-server x509 mint` wrote.
    pub(crate) fn read(folder: &Path) -> Self {
        let chain = CertificateDer::pem_slice_iter(&fs::read(folder.join("svid.pem")).unwrap())
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        Self { chain, key: PrivateKeyDer::from_pem_slice(&fs::read(folder.join("key.pem")).unwrap()).unwrap() }
    }

    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(crate) fn leaf(&self) -> &CertificateDer<'static> {
        self.chain.first().expect("a chain has a leaf")
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    /// A certificate of the chain, as PEM.
    pub(crate) fn pem(&self, index: usize) -> String {
        pem(&self.chain[index])
    }

    /// The leaf as Envoy shows it to Hopguard.
    pub(crate) fn shown(&self) -> String {
        let escape = |byte: u8| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        self.pem(0).bytes().map(escape).collect()
    }

    /// The SPIFFE ID.
    pub(crate) fn id(&self) -> String {
        spiffe_id(self.leaf())
    }

    /// The authority that signed the leaf, as SPIRE names it.
    pub(crate) fn authority(&self) -> String {
        authority(self.leaf())
    }
}

impl From<&X509Svid> for Svid {
    fn from(svid: &X509Svid) -> Self {
        let chain = svid.cert_chain().iter().map(|one| CertificateDer::from(one.as_bytes().to_vec())).collect();
        let key = PrivatePkcs8KeyDer::from(svid.private_key().as_bytes().to_vec());
        Self { chain, key: key.into() }
    }
}

impl fmt::Debug for Svid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Svid").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// A certificate as PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<_> = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// The one URI of a leaf.
pub(crate) fn spiffe_id(leaf: &CertificateDer<'_>) -> String {
    let (_, leaf) = X509Certificate::from_der(leaf).unwrap();
    let names = leaf.subject_alternative_name().unwrap().expect("a leaf has names");
    let mut uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    });
    let id = uris.next().expect("a leaf has a SPIFFE ID");
    assert_eq!(uris.next(), None, "a leaf has one SPIFFE ID");
    id
}

/// The authority that signed a leaf, as SPIRE names it: its subject key ID in hex.
pub(crate) fn authority(leaf: &CertificateDer<'_>) -> String {
    let (_, leaf) = X509Certificate::from_der(leaf).unwrap();
    let id = leaf.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref(),
        _ => None,
    });
    id.expect("a leaf names its authority").0.iter().map(|byte| format!("{byte:02x}")).collect()
}
