//! Serving threads: one current-thread runtime each, to which a connection belongs for its whole life.
//!
//! Envoy opens one connection per worker thread, so as many of ours as there are cores serve them without handing a Check from thread to
//! thread.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread::JoinHandle,
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use super::{
    Counted, Shared,
    check::Checks,
    connection::{Connection, Socket},
};

/// Hands connections to the serving threads in turn.
#[derive(Clone, Debug)]
pub struct Workers {
    senders: Arc<[mpsc::UnboundedSender<(Socket, Counted)>]>,
    next: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts `count` threads, which serve until `shutdown` and then let their connections end.
    ///
    /// # Errors
    /// If a thread or its runtime cannot be started.
    pub fn start(
        count: usize,
        shared: &Arc<Shared>,
        shutdown: &CancellationToken,
    ) -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let mut senders = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for number in 0..count.max(1) {
            // As many wait here as `limits.connections` lets exist.
            let (sender, receiver) = mpsc::unbounded_channel();
            let (shared, shutdown) = (Arc::clone(shared), shutdown.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread =
                std::thread::Builder::new().name(format!("check-{number}")).stack_size(STACK).spawn(move || {
                    runtime.block_on(serve(shared, receiver, shutdown));
                })?;
            senders.push(sender);
            threads.push(thread);
        }
        Ok((Self { senders: senders.into(), next: Arc::default() }, threads))
    }

    pub(super) fn serve(&self, socket: Socket, counted: Counted) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.senders.len()).unwrap_or(0);
        let (before, from) = self.senders.split_at_checked(turn).unwrap_or((&[], &self.senders));
        let mut connection = (socket, counted);
        for sender in from.iter().chain(before) {
            match sender.send(connection) {
                Ok(()) => return,
                // That thread has ended; another one takes its turn.
                Err(mpsc::error::SendError(back)) => connection = back,
            }
        }
        tracing::debug!("Connection came while the server was ending");
    }
}

async fn serve(shared: Arc<Shared>, receiver: mpsc::UnboundedReceiver<(Socket, Counted)>, shutdown: CancellationToken) {
    let limits = shared.limits;
    let server = Server::builder()
        .max_concurrent_streams(limits.streams)
        .http2_max_header_list_size(MAX_HEADER_LIST)
        .max_frame_size(MAX_FRAME)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        // tonic passes `None` on, which takes hyper's own bounds away.
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(MAX_LOCAL_RESETS))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .serve_with_incoming_shutdown(Checks::new(shared), Incoming::new(receiver), shutdown.clone().cancelled_owned());
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(limits.drain).await;
    };
    tokio::select! {
        ended = server => if let Err(error) = ended {
            tracing::error!(%error, "Server failed");
        },
        () = late => tracing::warn!("Connections did not end in time and were cut"),
    }
}

/// Connections for one thread, registered with its runtime as they come, or as soon as it is known whose they are.
struct Incoming {
    accepted: mpsc::UnboundedReceiver<(Socket, Counted)>,
    handshakes: JoinSet<Option<Connection>>,
}

impl Incoming {
    fn new(accepted: mpsc::UnboundedReceiver<(Socket, Counted)>) -> Self {
        Self { accepted, handshakes: JoinSet::new() }
    }

    /// The next connection that can be served without asking whose it is. `None`: there will be no more.
    fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Option<Connection>> {
        while let Some((socket, counted)) = std::task::ready!(self.accepted.poll_recv(cx)) {
            let registered = match socket {
                Socket::Tls(socket, gate, seat) => {
                    self.handshakes.spawn(gate.admit(socket, seat, counted));
                    continue;
                }
                Socket::Tcp(socket) => Connection::tcp(socket, counted),
                Socket::Unix(socket) => Connection::unix(socket, counted),
            };
            match registered {
                Ok(connection) => return Poll::Ready(Some(connection)),
                Err(error) => tracing::warn!(%error, "Connection cannot be served"),
            }
        }
        Poll::Ready(None)
    }
}

impl tokio_stream::Stream for Incoming {
    type Item = Result<Connection, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let closed = match self.poll_accepted(cx) {
            Poll::Ready(Some(connection)) => return Poll::Ready(Some(Ok(connection))),
            Poll::Ready(None) => true,
            Poll::Pending => false,
        };
        while let Poll::Ready(ended) = self.handshakes.poll_join_next(cx) {
            match ended {
                Some(Ok(Some(connection))) => return Poll::Ready(Some(Ok(connection))),
                Some(Ok(None)) => {}
                Some(Err(error)) => tracing::error!(%error, "Handshake panicked"),
                None if closed => return Poll::Ready(None),
                None => return Poll::Pending,
            }
        }
        Poll::Pending
    }
}

/// Deep policies are evaluated on these threads.
const STACK: usize = 16 * 1024 * 1024;
/// An Envoy that traces sends the client's `tracestate` on beside the Check. Whatever it takes from a client (8,192 KiB, if it is told to)
/// has to be taken from it, because what is said of more is no `CheckResponse`. It is let go before the Check is read.
const MAX_HEADER_LIST: u32 = (8_192 + 64) * 1024;
const MAX_FRAME: u32 = 16 * 1024;
const WINDOW: u32 = 1024 * 1024;
/// Streams that were opened and reset before we looked at them (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 100;
/// Streams that we reset because of the peer's errors (CVE-2025-8671).
const MAX_LOCAL_RESETS: usize = 1024;
const KEEPALIVE: Duration = Duration::from_secs(20);
