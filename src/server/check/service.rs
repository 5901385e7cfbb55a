//! The HTTP side of Checks: one path, and a deadline that counts from the first byte.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::Body;

use super::{
    super::{Counted, connection::Asker, frame},
    Checks,
};
use crate::{hop::TraceContext, telemetry::Stopwatch};

/// Where Envoy asks.
pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

impl<B> tower::Service<http::Request<B>> for Checks
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
{
    type Response = http::Response<frame::Reply>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Answer {
        if request.uri().path() != CHECK {
            return Answer::Other(ready(frame::unimplemented()));
        }
        let limits = &self.shared.limits;
        let watch = Stopwatch::start();
        let started = watch.started();
        let patience =
            frame::timeout(request.headers()).map_or(limits.deadline, |timeout| timeout.min(limits.deadline));
        let deadline = started.checked_add(patience).unwrap_or(started);
        let counted = Counted::one(&self.shared, |shared| &shared.in_flight, limits.in_flight);
        let checks = self.clone();
        let asker = request.extensions().get::<Asker>().cloned();
        let trace = TraceContext::beside(request.headers());
        let body = request.into_body();
        Answer::Check(Box::pin(async move {
            // Held until the answer is made, however the future ends.
            let counted = counted;
            let response = checks.check(body, asker.as_ref(), counted, watch, deadline, trace).await;
            frame::reply(&response)
        }))
    }
}

/// An answer under way.
pub(in crate::server) enum Answer {
    /// To a Check.
    Check(Pin<Box<dyn Future<Output = http::Response<frame::Reply>> + Send>>),
    /// To anything else.
    Other(Ready<http::Response<frame::Reply>>),
}

impl Future for Answer {
    type Output = Result<http::Response<frame::Reply>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Check(answer) => answer.as_mut().poll(cx).map(Ok),
            Self::Other(answer) => Pin::new(answer).poll(cx).map(Ok),
        }
    }
}
