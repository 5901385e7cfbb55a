//! Every key of the configuration: what is not in this table is unknown, and what it says drives reading, example, schema and explanation.

use std::time::Duration;

use super::key::{
    Holds::{
        self, Address, Boolean, Count, Header, Ids, IpAddress, List, Mode, Path, Size, SpiffeId, SpiffeIds, Text, Texts, TrustDomain, TrustDomains, Url,
        Word, Words,
    },
    Key,
    Preset::{Observe, OpaEnvoy},
};

/// The top level of the file.
pub(super) const CONFIG: &[Key] = &[
    Key::optional("preset", Word(&["opa-envoy", "observe"], &[]), "none", "another set of defaults, each of which a key of its own overrides").example("observe"),
    Key::unless("self", SpiffeId, "a Workload API gives it, or proof and ceiling are skipped", "this workload's own SPIFFE ID: the audience of every inbound hop").example("spiffe://prod.example/ns/ledger/sa/api"),
    Key::default("audiences", Texts, "[]", "further names that JWT-SVIDs may be meant for"),
    Key::maybe("state", STATE, "null", "what is kept over a restart: last good bundles, one-time claims"),
    Key::default("listen", List(LISTEN), r#"[{address: "unix:/run/hopguard/check.sock"}]"#, "where Envoy asks"),
    Key::section("admin", ADMIN, "health, readiness and metrics"),
    Key::section("mode", MODE, "how each layer acts"),
    Key::section("hop", HOP, "what a hop may look like"),
    Key::section("peer", PEER, "how the caller is proved"),
    Key::unless("trust", List(TRUST), "proof is skipped", "the trusted trust domains, each from one source"),
    Key::section("tokens", TOKENS, "tokens that speak for a subject"),
    Key::section("purpose", PURPOSE, "what the hop is for"),
    Key::section("store", STORE, "what administrators have written: inventory, purposes, grants"),
    Key::section("facts", FACTS, "context signals"),
    Key::section("grants", GRANTS, "rules for grants"),
    Key::section("policy", POLICY, "the runtime policy, in Rego"),
    Key::section("response", RESPONSE, "what Envoy is told"),
    Key::section("audit", AUDIT, "the record of every decision"),
    Key::section("limits", LIMITS, "the bound of everything that could grow"),
    Key::section("telemetry", TELEMETRY, "what the process says about itself"),
];

const LISTEN: &[Key] = &[
    Key::required("address", Address, "a unix socket, or a loopback address").example(r#""unix:/run/hopguard/check.sock""#),
    Key::optional("mode", Mode, r#""0660""#, "the socket's permissions; unix only").example(r#""0660""#),
    Key::section("allow", ALLOW, "who may ask, by default the sidecar's own user; anybody else's connection is closed"),
    Key::maybe("mtls", MTLS, "null", "mutual TLS with this workload's own SVID; TCP only"),
];

const MTLS: &[Key] = &[Key::required("workload_api", Text, "the Workload API that gives this workload's own SVID").example(r#""unix:/run/spire/agent.sock""#)];

const STATE: &[Key] = &[Key::required("directory", Path, "a directory that nobody else may write to").example("/var/lib/hopguard")];

const ALLOW: &[Key] = &[
    Key::optional("uids", Ids, "the sidecar's own user, unless `gids` is there", "users that may connect; unix only").example("[1337]"),
    Key::optional("gids", Ids, "none", "groups that may connect; unix only").example("[1337]"),
    Key::optional("any_local", Boolean, "false", "needed for TCP: whoever shares the network namespace may ask").example("true"),
    Key::optional("spiffe_ids", SpiffeIds, "none", "workloads that may connect; needed with `mtls`").example("[spiffe://prod.example/ns/ledger/sa/api]"),
];

const ADMIN: &[Key] = &[Key::default("address", IpAddress, r#""127.0.0.1:9192""#, "where they are served; any address")];

const MODE: &[Key] = &[
    Key::default("proof", Word(&["skip", "observe", "enforce"], &[]), "enforce", "whether it matters who calls, and with what").presets(&[(OpaEnvoy, "skip"), (Observe, "observe")]),
    Key::default("ceiling", Word(&["skip", "observe", "enforce"], &[]), "enforce", "whether it matters what was approved").presets(&[(OpaEnvoy, "skip"), (Observe, "observe")]),
    Key::default("policy", Word(&["skip", "observe", "enforce"], &[]), "enforce", "whether it matters what the runtime policy says").presets(&[(Observe, "skip")]),
];

const HOP: &[Key] = &[
    Key::default("strict", Word(&["enforce", "observe"], &[]), "enforce", "whether a hop that can be read in more than one way is refused").presets(&[(OpaEnvoy, "observe"), (Observe, "observe")]),
    Key::default("escapes", Words(&["slash", "percent", "semicolon"]), "[]", "escapes that are data in this workload's paths"),
    Key::default("tcp", Boolean, "false", "whether connections without HTTP are hops").presets(&[(OpaEnvoy, "true")]),
    Key::default("max_stream", Holds::Duration(SECOND, days(1)), "15m", "how long what was allowed may last; Envoy bounds it, `check --envoy` looks"),
    Key::default("keep_headers", Words(KEEPABLE), "[]", "headers that are not removed although they could redirect the hop"),
    Key::default("self_check", Word(&["principal", "none"], &[]), "principal", "whether the name by which Envoy answered must be `self`"),
    Key::optional("public", List(PUBLIC), "[]", "routes that anybody may call: neither proof nor approval nor policy"),
];

const PUBLIC: &[Key] = &[
    Key::required("methods", Texts, "methods").example("[GET]"),
    Key::required("paths", Texts, "paths; `*` is one segment, `**` the rest").example("[/healthz]"),
    Key::default("acknowledge_public", Boolean, "false", "needed for `**`: whatever is added below it is public too"),
];

const KEEPABLE: &[&str] = &[
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-envoy-original-path",
];

const PEER: &[Key] = &[
    Key::default("evidence", Words(&["certificate", "xfcc", "xfcc_uri", "principal"]), "[certificate]", "what may speak for the peer, strongest first: the first that is there decides"),
    Key::section("xfcc", XFCC, "certificates in `x-forwarded-client-cert`"),
    Key::section("asserted", ASSERTED, "peers on Envoy's word"),
    Key::default("max_lifetime", Holds::Duration(MINUTE, days(3_650)), "25h", "the longest validity of a peer's certificate"),
];

const XFCC: &[Key] = &[
    Key::default("sanitize_set", Boolean, "false", "whether Envoy replaces what clients send (`forward_client_cert_details: SANITIZE_SET`)"),
    Key::default("json", Boolean, "false", "whether Envoy writes the header as JSON"),
];

const ASSERTED: &[Key] = &[Key::default("trust_domains", TrustDomains, "[]", "trust domains whose workloads Envoy's word is enough for")];

const TRUST: &[Key] = &[
    Key::required("trust_domain", TrustDomain, "the trust domain").example("prod.example"),
    Key::unless("pem", Path, "another source is named", "its root certificates, PEM").example("roots.pem"),
    Key::optional("workload_api", Text, "another source", "the SPIFFE Workload API that gives its bundle").example(r#""unix:/run/spire/agent.sock""#),
    Key::optional("bundle", Path, "another source", "its SPIFFE bundle document").example("bundle.json"),
    Key::maybe("bundle_map", BUNDLE_MAP, "another source", "a SPIFFE bundle map that holds its bundle"),
    Key::maybe("federation", FEDERATION, "another source", "the endpoint that serves its bundle"),
    Key::optional("intermediates", Path, "none", "intermediate certificates that Envoy does not pass on, PEM").example("intermediates.pem"),
    Key::default("max_stale", Holds::Duration(SECOND, days(365)), "24h", "how long the last good bundle counts when its source is gone"),
];

const BUNDLE_MAP: &[Key] = &[Key::required("file", Path, "the bundle map").example("bundles.json")];

const FEDERATION: &[Key] = &[
    Key::required("url", Url, "where the bundle is served").example(r#""https://spire.partner.example:8443""#),
    Key::required("profile", Word(&["https_web", "https_spiffe"], &[]), "how the server is authenticated").example("https_spiffe"),
    Key::optional("endpoint_spiffe_id", SpiffeId, "none", "the server's SPIFFE ID; `https_spiffe` only").example("spiffe://partner.example/spire/server"),
    Key::optional("bootstrap", Path, "none", "the bundle by which the server is first authenticated; `https_spiffe` only").example("partner.json"),
    Key::optional("ca", Path, "the system's roots", "the roots by which the server is authenticated, PEM; `https_web` only").example("web-roots.pem"),
];

const TOKENS: &[Key] = &[
    Key::default("leeway", Holds::Duration(Duration::ZERO, Duration::from_secs(5)), "0s", "how long after its end a token counts"),
    Key::section("delegation", DELEGATION, "delegation chains"),
    Key::section("replay", REPLAY, "one-time tokens"),
    Key::maybe("jwt_svid", JWT_SVID, "null", "JWT-SVIDs"),
    Key::maybe("transaction", TRANSACTION, "null", "transaction tokens"),
    Key::optional("oidc", List(OIDC), "[]", "tokens of people"),
];

const DELEGATION: &[Key] = &[Key::default("max_depth", Count(1, 16), "4", "the most actors that a token may name")];

const REPLAY: &[Key] = &[Key::default("capacity", Count(1, 10_000_000), "100000", "the most one-time tokens that are remembered; beyond, hops are refused")];

const JWT_SVID: &[Key] = &[
    Key::default("header", Header, "authorization", "where it is; in `authorization` as a bearer"),
    Key::default("required", Boolean, "false", "whether every hop needs one"),
    Key::default("max_lifetime", Holds::Duration(SECOND, days(365)), "1h", "the longest life"),
    Key::default("strict_audience", Boolean, "true", "whether further audiences are refused"),
    Key::default("one_time", Boolean, "false", "whether each may be used once"),
];

const TRANSACTION: &[Key] = &[
    Key::default("header", Header, "txn-token", "where it is"),
    Key::required("audience", TrustDomain, "the trust domain that it is for").example("prod.example"),
    Key::required("issuers", List(ISSUER), "who issues them"),
    Key::default("required", Boolean, "false", "whether every hop needs one"),
    Key::default("max_lifetime", Holds::Duration(SECOND, days(1)), "5m", "the longest life"),
    Key::default("one_time", Boolean, "false", "whether each may be used once"),
    Key::default("compat", Boolean, "false", "whether the names of older drafts are understood: `purp`, `azd`, `typ: txn_token`"),
];

const ISSUER: &[Key] = &[
    Key::required("issuer", Text, "its name, exactly as in `iss`").example(r#""spiffe://prod.example/txn""#),
    Key::maybe("jwks", JWKS, "the JWT bundle of its trust domain", "its keys"),
];

const OIDC: &[Key] = &[
    Key::required("issuer", Url, "its name, exactly as in `iss`").example(r#""https://login.example""#),
    Key::default("header", Header, "authorization", "where it is; in `authorization` as a bearer"),
    Key::default("required", Boolean, "false", "whether every hop needs one"),
    Key::default("max_lifetime", Holds::Duration(SECOND, days(365)), "24h", "the longest life"),
    Key::section("jwks", JWKS, "its keys"),
    Key::required("audiences", Texts, "whom its tokens may be for, any of these").example("[ledger]"),
    Key::default("algorithms", Words(&["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]), "[RS256, ES256]", "how it signs"),
    Key::default("one_time", Boolean, "false", "whether each may be used once"),
];

const JWKS: &[Key] = &[
    Key::unless("file", Path, "`url` is there", "a JWK set").example("login-jwks.json"),
    Key::optional("url", Url, "another source", "where the JWK set is served").example(r#""https://login.example/jwks.json""#),
    Key::optional("ca", Path, "the system's roots", "the roots by which the server is authenticated, PEM").example("web-roots.pem"),
    Key::default("refresh", Holds::Duration(Duration::from_secs(30), days(1)), "15m", "how often it is fetched"),
];

const PURPOSE: &[Key] = &[
    Key::default("header", Header, "x-hop-purpose", "the request header that declares it"),
    Key::default("required", Boolean, "true", "whether every hop must say its purpose; no grant covers one that does not"),
];

const STORE: &[Key] = &[
    Key::unless("directory", Path, "`bundle` is there, or the ceiling is skipped", "the directory of documents").example("documents"),
    Key::maybe("bundle", STORE_BUNDLE, "another source", "a signed bundle of documents, kept fresh"),
    Key::default("max_stale", Holds::Duration(SECOND, days(365)), "1h", "how long grants count while a revocation cannot be read, or after a bundle was signed"),
    Key::default("inventory", Word(&["optional", "required"], &[]), "optional", "whether grants count for peers only that a `Workload` names"),
];

const STORE_BUNDLE: &[Key] = &[
    Key::unless("url", Url, "`file` is there", "where the bundle is served").example(r#""https://bundles.example/documents.tar.gz""#),
    Key::optional("file", Path, "another source", "the bundle, looked at twice a second").example("documents.tar.gz"),
    Key::required("keys", List(BUNDLE_KEY), "who may sign it: documents from elsewhere are always signed"),
    BUNDLE_SCOPE, BUNDLE_POLL, BUNDLE_LONG_POLL, BUNDLE_CA, BUNDLE_TOKEN, BUNDLE_CERTIFICATE, BUNDLE_BYTES,
];

const FACTS: &[Key] = &[Key::optional("directory", Path, "facts are among the documents", "facts in a directory of their own, from which nothing else is read").example("facts")];

const GRANTS: &[Key] = &[
    Key::default("approvals", Word(&["optional", "required"], &[]), "optional", "whether grants and activations count only if they are signed"),
    Key::optional("allowed_signers", Path, "nobody's signature counts", "who may sign, as `ssh-keygen -Y verify` reads it").example("allowed_signers"),
    Key::default("overdue", Word(&["report", "deny"], &[]), "report", "what becomes of a grant whose review is overdue"),
    Key::default("max_activation", Holds::Duration(SECOND, days(1)), "1h", "the longest activation; of a `break_glass` grant never more than 1h"),
    Key::section("max_ttl", MAX_TTL, "the longest life of a grant, by type"),
];

const MAX_TTL: &[Key] = &[
    Key::default("standing", Holds::Duration(SECOND, days(365)), "365d", "of what lasts until it is reviewed"),
    Key::default("eligible", Holds::Duration(SECOND, days(365)), "365d", "of what is opened for a task"),
    Key::default("jit", Holds::Duration(SECOND, days(1)), "24h", "of what is for one task"),
    Key::default("exception", Holds::Duration(SECOND, days(90)), "90d", "of a debt"),
    Key::default("break_glass", Holds::Duration(SECOND, days(365)), "365d", "of what is opened in an emergency"),
];

const POLICY: &[Key] = &[
    Key::unless("directory", Path, "`bundle` is there, or policy is skipped", "the directory of Rego modules").example("policy"),
    Key::maybe("bundle", BUNDLE, "another source", "an OPA bundle of policy and data, kept fresh; one, while `hopguard run` takes several"),
    Key::default("entrypoint", Text, "data.hopguard.authz.decision", "the document that is evaluated").presets(&[(OpaEnvoy, "data.envoy.authz.allow")]),
    Key::default("timeout", Holds::Duration(MILLISECOND, SECOND), "10ms", "the longest that one evaluation may take").presets(&[(OpaEnvoy, "1s")]),
    Key::default("evaluator", Word(&["auto", "interpreter", "vm"], &[]), "auto", "what evaluates it; `vm` refuses what the virtual machine is not proved to agree on"),
    Key::default("gate", Word(&["strict", "compatible"], &[]), "strict", "what is refused when it is loaded, or as OPA loads it").presets(&[(OpaEnvoy, "compatible")]),
    Key::only("candidate", "null", "judging by a candidate policy on the side"),
    Key::default("expose_credentials", Texts, "[]", "headers with credentials that policies are shown all the same; `*` is all of them").presets(&[(OpaEnvoy, "[\"*\"]")]),
];

const BUNDLE: &[Key] = &[
    Key::unless("url", Url, "`file` is there", "where the bundle is served").example(r#""https://bundles.example/policy.tar.gz""#),
    Key::optional("file", Path, "another source", "the bundle, looked at twice a second").example("policy.tar.gz"),
    Key::optional("keys", List(BUNDLE_KEY), "it is not signed, and a signed one is refused", "who may sign it"),
    BUNDLE_SCOPE, BUNDLE_POLL, BUNDLE_LONG_POLL, BUNDLE_CA, BUNDLE_TOKEN, BUNDLE_CERTIFICATE,
    Key::default("allow_rollback", Boolean, "false", "whether one that is older, as far as that can be told, may replace a newer one"),
    BUNDLE_BYTES,
];

const BUNDLE_SCOPE: Key = Key::optional("scope", Text, "none", "the scope that its signature must have").example("prod");
const BUNDLE_POLL: Key = Key::default("poll", Holds::Duration(SECOND, days(1)), "60s", "how often its server is asked, a tenth more or less");
const BUNDLE_LONG_POLL: Key = Key::optional("long_poll", Holds::Duration(SECOND, Duration::from_secs(600)), "its server is not asked to wait", "how long its server may wait for news, if it can").example("30s");
const BUNDLE_CA: Key = Key::optional("ca", Path, "the system's roots", "the roots by which its server is authenticated, PEM").example("web-roots.pem");
const BUNDLE_TOKEN: Key = Key::optional("token_file", Path, "none", "a bearer token for its server, read each time").example("bundle-token");
const BUNDLE_CERTIFICATE: Key = Key::maybe("client", BUNDLE_CLIENT, "none", "a certificate for its server, read each time");
const BUNDLE_BYTES: Key = Key::default("max_bytes", Size(KIB, 1024 * MIB), "64MiB", "the largest bundle, as it is sent");

const BUNDLE_KEY: &[Key] = &[
    Key::required("id", Text, "what signatures call it").example("release"),
    Key::required("algorithm", Word(&["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512"], &[]), "how it signs, and in no other way").example("ES256"),
    Key::required("file", Path, "the public key, PEM; for HS256, HS384 and HS512 the secret").example("bundle-key.pem"),
];

const BUNDLE_CLIENT: &[Key] = &[
    Key::required("certificate", Path, "the chain, the leaf first, PEM").example("client.pem"),
    Key::required("key", Path, "the leaf's key, PEM").example("client-key.pem"),
];

const RESPONSE: &[Key] = &[
    Key::default("reveal", Word(&["none", "reason", "full"], &[]), "none", "how much of the reason a denied caller is told"),
    Key::default("style", Word(&["hopguard", "opa"], &[]), "hopguard", "in whose style; `opa` is that of OPA's plugin for Envoy, and knows of no proof and no grant").presets(&[(OpaEnvoy, "opa")]),
    Key::default("protected_headers", Texts, "[]", "further headers that no policy may touch"),
    Key::default("allow_headers", Texts, "[]", "headers that policy may touch although they are protected"),
];

const AUDIT: &[Key] = &[
    Key::default("file", Path, "/var/log/hopguard/audit.jsonl", "the log; \"-\" is standard output").presets(&[(OpaEnvoy, "\"-\"")]),
    Key::default("durability", Word(&["group", "async"], &["sync"]), "group", "what an answer waits for: a place in the log, or nothing").presets(&[(OpaEnvoy, "async")]),
    Key::default("window", Holds::Duration(MILLISECOND, SECOND), "5ms", "how far the disk may be behind the answers"),
    Key::only("inputs", "digest", "recording whole inputs"),
    Key::only("snapshots", "null", "keeping what was judged by"),
    Key::later("rotate", "rotating the log"),
    Key::section("checkpoint", CHECKPOINT, "signed checkpoints"),
    Key::later("anonymous_per_second", "summaries of anonymous denials"),
    Key::later("reserve", "keeping room for permits"),
    Key::only("export", "[]", "sending records elsewhere"),
];

const CHECKPOINT: &[Key] = &[
    Key::only("key", "null", "signed checkpoints"),
    Key::only("every", "60s", "signed checkpoints"),
];

const LIMITS: &[Key] = &[
    Key::default("request_bytes", Size(KIB, 16 * MIB), "1MiB", "the largest Check, as Envoy sends it").presets(&[(OpaEnvoy, "4MiB")]),
    Key::default("headers", Count(1, 1_000), "128", "the most header entries of a hop").presets(&[(OpaEnvoy, "1000")]),
    Key::default("in_flight", Count(1, 1_000_000), "1024", "the most Checks at once"),
    Key::default("connections", Count(1, 1_000_000), "1024", "the most connections at once"),
    Key::default("streams", Count(1, 1_000_000), "1024", "the most HTTP/2 streams on one connection"),
    Key::default("deadline", Holds::Duration(MILLISECOND, MINUTE), "100ms", "the longest that one Check may take").presets(&[(OpaEnvoy, "2s")]),
    Key::default("drain", Holds::Duration(MILLISECOND, days(1)), "10s", "how long connections may take to end at shutdown"),
    Key::default("audit_queue", Count(1, 10_000_000), "8192", "the most records that wait for the disk"),
    Key::default("spans_per_second", Count(1, 100_000), "1000", "the most spans in a second; as many wait for the collector"),
    Key::default("policy_bytes", Size(KIB, 64 * MIB), "1MiB", "the largest policy, all modules together"),
    Key::optional("workers", Count(1, 1_024), "one for each core", "the threads that answer").example("4"),
];

const TELEMETRY: &[Key] = &[
    Key::default("log", Text, "info", "what is logged: a level, or directives such as `info,hopguard::policy=debug`"),
    Key::maybe("otlp", OTLP, "null", "where a span of each decision is sent, over OTLP (gRPC)"),
];

const OTLP: &[Key] = &[
    Key::required("endpoint", Text, "the collector: `http://` on this machine, `https://host:port` beyond it, or `unix:/path`").example(r#""http://127.0.0.1:4317""#),
    Key::optional("ca", Path, "the system's roots", "the roots by which the collector is authenticated, PEM; `https` only").example("collector-roots.pem"),
    Key::default("sample", Text, "parent", "which decisions: `parent` are those in traces that the caller keeps, `10%` is a share of all traces"),
    Key::default("service_name", Text, "hopguard", "what the sidecar is called among services"),
];

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
