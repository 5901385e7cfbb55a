//! The workload behind Envoy: it keeps every byte of every request's head, and understands no more of HTTP than where a request ends.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// An HTTP/1.1 server on loopback that ends when it is dropped.
#[derive(Debug)]
pub(super) struct Recorder {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<Head>>>,
    task: JoinHandle<()>,
}

/// The head of a request as it arrived.
#[derive(Clone)]
pub(super) struct Head(Vec<u8>);

impl Recorder {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::default();
        let kept = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { address, heads, task }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests whose head holds `mark` anywhere.
    pub(super) fn heads(&self, mark: &str) -> Vec<Head> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.iter().filter(|head| head.holds(mark.as_bytes())).cloned().collect()
    }

    /// All requests, whatever is in them.
    pub(super) fn hits(&self) -> usize {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Head {
    /// The request line.
    pub(super) fn line(&self) -> String {
        self.text().lines().next().unwrap_or_default().to_owned()
    }

    /// The values of a header, in order; the name is compared without case, and `_` with `-`.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        self.headers().into_iter().filter(|(seen, _)| seen.replace('_', "-") == name).map(|(_, value)| value).collect()
    }

    /// The headers, their names in lower case.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let text = self.text();
        let fields = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    fn holds(&self, mark: &[u8]) -> bool {
        self.0.windows(mark.len()).any(|window| window == mark)
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0.escape_ascii())
    }
}

async fn serve(stream: TcpStream, kept: Arc<Mutex<Vec<Head>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(head) = head(&mut stream).await {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
        if !head.values("upgrade").is_empty() {
            let answer = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            // Whoever does not read the answer sees it missing.
            let _ = stream.write_all(answer).await;
            let mut bytes = [0; 64];
            while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                let _ = stream.write_all(&bytes[..read]).await;
            }
            return;
        }
        skip_body(&head, &mut stream).await;
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nserved").await.is_err() {
            return;
        }
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> Option<Head> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(Head(head))
}

async fn skip_body(head: &Head, stream: &mut BufReader<TcpStream>) {
    let length = head.values("content-length").first().and_then(|length| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    // A body that ends early ends the connection too, and the next read tells.
    let _ = stream.read_exact(&mut body).await;
    if !head.values("transfer-encoding").is_empty() {
        let mut chunks = Vec::new();
        while !chunks.ends_with(b"0\r\n\r\n") && matches!(stream.read_until(b'\n', &mut chunks).await, Ok(1..)) {}
    }
}
