//! Policies in the shape that users of OPA beside Envoy start from: loaded as they are, and answered as OPA answers them, from the same
//! request on.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
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
use serde_json::{Value, json};

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
            tokens: Tokens::default(),
            actor: None,
            purpose: None,
            grant: None,
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

/// Any request: some of what policies look at, and some of what they do not expect.
fn plain(draw: &mut Draw) -> Value {
    let paths = [
        "/orders/17",
        "/orders",
        "/books/a/b",
        "/books/1",
        "/shop",
        "/store/1",
        "/office",
        "/",
        "",
        "/orders/%31",
        "//orders",
        "/Orders/1",
        "/orders/17?x=1&x=2",
        "/%zz",
        "/books/\u{e9}",
    ];
    let mut headers = json!({});
    for (name, values) in [
        ("x-user", &["ada", "bea", "root", "mallory", "", "web"][..]),
        ("user-agent", &["curl/8", "Crawler 1.0", ""][..]),
        ("x-internal", &["1"][..]),
    ] {
        if draw.chance(65) {
            headers[name] = draw.of(values).into();
        }
    }
    let mut request = json!({"attributes": {"request": {"http": {
        "method": draw.of(&["GET", "POST", "PUT", "DELETE", "get"]), "path": draw.of(&paths), "host": "shop.example", "headers": headers,
    }}}});
    if draw.chance(80) {
        let address = draw.of(&["10.1.1.1", "192.168.7.7", "203.0.113.1", "::1", "nowhere"]);
        request["attributes"]["source"] = json!({"address": {"socketAddress": {"address": address, "portValue": 1}}});
    }
    if draw.chance(60) {
        let principal = draw.of(&["spiffe://example.org/ns/web", "spiffe://example.org/root", "web", ""]);
        request["attributes"]["source"]["principal"] = principal.into();
    }
    request
}

fn quickstart(draw: &mut Draw) -> Value {
    let mut request = plain(draw);
    let paths = ["/books/1", "/books/1/2", "/books", "/books/7", "/", "/Books/1"];
    let http = &mut request["attributes"]["request"]["http"];
    http["path"] = draw.of(&paths).into();
    http["method"] = draw.of(&["GET", "POST", "DELETE", "PUT"]).into();
    let seconds = now().seconds();
    let mut claims = json!({"role": draw.of(&["visitor", "clerk", "clerk", "other"]), "desk": draw.of(&["7", "1"])});
    if draw.chance(40) {
        claims["exp"] = (seconds + if draw.chance(70) { 3600 } else { -3600 }).into();
    }
    if draw.chance(30) {
        claims["nbf"] = (seconds + if draw.chance(70) { -3600 } else { 3600 }).into();
    }
    if draw.chance(10) {
        claims = json!({"role": 7});
    }
    let algorithm = if draw.chance(85) { "HS256" } else { draw.of(&["none", "HS512", "RS256"]) };
    let secret = if draw.chance(85) { "a shared secret of the shop" } else { "another" };
    let signed = [json!({"alg": algorithm, "typ": "JWT"}), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = signed.join(".");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
    let scheme = draw.of(&["Bearer", "Bearer", "bearer", "Basic"]);
    if draw.chance(95) {
        http["headers"]["authorization"] = format!("{scheme} {signed}.{signature}").into();
    }
    if draw.chance(50) {
        let price = [json!(-1), json!(5), json!("5"), json!(null)][draw.below(4)].clone();
        with_json(draw, http, &json!({"price": price}).to_string());
    }
    request
}

fn payment(draw: &mut Draw) -> Value {
    let mut request = plain(draw);
    let http = &mut request["attributes"]["request"]["http"];
    http["path"] = draw.of(&["/payments", "/payments", "/payments/1?a=1", "/payments?a=1&a=2", "/other"]).into();
    http["method"] = draw.of(&["POST", "POST", "POST", "GET", "PUT"]).into();
    let mut body = json!({"currency": draw.of(&["EUR", "EUR", "USD", "XXX"]), "amount": draw.below(1200), "items": []});
    for _ in 0..draw.below(3) {
        let item = json!({"count": draw.below(20), "price": draw.below(60)});
        body["items"].as_array_mut().unwrap().push(item);
    }
    if draw.chance(30) {
        body["note"] = draw.of(&["for the books", "", "<script>", "caf\u{e9}"]).into();
    }
    if draw.chance(15) {
        let field = draw.of(&["amount", "items", "currency", "note"]);
        body[field] = [json!(null), json!("17"), json!({"a": 1}), json!(1e300), json!(true)][draw.below(5)].clone();
    }
    let text = match draw.below(20) {
        0 => "{\"amount\": 5, ".to_owned(),
        1 => "[]".to_owned(),
        2 => String::new(),
        3 => body.to_string().replacen("{", "{\"amount\": 1, ", 1),
        _ => body.to_string(),
    };
    with_json(draw, http, &text);
    request
}

fn with_json(draw: &mut Draw, http: &mut Value, text: &str) {
    http["headers"]["content-type"] =
        draw.of(&["application/json", "application/json", "application/json; charset=utf-8", "text/plain"]).into();
    let length = if draw.chance(90) { text.len() } else { text.len() + 5 };
    http["headers"]["content-length"] = length.to_string().into();
    http["body"] = text.into();
}

fn lending(draw: &mut Draw) -> Value {
    let mut request = plain(draw);
    let http = &mut request["attributes"]["request"]["http"];
    http["path"] = draw
        .of(&["/library.Shelf/Lend", "/library.Shelf/Lend", "/library.Shelf/List", "/library.Other/Lend", "/x"])
        .into();
    http["method"] = "POST".into();
    http["headers"]["content-type"] =
        draw.of(&["application/grpc", "application/grpc", "application/grpc+proto", "text/plain"]).into();
    let mut message = Vec::new();
    let mut text = |tag: u8, text: &str| {
        message.extend([tag, u8::try_from(text.len()).unwrap()]);
        message.extend(text.bytes());
    };
    text(0x0a, draw.of(&["ada", "bea", "mallory"]));
    for _ in 0..draw.below(3) {
        text(0x1a, draw.of(&["a novel", "reference 1", ""]));
    }
    message.extend([0x10, u8::try_from(draw.below(30)).unwrap()]);
    let declared = u32::try_from(message.len()).unwrap() + if draw.chance(10) { 3 } else { 0 };
    let mut frame = vec![u8::from(draw.chance(10))];
    frame.extend(declared.to_be_bytes());
    frame.extend(message);
    http["rawBody"] = STANDARD.encode(frame).into();
    request
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
