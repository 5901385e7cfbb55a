//! Policies in the shape that users of OPA beside Envoy start from: loaded as they are, and answered as OPA answers them, from the same
//! request on.

mod requests;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hopguard::{
    bundle::{Bundle, Limits},
    clock::Timestamp,
    delegation::Tokens,
    hop::{Escapes, Hop, Public, Rules, Strict},
    pb::check_request_from_json,
    policy::{
        Descriptors, Entrypoint, Evaluator, Exposed, Gate, Input, Options, Policy, PolicyError, Source, Style, View,
        answer,
    },
};
use http::{Method, StatusCode};
use prost::Message as _;
use serde_json::Value;

use self::requests::{lending, payment, plain, quickstart};
use crate::{
    draw::Draw,
    judges::allows,
    opa::{Opa, Outcome, Server},
};

#[test]
fn tutorials_answer_as_opa_does() {
    let decisions = std::env::var("DECISIONS").map_or(20_000, |text| text.parse::<usize>().unwrap()) / 20;
    for tutorial in TUTORIALS {
        let mut scene = Scene::new(tutorial);
        let mut draw = Draw::part(1, tutorial.name.len());
        let (mut allowed, mut denied) = (0, 0);
        for _ in 0..decisions / TUTORIALS.len() {
            if scene.asks(&(tutorial.request)(&mut draw)) {
                allowed += 1;
            } else {
                denied += 1;
            }
        }
        println!("{}: {allowed} allowed, {denied} denied", tutorial.name);
        assert!(allowed > 5 && denied > 5, "{}: {allowed} allowed, {denied} denied", tutorial.name);
    }
}

/// A policy, and requests that it is asked about.
struct Tutorial {
    name: &'static str,
    /// Its decision, as the plugin's `path` has it.
    path: &'static str,
    /// Directories that are bundles.
    bundles: &'static [&'static str],
    request: fn(&mut Draw) -> Value,
}

const TUTORIALS: &[Tutorial] = &[
    Tutorial { name: "quickstart", path: "shop/authz/allow", bundles: &["quickstart"], request: quickstart },
    Tutorial { name: "roles", path: "mesh/access/decision", bundles: &["roles"], request: plain },
    Tutorial { name: "body", path: "payments/allow", bundles: &["body"], request: payment },
    Tutorial { name: "grpc", path: "library/allow", bundles: &["grpc"], request: lending },
    Tutorial {
        name: "bundles",
        path: "shop/allow",
        bundles: &["bundles/decision", "bundles/directory"],
        request: plain,
    },
];

struct Scene {
    path: &'static str,
    opa: Opa,
    /// Ends with the scene.
    _server: Server,
    policies: Vec<(Gate, Policy)>,
    /// Is its input.
    echo: Policy,
}

impl Scene {
    fn new(tutorial: &Tutorial) -> Self {
        let server = Server::start();
        let mut opa = Opa::to(&server);
        let directory = tempfile::tempdir().unwrap();
        let mut bundles = Vec::new();
        for (number, part) in tutorial.bundles.iter().enumerate() {
            let from = corpus().join(part);
            load(&mut opa, &from);
            // As OPA itself makes a bundle of it.
            let archive = directory.path().join(format!("{number}.tar.gz"));
            let built = Command::new(opa_bin()).args(["build", "--bundle"]).arg(&from).arg("-o").arg(&archive).output();
            let built = built.unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            let bundle = Bundle::read(part, &fs::read(archive).unwrap(), &Limits::default(), None, now());
            bundles.push(bundle.unwrap_or_else(|problems| panic!("{part}: {problems}")));
        }
        let source = Source::of_bundles(&bundles).unwrap_or_else(|problems| panic!("{problems}"));
        let policies = [Gate::Strict, Gate::Compatible].map(|gate| {
            let policy = Policy::compile(&source, &options(gate, Entrypoint::from_path(tutorial.path).unwrap()));
            (
                gate,
                policy.unwrap_or_else(|problems| panic!("{} does not load under {gate:?}: {problems}", tutorial.name)),
            )
        });
        let echo = Source::module("echo.rego", "package echo\n\ndecision := input\n");
        let echo = Policy::compile(&echo, &options(Gate::Compatible, Entrypoint::from_path("echo/decision").unwrap()));
        Self { path: tutorial.path, opa, _server: server, policies: policies.into(), echo: echo.unwrap() }
    }

    /// Asks both about a request, and says whether it is let through.
    fn asks(&mut self, request: &Value) -> bool {
        let check = check_request_from_json(&request.to_string()).unwrap();
        let rules = rules();
        let Ok(hop) = Hop::decode(&check, &rules) else { return false };
        let nobody = BTreeSet::new();
        let input = Input {
            request: &hop.request,
            credentials: &nobody,
            this: None,
            peer: None,
            workload: None,
            tokens: Tokens::default(),
            actor: None,
            purpose: None,
            resource: None,
            grant: None,
            facts: None,
            now: now(),
        };
        // The plugin does not ask OPA either.
        let document = match self.echo.show(&input) {
            Ok(document) => document.value().to_json_str().unwrap(),
            Err(PolicyError::Request(_)) => return false,
            Err(other) => panic!("{request}: {other}"),
        };
        let opa = self.opa.ask_text(self.path, &document, false);
        for (gate, policy) in &self.policies {
            let evaluated = policy.evaluate(&input, &mut None);
            let is_fault = matches!(evaluated, Err(PolicyError::Fault(_)));
            // What is undefined to OPA is an error under the strict gate, and an error denies.
            assert!(
                evaluated.is_ok() == allows(&opa) || (*gate == Gate::Strict && is_fault),
                "{gate:?}: {document}\nOPA {opa:?}\nHopguard {evaluated:?}"
            );
            let shown = policy.show(&input).unwrap();
            if let (Ok(ours), Outcome::Value(theirs)) = (policy.ask(shown.value().clone(), input.now), &opa) {
                let ours = crate::opa::read(&ours.to_json_str().unwrap()).unwrap();
                assert_eq!(&ours, theirs, "{gate:?}: {document}");
            }
        }
        allows(&opa)
    }
}

fn load(opa: &mut Opa, directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            load(opa, &path);
        } else if name.ends_with(".rego") {
            let id = path.display().to_string().replace('/', "_");
            opa.load(&id, &fs::read_to_string(&path).unwrap());
        } else if name == "data.json" {
            let documents: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let place = if directory.ends_with("directory") { "directory/" } else { "" };
            for (field, document) in documents.as_object().unwrap() {
                let (status, told) = opa.send(Method::PUT, &format!("/v1/data/{place}{field}"), document.to_string());
                assert_eq!(status, StatusCode::NO_CONTENT, "{told}");
            }
        }
    }
}

fn options(gate: Gate, entrypoint: Entrypoint) -> Options {
    let descriptors = Descriptors::decode(&descriptors()).unwrap();
    let view = View { style: Style::Opa, skip_body: false, exposed: Exposed::All, descriptors: Some(descriptors) };
    let answers = answer::Rules::new(answer::Style::Opa { dry_run: false }, [], [], []);
    Options { gate, evaluator: Evaluator::Auto, view, answers, ..Options::new(entrypoint, Duration::from_secs(5)) }
}

fn rules() -> Rules {
    Rules {
        escapes: Escapes { slash: true, percent: true, semicolon: true },
        max_headers: 100,
        purpose_header: "x-purpose".to_owned(),
        keep_headers: BTreeSet::new(),
        token_headers: BTreeSet::new(),
        tcp: true,
        strict: Strict::Observe,
        public: Public::default(),
    }
}

/// What `grpc` is about.
fn descriptors() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("library.proto"), PROTO).unwrap();
    protox::compile(["library.proto"], [directory.path()]).unwrap().encode_to_vec()
}

const PROTO: &str = r#"syntax = "proto3";
package library;
service Shelf {
  rpc Lend(Loan) returns (Loan);
  rpc List(Loan) returns (stream Loan);
}
message Loan {
  string reader = 1;
  int32 days = 2;
  repeated string titles = 3;
}
"#;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap())
}

pub(crate) fn opa_bin() -> std::ffi::OsString {
    std::env::var_os("OPA_BIN").unwrap_or_else(|| "opa".into())
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/policies")
}
