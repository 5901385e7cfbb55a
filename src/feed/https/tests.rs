use std::{io::Write, sync::LazyLock};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SanType};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::*;
use crate::{
    dev::{BundleEndpoint, Credentials, Reply, WebAuthority},
    peer::{
        fixture::{Authority, NOW, at},
        id::parse_trust_domain,
    },
};

const DOCUMENT: &str = r#"{"keys":[]}"#;
const ID: &str = "spiffe://td.test/spire/server";

static WEB: LazyLock<WebAuthority> = LazyLock::new(|| WebAuthority::new(from(), until()).unwrap());
static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::root("root"));

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn from() -> Timestamp {
    Timestamp::from_seconds(NOW - 60)
}

fn until() -> Timestamp {
    Timestamp::from_seconds(NOW + 3600)
}

fn host() -> Credentials {
    WEB.certify(&["localhost"], from(), until()).unwrap()
}

fn web(limits: Limits) -> Client {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(WEB.pem().as_bytes()).unwrap();
    Client::new(Server::WebPki(Roots::File(file.path().to_owned()).load().unwrap()), limits)
}

/// A client for the server `ID`.
fn spiffe() -> Client {
    let trust_domain = parse_trust_domain("td.test").unwrap();
    let bundle = TrustBundle::from_authorities(trust_domain, [AUTHORITY.der().to_vec()]).unwrap();
    Client::new(Server::Spiffe { id: ID.parse().unwrap(), bundle: Arc::new(bundle) }, Limits::default())
}

/// What an authority of td.test certifies, with a difference.
fn certified(authority: &Authority, id: &str, edit: impl FnOnce(&mut CertificateParams)) -> Credentials {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateDer::from(authority.svid_for(id, &key, edit));
    Credentials::new(vec![leaf], PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap())
}

async fn get(client: &Client, url: &str) -> Result<String, String> {
    let document = client.get(&url.parse().unwrap(), now()).await;
    document.map(|document| String::from_utf8_lossy(&document).into_owned()).map_err(|error| error.to_string())
}

/// What a client of the Web PKI makes of `reply`.
async fn fetched(reply: Reply) -> Result<String, String> {
    fetched_within(reply, Limits::default()).await
}

async fn fetched_within(reply: Reply, limits: Limits) -> Result<String, String> {
    let endpoint = BundleEndpoint::start(&host(), reply).await.unwrap();
    get(&web(limits), &endpoint.url("localhost", "/bundle")).await
}

#[tokio::test]
async fn fetches_a_document_and_says_little_about_itself() {
    let endpoint = BundleEndpoint::start(&host(), Reply::document(DOCUMENT)).await.unwrap();
    let url = endpoint.url("localhost", "/a?b");
    assert_eq!(get(&web(Limits::default()), &url).await.as_deref(), Ok(DOCUMENT));
    let port = endpoint.address().port();
    let expected = format!(
        "GET /a?b HTTP/1.1\r\nhost: localhost:{port}\r\naccept: application/json\r\naccept-encoding: identity\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(endpoint.requests(), [expected]);
}

#[tokio::test]
async fn reads_chunks_and_documents_that_end_with_their_connection() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{\"ke\r\n7\r\nys\":[]}\r\n0\r\n\r\n";
    assert_eq!(fetched(Reply::raw(chunked)).await.as_deref(), Ok(DOCUMENT));
    let closed = format!("HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\n\r\n{DOCUMENT}");
    assert_eq!(fetched(Reply::raw(closed)).await.as_deref(), Ok(DOCUMENT));
}

#[tokio::test]
async fn a_host_proves_its_name() {
    let refused = |credentials: Credentials| async move {
        let endpoint = BundleEndpoint::start(&credentials, Reply::document(DOCUMENT)).await.unwrap();
        let error = get(&web(Limits::default()), &endpoint.url("localhost", "/")).await.unwrap_err();
        assert!(endpoint.requests().is_empty(), "nothing was asked of a server that was not verified");
        error
    };
    let certify = |names: &[&str], from, until| WEB.certify(names, from, until).unwrap();
    for (credentials, expected) in [
        (certify(&["td.test"], from(), until()), "not valid for name"),
        (certify(&["127.0.0.1"], from(), until()), "not valid for name"),
        (certify(&["localhost"], from(), Timestamp::from_seconds(NOW - 1)), "expired"),
        (certify(&["localhost"], Timestamp::from_seconds(NOW + 1), until()), "not valid yet"),
        (WebAuthority::new(from(), until()).unwrap().certify(&["localhost"], from(), until()).unwrap(), "BadSignature"),
        (certified(&AUTHORITY, ID, |_| {}), "UnknownIssuer"),
    ] {
        let error = refused(credentials).await;
        assert!(error.starts_with("the server was not verified: ") && error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn an_svid_is_no_proof_of_a_host_name() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(AUTHORITY.pem().as_bytes()).unwrap();
    let roots = Roots::File(file.path().to_owned()).load().unwrap();
    let client = Client::new(Server::WebPki(roots), Limits::default());
    let endpoint = BundleEndpoint::start(&certified(&AUTHORITY, ID, |_| {}), Reply::document(DOCUMENT)).await.unwrap();
    let error = get(&client, &endpoint.url("localhost", "/")).await.unwrap_err();
    assert!(error.contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn a_workload_proves_its_id_whatever_its_host_is_called() {
    let endpoint = BundleEndpoint::start(&certified(&AUTHORITY, ID, |_| {}), Reply::document(DOCUMENT)).await.unwrap();
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(get(&spiffe(), &endpoint.url(host, "/")).await.as_deref(), Ok(DOCUMENT));
    }
}

#[tokio::test]
async fn no_other_server_speaks_for_a_workload() {
    let endpoint = BundleEndpoint::start(&host(), Reply::document(DOCUMENT)).await.unwrap();
    for (what, credentials) in [
        ("another path", certified(&AUTHORITY, "spiffe://td.test/spire/agent", |_| {})),
        ("a path below", certified(&AUTHORITY, "spiffe://td.test/spire/server/x", |_| {})),
        ("the trust domain itself", certified(&AUTHORITY, "spiffe://td.test", |_| {})),
        ("another trust domain", certified(&AUTHORITY, "spiffe://other.test/spire/server", |_| {})),
        ("another authority", certified(&Authority::root("root"), ID, |_| {})),
        ("a host name alone", host()),
        (
            "a host name from the authority",
            certified(&AUTHORITY, ID, |p| {
                p.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
            }),
        ),
        (
            "two IDs",
            certified(&AUTHORITY, ID, |p| {
                p.subject_alt_names.push(SanType::URI("spiffe://td.test/x".try_into().unwrap()));
            }),
        ),
        ("no server", certified(&AUTHORITY, ID, |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])),
        ("an end", certified(&AUTHORITY, ID, |p| p.not_after = at(-1))),
        ("a beginning", certified(&AUTHORITY, ID, |p| p.not_before = at(1))),
    ] {
        endpoint.present(&credentials).unwrap();
        let error = get(&spiffe(), &endpoint.url("localhost", "/")).await.unwrap_err();
        assert!(error.starts_with("the server was not verified: "), "{what}: {error}");
    }
    assert!(endpoint.requests().is_empty());
    endpoint.present(&certified(&AUTHORITY, ID, |_| {})).unwrap();
    assert!(get(&spiffe(), &endpoint.url("localhost", "/")).await.is_ok());
}

#[tokio::test]
async fn a_certificate_without_its_key_proves_nothing() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let leaf = CertificateDer::from(AUTHORITY.svid(ID));
        let other = KeyPair::generate().unwrap();
        let key = PrivateKeyDer::from_pem_slice(other.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        // Rustls would not take this pair from a file: a thief's server does.
        let signer = provider.key_provider.load_private_key(key).unwrap();
        let certified = Arc::new(rustls::sign::CertifiedKey::new(vec![leaf], signer));
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let thief = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            tokio_rustls::TlsAcceptor::from(Arc::new(server)).accept(stream).await.is_ok()
        });
        let error = get(&spiffe(), &format!("https://{address}/")).await.unwrap_err();
        assert!(error.contains("BadSignature"), "{version:?}: {error}");
        assert!(!thief.await.unwrap());
    }
}

#[tokio::test]
async fn only_200_is_a_document() {
    for status in [201, 203, 204, 206, 300, 304, 305, 306, 400, 401, 403, 404, 500, 503] {
        let error = fetched(Reply::status(status, DOCUMENT)).await.unwrap_err();
        assert!(error.starts_with(&format!("the server answered {status}")), "{error}");
    }
    assert!(fetched(Reply::status(200, DOCUMENT)).await.is_ok());
}

#[tokio::test]
async fn refuses_what_is_packed() {
    for line in [
        "content-encoding: gzip",
        "content-encoding: br, identity",
        "content-encoding: identity\r\ncontent-encoding: gzip",
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{line}\r\ncontent-length: 11\r\n\r\n{DOCUMENT}");
        assert_eq!(fetched(Reply::raw(reply)).await.unwrap_err(), FetchError::Encoding.to_string());
    }
}

#[tokio::test]
async fn bounds_the_document_with_and_without_its_length() {
    let limits = Limits { body: 10, ..Limits::default() };
    let too_large = Err(FetchError::TooLarge(10).to_string());
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n12345\r\n";
    assert_eq!(fetched_within(Reply::document("1234567890"), limits).await.as_deref(), Ok("1234567890"));
    assert_eq!(fetched_within(Reply::document("12345678901"), limits).await, too_large);
    assert_eq!(fetched_within(Reply::raw("HTTP/1.1 200 OK\r\n\r\n12345678901").hang(), limits).await, too_large);
    assert_eq!(fetched_within(Reply::raw(chunked).hang(), limits).await, too_large);
    let large = Reply::document(vec![b' '; 1024 * 1024 + 1]);
    assert_eq!(fetched(large).await, Err(FetchError::TooLarge(1024 * 1024).to_string()));
}

#[tokio::test]
async fn takes_nothing_that_does_not_come_whole() {
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{DOCUMENT}");
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\n{\"keys\":[]}\r\n0\r\n\r\n";
    let closed = format!("HTTP/1.1 200 OK\r\n\r\n{DOCUMENT}");
    for text in [whole.as_str(), chunked] {
        for end in 0..text.len() {
            assert!(fetched(Reply::raw(&text.as_bytes()[..end])).await.is_err(), "{end} bytes");
        }
    }
    assert!(fetched(Reply::raw(closed.clone()).cut()).await.is_err(), "anybody can cut a connection");
    assert!(fetched(Reply::raw(closed)).await.is_ok());
}

#[tokio::test]
async fn refuses_what_is_not_http() {
    for reply in [
        "hello\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{DOCUMENT}"),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 11\r\n\r\n{DOCUMENT}"),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(2 * MAX_HEAD)),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(1000)),
    ] {
        let error = fetched(Reply::raw(reply.as_str())).await.expect_err(&reply);
        assert!(error.starts_with("the answer is broken: "), "{error}");
    }
}

#[tokio::test]
async fn is_not_kept_waiting() {
    let limits = Limits { connect: Duration::from_secs(5), total: Duration::from_millis(300), body: 1024 * 1024 };
    let late = Err(FetchError::Late("the document").to_string());
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    assert_eq!(fetched_within(Reply::raw("").hang(), limits).await, late, "no word");
    assert_eq!(fetched_within(Reply::raw(head).hang(), limits).await, late, "no body");
    assert_eq!(fetched_within(Reply::raw(head).drip(), limits).await, late, "byte by byte");
    assert_eq!(fetched_within(Reply::raw("HTTP/1.1 200 OK\r\nx:").drip(), limits).await, late, "a head without end");

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limits = Limits { connect: Duration::from_millis(100), ..Limits::default() };
    let error = get(&web(limits), &format!("https://{}/", silent.local_addr().unwrap())).await.unwrap_err();
    assert_eq!(error, FetchError::Late("a verified connection").to_string());
}

#[tokio::test]
async fn says_when_nobody_is_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = get(&web(Limits::default()), &format!("https://{address}/")).await.unwrap_err();
    assert!(error.starts_with("cannot connect: "), "{error}");
}

#[tokio::test]
async fn follows_a_redirect_once_and_does_not_remember_it() {
    let there = BundleEndpoint::start(&host(), Reply::document(DOCUMENT)).await.unwrap();
    let here = BundleEndpoint::start(&host(), Reply::document("")).await.unwrap();
    let client = web(Limits::default());
    for status in [301, 302, 303, 307, 308] {
        here.reply(Reply::redirect(status, &there.url("localhost", "/there")));
        assert_eq!(get(&client, &here.url("localhost", "/")).await.as_deref(), Ok(DOCUMENT));
    }
    here.reply(Reply::document("here"));
    assert_eq!(get(&client, &here.url("localhost", "/")).await.as_deref(), Ok("here"));
    assert_eq!(there.requests().len(), 5);
}

#[tokio::test]
async fn a_redirect_is_held_to_the_same_rules() {
    let here = BundleEndpoint::start(&host(), Reply::document("")).await.unwrap();
    let stranger = WEB.certify(&["td.test"], from(), until()).unwrap();
    let stranger = BundleEndpoint::start(&stranger, Reply::document(DOCUMENT)).await.unwrap();
    let url = here.url("localhost", "/");
    let error = |location: String| {
        here.reply(Reply::redirect(302, &location));
        let url = &url;
        async move { get(&web(Limits::default()), url).await.unwrap_err() }
    };
    assert!(error(stranger.url("localhost", "/")).await.contains("not valid for name"));
    assert!(error(format!("http://localhost:{}/", here.address().port())).await.contains("not `https`"));
    assert!(error(here.url("a:b@localhost", "/")).await.contains("user information"));
    assert!(error("file:///etc/passwd".to_owned()).await.contains("not a URL"));
    for inner in ["169.254.169.254", "10.0.0.1", "[::ffff:169.254.169.254]", "[fd00::1]", "[fe80::1]", "192.168.0.1"] {
        let error = error(format!("https://{inner}/")).await;
        assert_eq!(error, FetchError::Redirect(BadRedirect::Inward).to_string(), "{inner}");
    }
    here.reply(Reply::status_with(302, ""));
    assert!(get(&web(Limits::default()), &url).await.unwrap_err().contains("not exactly one `location`"));
    here.reply(Reply::status_with(302, "location: /a\r\nlocation: /b\r\n"));
    assert!(get(&web(Limits::default()), &url).await.unwrap_err().contains("not exactly one `location`"));
}

#[tokio::test]
async fn a_redirect_leads_to_the_same_workload() {
    let server = certified(&AUTHORITY, ID, |_| {});
    let other = certified(&AUTHORITY, "spiffe://td.test/other", |_| {});
    let same = BundleEndpoint::start(&server, Reply::document(DOCUMENT)).await.unwrap();
    let other = BundleEndpoint::start(&other, Reply::document(DOCUMENT)).await.unwrap();
    let here = BundleEndpoint::start(&server, Reply::redirect(302, &other.url("localhost", "/"))).await.unwrap();
    let url = here.url("localhost", "/");
    let error = get(&spiffe(), &url).await.unwrap_err();
    assert!(error.contains("spiffe://td.test/other"), "{error}");
    here.reply(Reply::redirect(302, &same.url("127.0.0.1", "/")));
    assert_eq!(get(&spiffe(), &url).await.as_deref(), Ok(DOCUMENT));
}

#[tokio::test]
async fn gives_up_on_a_circle() {
    let here = BundleEndpoint::start(&host(), Reply::redirect(302, "/again")).await.unwrap();
    let error = get(&web(Limits::default()), &here.url("localhost", "/")).await.unwrap_err();
    assert_eq!(error, FetchError::Redirect(BadRedirect::TooMany).to_string());
    assert_eq!(here.requests().len(), 4, "once, and after each of three redirects");
}

#[test]
fn roots_are_those_of_the_file_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Roots::File(path.clone()).load().map(|store| store.len()).map_err(|error| error.to_string())
    };
    let message = |what: &str| Err(format!("`{}`: {what}", path.display()));
    let root = WEB.pem().replace('\r', "");
    assert_eq!(load(&[root.as_str(), &AUTHORITY.pem()].concat()), Ok(2));
    assert_eq!(load(""), message("there is no certificate in it"));
    assert_eq!(
        load(&format!("{root}x")),
        message(&format!("text outside of a PEM block (line {})", root.lines().count() + 1))
    );
    assert_eq!(load(&crate::peer::fixture::pem(&[0x30, 0])), message("the certificate on line 1 cannot be read"));
    assert!(load(&" ".repeat(1024 * 1024 + 1)).unwrap_err().ends_with("it is larger than 1 MiB"));
    let directory = Roots::File(directory.path().to_owned()).load().unwrap_err().to_string();
    assert!(directory.ends_with("it is not a regular file"), "{directory}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_configured_server_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("client.pem"), folder.path().join("client-key.pem"));
    let pair = KeyPair::generate().unwrap();
    let leaf = AUTHORITY.svid_for("spiffe://td.test/client", &pair, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // The server's own clock tells the time.
        params.not_after = at(1_000_000_000);
    });
    std::fs::write(&chain, crate::peer::fixture::pem(&leaf)).unwrap();
    assert!(matches!(ClientCertificate::load(&chain, &key), Err(CredentialsError::Io { .. })));
    std::fs::write(&key, "no key").unwrap();
    assert!(matches!(ClientCertificate::load(&chain, &key), Err(CredentialsError::Content { .. })));
    std::fs::write(&key, pair.serialize_pem()).unwrap();
    let certificate = ClientCertificate::load(&chain, &key).unwrap();
    assert!(!format!("{certificate:?}").contains("PRIVATE"));

    let (there, shown_there) = demanding(format!("HTTP/1.1 200 OK\r\n\r\n{DOCUMENT}")).await;
    let (here, shown_here) =
        demanding(format!("HTTP/1.1 302 Found\r\nlocation: {there}\r\ncontent-length: 0\r\n\r\n")).await;
    let client = web(Limits::default()).showing(Some(certificate));
    assert_eq!(get(&client, &here).await.as_deref(), Ok(DOCUMENT));
    assert_eq!((shown_here.await.unwrap(), shown_there.await.unwrap()), (true, false));
}

/// A server that asks for a client certificate and takes whoever has none, too; gives its URL and, in the end, whether one was shown.
async fn demanding(reply: String) -> (String, tokio::task::JoinHandle<bool>) {
    use rustls::server::WebPkiClientVerifier;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(AUTHORITY.der().to_vec())).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let verifier = verifier.allow_unauthenticated().build().unwrap();
    let pair = KeyPair::generate().unwrap();
    let leaf = WEB.certify_key(&["localhost"], &pair, from(), until()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.serialize_pem().as_bytes()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![leaf], key)
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = tokio_rustls::TlsAcceptor::from(Arc::new(server)).accept(stream).await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await.unwrap();
        stream.write_all(reply.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        stream.get_ref().1.peer_certificates().is_some()
    });
    (url, task)
}
