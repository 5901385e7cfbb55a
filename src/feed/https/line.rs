//! A connection for another protocol than HTTP/1.1, to exactly the server that was configured.

use std::{path::PathBuf, sync::Arc};

use tokio::{net::UnixStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{FetchError, HttpsUrl, Limits, LoopbackUrl, Roots, Server, Stream, aside, dial, dial::Within, tls};
use crate::clock::Timestamp;

/// Where a server is, and how it proves to be the one that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A socket, whose permissions say who may listen there.
    Unix(PathBuf),
    /// On this machine, in plain text.
    Loopback(LoopbackUrl),
    /// Anywhere, by a certificate for its host's name from one of these authorities.
    Https(HttpsUrl, Roots),
}

/// Connects for `protocol`, as TLS names it. `now` is the time at which certificates are valid.
///
/// # Errors
/// If nobody is there, or somebody else.
pub(crate) async fn connect(place: &Place, protocol: &[u8], now: Timestamp) -> Result<Box<dyn Stream>, FetchError> {
    let limits = Limits::default();
    let connecting = async {
        match place {
            Place::Unix(path) => Ok(Box::new(UnixStream::connect(path).await.map_err(FetchError::Connect)?) as _),
            Place::Loopback(url) => {
                let (stream, _) = dial::connect(url.parts(), Within::ThisMachine, limits.connect).await?;
                Ok(Box::new(stream) as _)
            }
            Place::Https(url, roots) => {
                let roots = roots.clone();
                let roots = aside(limits, move || roots.load()).await?;
                let roots = roots.map_err(|error| FetchError::Tls(error.to_string()))?;
                let (stream, _) = dial::connect(url, Within::Anywhere, limits.connect).await?;
                let config = tls::config(&Server::WebPki(roots), None, now)?;
                let mut config = config.ok_or_else(|| FetchError::Tls("it would be asked in plain text".to_owned()))?;
                config.alpn_protocols = vec![protocol.to_vec()];
                let tls = TlsConnector::from(Arc::new(config));
                let stream = tls.connect(url.server_name(), stream).await.map_err(|error| FetchError::tls(&error))?;
                Ok(Box::new(stream) as _)
            }
        }
    };
    timeout(limits.connect, connecting).await.unwrap_or(Err(FetchError::Late("a verified connection")))
}
