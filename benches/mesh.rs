//! The hop that everything is measured on, and a workload that allows it: real in size and shape, with keys made for this run.
//!
//! The request is `mesh.bin`, as an Envoy sent it, with the certificate exchanged for one of an authority that exists only here. The workload has
//! 101 callers with five grants each.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use hopguard::pb::CheckRequest;
use prost::Message;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use tempfile::TempDir;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The workload that is asked.
pub(crate) const BACKEND: &str = "spiffe://example.org/ns/default/sa/backend";
/// The workload that calls.
const FRONTEND: &str = "spiffe://example.org/ns/default/sa/frontend";
/// Both are of this one.
const TRUST_DOMAIN: &str = "example.org";

const AUTHORITY: &str = "spiffe://example.org";
const OTHER_CALLERS: usize = 100;
/// How many each of them has.
pub(crate) const GRANTS_EACH: usize = 5;
const DAY: Duration = Duration::from_secs(86_400);

/// The hop, and the folder of the workload that allows it.
pub(crate) struct Mesh {
    folder: TempDir,
    /// The request as an Envoy would send it.
    pub(crate) request: CheckRequest,
}

impl Mesh {
    /// Mints the identities and writes trust, documents and policy into a folder of their own.
    pub(crate) fn write() -> Result<Self> {
        let folder = TempDir::with_prefix("hopguard-bench-")?;
        let (bundle, leaf) = mint()?;
        let mut request = CheckRequest::decode(include_bytes!("mesh.bin").as_slice())?;
        let attributes = request.attributes.as_mut().ok_or("mesh.bin has attributes")?;
        attributes.source.as_mut().ok_or("mesh.bin has a source")?.certificate = as_envoy_sends(&leaf);

        let mesh = Self { folder, request };
        let folder = mesh.folder();
        fs::create_dir(folder.join("documents"))?;
        fs::create_dir(folder.join("policy"))?;
        fs::write(folder.join("bundle.pem"), bundle)?;
        fs::write(folder.join("documents/mesh.yaml"), documents()?)?;
        fs::write(folder.join("policy/mesh.rego"), POLICY)?;
        fs::write(mesh.config(), config(&mesh.socket()))?;
        Ok(mesh)
    }

    /// Where everything is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where Envoy would ask.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder().join("hopguard.sock")
    }

    /// The configuration: everything is enforced, and the records go to disk.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder().join("hopguard.yaml")
    }
}

/// What a policy does that looks at a handful of things and needs no data.
const POLICY: &str = r#"
package hopguard.authz

import rego.v1

default decision := false

decision if {
	input.attributes.request.http.method in {"GET", "POST"}
	startswith(input.hop.path, "/v3/")
	input.purpose.name == "billing.invoice"
	input.grant.owner == "team-backend"
	not input.attributes.request.http.headers["x-frozen"]
}
"#;

/// Time is only measured here: what else the machine does must not become a denial.
fn config(socket: &Path) -> String {
    format!(
        "self: {BACKEND}\n\
         listen: [{{address: \"unix:{}\"}}]\n\
         admin: {{address: \"127.0.0.1:0\"}}\n\
         trust: [{{trust_domain: {TRUST_DOMAIN}, pem: bundle.pem}}]\n\
         store: {{directory: documents}}\n\
         policy: {{directory: policy, timeout: 1s}}\n\
         limits: {{deadline: 10s}}\n\
         audit: {{file: audit.jsonl}}\n",
        socket.display()
    )
}

/// The purposes and 505 grants, of which one covers the hop.
fn documents() -> Result<String> {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0)?;
    let (from, review, until) =
        ((now - DAY).format(&Rfc3339)?, (now + 20 * DAY).format(&Rfc3339)?, (now + 30 * DAY).format(&Rfc3339)?);
    let mut documents = String::new();
    for purpose in ["billing", "billing.invoice"] {
        documents += &format!(
            "apiVersion: hopguard.dev/v1alpha1\nkind: Purpose\nmetadata: {{name: {purpose}}}\n\
             spec: {{name: {purpose}, owner: team-backend, description: measured}}\n---\n"
        );
    }
    for (n, caller) in callers().enumerate() {
        for version in 0..GRANTS_EACH {
            documents += &format!(
                "apiVersion: hopguard.dev/v1alpha1\nkind: Grant\nmetadata: {{name: c{n}-v{version}}}\n\
                 spec:\n  type: standing\n  subject: {{spiffeId: {caller}}}\n  audience: {BACKEND}\n\
                 \x20 actions: [{{methods: [GET, POST], paths: [\"/v{version}/**\"]}}]\n  purposes: [billing.invoice]\n\
                 \x20 owner: team-backend\n  requestedBy: bob@example.com\n  approver: alice@example.com\n\
                 \x20 notBefore: {from}\n  reviewBy: {review}\n  expiresAt: {until}\n---\n"
            );
        }
    }
    Ok(documents)
}

/// Everyone who has grants.
pub(crate) fn callers() -> impl Iterator<Item = String> {
    let others = (0..OTHER_CALLERS).map(|n| format!("spiffe://{TRUST_DOMAIN}/ns/default/sa/w{n}"));
    std::iter::once(FRONTEND.to_owned()).chain(others)
}

/// An authority and the caller's SVID, both PEM ([X509-SVID §4](https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md)).
fn mint() -> Result<(String, String)> {
    let mut authority = subject(AUTHORITY)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut leaf = subject(FRONTEND)?;
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&KeyPair::generate()?, &authority)?;
    Ok((authority.pem(), leaf.pem()))
}

fn subject(id: &str) -> Result<CertificateParams> {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.not_before = now - Duration::from_secs(60);
    params.not_after = now + Duration::from_secs(3600);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "SPIRE");
    params.subject_alt_names = vec![SanType::URI(id.try_into()?)];
    Ok(params)
}

/// PEM, percent-encoded the way Envoy does it.
fn as_envoy_sends(pem: &str) -> String {
    let mut encoded = String::with_capacity(pem.len() * 2);
    for byte in pem.replace("\r\n", "\n").bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}
