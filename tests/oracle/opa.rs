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
pub(crate) struct Server {
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

    /// Starts one of its own.
    pub(crate) fn start() -> Self {
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

impl Outcome {
    /// A value, in which a number is what it is however it is written.
    pub(crate) fn value(value: Value) -> Self {
        Self::Value(normal(value))
    }
}

fn normal(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, normal(value))).collect(),
        Value::Number(number) => number.as_f64().map_or(Value::Null, |float| {
            // However a whole number is written: `{:.0}` of a float is exact.
            let is_whole = float.fract() == 0.0 && float.abs() < 1e18;
            match number.as_i64() {
                Some(whole) => whole.to_string(),
                None if is_whole => format!("{:.0}", if float == 0.0 { 0.0 } else { float }),
                None => format!("{float:?}"),
            }
            .into()
        }),
        other => other,
    }
}

/// Reads JSON; a long number is a text.
pub(crate) fn read(json: &str) -> serde_json::Result<Value> {
    serde_json::from_str(&with_long_numbers_as_texts(json))
}

/// JSON has numbers as long as one likes, and readers of it that do not like that.
fn with_long_numbers_as_texts(json: &str) -> String {
    let mut text = String::new();
    let mut rest = json;
    while let Some(place) = rest.find(|byte: char| byte == '"' || byte == '-' || byte.is_ascii_digit()) {
        let (before, from) = rest.split_at(place);
        let length = if from.starts_with('"') {
            let mut escaped = false;
            let end = from.bytes().skip(1).position(|byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            });
            end.unwrap() + 2
        } else {
            from.find(|byte: char| !(byte.is_ascii_alphanumeric() || "+-.".contains(byte))).unwrap_or(from.len())
        };
        let (token, after) = from.split_at(length);
        let is_long = token.len() > 15 && token.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
        text.push_str(before);
        text.push_str(&if is_long { format!("\"{token}\"") } else { token.to_owned() });
        rest = after;
    }
    text + rest
}

impl Opa {
    pub(crate) fn connect() -> Self {
        Self::to(Server::shared())
    }

    /// A connection to this OPA.
    pub(crate) fn to(server: &Server) -> Self {
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
        let loaded = self.offer(name, module);
        assert_eq!(loaded, Ok(()), "OPA does not load {module}");
    }

    /// Adds a module, or says what OPA has against it.
    pub(crate) fn offer(&mut self, name: &str, module: &str) -> Result<(), String> {
        let (status, answer) = self.send(Method::PUT, &format!("/v1/policies/{name}"), module.to_owned());
        if status == StatusCode::OK { Ok(()) } else { Err(format!("{answer:#}")) }
    }

    /// What `path` below `data` is for `input`, where an error of a builtin is one, or is undefined.
    pub(crate) fn ask(&mut self, path: &str, input: &Value, strict: bool) -> Outcome {
        match self.ask_text(path, &input.to_string(), strict) {
            Outcome::Value(value) => Outcome::value(value),
            other => other,
        }
    }

    /// As [`ask`](Self::ask), for an input whose numbers are larger than any type, and with a value as it is written.
    pub(crate) fn ask_text(&mut self, path: &str, input: &str, strict: bool) -> Outcome {
        let path = format!("/v1/data/{path}?strict-builtin-errors={strict}");
        let (status, answer) = self.send(Method::POST, &path, format!("{{\"input\": {input}}}"));
        match (status, answer.get("result")) {
            (StatusCode::OK, Some(result)) => Outcome::Value(result.clone()),
            (StatusCode::OK, None) => Outcome::Undefined,
            (StatusCode::INTERNAL_SERVER_ERROR, _) => Outcome::Error,
            _ => panic!("OPA answers {status} to {path}: {answer:#}"),
        }
    }

    /// Sends any request of its API.
    pub(crate) fn send(&mut self, method: Method, path: &str, body: String) -> (StatusCode, Value) {
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
            let text = String::from_utf8_lossy(&body);
            (status, read(&text).unwrap_or_else(|_| text.into()))
        })
    }
}

/// Runs `$1` as a server at `$2` until nothing can be read any more.
const SCRIPT: &str = r#""$1" run --server --addr "$2" --log-level error --disable-telemetry </dev/null & cat; kill $!"#;
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);
