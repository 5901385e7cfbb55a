//! Whoever reaches the admin plane takes nothing from Envoy: its connections are few, and a new one takes the place of the oldest.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A listener with [`SEATS`] places.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    /// Those who are inside, who came first in front.
    guests: VecDeque<Weak<CancellationToken>>,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, guests: VecDeque::new() }
    }

    fn admit(&mut self, stream: TcpStream) -> Guest {
        self.guests.retain(|guest| guest.strong_count() > 0);
        if self.guests.len() >= SEATS
            && let Some(oldest) = self.guests.pop_front().and_then(|oldest| oldest.upgrade())
        {
            oldest.cancel();
        }
        let seat = Arc::new(CancellationToken::new());
        self.guests.push_back(Arc::downgrade(&seat));
        let sent_away = Box::pin(CancellationToken::clone(&seat).cancelled_owned());
        Guest { stream, sent_away, _seat: seat }
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => return (self.admit(stream), address),
                Err(error) => {
                    tracing::warn!(%error, "Admin connection cannot be accepted");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when it is sent away.
pub(super) struct Guest {
    stream: TcpStream,
    sent_away: Pin<Box<WaitForCancellationFutureOwned>>,
    _seat: Arc<CancellationToken>,
}

impl Guest {
    fn stays(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        match self.sent_away.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(Pin::new(&mut self.stream)),
        }
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stays(cx)?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stays(cx)?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stays(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// More than probes and scrapers need, and few of the files that a process may open.
const SEATS: usize = 64;
/// Out of file descriptors, most likely: the next attempt would fail as fast.
const AFTER_ERROR: Duration = Duration::from_millis(20);
