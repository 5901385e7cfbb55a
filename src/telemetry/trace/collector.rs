//! Where spans go: in plain text no further than this machine, and beyond it to a server that has proved to be the one that was named.

use std::{
    fmt,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint};

use crate::{
    clock::Timestamp,
    feed::https::{
        FetchError, HttpsUrl, LoopbackUrl, Roots, Stream, UrlError,
        line::{self, Place},
    },
};

/// An OTLP collector, spoken to by gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    place: Place,
    /// What it is called in requests.
    origin: String,
}

impl Collector {
    /// Reads where it is: `https://host:port`, whose certificate is from `ca` or the system's authorities, `http://` on this machine, or
    /// `unix:/path`.
    ///
    /// # Errors
    /// Why it is none, in words for whoever wrote it.
    pub fn parse(endpoint: &str, ca: Option<PathBuf>) -> Result<Self, String> {
        if ca.is_some() && !endpoint.starts_with("https:") {
            return Err("is no `https`, where a `ca` says nothing: leave `ca` out".to_owned());
        }
        if let Some(path) = endpoint.strip_prefix("unix:") {
            if !path.starts_with('/') || path.starts_with("//") || path.contains('\0') {
                return Err("is no absolute path: write `unix:/path`".to_owned());
            }
            return Ok(Self { place: Place::Unix(path.into()), origin: "http://localhost".to_owned() });
        }
        let why = |error: UrlError| format!("is no collector: {error}");
        let (place, origin, target) = if endpoint.starts_with("http:") {
            let url: LoopbackUrl = endpoint.parse().map_err(|error| match error {
                UrlError::NotHere => {
                    "would tell in plain text, beyond this machine, who called whom for what: use `https`, or a collector on loopback".to_owned()
                }
                error => why(error),
            })?;
            let (origin, target) = (format!("http://{}", url.parts().authority()), url.parts().target().to_owned());
            (Place::Loopback(url), origin, target)
        } else {
            let url: HttpsUrl = endpoint.parse().map_err(why)?;
            let (origin, target) = (format!("https://{}", url.authority()), url.target().to_owned());
            (Place::Https(url, ca.map_or(Roots::System, Roots::File)), origin, target)
        };
        if target != "/" {
            return Err("has a path, and gRPC's is given: write host and port alone".to_owned());
        }
        Ok(Self { place, origin })
    }

    /// The authorities that its certificate is from, if it shows one.
    pub const fn roots(&self) -> Option<&Roots> {
        match &self.place {
            Place::Https(_, roots) => Some(roots),
            Place::Unix(_) | Place::Loopback(_) => None,
        }
    }

    /// A channel that connects when it is first used, and again when its connection was lost.
    pub(super) fn channel(&self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Option<Channel> {
        let endpoint = Endpoint::from_shared(self.origin.clone()).ok()?;
        let connector = Connector { place: self.place.clone(), now: Arc::new(now) };
        Some(
            endpoint
                .http2_keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(KEEP_ALIVE)
                .keep_alive_while_idle(true)
                .connect_with_connector_lazy(connector),
        )
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
            Place::Loopback(_) | Place::Https(..) => f.write_str(&self.origin),
        }
    }
}

#[derive(Clone)]
struct Connector {
    place: Place,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl tower::Service<http::Uri> for Connector {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, FetchError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), FetchError>> {
        Poll::Ready(Ok(()))
    }

    /// Connects to the place that was configured, whatever the request is called.
    fn call(&mut self, _: http::Uri) -> Self::Future {
        let Self { place, now } = self.clone();
        Box::pin(async move { line::connect(&place, b"h2", now()).await.map(TokioIo::new) })
    }
}

/// How long a connection may say nothing before it is asked, and how long the answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_on_this_machine_or_proves_who_it_is() {
        for (endpoint, shown) in [
            ("http://127.0.0.1:4317", "http://127.0.0.1:4317"),
            ("http://localhost:4317/", "http://localhost:4317"),
            ("http://[::1]:4317", "http://[::1]:4317"),
            ("https://collector.observability.svc:4317", "https://collector.observability.svc:4317"),
            ("unix:/run/otel/otlp.sock", "unix:/run/otel/otlp.sock"),
        ] {
            assert_eq!(Collector::parse(endpoint, None).unwrap().to_string(), shown);
        }
        let ca = Some(PathBuf::from("/ca.pem"));
        let proved = Collector::parse("https://collector:4317", ca.clone()).unwrap();
        assert_eq!(proved.roots(), Some(&Roots::File("/ca.pem".into())));
        for (endpoint, ca, problem) in [
            ("http://collector:4317", None, "in plain text"),
            ("http://10.0.0.1:4317", None, "in plain text"),
            ("http://127.0.0.1:4317", ca.clone(), "leave `ca` out"),
            ("unix:/run/otlp.sock", ca, "leave `ca` out"),
            ("unix:run/otlp.sock", None, "absolute"),
            ("unix:///run/otlp.sock", None, "absolute"),
            ("https://collector:4318/v1/traces", None, "host and port alone"),
            ("http://localhost:4317/?token=x", None, "host and port alone"),
            ("https://key@collector:4317", None, "user information"),
            ("collector:4317", None, "scheme"),
            ("grpc://collector:4317", None, "scheme"),
            ("", None, "URL"),
        ] {
            let why = Collector::parse(endpoint, ca).unwrap_err();
            assert!(why.contains(problem), "{endpoint}: {why}");
        }
    }
}
