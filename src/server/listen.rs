//! Sockets on which Envoy asks, and who may connect to them.

use std::{
    fmt, fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use spiffe::SpiffeId;
use tokio::net::{TcpListener, UnixListener, unix::UCred};
use tokio_util::sync::CancellationToken;

use super::{
    Counted, Shared,
    connection::Socket,
    tls::{Gate, HANDSHAKES},
    worker::Workers,
};
use crate::{feed::Identity, trust::Endpoint};

/// Where Envoy asks, and who is Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listener {
    /// A unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// Who may connect.
        allow: Allow,
    },
    /// TCP in plain text, which cannot name its asker: on loopback whoever shares the network namespace may ask. Beyond, anybody who reaches
    /// it: only `hopguard run` serves so, because the OPA-Envoy plugin does.
    Tcp(SocketAddr),
    /// TCP with mutual TLS: askers show their SVIDs.
    Mtls {
        /// Where.
        address: SocketAddr,
        /// The Workload API that gives this workload's own SVID.
        workload_api: Endpoint,
        /// Who may connect.
        allow: Vec<SpiffeId>,
    },
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) | Self::Mtls { address, .. } => address.fmt(f),
        }
    }
}

/// Who may connect to a unix socket: any of these users, or of these groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// User IDs.
    pub uids: Vec<u32>,
    /// Group IDs.
    pub gids: Vec<u32>,
    /// Whoever can open it: as the OPA-Envoy plugin serves (`hopguard run`).
    pub anybody: bool,
}

/// A bound socket that nobody is served on yet.
#[derive(Debug)]
pub enum Bound {
    /// A unix socket; its file is removed when this is dropped.
    Unix(UnixListener, Allow, SocketFile),
    /// Loopback TCP.
    Tcp(TcpListener),
    /// TCP with mutual TLS.
    Mtls {
        /// The socket.
        socket: TcpListener,
        /// The Workload API that gives this workload's own SVID.
        workload_api: Endpoint,
        /// Who may connect.
        allow: Vec<SpiffeId>,
    },
}

/// A listener that knows everybody it serves.
#[derive(Debug)]
pub enum Open {
    /// A unix socket.
    Unix(UnixListener, Allow, SocketFile),
    /// Loopback TCP.
    Tcp(TcpListener),
    /// TCP with mutual TLS.
    Mtls(TcpListener, Arc<Gate>),
}

/// Removes a socket's file when it is no longer listened on.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: what stands at the path later may be a successor's.
    id: (u64, u64),
}

/// Binds a listener.
///
/// # Errors
/// If another process listens there, if something that is not a socket is in the way, or if anybody could replace the socket.
pub fn bind(listener: &Listener) -> io::Result<Bound> {
    match listener {
        Listener::Tcp(address) => Ok(Bound::Tcp(tcp(*address)?)),
        Listener::Mtls { address, workload_api, allow } => {
            Ok(Bound::Mtls { socket: tcp(*address)?, workload_api: workload_api.clone(), allow: allow.clone() })
        }
        Listener::Unix { path, mode, allow } => {
            clear(path)?;
            let socket = UnixListener::bind(path)?;
            // Who slips in before the permissions are set is still asked for his user ID.
            fs::set_permissions(path, fs::Permissions::from_mode(*mode))?;
            let metadata = fs::symlink_metadata(path)?;
            let file = SocketFile { path: path.clone(), id: (metadata.dev(), metadata.ino()) };
            Ok(Bound::Unix(socket, allow.clone(), file))
        }
    }
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = std::net::TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

impl Bound {
    /// The address of a TCP listener.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(..) => None,
            Self::Tcp(socket) | Self::Mtls { socket, .. } => socket.local_addr().ok(),
        }
    }

    /// Gives a listener with mutual TLS what `identity` follows at its Workload API; until that has an SVID, `shared` is not ready.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn open(self, shared: &Arc<Shared>, identity: impl FnOnce(Endpoint) -> Identity) -> io::Result<Open> {
        match self {
            Self::Unix(socket, allow, file) => Ok(Open::Unix(socket, allow, file)),
            Self::Tcp(socket) => Ok(Open::Tcp(socket)),
            Self::Mtls { socket, workload_api, allow } => {
                Ok(Open::Mtls(socket, Gate::new(identity(workload_api), allow, shared)?))
            }
        }
    }
}

impl Open {
    fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(..) => None,
            Self::Tcp(socket) | Self::Mtls(socket, _) => socket.local_addr().ok(),
        }
    }
}

/// Accepts until `shutdown`, and hands each connection of somebody who may ask to a worker, or of somebody who has to show that first.
pub async fn accept(open: Open, shared: Arc<Shared>, workers: Workers, shutdown: CancellationToken) {
    if let Some(address) = open.address() {
        tracing::info!(%address, mtls = matches!(open, Open::Mtls(..)), "Listening");
    }
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = next(&open) => accepted,
        };
        let socket = match accepted {
            Ok(Some(socket)) => socket,
            Ok(None) => {
                shared.metrics.asker_refused();
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "Connection cannot be accepted");
                // Out of file descriptors, most likely: the next attempt would fail as fast.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
        };
        let counted = match &socket {
            // Strangers do not take the places of those who are known.
            Socket::Tls(..) => Counted::one(&shared, |shared| &shared.handshakes, HANDSHAKES),
            Socket::Tcp(_) | Socket::Unix(_) => connection(&shared),
        };
        match counted {
            Some(counted) => workers.serve(socket, counted),
            None => shared.metrics.connection_refused(),
        }
    }
}

/// A place for one more connection, if there is one.
pub(super) fn connection(shared: &Arc<Shared>) -> Option<Counted> {
    Counted::one(shared, |shared| &shared.connections, shared.limits.connections)
}

/// The next connection; `None` if it is of somebody who may not ask.
async fn next(open: &Open) -> io::Result<Option<Socket>> {
    match open {
        Open::Tcp(listener) => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Some(Socket::Tcp(stream.into_std()?)))
        }
        Open::Mtls(listener, gate) => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Some(Socket::Tls(stream.into_std()?, Arc::clone(gate), gate.seat())))
        }
        Open::Unix(listener, allow, _) => {
            let (stream, _) = listener.accept().await?;
            if !stream.peer_cred().is_ok_and(|cred| allow.names(&cred)) {
                return Ok(None);
            }
            Ok(Some(Socket::Unix(stream.into_std()?)))
        }
    }
}

impl Allow {
    fn names(&self, cred: &UCred) -> bool {
        self.anybody || self.uids.contains(&cred.uid()) || self.gids.contains(&cred.gid())
    }
}

/// Makes way for a socket: takes away one that nobody listens on any more, and nothing else.
fn clear(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let permissions = fs::metadata(parent)?.permissions().mode();
    if permissions & WORLD_WRITABLE != 0 && permissions & STICKY == 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "anybody can replace a socket in this directory: take away its write permission for others",
        ));
    }
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is not a socket is in the way"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|it| (it.dev(), it.ino()) == self.id);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, socket = %self.path.display(), "Socket cannot be removed");
        }
    }
}

const WORLD_WRITABLE: u32 = 0o002;
const STICKY: u32 = 0o1000;
