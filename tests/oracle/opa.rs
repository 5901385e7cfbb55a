//! One OPA for all tests of a run, which ends with the run however that ends.

use std::{
    env,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::UnixStream, runtime::Runtime};

/// A running OPA.
struct Server {
    socket: PathBuf,
    _directory: TempDir,
    /// The shell around it holds the other end of this test's pipe, and ends OPA when the pipe closes.
    _shell: Child,
}

impl Server {
    fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("opa.sock");
        let opa = env::var_os("OPA_BIN").unwrap_or_else(|| "opa".into());
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(&opa)
            .arg(format!("unix://{}", socket.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + PATIENCE;
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < end, "{} does not serve: set OPA_BIN", opa.display());
            thread::sleep(PAUSE);
        }
        Self { socket, _directory: directory, _shell: shell }
    }
}

/// A connection to OPA.
pub(crate) struct Opa {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Value(Value),
    Undefined,
    /// A builtin, or the evaluation, failed.
    Error,
}

impl Opa {
    pub(crate) fn connect() -> Self {
        let server = Server::shared();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sender = runtime.block_on(async {
            let stream = UnixStream::connect(&server.socket).await.unwrap();
            let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender
        });
        Self { runtime, sender }
    }

    /// Adds a module under a name of its own.
    pub(crate) fn load(&mut self, name: &str, module: &str) {
        let (status, answer) = self.send(Method::PUT, &format!("/v1/policies/{name}"), module.to_owned());
        assert_eq!(status, StatusCode::OK, "OPA does not load {module}\n{answer:#}");
    }

    /// What `path` below `data` is for `input`, where an error of a builtin is one, or is undefined.
    pub(crate) fn ask(&mut self, path: &str, input: &Value, strict: bool) -> Outcome {
        let path = format!("/v1/data/{path}?strict-builtin-errors={strict}");
        let (status, answer) = self.send(Method::POST, &path, serde_json::json!({"input": input}).to_string());
        match (status, answer.get("result")) {
            (StatusCode::OK, Some(result)) => Outcome::Value(result.clone()),
            (StatusCode::OK, None) => Outcome::Undefined,
            (StatusCode::INTERNAL_SERVER_ERROR, _) => Outcome::Error,
            _ => panic!("OPA answers {status} to {path}: {answer:#}"),
        }
    }

    fn send(&mut self, method: Method, path: &str, body: String) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "opa")
            .header(header::CONTENT_TYPE, if path.starts_with("/v1/data") { "application/json" } else { "text/plain" })
            .body(Full::from(body))
            .unwrap();
        let Self { runtime, sender } = self;
        runtime.block_on(async {
            sender.ready().await.unwrap();
            let response = sender.send_request(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into()))
        })
    }
}

/// Runs `$1` as a server at `$2` until nothing can be read any more.
const SCRIPT: &str = r#""$1" run --server --addr "$2" --log-level error --disable-telemetry </dev/null & cat; kill $!"#;
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);
