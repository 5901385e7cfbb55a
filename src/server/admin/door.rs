//! Whoever reaches the admin plane takes nothing from Envoy: its connections are few, and a new one takes the place of the oldest.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::server::seats::{Seat, Seats};

/// A listener with few places.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    seats: Seats,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, seats: Seats::new(GUESTS) }
    }
}

impl Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => return (Guest::new(stream, self.seats.take()), address),
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
    _seat: Seat,
}

impl Guest {
    fn new(stream: TcpStream, seat: Seat) -> Self {
        Self { stream, sent_away: Box::pin(seat.lost()), _seat: seat }
    }

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
const GUESTS: usize = 64;
/// Out of file descriptors, most likely: the next attempt would fail as fast.
const AFTER_ERROR: Duration = Duration::from_millis(20);
