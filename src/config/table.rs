//! Every key of the configuration: what is not in this table is unknown, and what it says drives reading, example, schema and explanation.

use std::time::Duration;

use super::key::{
    Holds::{self, Address, Boolean, Count, Header, Ids, IpAddress, List, Mode, Path, Size, SpiffeId, Text, TrustDomain, Word, Words},
    Key,
};

/// The top level of the file.
pub(super) const CONFIG: &[Key] = &[
    Key::only("preset", "null", "another set of defaults"),
    Key::required("self", SpiffeId, "this workload's own SPIFFE ID: the audience of every inbound hop").example("spiffe://prod.example/ns/ledger/sa/api"),
    Key::only("audiences", "[]", "further names that tokens may be meant for"),
    Key::only("state", "null", "a directory that keeps bundles and claims over a restart"),
    Key::default("listen", List(LISTEN), r#"[{address: "unix:/run/hopguard/check.sock"}]"#, "where Envoy asks"),
    Key::section("admin", ADMIN, "health, readiness and metrics"),
    Key::section("mode", MODE, "how each layer acts"),
    Key::section("hop", HOP, "what a hop may look like"),
    Key::section("peer", PEER, "how the caller is proved"),
    Key::required("trust", List(TRUST), "the trusted trust domains, each from one source"),
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
    Key::later("mtls", "listening with mutual TLS"),
];

const ALLOW: &[Key] = &[
    Key::optional("uids", Ids, "the sidecar's own user, unless `gids` is there", "users that may connect; unix only").example("[1337]"),
    Key::optional("gids", Ids, "none", "groups that may connect; unix only").example("[1337]"),
    Key::optional("any_local", Boolean, "false", "needed for TCP: whoever shares the network namespace may ask").example("true"),
    Key::later("spiffe_ids", "askers named by their SVID belong to listening with mutual TLS"),
];

const ADMIN: &[Key] = &[Key::default("address", IpAddress, r#""127.0.0.1:9192""#, "where they are served; any address")];

const MODE: &[Key] = &[
    Key::only("proof", "enforce", "proving without enforcing"),
    Key::only("ceiling", "enforce", "holding against grants without enforcing"),
    Key::only("policy", "enforce", "evaluating policy without enforcing"),
];

const HOP: &[Key] = &[
    Key::only("strict", "enforce", "letting ambiguous hops through"),
    Key::default("escapes", Words(&["slash", "percent", "semicolon"]), "[]", "escapes that are data in this workload's paths"),
    Key::only("tcp", "false", "hops without HTTP"),
    Key::later("max_stream", "bounding what outlives the beginning of a hop"),
    Key::default("keep_headers", Words(KEEPABLE), "[]", "headers that are not removed although they could redirect the hop"),
    Key::default("self_check", Word(&["principal", "none"], &[]), "principal", "whether the name by which Envoy answered must be `self`"),
    Key::only("public", "[]", "routes that need no proof"),
];

const KEEPABLE: &[&str] = &[
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-envoy-original-path",
];

const PEER: &[Key] = &[
    Key::only("evidence", "[certificate]", "other evidence than the certificate"),
    Key::section("xfcc", XFCC, "certificates in `x-forwarded-client-cert`"),
    Key::section("asserted", ASSERTED, "peers on Envoy's word"),
    Key::default("max_lifetime", Holds::Duration(MINUTE, days(3_650)), "25h", "the longest validity of a peer's certificate"),
];

const XFCC: &[Key] = &[
    Key::only("sanitize_set", "false", "certificates in `x-forwarded-client-cert`"),
    Key::only("json", "false", "certificates in `x-forwarded-client-cert`"),
];

const ASSERTED: &[Key] = &[Key::only("trust_domains", "[]", "peers on Envoy's word")];

const TRUST: &[Key] = &[
    Key::required("trust_domain", TrustDomain, "the trust domain").example("prod.example"),
    Key::required("pem", Path, "its root certificates, PEM").example("roots.pem"),
    Key::optional("intermediates", Path, "none", "intermediate certificates that Envoy does not pass on, PEM").example("intermediates.pem"),
    Key::default("max_stale", Holds::Duration(SECOND, days(365)), "24h", "how long the last good roots count when the file is gone"),
    Key::later("workload_api", "bundles from the SPIFFE Workload API"),
    Key::later("federation", "bundles from a federation endpoint"),
    Key::later("bundle", "bundles from a SPIFFE bundle file"),
    Key::later("bundle_map", "bundles from a SPIFFE bundle map"),
];

const TOKENS: &[Key] = &[
    Key::only("leeway", "0s", "the clock leeway of tokens"),
    Key::section("delegation", &[Key::only("max_depth", "4", "delegation chains")], "delegation chains"),
    Key::section("replay", &[Key::only("capacity", "100000", "one-time tokens")], "one-time tokens"),
    Key::only("jwt_svid", "null", "JWT-SVIDs"),
    Key::only("transaction", "null", "transaction tokens"),
    Key::only("oidc", "[]", "tokens of people"),
];

const PURPOSE: &[Key] = &[
    Key::default("header", Header, "x-hop-purpose", "the request header that declares it"),
    Key::only("required", "true", "hops without a purpose"),
];

const STORE: &[Key] = &[
    Key::required("directory", Path, "the directory of documents").example("documents"),
    Key::only("bundle", "null", "signed bundles of documents"),
    Key::later("max_stale", "denying when revocations are too old"),
    Key::only("inventory", "optional", "denying peers that are in no inventory"),
];

const FACTS: &[Key] = &[Key::only("directory", "null", "facts in a directory of their own")];

const GRANTS: &[Key] = &[
    Key::only("approvals", "optional", "signed approvals"),
    Key::only("allowed_signers", "null", "signed approvals"),
    Key::later("overdue", "reporting or denying what is overdue for review"),
    Key::later("max_activation", "activations of grants"),
    Key::section("max_ttl", MAX_TTL, "the longest life of a grant, by type"),
];

const MAX_TTL: &[Key] = &[
    Key::only("standing", "365d", "another longest life"),
    Key::only("eligible", "365d", "another longest life"),
    Key::only("jit", "24h", "another longest life"),
    Key::only("exception", "90d", "another longest life"),
    Key::only("break_glass", "365d", "another longest life"),
];

const POLICY: &[Key] = &[
    Key::required("directory", Path, "the directory of Rego modules").example("policy"),
    Key::only("bundle", "null", "signed bundles of policy"),
    Key::default("entrypoint", Text, "data.hopguard.authz.decision", "the rule that is evaluated"),
    Key::default("timeout", Holds::Duration(MILLISECOND, SECOND), "10ms", "the longest that one evaluation may take"),
    Key::default("evaluator", Word(&["auto", "interpreter"], &["vm"]), "auto", "what evaluates it"),
    Key::only("gate", "strict", "loading policies as OPA does"),
    Key::only("candidate", "null", "judging by a candidate policy on the side"),
    Key::only("expose_credentials", "[]", "policies that read credentials"),
];

const RESPONSE: &[Key] = &[
    Key::default("reveal", Word(&["none", "reason", "full"], &[]), "none", "how much of the reason a denied caller is told"),
    Key::only("style", "hopguard", "answers in the style of OPA's plugin"),
    Key::only("protected_headers", "[]", "protecting further headers from policy"),
    Key::only("allow_headers", "[]", "freeing headers for policy"),
];

const AUDIT: &[Key] = &[
    Key::default("file", Path, "/var/log/hopguard/audit.jsonl", "the log; \"-\" is standard output"),
    Key::only("durability", "group", "another durability"),
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
    Key::default("request_bytes", Size(KIB, 16 * MIB), "1MiB", "the largest Check, as Envoy sends it"),
    Key::default("headers", Count(1, 1_000), "128", "the most header entries of a hop"),
    Key::default("in_flight", Count(1, 1_000_000), "1024", "the most Checks at once"),
    Key::default("connections", Count(1, 1_000_000), "1024", "the most connections at once"),
    Key::default("streams", Count(1, 1_000_000), "1024", "the most HTTP/2 streams on one connection"),
    Key::default("deadline", Holds::Duration(MILLISECOND, MINUTE), "100ms", "the longest that one Check may take"),
    Key::default("drain", Holds::Duration(MILLISECOND, days(1)), "10s", "how long connections may take to end at shutdown"),
    Key::default("audit_queue", Count(1, 10_000_000), "8192", "the most records that wait for the disk"),
    Key::default("policy_bytes", Size(KIB, 64 * MIB), "1MiB", "the largest policy, all modules together"),
    Key::optional("workers", Count(1, 1_024), "one for each core", "the threads that answer").example("4"),
];

const TELEMETRY: &[Key] = &[
    Key::default("log", Text, "info", "what is logged: a level, or directives such as `info,hopguard::policy=debug`"),
    Key::only("otlp", "null", "exporting traces"),
];

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
