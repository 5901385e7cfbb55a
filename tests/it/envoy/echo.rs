//! Workloads that keep talking: one greets every connection and gives its bytes back, one gives back the messages of gRPC calls.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::Response;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A server on loopback that ends when it is dropped.
#[derive(Debug)]
pub(super) struct Echo {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Echo {
    /// Speaks first, as databases do: [`GREETING`], and then what it is told.
    pub(super) async fn of_bytes() -> Self {
        Self::start(bytes).await
    }

    /// Speaks HTTP/2 without TLS.
    pub(super) async fn of_calls() -> Self {
        Self::start(calls).await
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    async fn start<F: Future<Output = ()> + Send + 'static>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Self { address, connections, task }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn bytes(mut stream: TcpStream) {
    // Whoever does not read sees it missing.
    let _ = stream.write_all(GREETING).await;
    let mut bytes = [0; 64];
    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
        let _ = stream.write_all(&bytes[..read]).await;
    }
}

async fn calls(stream: TcpStream) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
            let Ok(mut back) = respond.send_response(head, false) else { return };
            let mut messages = request.into_body();
            while let Some(Ok(message)) = messages.data().await {
                let released = messages.flow_control().release_capacity(message.len());
                if released.is_err() || back.send_data(message, false).is_err() {
                    return;
                }
            }
        });
    }
}

/// What it says before it is told anything.
pub(super) const GREETING: &[u8] = b"ready\n";
