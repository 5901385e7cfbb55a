//! Bundles that OPA builds and signs, fetched over HTTPS by a Hopguard that runs as OPA does: what is signed by the key acts, and nothing
//! else does.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hopguard::{
    clock::Timestamp,
    dev::{BundleEndpoint, Reply, WebAuthority},
    pb::{authorization_client::AuthorizationClient, check_request_from_json},
};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::{
    net::UnixStream,
    process::{Child, Command},
};
use tonic::transport::{Channel, Endpoint};

use crate::{tutorials::opa_bin, until::until};

#[tokio::test]
async fn a_bundle_that_opa_signed_acts_and_no_other() {
    for algorithm in ["RS256", "ES256", "HS256"] {
        let scene = Scene::start(algorithm).await;
        scene.answers("GET", true).await;
        scene.answers("PUT", false).await;
        // Signed by somebody else, not signed, or changed since: the last good one stays.
        let other = scene.build("other", "\"PUT\"", Some((algorithm, &scene.key("stranger", algorithm))));
        let plain = scene.build("plain", "\"PUT\"", None);
        let mut changed = scene.build("changed", "\"PUT\"", Some((algorithm, &scene.signing)));
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        for (number, bundle) in [other, plain, changed].into_iter().enumerate() {
            let asked = scene.server.requests().len();
            scene.server.reply(Reply::bundle(&format!("\"bad{number}\""), bundle));
            // The second question after it says that the first answer was judged.
            until("two more questions", async || (scene.server.requests().len() > asked + 1).then_some(())).await;
            assert!(scene.allows("GET").await && !scene.allows("PUT").await, "{algorithm}, {number}");
        }
        let next = scene.build("next", "\"PUT\"", Some((algorithm, &scene.signing)));
        scene.server.reply(Reply::bundle("\"next\"", next));
        scene.answers("PUT", true).await;
        scene.answers("GET", false).await;
    }
}

/// A Hopguard, and where its bundle comes from.
struct Scene {
    directory: TempDir,
    server: BundleEndpoint,
    /// What bundles are signed with.
    signing: PathBuf,
    client: AuthorizationClient<Channel>,
    _hopguard: Child,
}

impl Scene {
    async fn start(algorithm: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let seconds = |seconds: u64| Timestamp::from_seconds(i64::try_from(seconds).unwrap());
        let (from, to) = (seconds(now - 60), seconds(now + 3600));
        let web = WebAuthority::new(from, to).unwrap();
        fs::write(place("web.pem"), web.pem()).unwrap();
        let credentials = web.certify(&["localhost"], from, to).unwrap();
        let signing = key(directory.path(), "signer", algorithm);
        let first = build(directory.path(), "first", "\"GET\"", Some((algorithm, &signing)));
        let server = BundleEndpoint::start(&credentials, Reply::bundle("\"first\"", first)).await.unwrap();
        let url = server.url("localhost", "/");
        let verifying = fs::read_to_string(signing.with_extension("pub")).unwrap();
        let config = serde_json::json!({
            "services": {"shelf": {"url": url, "tls": {"ca_cert": place("web.pem")}}},
            "bundles": {"shop": {
                "service": "shelf", "resource": "shop.tar.gz", "signing": {"keyid": "signer"},
                "polling": {"min_delay_seconds": 1, "max_delay_seconds": 1},
            }},
            "keys": {"signer": {"key": verifying, "algorithm": algorithm}},
            "plugins": {"envoy_ext_authz_grpc": {"addr": format!("unix://{}", place("check.sock").display()), "path": "shop/allow"}},
        });
        fs::write(place("opa.json"), config.to_string()).unwrap();
        let log = fs::File::create(place("log")).unwrap();
        let hopguard = Command::new(env!("CARGO_BIN_EXE_hopguard"))
            .args(["run", "--server", "--diagnostic-addr", "127.0.0.1:0", "--config-file"])
            .arg(place("opa.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let socket = place("check.sock");
        let connect = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://hopguard").connect_with_connector_lazy(connect);
        Self { directory, server, signing, client: AuthorizationClient::new(channel), _hopguard: hopguard }
    }

    fn build(&self, name: &str, method: &str, signing: Option<(&str, &Path)>) -> Vec<u8> {
        build(self.directory.path(), name, method, signing)
    }

    fn key(&self, name: &str, algorithm: &str) -> PathBuf {
        key(self.directory.path(), name, algorithm)
    }

    async fn allows(&self, method: &str) -> bool {
        let check = format!(
            r#"{{"attributes": {{"request": {{"http": {{"method": "{method}", "path": "/", "host": "a.example"}}}}}}}}"#
        );
        let request = check_request_from_json(&check).unwrap();
        let answer = self.client.clone().check(request).await;
        answer.is_ok_and(|answer| answer.into_inner().status.is_some_and(|status| status.code == 0))
    }

    async fn answers(&self, method: &str, is_allowed: bool) {
        let log = self.directory.path().join("log");
        let answered = tokio::time::timeout(PATIENCE, async {
            until("the answer", async || (self.allows(method).await == is_allowed).then_some(())).await;
        });
        assert!(answered.await.is_ok(), "{method} is not {is_allowed}: {}", fs::read_to_string(log).unwrap());
    }
}

/// A bundle that allows one method, as OPA builds and signs it.
fn build(directory: &Path, name: &str, method: &str, signing: Option<(&str, &Path)>) -> Vec<u8> {
    let source = directory.join(name);
    fs::create_dir_all(&source).unwrap();
    let rego = format!(
        "package shop\n\ndefault allow := false\n\nallow if input.attributes.request.http.method == {method}\n"
    );
    fs::write(source.join("shop.rego"), rego).unwrap();
    fs::write(source.join(".manifest"), format!("{{\"roots\": [\"shop\"], \"revision\": \"{name}\"}}")).unwrap();
    let archive = directory.join(format!("{name}.tar.gz"));
    let mut command = std::process::Command::new(opa_bin());
    command.args(["build", "--bundle"]).arg(&source).arg("-o").arg(&archive);
    if let Some((algorithm, key)) = signing {
        command.args(["--signing-alg", algorithm, "--signing-key"]);
        if algorithm.starts_with("HS") {
            command.arg(fs::read_to_string(key).unwrap())
        } else {
            command.arg(key)
        };
    }
    let built = command.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::read(archive).unwrap()
}

/// A key to sign with; beside it, what it is verified with.
fn key(directory: &Path, name: &str, algorithm: &str) -> PathBuf {
    let path = directory.join(format!("{name}.key"));
    let (private, public) = match algorithm {
        "HS256" => {
            let secret = format!("{name}-{name}-{name}-{name}-{name}");
            (secret.clone(), secret)
        }
        _ => {
            let kind = if algorithm == "ES256" { &rcgen::PKCS_ECDSA_P256_SHA256 } else { &rcgen::PKCS_RSA_SHA256 };
            let pair = rcgen::KeyPair::generate_for(kind).unwrap();
            (pair.serialize_pem(), pair.public_key_pem())
        }
    };
    fs::write(&path, private).unwrap();
    fs::write(path.with_extension("pub"), public).unwrap();
    path
}

const PATIENCE: Duration = Duration::from_secs(20);
