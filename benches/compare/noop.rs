//! The floor: a server that decodes the request, reads nothing of it and says yes.

use std::path::Path;

use envoy_types::pb::{
    envoy::service::auth::v3::{
        CheckRequest, CheckResponse, OkHttpResponse,
        authorization_server::{Authorization, AuthorizationServer},
        check_response::HttpResponse,
    },
    google::rpc::Status,
};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, transport::Server};

use crate::mesh::Result;

/// Serves on `socket` until the process is killed, on the calling thread alone.
pub(crate) async fn serve(socket: &Path) -> Result<()> {
    let connections = UnixListenerStream::new(UnixListener::bind(socket)?);
    let service = AuthorizationServer::new(Yes);
    Ok(Server::builder().add_service(service).serve_with_incoming(connections).await?)
}

struct Yes;

#[tonic::async_trait]
impl Authorization for Yes {
    async fn check(&self, _: Request<CheckRequest>) -> std::result::Result<Response<CheckResponse>, tonic::Status> {
        Ok(Response::new(CheckResponse {
            status: Some(Status::default()),
            http_response: Some(HttpResponse::OkResponse(OkHttpResponse::default())),
            ..CheckResponse::default()
        }))
    }
}
