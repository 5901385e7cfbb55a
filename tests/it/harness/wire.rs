//! HTTP/2 as somebody speaks it who does not care for gRPC: any bytes, in any pieces, ended or not.

use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use h2::{RecvStream, SendStream, client, client::ResponseFuture};
use hopguard::pb::CheckResponse;
use http::{HeaderMap, Request, StatusCode};
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
};

use super::{Answer, CHECK};

/// A connection.
#[derive(Clone)]
pub(crate) struct Wire(client::SendRequest<Bytes>);

/// A call that has begun.
pub(crate) struct Call {
    body: SendStream<Bytes>,
    response: ResponseFuture,
}

impl Wire {
    pub(crate) async fn connect(socket: &Path) -> Self {
        Self::over(UnixStream::connect(socket).await.unwrap()).await
    }

    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (sender, connection) = client::handshake(stream).await.unwrap();
        // It ends with the last user of the connection; how, each call sees for itself.
        tokio::spawn(async { drop(connection.await) });
        Self(sender)
    }

    /// Whether a call can still be begun.
    pub(crate) async fn is_open(&self) -> bool {
        self.0.clone().ready().await.is_ok()
    }

    /// Begins a Check, with further headers.
    pub(crate) async fn begin(&self, headers: &[(&str, &str)]) -> Call {
        self.call(CHECK, headers).await
    }

    /// Begins a call of any method.
    pub(crate) async fn call(&self, path: &str, headers: &[(&str, &str)]) -> Call {
        let mut request = Request::post(format!("http://hopguard.invalid{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut sender = self.0.clone().ready().await.unwrap();
        let (response, body) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        Call { body, response }
    }

    /// Sends a Check with these bytes as its whole body.
    pub(crate) async fn check(&self, body: impl Into<Bytes>) -> Answer {
        let mut call = self.begin(&[]).await;
        call.last(body);
        call.answer().await
    }
}

impl Call {
    /// Sends a piece of the body.
    pub(crate) fn piece(&mut self, bytes: impl Into<Bytes>) {
        self.body.send_data(bytes.into(), false).unwrap();
    }

    /// Sends the last piece of the body.
    pub(crate) fn last(&mut self, bytes: impl Into<Bytes>) {
        self.body.send_data(bytes.into(), true).unwrap();
    }

    /// Gives up, as Envoy does when the client has gone away.
    pub(crate) fn cancel(mut self) {
        self.body.send_reset(h2::Reason::CANCEL);
    }

    /// The answer to a Check: HTTP 200, gRPC status 0, and exactly one message with a status in it.
    pub(crate) async fn answer(self) -> Answer {
        let (status, headers, body, trailers) = self.response().await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["content-type"], "application/grpc");
        assert!(!headers.contains_key("grpc-status"), "an answer without a message");
        assert_eq!(trailers.expect("trailers")["grpc-status"], "0");
        let (prefix, message) = body.split_first_chunk::<5>().expect("a message");
        assert_eq!(prefix, &prefix_of(message));
        let response = CheckResponse::decode(message).unwrap();
        assert!(response.status.is_some(), "an answer without a status is an allow");
        Answer(response)
    }

    /// Whatever comes back.
    pub(crate) async fn response(self) -> (StatusCode, HeaderMap, Vec<u8>, Option<HeaderMap>) {
        // The request's side stays open: an answer must not wait for it.
        let Self { body: _open, response } = self;
        let (head, mut body) = response.await.unwrap().into_parts();
        let mut bytes = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            release(&mut body, data.len());
            bytes.extend_from_slice(&data);
        }
        (head.status, head.headers, bytes, body.trailers().await.unwrap())
    }
}

/// A message in the frame of gRPC, neither compressed nor cut.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let message = message.encode_to_vec();
    let mut frame = BytesMut::from(&prefix_of(&message)[..]);
    frame.put_slice(&message);
    frame.freeze()
}

fn prefix_of(message: &[u8]) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(message.len()).unwrap().to_be_bytes();
    [0, a, b, c, d]
}

fn release(body: &mut RecvStream, length: usize) {
    body.flow_control().release_capacity(length).unwrap();
}
