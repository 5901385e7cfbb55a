//! A server is verified as it is configured to be, at a time that is given, in every handshake: no session is resumed.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use spiffe::SpiffeId;

use super::{ClientCertificate, FetchError, Server};
use crate::{
    clock::Timestamp,
    peer::{Usage, verify_chain},
    trust::TrustBundle,
};

/// A configuration for handshakes at `now` with servers that prove themselves as `server` says, to whom this end `shows` what it is.
/// `None`: there are no handshakes.
pub(super) fn config(
    server: &Server,
    shows: Option<&ClientCertificate>,
    now: Timestamp,
) -> Result<Option<ClientConfig>, FetchError> {
    let refused = |error: &dyn std::error::Error| FetchError::Tls(error.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(At(now)))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| refused(&error))?;
    let builder = match server {
        Server::Loopback => return Ok(None),
        Server::WebPki(roots) => {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider)
                .build()
                .map_err(|error| refused(&error))?;
            builder.with_webpki_verifier(verifier)
        }
        Server::Spiffe { id, bundle } => {
            let verifier = SvidVerifier { id: id.clone(), bundle: Arc::clone(bundle), now, provider };
            // Not less verification: a SPIFFE ID instead of a host name.
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = match shows {
        None => builder.with_no_client_auth(),
        Some(certificate) => {
            let (chain, key) = certificate.parts();
            let unfit = |error| FetchError::Credentials(format!("the client certificate cannot be used: {error}"));
            builder.with_client_auth_cert(chain, key).map_err(unfit)?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Some(config))
}

/// Always the same time.
#[derive(Debug)]
struct At(Timestamp);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        u64::try_from(self.0.seconds()).ok().map(|seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Accepts one workload (SPIFFE Federation §5.2.2): an X.509-SVID for its very ID, from its own trust domain.
#[derive(Debug)]
struct SvidVerifier {
    id: SpiffeId,
    bundle: Arc<TrustBundle>,
    now: Timestamp,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for SvidVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refuse = |why: String| Error::from(CertificateError::Other(OtherError(Arc::new(NotThatServer(why)))));
        let intermediates: Vec<&[u8]> = intermediates.iter().map(AsRef::as_ref).collect();
        // A server's SVID may live for as long as its trust domain likes: it is of another organisation.
        let server = verify_chain(leaf, &intermediates, Usage::Server, &self.bundle, None, self.now)
            .map_err(|error| refuse(error.to_string()))?;
        if *server.id() != self.id {
            return Err(refuse(format!("it is `{}`, not `{}`", server.id(), self.id)));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotThatServer(String);
