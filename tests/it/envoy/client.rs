//! Clients that send what they are told: TLS with any certificate or none, then bytes, or HTTP/2.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, SignatureScheme,
    client::{
        ResolvesClientCert, WantsClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc::{self, Sender},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_stream::wrappers::ReceiverStream;

use super::leaf::Leaf;
use crate::harness::chain::Shown;

/// A connection to write bytes to.
#[derive(Debug)]
pub(super) struct Wire(TlsStream<TcpStream>);

/// What came back: all of it but for the order of things that HTTP leaves open.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    /// 0 if the connection was closed without an answer.
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Reply {
    /// The decision that a denial names; nothing if Hopguard did not deny.
    pub(super) fn decision(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        (body["error"] == "hop_denied").then(|| body["decision"].as_str().unwrap().to_owned())
    }
}

impl Wire {
    pub(super) async fn open(address: SocketAddr, leaf: Option<&Leaf>) -> Self {
        Self(handshake(address, leaf, b"http/1.1").await)
    }

    /// A connection of a client that shows any certificates at all. None: it was not let in.
    pub(super) async fn show(address: SocketAddr, shown: &Shown) -> Option<Self> {
        let (chain, key) = shown.client().expect("a client that has its key");
        let provider = aws_lc_rs::default_provider();
        // Nobody looks here whether it is a certificate: the server should.
        let key = provider.key_provider.load_private_key(key).unwrap();
        let shows = Shows(Arc::new(CertifiedKey::new(chain, key)));
        let config = builder().with_client_cert_resolver(Arc::new(shows));
        connect(address, config, b"http/1.1").await.ok().map(Self)
    }

    /// Writes one request and reads its answer.
    pub(super) async fn send(&mut self, request: impl AsRef<[u8]>) -> Reply {
        let exchange = async {
            // Envoy may answer and close before it has read everything.
            let _ = self.0.write_all(request.as_ref()).await;
            let _ = self.0.flush().await;
            self.read().await
        };
        timeout(PATIENCE, exchange).await.expect("an answer")
    }

    /// Writes bytes and reads as many.
    pub(super) async fn echo(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.say(bytes).await;
        self.hear(bytes.len()).await
    }

    /// Writes bytes.
    pub(super) async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Reads so many bytes.
    pub(super) async fn hear(&mut self, length: usize) -> Vec<u8> {
        let mut heard = vec![0; length];
        timeout(PATIENCE, self.0.read_exact(&mut heard)).await.expect("so many bytes").unwrap();
        heard
    }

    /// Waits until the other side ends the connection, and gives what came before.
    pub(super) async fn ended(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // However it ends, it has ended.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("an end");
        rest
    }

    async fn read(&mut self) -> Reply {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            // A connection that ends without an answer is one.
            let Ok(byte) = self.0.read_u8().await else { return Reply::default() };
            bytes.push(byte);
        }
        let head = String::from_utf8(bytes).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        Reply { status, headers, body: String::from_utf8(body).unwrap() }
    }
}

/// An HTTP/2 connection.
#[derive(Debug)]
pub(super) struct Http2(SendRequest<UnsyncBoxBody<Bytes, Infallible>>);

impl Http2 {
    pub(super) async fn open(address: SocketAddr, leaf: &Leaf) -> Self {
        let stream = handshake(address, Some(leaf), b"h2").await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        // It ends with its sender; how, each request sees for itself.
        tokio::spawn(async { drop(connection.await) });
        Self(sender)
    }

    pub(super) async fn send(&mut self, request: Request<&'static str>) -> Reply {
        let request = request.map(|body| match body {
            "" => Empty::new().boxed_unsync(),
            // As gRPC clients send it: a length is not told in advance.
            body => {
                StreamBody::new(tokio_stream::once(Ok(Frame::data(Bytes::from_static(body.as_bytes()))))).boxed_unsync()
            }
        });
        let exchange = async {
            let (head, body) = self.0.send_request(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            Reply { status: head.status.as_u16(), headers: head.headers, body }
        };
        timeout(PATIENCE, exchange).await.expect("an answer")
    }

    /// Opens a call that was allowed.
    pub(super) async fn call(&mut self, head: Request<()>) -> Call {
        let (messages, sent) = mpsc::channel(1);
        let request = head.map(|()| StreamBody::new(ReceiverStream::new(sent)).boxed_unsync());
        let answer = timeout(PATIENCE, self.0.send_request(request)).await.expect("an answer").unwrap();
        assert!(!answer.headers().contains_key("grpc-status"), "{answer:?}");
        Call { messages, answers: answer.into_body() }
    }
}

/// A call whose messages go both ways until somebody ends it.
#[derive(Debug)]
pub(super) struct Call {
    messages: Sender<Result<Frame<Bytes>, Infallible>>,
    answers: Incoming,
}

impl Call {
    /// Sends a message and waits until it comes back.
    pub(super) async fn echo(&mut self, message: &'static [u8]) -> Vec<u8> {
        self.messages.send(Ok(Frame::data(Bytes::from_static(message)))).await.unwrap();
        let mut back = Vec::new();
        while back.len() < message.len() {
            let frame = timeout(PATIENCE, self.answers.frame()).await.expect("an echo").expect("more").unwrap();
            back.extend_from_slice(&frame.into_data().expect("data"));
        }
        back
    }

    /// Waits until the other side ends the call.
    pub(super) async fn ended(&mut self) {
        while let Some(Ok(_)) = timeout(PATIENCE, self.answers.frame()).await.expect("an end") {}
    }
}

pub(super) async fn handshake(address: SocketAddr, leaf: Option<&Leaf>, protocol: &[u8]) -> TlsStream<TcpStream> {
    let config = match leaf {
        Some(leaf) => builder().with_client_auth_cert(vec![leaf.certificate.clone()], leaf.key.clone_key()).unwrap(),
        None => builder().with_no_client_auth(),
    };
    connect(address, config, protocol).await.unwrap()
}

fn builder() -> ConfigBuilder<ClientConfig, WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
}

async fn connect(
    address: SocketAddr,
    mut config: ClientConfig,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    config.alpn_protocols = vec![protocol.to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await?;
    connector.connect(ServerName::from(address.ip()), stream).await
}

/// Shows the same to every server.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Takes any server: whom a caller may believe is tested with the playground.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
