//! A caller with an SVID: mutual TLS 1.3 to a workload whose SPIFFE ID is verified, then HTTP/1.1 on that connection.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use spiffe::SpiffeId;
use tokio::{net::TcpStream, task::JoinHandle, time};
use tokio_rustls::{TlsConnector, client::TlsStream};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{Error, Svid, authority::refused};

/// A caller: its SVID, and the authorities whose servers it believes.
#[derive(Clone, Debug)]
pub struct Caller {
    svid: Svid,
    roots: Vec<CertificateDer<'static>>,
}

impl Caller {
    /// A caller that presents `svid`.
    pub fn new(svid: Svid, roots: Vec<CertificateDer<'static>>) -> Self {
        Self { svid, roots }
    }

    /// Opens a connection to the workload `server` at `address`; any other workload there is refused.
    pub async fn connect(&self, address: SocketAddr, server: &SpiffeId) -> Result<Connection, Error> {
        let stream = self.handshake(address, server).await?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(address, &error))?;
        // How the connection ended, a failed request says itself.
        let task = tokio::spawn(async { drop(connection.await) });
        Ok(Connection { address, sender, task })
    }

    /// Does the TLS part of [`Caller::connect`] alone, for those who write their own bytes.
    pub async fn handshake(&self, address: SocketAddr, server: &SpiffeId) -> Result<TlsStream<TcpStream>, Error> {
        let connector = TlsConnector::from(Arc::new(self.config(server)?));
        // An address as the name sends no SNI: a SPIFFE ID is not a host name.
        let name = ServerName::from(address.ip());
        let connect = async { connector.connect(name, TcpStream::connect(address).await?).await };
        match time::timeout(WITHIN, connect).await {
            Ok(connected) => connected.map_err(|error| unreachable(address, &error)),
            Err(_) => Err(Error::Unreachable { address, why: "the handshake took too long".to_owned() }),
        }
    }

    fn config(&self, server: &SpiffeId) -> Result<ClientConfig, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = ServerVerifier { roots: self.roots.clone(), server: server.clone(), provider: provider.clone() };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(refused("set up TLS"))?
            // Not less verification: a SPIFFE ID instead of a host name.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(vec![self.svid.certificate()?], self.svid.key()?)
            .map_err(refused("use an SVID"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// A connection that lives until it is dropped.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
}

impl Connection {
    /// Sends one request and reads its whole answer.
    pub async fn send(&mut self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let address = self.address;
        let exchange = async {
            self.sender.ready().await.map_err(|error| unreachable(address, &error))?;
            let response = self.sender.send_request(request.map(Full::new)).await;
            let (head, body) = response.map_err(|error| unreachable(address, &error))?.into_parts();
            match Limited::new(body, ANSWER_LIMIT).collect().await {
                Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
                Err(error) => Err(Error::Unreachable { address, why: error.to_string() }),
            }
        };
        let late = || Error::Unreachable { address, why: "the answer took too long".to_owned() };
        time::timeout(WITHIN, exchange).await.unwrap_or_else(|_| Err(late()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Verifies a server as SPIFFE does: a path to the roots, and exactly the expected ID
/// ([X509-SVID §5](https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#5-validation)).
struct ServerVerifier {
    roots: Vec<CertificateDer<'static>>,
    server: SpiffeId,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let refuse = |why: String| CertificateError::Other(OtherError(Arc::new(NotThatServer(why))));
        let anchors: Result<Vec<_>, _> = self.roots.iter().map(anchor_from_trusted_cert).collect();
        let anchors = anchors.map_err(|error| refuse(format!("a trusted root cannot be read: {error}")))?;
        let certificate = EndEntityCert::try_from(leaf).map_err(|_| CertificateError::BadEncoding)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        certificate
            .verify_for_usage(algorithms, &anchors, intermediates, now, KeyUsage::server_auth(), None, None)
            .map_err(|error| refuse(format!("its certificate does not lead to a trusted root: {error}")))?;
        let names = uri_names(leaf).ok_or(CertificateError::BadEncoding)?;
        if names.len() == 1 && names.first().is_some_and(|name| *name == self.server.to_string()) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(refuse(format!("the server is `{}`, not `{}`", names.join(" "), self.server)).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for ServerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerVerifier").field("server", &self.server).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotThatServer(String);

fn uri_names(leaf: &CertificateDer<'_>) -> Option<Vec<String>> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    });
    Some(uris.collect())
}

/// Hyper and rustls keep what went wrong in the innermost source.
fn unreachable(address: SocketAddr, error: &(dyn std::error::Error + 'static)) -> Error {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    Error::Unreachable { address, why: innermost.to_string() }
}

const WITHIN: Duration = Duration::from_secs(5);
const ANSWER_LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use spiffe::TrustDomain;

    use super::*;
    use crate::{clock::Timestamp, dev::Authority};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_165_200);
    const LATER: Timestamp = Timestamp::from_seconds(1_795_168_800);

    fn domain() -> TrustDomain {
        TrustDomain::new("dev.hopguard.example").unwrap()
    }

    fn id(name: &str) -> SpiffeId {
        SpiffeId::from_segments(domain(), &[name]).unwrap()
    }

    fn judged(authority: &Authority, svid: &Svid, expected: &SpiffeId, now: Timestamp) -> Result<(), String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = ServerVerifier { roots: vec![authority.root().clone()], server: expected.clone(), provider };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now.seconds().cast_unsigned()));
        let name = ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]));
        let verdict = verifier.verify_server_cert(&svid.certificate().unwrap(), &[], &name, &[], now);
        verdict.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn believes_the_server_it_asked_for() {
        let authority = Authority::new(domain(), NOW, LATER).unwrap();
        let svid = authority.mint(&id("payments"), NOW, LATER).unwrap();
        assert_eq!(judged(&authority, &svid, &id("payments"), NOW), Ok(()));
    }

    #[test]
    fn refuses_another_workload() {
        let authority = Authority::new(domain(), NOW, LATER).unwrap();
        let svid = authority.mint(&id("orders"), NOW, LATER).unwrap();
        let why = judged(&authority, &svid, &id("payments"), NOW).unwrap_err();
        assert!(why.contains("the server is `spiffe://dev.hopguard.example/orders`"), "{why}");
    }

    #[test]
    fn refuses_the_right_name_of_another_authority() {
        let authority = Authority::new(domain(), NOW, LATER).unwrap();
        let stranger = Authority::new(domain(), NOW, LATER).unwrap();
        let svid = stranger.mint(&id("payments"), NOW, LATER).unwrap();
        let why = judged(&authority, &svid, &id("payments"), NOW).unwrap_err();
        assert!(why.contains("does not lead to a trusted root"), "{why}");
    }

    #[test]
    fn refuses_an_svid_that_is_over() {
        let authority = Authority::new(domain(), NOW, LATER).unwrap();
        let svid = authority.mint(&id("payments"), NOW, NOW.after(Duration::from_secs(60))).unwrap();
        assert!(judged(&authority, &svid, &id("payments"), LATER).is_err());
    }
}
