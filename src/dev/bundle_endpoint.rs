//! An HTTPS server that says whatever it is told to, byte by byte: a good bundle endpoint, or the worst one.

mod versions;

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Error, Svid, authority::refused};
use crate::clock::Timestamp;

/// A server on loopback that ends when it is dropped.
#[derive(Debug)]
pub struct BundleEndpoint {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

/// What a server shows of itself.
pub struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// What a server does with every request.
#[derive(Clone, Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    end: End,
    /// What it is called, if who knows it by that name is not given it again.
    tag: Option<String>,
    /// Whether news are waited for on its behalf.
    waits: bool,
}

#[derive(Clone, Copy, Debug)]
enum End {
    /// Says that this was all.
    Close,
    /// Goes away without a word.
    Cut,
    /// Says no more, and stays.
    Hang,
    /// Says one byte more, again and again.
    Drip,
}

impl BundleEndpoint {
    /// Starts a server on a free port that shows `credentials` and gives `reply`.
    pub async fn start(credentials: &Credentials, reply: Reply) -> Result<Self, Error> {
        let nowhere = |error: io::Error| Error::Unreachable {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            why: error.to_string(),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(nowhere)?;
        let address = listener.local_addr().map_err(nowhere)?;
        let shared = Shared { tls: credentials.config()?, reply, news: Arc::default(), requests: Vec::new() };
        let shared = Arc::new(Mutex::new(shared));
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path` here, for a host that leads to loopback.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.address.port())
    }

    /// Shows other credentials from the next connection on.
    pub fn present(&self, credentials: &Credentials) -> Result<(), Error> {
        let tls = credentials.config()?;
        lock(&self.shared).tls = tls;
        Ok(())
    }

    /// Gives another reply from the next request on.
    pub fn reply(&self, reply: Reply) {
        let mut shared = lock(&self.shared);
        shared.reply = reply;
        shared.news.notify_waiters();
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared).requests.clone()
    }
}

impl Drop for BundleEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reply {
    /// The document, as it should be given.
    pub fn document(document: impl AsRef<[u8]>) -> Self {
        let document = document.as_ref();
        let head = format!("content-type: application/json\r\ncontent-length: {}\r\n", document.len());
        Self::raw([http("200 OK", &head).as_bytes(), document].concat())
    }

    /// Another status than 200, with a document.
    pub fn status(status: u16, document: &str) -> Self {
        let head = format!("content-length: {}\r\n", document.len());
        Self::raw(http(&format!("{status} Because"), &head) + document)
    }

    /// A redirect with that status.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status_with(status, &format!("location: {location}\r\n"))
    }

    /// An empty answer with these header lines.
    pub fn status_with(status: u16, lines: &str) -> Self {
        Self::raw(http(&format!("{status} Because"), &format!("{lines}content-length: 0\r\n")))
    }

    /// These bytes and no others.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), end: End::Close, tag: None, waits: false }
    }

    /// The same, but the connection is cut where it should be closed.
    #[must_use]
    pub fn cut(self) -> Self {
        Self { end: End::Cut, ..self }
    }

    /// The same, but the connection stays open, and nothing comes any more.
    #[must_use]
    pub fn hang(self) -> Self {
        Self { end: End::Hang, ..self }
    }

    /// The same, and then one space after another without end.
    #[must_use]
    pub fn drip(self) -> Self {
        Self { end: End::Drip, ..self }
    }
}

impl Credentials {
    /// Those of a workload.
    pub fn svid(svid: &Svid) -> Result<Self, Error> {
        Ok(Self::new(vec![svid.certificate()?], svid.key()?))
    }

    /// A chain, the leaf first, and the leaf's key.
    pub const fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key }
    }

    /// How a server shows them.
    ///
    /// # Errors
    /// If the key is not that of the leaf.
    pub fn config(&self) -> Result<Arc<ServerConfig>, Error> {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(refused("set up TLS"))?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(refused("use a certificate"))?;
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

/// A throwaway authority of host names, as the Web PKI has them.
pub struct WebAuthority(CertifiedIssuer<'static, KeyPair>);

impl WebAuthority {
    /// Makes an authority with a fresh key, valid between the two times.
    pub fn new(from: Timestamp, until: Timestamp) -> Result<Self, Error> {
        let mut params = validity(CertificateParams::default(), from, until)?;
        params.distinguished_name.push(DnType::CommonName, "throwaway Web PKI authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().map_err(refused("make an authority"))?;
        CertifiedIssuer::self_signed(params, key).map(Self).map_err(refused("make an authority"))
    }

    /// The certificate to trust, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certifies that a fresh key is that of the hosts `names`, which are DNS names or addresses.
    pub fn certify(&self, names: &[&str], from: Timestamp, until: Timestamp) -> Result<Credentials, Error> {
        let key = KeyPair::generate().map_err(refused("make a key"))?;
        let leaf = self.certify_key(names, &key, from, until)?;
        let key =
            PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).map_err(refused("read a private key"))?;
        Ok(Credentials::new(vec![leaf], key))
    }

    /// Certifies that `key` is that of the hosts `names`.
    pub(crate) fn certify_key(
        &self,
        names: &[&str],
        key: &KeyPair,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<CertificateDer<'static>, Error> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).map_err(refused("write a host name"))?;
        let mut params = validity(params, from, until)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(key, &self.0).map_err(refused("certify a host"))?;
        Ok(leaf.der().clone())
    }
}

impl fmt::Debug for WebAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebAuthority")
    }
}

fn validity(mut params: CertificateParams, from: Timestamp, until: Timestamp) -> Result<CertificateParams, Error> {
    let at = |time: Timestamp| OffsetDateTime::from_unix_timestamp(time.seconds()).map_err(refused("write a validity"));
    params.not_before = at(from)?;
    params.not_after = at(until)?;
    Ok(params)
}

#[derive(Debug)]
struct Shared {
    tls: Arc<ServerConfig>,
    reply: Reply,
    /// Told of when there is another reply.
    news: Arc<Notify>,
    requests: Vec<String>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A client that does not like what it sees goes away: that is what it is for.
        connections.spawn(async move { drop(answer(stream, &shared).await) });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(stream: TcpStream, shared: &Mutex<Shared>) -> io::Result<()> {
    let tls = Arc::clone(&lock(shared).tls);
    let mut stream = TlsAcceptor::from(tls).accept(stream).await?;
    let head = head(&mut stream).await?;
    lock(shared).requests.push(head.clone());
    let reply = versions::reply(shared, &head).await;
    stream.write_all(&reply.bytes).await?;
    stream.flush().await?;
    match reply.end {
        End::Close => stream.shutdown().await,
        End::Cut => stream.get_mut().0.shutdown().await,
        End::Hang => std::future::pending().await,
        End::Drip => loop {
            stream.write_all(b" ").await?;
            stream.flush().await?;
            tokio::time::sleep(DRIP).await;
        },
    }
}

async fn head(stream: &mut TlsStream<TcpStream>) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn http(status: &str, lines: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{lines}\r\n")
}

const DRIP: Duration = Duration::from_millis(5);
