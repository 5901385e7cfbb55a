//! Somebody who connects over TLS to ask, as what it says it is, right or wrong.

use std::{io, net::SocketAddr, sync::Arc};

use hopguard::dev::Svid;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme, SupportedProtocolVersion,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Wire;

/// How somebody connects.
#[derive(Clone)]
pub(crate) struct Asker {
    config: Arc<ClientConfig>,
}

impl Asker {
    /// As Envoy does, with this SVID; `None`: it shows none.
    pub(crate) fn new(svid: Option<&Svid>) -> Self {
        Self::with(svid, &TLS13, &["h2"])
    }

    /// With any version, and any protocols to choose from.
    pub(crate) fn with(svid: Option<&Svid>, version: &'static SupportedProtocolVersion, protocols: &[&str]) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)));
        let mut config = match svid {
            Some(svid) => {
                builder.with_client_auth_cert(vec![svid.certificate().unwrap()], svid.key().unwrap()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config) }
    }

    /// Connects. That this succeeds says nothing yet: in TLS 1.3 the client is the first to be done.
    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("hopguard.invalid").unwrap();
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }

    /// Connects, to ask.
    pub(crate) async fn wire(&self, address: SocketAddr) -> Wire {
        Wire::over(self.connect(address).await.unwrap()).await
    }

    /// The certificate that it is shown.
    pub(crate) async fn shown(&self, address: SocketAddr) -> Option<CertificateDer<'static>> {
        let stream = self.connect(address).await.ok()?;
        let (_, connection) = stream.get_ref();
        assert_eq!(connection.handshake_kind(), Some(HandshakeKind::Full), "nothing is resumed");
        connection.peer_certificates()?.first().cloned()
    }

    /// Connects and waits for the end, without having been told a word.
    pub(crate) async fn closed(&self, address: SocketAddr) {
        if let Ok(mut stream) = self.connect(address).await {
            let told = stream.read(&mut [0]).await;
            assert!(!matches!(told, Ok(1..)), "it was let in");
        }
    }
}

/// Believes whoever holds the key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
