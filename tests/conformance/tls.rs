//! Mutual TLS 1.3 as a workload speaks it: its whole chain is shown, and the other side must be the workload that was meant.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::svid::{Svid, spiffe_id};

/// Opens a connection to the workload `server`, and shows it `svid` if there is one.
///
/// # Errors
/// The connection or the handshake failed. With TLS 1.3 a server that does not want the client says so later: when the client reads.
pub(crate) async fn connect(
    address: SocketAddr,
    server: &str,
    svid: Option<&Svid>,
    protocol: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Meant(server.to_owned())));
    let mut config = match svid {
        Some(svid) => builder.with_client_auth_cert(svid.chain().to_vec(), svid.key()).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    config.resumption = Resumption::disabled();
    let connector = TlsConnector::from(Arc::new(config));
    let connect = async {
        let stream = TcpStream::connect(address).await?;
        connector.connect(ServerName::from(address.ip()), stream).await
    };
    timeout(PATIENCE, connect).await.expect("a handshake")
}

/// Takes the one workload that was meant. Who signed for it is not this client's matter: its own trust is not under test.
#[derive(Debug)]
struct Meant(String);

impl ServerCertVerifier for Meant {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let id = spiffe_id(leaf);
        if id == self.0 {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General(format!("the server is `{id}`, not `{}`", self.0)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signature, &algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signature, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

fn algorithms() -> rustls::crypto::WebPkiSupportedAlgorithms {
    aws_lc_rs::default_provider().signature_verification_algorithms
}

const PATIENCE: Duration = Duration::from_secs(10);
