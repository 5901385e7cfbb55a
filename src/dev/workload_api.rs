//! A Workload API that says what it is told to say, and breaks when it is told to break.

mod service;

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    os::unix::net::UnixListener as Socket,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
};

use rustls_pki_types::PrivateKeyDer;
use spiffe::TrustDomain;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use self::service::serve;
use super::{Authority, Error, Svid};
use crate::pb::workload::X509svid;

/// A Workload API on a unix socket. At first it refuses everything, as an agent does that does not know the workload.
pub struct WorkloadApi {
    path: PathBuf,
    script: watch::Sender<Script>,
    open: Mutex<Option<Open>>,
}

/// What each stream says.
#[derive(Clone)]
struct Script {
    x509: Answer<BTreeMap<String, Vec<u8>>>,
    jwt: Answer<BTreeMap<String, Vec<u8>>>,
    svids: Answer<Vec<X509svid>>,
    /// Counts up to have the same said again.
    again: u64,
    /// Counts up to have open streams refused.
    lapses: u64,
}

#[derive(Clone, PartialEq)]
enum Answer<T> {
    Give(T),
    Refuse(Code),
    /// The call is taken and never answered.
    Nothing,
}

/// A bound socket, and the thread that serves it.
struct Open {
    socket: Socket,
    end: CancellationToken,
    thread: JoinHandle<()>,
}

impl WorkloadApi {
    /// Begins to serve on the socket `path`, which must not be there yet.
    pub fn start(path: &Path) -> Result<Self, Error> {
        let refused = Code::PermissionDenied;
        let script = Script {
            x509: Answer::Refuse(refused),
            jwt: Answer::Refuse(refused),
            svids: Answer::Refuse(refused),
            again: 0,
            lapses: 0,
        };
        let api = Self { path: path.to_owned(), script: watch::Sender::new(script), open: Mutex::default() };
        api.reopen()?;
        Ok(api)
    }

    /// Where it is, as a configuration says it.
    pub fn endpoint(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// Gives the roots of `authorities` as the X.509 bundles of their trust domains, and no others.
    pub fn set_authorities(&self, authorities: &[&Authority]) {
        self.set_bundles(
            authorities.iter().map(|authority| (id(authority.trust_domain()), authority.root().as_ref().to_vec())),
        );
    }

    /// Gives these X.509 bundles and no others: DER certificates one behind the other, by `spiffe://` and the trust domain.
    pub fn set_bundles(&self, bundles: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let bundles = bundles.into_iter().collect();
        self.script.send_modify(|script| script.x509 = Answer::Give(bundles));
    }

    /// Gives these JWT bundles and no others: JWK sets, by `spiffe://` and the trust domain.
    pub fn set_jwt_bundles(&self, bundles: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let bundles = bundles.into_iter().collect();
        self.script.send_modify(|script| script.jwt = Answer::Give(bundles));
    }

    /// Gives these SVIDs of its caller's own, each with the authority that issued it.
    pub fn set_svids(&self, svids: &[(&Svid, &Authority)]) -> Result<(), Error> {
        let given = svids.iter().map(|(svid, authority)| own(svid, authority)).collect::<Result<_, _>>()?;
        self.script.send_modify(|script| script.svids = Answer::Give(given));
        Ok(())
    }

    /// Refuses everything, as an agent does whose caller may have nothing any more.
    pub fn deny(&self) {
        self.refuse(Code::PermissionDenied);
    }

    /// Refuses everything with `code`.
    pub fn refuse(&self, code: Code) {
        self.script.send_modify(|script| {
            (script.x509, script.jwt, script.svids) =
                (Answer::Refuse(code), Answer::Refuse(code), Answer::Refuse(code));
        });
    }

    /// Refuses on every open stream, and gives to whoever asks again: SPIRE's agent does so while it renews what a tainted authority has
    /// signed.
    pub fn lapse(&self) {
        self.script.send_modify(|script| script.lapses = script.lapses.wrapping_add(1));
    }

    /// Refuses JWT bundles alone.
    pub fn refuse_jwt_bundles(&self, code: Code) {
        self.script.send_modify(|script| script.jwt = Answer::Refuse(code));
    }

    /// Takes calls from now on and answers none.
    pub fn fall_silent(&self) {
        self.script.send_modify(|script| {
            (script.x509, script.jwt, script.svids) = (Answer::Nothing, Answer::Nothing, Answer::Nothing);
        });
    }

    /// Says on every open stream once more what it said last.
    pub fn redeliver(&self) {
        self.script.send_modify(|script| script.again = script.again.wrapping_add(1));
    }

    /// How many streams are open.
    pub fn streams(&self) -> usize {
        self.script.receiver_count()
    }

    /// Drops every connection, and takes new ones.
    pub fn drop_connections(&self) -> Result<(), Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(served) = open.take() {
            let socket = served.end();
            *open = Some(self.serve(socket)?);
        }
        Ok(())
    }

    /// Drops every connection and removes the socket.
    pub fn close(&self) {
        if let Some(open) = self.open.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(open.end());
            if let Err(error) = fs::remove_file(&self.path) {
                tracing::debug!(%error, "Socket was gone already");
            }
        }
    }

    /// Serves again after [`close`](Self::close).
    pub fn reopen(&self) -> Result<(), Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            let socket = Socket::bind(&self.path).map_err(Error::file("listen on", &self.path))?;
            *open = Some(self.serve(socket)?);
        }
        Ok(())
    }

    fn serve(&self, socket: Socket) -> Result<Open, Error> {
        let end = CancellationToken::new();
        let (ending, script) = (end.clone(), self.script.clone());
        let start = || {
            socket.set_nonblocking(true)?;
            let served = socket.try_clone()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            // With the runtime every connection ends.
            let serve = move || runtime.block_on(ending.run_until_cancelled(serve(served, script))).unwrap_or_default();
            std::thread::Builder::new().name("workload-api".to_owned()).spawn(serve)
        };
        let thread = start().map_err(Error::file("listen on", &self.path))?;
        Ok(Open { socket, end, thread })
    }
}

impl Drop for WorkloadApi {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for WorkloadApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadApi").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Open {
    /// Ends all connections; the socket stays bound.
    fn end(self) -> Socket {
        self.end.cancel();
        if self.thread.join().is_err() {
            tracing::error!("Workload API panicked");
        }
        self.socket
    }
}

fn own(svid: &Svid, authority: &Authority) -> Result<X509svid, Error> {
    let key = match svid.key()? {
        PrivateKeyDer::Pkcs8(key) => key.secret_pkcs8_der().to_vec(),
        _ => return Err(super::authority::refused("read a private key")(io::Error::other("it is not PKCS#8"))),
    };
    Ok(X509svid {
        spiffe_id: svid.id().to_string(),
        x509_svid: svid.certificate()?.as_ref().to_vec(),
        x509_svid_key: key,
        bundle: authority.root().as_ref().to_vec(),
        hint: String::new(),
    })
}

fn id(trust_domain: &TrustDomain) -> String {
    format!("spiffe://{trust_domain}")
}

#[cfg(test)]
mod tests {
    use spiffe::{SpiffeId, WorkloadApiClient};

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn speaks_as_the_standard_has_it() {
        let at = |seconds: i64| Timestamp::from_seconds(1_795_165_200 + seconds);
        let directory = tempfile::tempdir().unwrap();
        let api = WorkloadApi::start(&directory.path().join("agent.sock")).unwrap();
        let authority = Authority::new(TrustDomain::new("td.test").unwrap(), at(0), at(600)).unwrap();
        let web = SpiffeId::new("spiffe://td.test/web").unwrap();
        let svid = authority.mint(&web, at(0), at(600)).unwrap();
        let ask = async || {
            // Another reading of the same standard.
            let client = WorkloadApiClient::connect_to(api.endpoint()).await.unwrap();
            let (svid, bundles) = (client.fetch_x509_svid().await, client.fetch_x509_bundles().await);
            (svid, bundles, client.fetch_jwt_bundles().await)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let refused = runtime.block_on(ask());
        assert!(refused.0.is_err() && refused.1.is_err() && refused.2.is_err());

        api.set_svids(&[(&svid, &authority)]).unwrap();
        api.set_authorities(&[&authority]);
        let jwk = r#"{"keys": [{"kid": "a", "kty": "EC", "crv": "P-256", "alg": "ES256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;
        api.set_jwt_bundles([("spiffe://td.test".to_owned(), jwk.as_bytes().to_vec())]);
        let (own, x509, jwt) = runtime.block_on(ask());
        assert_eq!(own.unwrap().spiffe_id(), &web);
        let td = authority.trust_domain();
        let x509 = x509.unwrap().get(td).unwrap().authorities().first().unwrap().as_bytes().to_vec();
        assert_eq!(x509, authority.root().as_ref());
        assert!(jwt.unwrap().get(td).is_some());
    }
}
