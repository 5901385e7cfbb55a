//! gRPC over HTTP/2, one message each way: everything that could fail on the way to a Check fails into a denial, not into a gRPC error.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use prost::Message;
use tokio::time::{Instant as Deadline, timeout_at};

use crate::{
    decision::{Denial, Fault},
    hop::HopError,
    pb::{CheckRequest, CheckResponse},
};

/// Reads one length-prefixed message of at most `limit` bytes.
///
/// # Errors
/// The denial for a message that is late, too large, compressed, not alone or cut.
pub(super) async fn read<B>(body: B, limit: usize, deadline: Instant) -> Result<Bytes, Denial>
where
    B: Body<Data = Bytes> + Unpin,
{
    match timeout_at(Deadline::from_std(deadline), collect(body, limit)).await {
        Ok(message) => Ok(message?),
        Err(_) => Err(Fault::Deadline.into()),
    }
}

/// Decodes a message.
///
/// # Errors
/// The denial for what is not a `CheckRequest`.
pub(super) fn decode(message: Bytes) -> Result<CheckRequest, Denial> {
    CheckRequest::decode(message).map_err(|_| HopError::Malformed("grpc.message").into())
}

async fn collect<B>(mut body: B, limit: usize) -> Result<Bytes, HopError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let limit = limit.saturating_add(PREFIX);
    let (mut first, mut whole) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| HopError::Malformed("grpc.body"))?.into_data() else { continue };
        let before = first.len().max(whole.len());
        if before.saturating_add(data.len()) > limit {
            return Err(HopError::TooLarge("grpc.message"));
        }
        // Nearly every Check is one frame, which is not copied.
        if before == 0 {
            first = data;
        } else {
            if whole.is_empty() {
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
    }
    message(if whole.is_empty() { first } else { whole.freeze() })
}

/// Length-Prefixed-Message of the gRPC protocol: a flag, four bytes of length, the message.
fn message(mut frame: Bytes) -> Result<Bytes, HopError> {
    let Some((&[flag, a, b, c, d], _)) = frame.split_first_chunk::<PREFIX>() else {
        return Err(HopError::Malformed("grpc.frame"));
    };
    if flag != 0 {
        return Err(HopError::Malformed("grpc.compressed"));
    }
    let message = frame.split_off(PREFIX);
    if usize::try_from(u32::from_be_bytes([a, b, c, d])) != Ok(message.len()) {
        return Err(HopError::Malformed("grpc.length"));
    }
    Ok(message)
}

/// How long the caller waits (`grpc-timeout`); absent or malformed, it does not say.
pub(super) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = if is_number { digits.parse().ok()? } else { return None };
    Some(match unit {
        "H" => Duration::from_secs(number.saturating_mul(3600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// The HTTP response that carries an answer, with gRPC status 0.
pub(super) fn reply(response: &CheckResponse) -> http::Response<Reply> {
    let size = response.encoded_len();
    let mut frame = BytesMut::with_capacity(size.saturating_add(PREFIX));
    frame.put_u8(0);
    frame.put_u32(u32::try_from(size).unwrap_or(u32::MAX));
    // BytesMut grows: encoding into it has no way to fail.
    let data = if response.encode(&mut frame).is_ok() { Some(frame.freeze()) } else { None };
    let mut http = http::Response::new(Reply { data, trailers: true });
    http.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    http
}

/// The HTTP response to a call of anything but `Check`.
pub(super) fn unimplemented() -> http::Response<Reply> {
    let mut http = http::Response::new(Reply { data: None, trailers: false });
    http.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    http.headers_mut().insert("grpc-status", HeaderValue::from_static("12"));
    http
}

/// One message, then the trailers.
#[derive(Debug)]
pub(super) struct Reply {
    data: Option<Bytes>,
    trailers: bool,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if std::mem::take(&mut self.trailers) {
            let trailers =
                HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && !self.trailers
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

const PREFIX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::HeaderName::from_static("grpc-timeout"), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn reads_the_callers_patience() {
        assert_eq!(timeout(&header("500m")), Some(Duration::from_millis(500)));
        assert_eq!(timeout(&header("2S")), Some(Duration::from_secs(2)));
        assert_eq!(timeout(&header("99999999H")), Some(Duration::from_secs(99_999_999 * 3600)));
        for odd in ["", "m", "5", "5x", "-5m", "123456789m", "5 m"] {
            assert_eq!(timeout(&header(odd)), None, "{odd}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }

    #[test]
    fn one_whole_uncompressed_message_is_read() {
        let frame = |bytes: &'static [u8]| {
            message(Bytes::from_static(bytes)).map(|message| message.to_vec()).map_err(|error| error.detail())
        };
        assert_eq!(frame(&[0, 0, 0, 0, 2, 7, 8]), Ok(vec![7, 8]));
        assert_eq!(frame(&[0, 0, 0, 0, 0]), Ok(vec![]));
        assert_eq!(frame(&[1, 0, 0, 0, 1, 7]), Err("grpc.compressed"));
        assert_eq!(frame(&[0, 0, 0, 0, 2, 7]), Err("grpc.length"));
        assert_eq!(frame(&[0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 1, 8]), Err("grpc.length"));
        assert_eq!(frame(&[0, 0, 0]), Err("grpc.frame"));
        assert_eq!(frame(&[]), Err("grpc.frame"));
    }
}
