//! Every way in which evidence is not that of a workload, each with a stable code.

use crate::{
    clock::Timestamp,
    peer::{Link, Usage, id::InvalidId},
};

/// Why a certificate is not an X.509-SVID of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSvid {
    /// The certificate has more than 16 KiB.
    #[error("the certificate has more than 16 KiB")]
    TooLarge,
    /// What should be a certificate is not percent-encoded.
    #[error("the certificate is not percent-encoded the way Envoy does it")]
    Encoding,
    /// What should be a certificate is not PEM of one.
    #[error("the certificate is not PEM of a certificate")]
    Pem,
    /// What should be a certificate is more than one.
    #[error("there is more than one certificate where one is expected")]
    Several,
    /// `x-forwarded-client-cert` has no certificate.
    #[error(
        "`x-forwarded-client-cert` has neither `Cert` nor `Chain`: set `set_current_client_cert_details: {{cert: true, chain: true}}` in Envoy"
    )]
    NoXfccCertificate,
    /// `x-forwarded-client-cert` has no hash.
    #[error("`x-forwarded-client-cert` has no `Hash`, which Envoy always writes")]
    NoXfccHash,
    /// `x-forwarded-client-cert` has no URI.
    #[error("`x-forwarded-client-cert` has no `URI`: set `set_current_client_cert_details: {{uri: true}}` in Envoy")]
    NoXfccUri,
    /// More than ten intermediates came with the certificate.
    #[error("more than ten intermediates came with the certificate")]
    ChainLength,
    /// The certificate is not DER, or says things that exclude each other.
    #[error("the certificate is malformed")]
    Malformed,
    /// An extension occurs twice.
    #[error("an extension of the certificate occurs twice")]
    DuplicateExtension,
    /// No subject alternative name is a URI.
    #[error("the certificate has no URI among its subject alternative names, so it names no workload")]
    NoUri,
    /// Several subject alternative names are URIs.
    #[error("the certificate has more than one URI among its subject alternative names")]
    SeveralUris,
    /// A subject alternative name cannot be read.
    #[error("a subject alternative name of the certificate cannot be read")]
    InvalidName,
    /// Two parsers see different URIs.
    #[error("the URI among the subject alternative names of the certificate is encoded ambiguously")]
    NameMismatch,
    /// The URI, or what Envoy gives for it, is not the SPIFFE ID of a workload.
    #[error("what names the caller is not the SPIFFE ID of a workload: {0}")]
    Id(#[from] InvalidId),
    /// There are no basic constraints.
    #[error("the certificate has no basic constraints, so it does not say that it is a leaf")]
    NoBasicConstraints,
    /// The certificate is a CA's.
    #[error("the certificate is that of a CA, which cannot be a caller")]
    Ca,
    /// There is no key usage.
    #[error("the certificate has no key usage")]
    NoKeyUsage,
    /// The key usage is not marked critical.
    #[error("the key usage of the certificate is not marked critical, as an X.509-SVID's must be")]
    KeyUsageNotCritical,
    /// The key usage lacks `digitalSignature`.
    #[error("the key usage of the certificate lacks digitalSignature")]
    CannotAuthenticate,
    /// The key usage has `keyCertSign` or `cRLSign`.
    #[error("the key usage of the certificate has keyCertSign or cRLSign, which a leaf must not have")]
    MaySign,
    /// The extended key usage is there, and lacks the one that the certificate is shown for.
    #[error("the extended key usage of the certificate lacks {}", .0.as_str())]
    ExtendedKeyUsage(Usage),
    /// The key is too short, or of a kind that is not relied on.
    #[error("the key of the certificate is not RSA of 2048 bits or more, ECDSA P-256, P-384 or P-521, or Ed25519")]
    WeakKey,
    /// A critical extension is not known here.
    #[error("the certificate has a critical extension that is not supported")]
    CriticalExtension,
    /// The certificate, or an intermediate above it, has yet to begin.
    #[error("{link} begins at {not_before}, which lies ahead: clocks may differ")]
    NotYetValid {
        /// Which certificate.
        link: Link,
        /// Its first second.
        not_before: Timestamp,
    },
}

impl InvalidSvid {
    pub(super) const fn detail(&self) -> &'static str {
        match self {
            Self::TooLarge => "limit.cert_size",
            Self::Encoding => "evidence.encoding",
            Self::Pem => "evidence.pem",
            Self::Several => "evidence.several",
            Self::NoXfccCertificate => "xfcc.no_cert",
            Self::NoXfccHash => "xfcc.no_hash",
            Self::NoXfccUri => "xfcc.no_uri",
            Self::ChainLength => "limit.chain_length",
            Self::Malformed => "cert.malformed",
            Self::DuplicateExtension => "cert.duplicate_ext",
            Self::NoUri => "san.no_uri",
            Self::SeveralUris => "san.multiple_uri",
            Self::InvalidName => "san.invalid_name",
            Self::NameMismatch => "san.mismatch",
            Self::Id(id) => id.detail(),
            Self::NoBasicConstraints => "leaf.basic_constraints",
            Self::Ca => "leaf.is_ca",
            Self::NoKeyUsage | Self::KeyUsageNotCritical | Self::CannotAuthenticate | Self::MaySign => "leaf.key_usage",
            Self::ExtendedKeyUsage(_) => "x509.eku",
            Self::WeakKey => "leaf.weak_key",
            Self::CriticalExtension => "x509.critical_ext",
            Self::NotYetValid { .. } => "x509.not_yet_valid",
        }
    }
}
