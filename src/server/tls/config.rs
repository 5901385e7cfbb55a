//! TLS 1.3 and HTTP/2 only, a certificate from both sides, no resumption: there is nothing to fall back to.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature},
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{Judge, Refusal};
use crate::{feed::Identity, server::Shared};

/// The protocol of gRPC, as TLS names it (RFC 7540 §3.1).
pub(super) const H2: &[u8] = b"h2";

/// What a listener speaks.
pub(super) fn config(judge: Arc<Judge>, own: Own) -> Result<ServerConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier { judge, algorithms: provider.signature_verification_algorithms };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(own));
    config.alpn_protocols = vec![H2.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Shows this workload's own SVID, as it is at the time.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) identity: Identity,
    pub(super) shared: Arc<Shared>,
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let Some(svid) = self.identity.current(self.shared.clock.now()) else {
            tracing::debug!(refusal = %Refusal::NoIdentity, "Handshake refused");
            return None;
        };
        Some(Arc::new(CertifiedKey::new(svid.chain().to_vec(), Arc::clone(svid.key()))))
    }
}

/// Holds what clients show against what callers are held against.
#[derive(Debug)]
struct Verifier {
    judge: Arc<Judge>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    /// None: who trusts whom is not told to strangers.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<_> = std::iter::once(leaf).chain(intermediates).cloned().collect();
        let judged = self.judge.snapshot().and_then(|snapshot| {
            // By the clock that decisions are made by.
            self.judge.judge(&chain, &snapshot, self.judge.shared.clock.now())
        });
        match judged {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
