//! One accepted connection, over whichever kind of socket.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::{
    Counted,
    lane::Pace,
    seats::Seat,
    tls::{Gate, Standing},
};

/// A socket as the operating system knows it, on its way to the thread that will serve it.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
    /// Whose it is has to be found out.
    Tls(std::net::TcpStream, Arc<Gate>, Seat),
}

/// A connection, pinned to the runtime it was registered with.
#[derive(Debug)]
pub(super) struct Connection {
    asker: Asker,
    stream: Stream,
    /// Ends a connection that says nothing: HTTP/2's own keep-alive begins after the first word.
    silence: Option<Pin<Box<Sleep>>>,
    _counted: Counted,
}

/// Who asks: what a Check knows of its connection.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    /// Tells connections apart: no two of one process have the same.
    pub(super) number: u64,
    /// How its Checks went lately.
    pub(super) pace: Arc<Pace>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>, Standing),
}

impl Connection {
    /// Registers `socket` with the runtime of this thread.
    pub(super) fn tcp(socket: std::net::TcpStream, counted: Counted) -> io::Result<Self> {
        Ok(Self::new(Stream::Tcp(TcpStream::from_std(socket)?), counted))
    }

    /// Registers `socket` with the runtime of this thread.
    pub(super) fn unix(socket: std::os::unix::net::UnixStream, counted: Counted) -> io::Result<Self> {
        Ok(Self::new(Stream::Unix(UnixStream::from_std(socket)?), counted))
    }

    /// A connection that lasts no longer than its asker stands.
    pub(super) fn tls(stream: TlsStream<TcpStream>, standing: Standing, counted: Counted) -> Self {
        Self::new(Stream::Tls(Box::new(stream), standing), counted)
    }

    fn new(stream: Stream, counted: Counted) -> Self {
        let asker = Asker { number: NEXT.fetch_add(1, Ordering::Relaxed), pace: Arc::default() };
        Self { asker, stream, silence: Some(Box::pin(sleep(SILENCE))), _counted: counted }
    }
}

impl Connected for Connection {
    type ConnectInfo = Asker;

    fn connect_info(&self) -> Asker {
        self.asker.clone()
    }
}

impl Stream {
    /// Fails once the asker no longer stands. Asked before whatever is read or written, so that nothing is, either way.
    fn stands(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self {
            Self::Tls(_, standing) => match standing.poll_ended(cx) {
                Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
                Poll::Pending => Ok(()),
            },
            Self::Tcp(_) | Self::Unix(_) => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream.stands(cx)?;
        let polled = match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream, _) => Pin::new(stream).poll_read(cx, buf),
        };
        if polled.is_ready() {
            self.silence = None;
        }
        match &mut self.silence {
            Some(silence) => {
                std::task::ready!(silence.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            None => polled,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.stands(cx)?;
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream, _) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.stands(cx)?;
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream, _) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream, _) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.stands(cx)?;
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream, _) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Unix(stream) => stream.is_write_vectored(),
            Stream::Tls(stream, _) => stream.is_write_vectored(),
        }
    }
}

/// The number of the next connection.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// How long a new connection may say nothing.
const SILENCE: Duration = Duration::from_secs(5);
