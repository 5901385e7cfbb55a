//! The Workload API's side of the wire: each stream says what its part of the script says, and again whenever that changes.

use std::os::unix::net::UnixListener as Socket;

use tokio::{
    net::UnixListener,
    sync::{mpsc, watch},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, transport::Server};

use super::{Answer, Script};
use crate::pb::workload::{
    JwtBundlesRequest, JwtBundlesResponse, X509BundlesRequest, X509BundlesResponse, X509svidRequest, X509svidResponse,
    spiffe_workload_api_server::{SpiffeWorkloadApi, SpiffeWorkloadApiServer},
};

/// Serves until the runtime ends.
pub(super) async fn serve(socket: Socket, script: watch::Sender<Script>) {
    let Ok(listener) = UnixListener::from_std(socket) else { return };
    let (connections, incoming) = mpsc::channel(16);
    let accept = async {
        loop {
            let connection = listener.accept().await.map(|(connection, _)| connection);
            if connections.send(connection).await.is_err() {
                return;
            }
        }
    };
    let api = SpiffeWorkloadApiServer::new(Api { script }).max_encoding_message_size(usize::MAX);
    let serve = Server::builder().add_service(api).serve_with_incoming(ReceiverStream::new(incoming));
    if let (Err(error), ()) = tokio::join!(serve, accept) {
        tracing::debug!(%error, "Workload API ended");
    }
}

struct Api {
    script: watch::Sender<Script>,
}

impl Api {
    /// Opens a stream that says what `part` of the script says, and again whenever that changes.
    fn stream<T, M>(
        &self,
        asked: &Request<impl Sized>,
        part: impl Fn(&Script) -> &Answer<T> + Send + 'static,
        message: impl Fn(T) -> M + Send + 'static,
    ) -> Result<Response<Stream<M>>, Status>
    where
        T: Clone + PartialEq + Send + Sync + 'static,
        M: Send + 'static,
    {
        if asked.metadata().get("workload.spiffe.io").is_none_or(|value| value != "true") {
            return Err(Status::invalid_argument("security header missing from request"));
        }
        let mut script = self.script.subscribe();
        if let Answer::Refuse(code) = part(&script.borrow()) {
            return Err(Status::new(*code, "no identity issued"));
        }
        let lapses = script.borrow().lapses;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut said: Option<(Answer<T>, u64)> = None;
            loop {
                let next = {
                    let script = script.borrow_and_update();
                    let lapsed = script.lapses != lapses;
                    let answer = if lapsed { Answer::Refuse(Code::PermissionDenied) } else { part(&script).clone() };
                    (answer, script.again)
                };
                if said.as_ref() != Some(&next) {
                    let answer = match &next.0 {
                        Answer::Give(given) => Some(Ok(message(given.clone()))),
                        Answer::Refuse(code) => Some(Err(Status::new(*code, "no identity issued"))),
                        Answer::Nothing => None,
                    };
                    let last = matches!(answer, Some(Err(_)));
                    if let Some(answer) = answer
                        && (sender.send(answer).await.is_err() || last)
                    {
                        return;
                    }
                    said = Some(next);
                }
                tokio::select! {
                    changed = script.changed() => if changed.is_err() { return },
                    () = sender.closed() => return,
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

type Stream<M> = ReceiverStream<Result<M, Status>>;

#[tonic::async_trait]
impl SpiffeWorkloadApi for Api {
    type FetchX509SVIDStream = Stream<X509svidResponse>;
    type FetchX509BundlesStream = Stream<X509BundlesResponse>;
    type FetchJWTBundlesStream = Stream<JwtBundlesResponse>;

    async fn fetch_x509svid(
        &self,
        request: Request<X509svidRequest>,
    ) -> Result<Response<Self::FetchX509SVIDStream>, Status> {
        self.stream(&request, |script| &script.svids, |svids| X509svidResponse { svids })
    }

    async fn fetch_x509_bundles(
        &self,
        request: Request<X509BundlesRequest>,
    ) -> Result<Response<Self::FetchX509BundlesStream>, Status> {
        self.stream(&request, |script| &script.x509, |bundles| X509BundlesResponse { bundles })
    }

    async fn fetch_jwt_bundles(
        &self,
        request: Request<JwtBundlesRequest>,
    ) -> Result<Response<Self::FetchJWTBundlesStream>, Status> {
        self.stream(&request, |script| &script.jwt, |bundles| JwtBundlesResponse { bundles })
    }
}
