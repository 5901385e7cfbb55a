//! Over mutual TLS nobody asks but the workloads that are named, for as long as their SVIDs hold, and they ask this workload and no other.
//!
//! Certificates are held against the bundles that callers are held against. Nothing of a session outlives its connection, so that nobody
//! comes back on the strength of a certificate that has ended since.

mod config;
mod standing;

use std::{
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};

use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use spiffe::SpiffeId;
use tokio::{
    net::TcpStream,
    time::{error::Elapsed, timeout},
};
use tokio_rustls::TlsAcceptor;

pub(super) use self::standing::Standing;

use self::config::Own;
use super::{
    Counted, Shared, Snapshot,
    connection::Connection,
    listen,
    seats::{Seat, Seats},
};
use crate::{
    clock::Timestamp,
    feed::Identity,
    peer::{PeerError, ProvedPeer},
};

/// Lets in those who may ask, on one listener.
#[derive(Debug)]
pub struct Gate {
    strangers: Seats,
    judge: Arc<Judge>,
    config: Arc<ServerConfig>,
}

/// Tells who may ask.
#[derive(Debug)]
struct Judge {
    shared: Arc<Shared>,
    allow: Vec<SpiffeId>,
}

/// Why somebody is not let in, or not any longer.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("nothing is trusted yet")]
    NotReady,
    #[error("this workload has no SVID to show")]
    NoIdentity,
    #[error("the certificate does not prove who it is: {0}")]
    Peer(#[from] PeerError),
    #[error("`{0}` is not named in `allow.spiffe_ids`")]
    NotNamed(SpiffeId),
    #[error("HTTP/2 was not agreed on")]
    Protocol,
    #[error("the handshake failed: {0}")]
    Handshake(#[from] io::Error),
    #[error("somebody else took its place")]
    Crowded,
    #[error("the handshake took too long")]
    Late(#[from] Elapsed),
}

impl Gate {
    /// Lets in the workloads of `allow`, and shows them what `identity` follows.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub(super) fn new(identity: Identity, allow: Vec<SpiffeId>, shared: &Arc<Shared>) -> io::Result<Arc<Self>> {
        shared.identities.lock().unwrap_or_else(PoisonError::into_inner).push(identity.clone());
        let judge = Arc::new(Judge { shared: Arc::clone(shared), allow });
        let own = Own { identity, shared: Arc::clone(shared) };
        let config = config::config(Arc::clone(&judge), own).map_err(io::Error::other)?;
        Ok(Arc::new(Self { strangers: Seats::new(STRANGERS), judge, config: Arc::new(config) }))
    }

    /// A place for somebody who is not known yet.
    pub(super) fn seat(&self) -> Seat {
        self.strangers.take()
    }

    /// Finds out whose connection it is, unless its `seat` is lost before. `None`: it is of somebody who may not ask, or there is no place for it; it is closed and counted.
    pub(super) async fn admit(
        self: Arc<Self>,
        socket: std::net::TcpStream,
        seat: Seat,
        stranger: Counted,
    ) -> Option<Connection> {
        let shared = &self.judge.shared;
        let known = tokio::select! {
            biased;
            () = seat.lost() => Err(Refusal::Crowded),
            known = self.handshake(socket) => known,
        };
        let (stream, standing) = match known {
            Ok(admitted) => admitted,
            Err(refusal) => {
                tracing::debug!(%refusal, "Asker refused");
                shared.metrics.asker_refused();
                return None;
            }
        };
        let Some(counted) = listen::connection(shared) else {
            shared.metrics.connection_refused();
            return None;
        };
        drop(stranger);
        Some(Connection::tls(stream, standing, counted))
    }

    async fn handshake(
        &self,
        socket: std::net::TcpStream,
    ) -> Result<(tokio_rustls::server::TlsStream<TcpStream>, Standing), Refusal> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config));
        let stream = timeout(PATIENCE, acceptor.accept(TcpStream::from_std(socket)?)).await??;
        let (_, connection) = stream.get_ref();
        if connection.alpn_protocol() != Some(config::H2) {
            return Err(Refusal::Protocol);
        }
        let chain: Vec<_> =
            connection.peer_certificates().unwrap_or_default().iter().map(|der| der.clone().into_owned()).collect();
        let standing = Standing::begin(Arc::clone(&self.judge), chain)?;
        Ok((stream, standing))
    }
}

impl Judge {
    /// Whoever shows `chain`, if it may ask at `now`, by what is trusted in `snapshot`.
    fn judge(&self, chain: &[CertificateDer<'_>], snapshot: &Snapshot, now: Timestamp) -> Result<ProvedPeer, Refusal> {
        let authorizer = &snapshot.authorizer;
        let peer = authorizer.verifier.verify_asker(chain, &authorizer.trust, now)?;
        if self.allow.contains(peer.id()) { Ok(peer) } else { Err(Refusal::NotNamed(peer.id().clone())) }
    }

    /// What is trusted now.
    fn snapshot(&self) -> Result<Arc<Snapshot>, Refusal> {
        self.shared.snapshot.load_full().ok_or(Refusal::NotReady)
    }
}

/// The most connections of which it is not known yet whose they are; beyond, a new one takes the place of the oldest.
const STRANGERS: usize = 256;
/// The most of them on all listeners, those included that have lost their place and were not seen to since.
pub const HANDSHAKES: usize = 1024;
/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);
