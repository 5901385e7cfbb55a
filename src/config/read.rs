//! Turns the sections of a file into a [`Config`], every value checked by itself and against its neighbours.

mod bundle;
mod ceiling;
mod listen;
mod policy;
mod response;
mod tokens;
mod trust;

use std::{path::Path, thread};

use aws_lc_rs::digest::{SHA256, digest};
use spiffe::SpiffeId;
use tracing_subscriber::EnvFilter;

use super::{AuditSink, Config, Durability, HopRules, Limits, Listener, SelfCheck, section::Section, table::CONFIG};
use crate::{
    decision::{Mode, Modes},
    hop::{Public, Route, Strict},
    peer::{EvidenceKind, Rules as PeerRules, id},
    policy::answer,
    trust::SourceKind,
    yaml::{Mapping, quote},
};

/// Reads the whole file. Every section is read before the first missing value ends it, so that all problems are found.
///
/// `this`: who the command line says that this workload is.
pub(super) fn config(file: &Path, source: &str, root: Mapping<'_>, this: Option<&SpiffeId>) -> Option<Config> {
    let base = file.parent().unwrap_or_else(|| Path::new(""));
    let mut root = Section::root(CONFIG, root);
    let modes = modes(&mut root);
    let proves = modes.is_none_or(|modes| modes.proof != Mode::Skip);
    let approves = modes.is_none_or(|modes| modes.ceiling != Mode::Skip);
    let self_id = self_id(&mut root, this);
    let audiences = root.texts("audiences", |text| Ok::<_, String>(text.to_owned()));
    let state = root.maybe("state").map(|mut state| state.text("directory"));
    let (listen, admin) = listen::listeners(&mut root);
    let hop = hop(root.section("hop"));
    let peer = peer(root.section("peer"), listen.as_deref());
    let trust = trust::trust(&mut root, base, proves);
    let tokens = tokens::tokens(root.section("tokens"), audiences, base);
    let (purpose_header, purpose_required) = purpose(root.section("purpose"));
    let ceiling = ceiling::ceiling(&mut root, base, approves);
    let narrows = modes.is_none_or(|modes| modes.policy != Mode::Skip);
    let policy = policy::policy(root.section("policy"), base, narrows);
    let response = response::response(&mut root, modes);
    let audit = audit(root.section("audit"), base);
    let limits = limits(root.section("limits"));
    let log = root.section("telemetry").parsed("log", directives);
    if let (Some(tokens), Some(purpose)) = (&tokens, &purpose_header)
        && tokens.rules.names(purpose)
    {
        root.problem("tokens", "a token's header is that of the purpose (`purpose.header`): choose another");
    }
    if let (Some(listen), Some(trust)) = (&listen, &trust)
        && let Some(stranger) = listen::stranger(listen, trust)
    {
        root.problem(
            "listen",
            format!("`{stranger}` could never ask: list its trust domain in `trust`, or take it out of `allow`"),
        );
    }
    if let (Some(tokens), Some(trust)) = (&tokens, &trust)
        && proves
        && let Some((issuer, trust_domain)) = tokens::stranger(&tokens.rules, trust)
    {
        root.problem(
            "tokens",
            format!("`{issuer}` has its keys in the bundle of `{trust_domain}`: list that in `trust`, or name keys with `jwks`"),
        );
    }
    let workload_api = trust.iter().flatten().find_map(|source| match &source.kind {
        SourceKind::WorkloadApi { endpoint } => Some(endpoint.clone()),
        _ => None,
    });
    if self_id.is_none() && !root.has("self") && (proves || approves) && workload_api.is_none() {
        root.require("self");
        return None;
    }
    let (tokens, purpose_header, mut policy, response) = (tokens?, purpose_header?, policy?, response?);
    let (documents, ceiling) = ceiling?;
    if let Some(policy) = &mut policy {
        policy.options.answers = response.answers(&tokens.headers(), &purpose_header);
        // Whoever answers as the plugin does asks as it does.
        if response.rules.style != answer::Style::Hopguard {
            policy.options.view.style = crate::policy::Style::Opa;
        }
    }
    Some(Config {
        file: Some(file.to_owned()),
        revision: revision(source),
        self_id,
        is_self_given: this.is_some(),
        workload_api,
        state: state.map_or(Some(None), |state| state.map(|path| Some(base.join(path))))?,
        listen: listen?,
        admin: admin?,
        modes: modes?,
        hop: hop?,
        peer: peer?,
        trust: trust?,
        tokens,
        purpose_header,
        purpose_required: purpose_required?,
        documents,
        ceiling,
        policy,
        response: response.rules,
        audit: audit?,
        limits: limits?,
        log: log?,
    })
}

/// Who this workload is. A file that is shared by several leaves it open; one that names another was meant for another.
fn self_id(root: &mut Section<'_>, given: Option<&SpiffeId>) -> Option<SpiffeId> {
    let named: Option<SpiffeId> = root.parsed("self", id::parse_workload);
    let Some(given) = given else { return named };
    if let Some(named) = named.filter(|named| named != given) {
        root.problem(
            "self",
            format!("is `{named}`, and the command line says `--self {given}`: take one of them out, or say the same"),
        );
    }
    Some(given.clone())
}

fn modes(root: &mut Section<'_>) -> Option<Modes> {
    let mut section = root.section("mode");
    let proof = section.word("proof", MODES);
    let ceiling = section.word("ceiling", MODES);
    let policy = section.word("policy", MODES);
    let modes = Modes { proof: proof?, ceiling: ceiling?, policy: policy? };
    if modes.ceiling == Mode::Enforce && modes.proof != Mode::Enforce {
        section.problem(
            "proof",
            "grants are for callers that are proved: write `ceiling: observe` or `ceiling: skip` with it, or enforce both",
        );
    }
    Some(modes)
}

fn peer(mut section: Section<'_>, listen: Option<&[Listener]>) -> Option<PeerRules> {
    let evidence = section.ordered_words("evidence");
    let mut xfcc = section.section("xfcc");
    let sanitized = xfcc.boolean("sanitize_set");
    let json = xfcc.boolean("json");
    let domains = section.section("asserted").texts("trust_domains", id::parse_trust_domain);
    let max_lifetime = section.duration("max_lifetime");
    let (evidence, sanitized, domains) = (evidence?, sanitized?, domains?);
    let kind = |word: &&str| EVIDENCE.iter().position(|(name, _)| name == word);
    let places: Vec<usize> = evidence.iter().filter_map(kind).collect();
    let kinds: Vec<EvidenceKind> =
        places.iter().filter_map(|place| EVIDENCE.get(*place)).map(|(_, kind)| *kind).collect();
    if kinds.is_empty() {
        section.problem("evidence", "must not be empty: nothing could speak for a caller");
    }
    if !places.is_sorted() {
        section.problem("evidence", "is strongest first: `certificate`, `xfcc`, `xfcc_uri`, `principal`");
    }
    let reads_xfcc = kinds.iter().any(|kind| matches!(kind, EvidenceKind::Xfcc | EvidenceKind::XfccUri));
    if reads_xfcc && !sanitized {
        section.problem(
            "evidence",
            "`xfcc` is what clients say unless Envoy replaces it: set `forward_client_cert_details: SANITIZE_SET` there and `xfcc.sanitize_set: true` here",
        );
    }
    let asserts = kinds.iter().any(|kind| matches!(kind, EvidenceKind::XfccUri | EvidenceKind::Principal));
    if asserts && domains.is_empty() {
        section.problem(
            "evidence",
            "takes Envoy's word: list the trust domains it is enough for in `asserted.trust_domains`",
        );
    }
    if asserts && listen.is_some_and(|listen| listen.iter().any(|listener| matches!(listener, Listener::Tcp(_)))) {
        section.problem(
            "evidence",
            "takes Envoy's word, and a TCP listener without `mtls` cannot tell whether it is Envoy who asks",
        );
    }
    Some(PeerRules {
        evidence: kinds,
        sanitized,
        json: json?,
        asserted: domains.into_iter().collect(),
        max_lifetime: max_lifetime?,
    })
}

fn purpose(mut section: Section<'_>) -> (Option<String>, Option<bool>) {
    (section.parsed("header", header_name), section.boolean("required"))
}

fn hop(mut section: Section<'_>) -> Option<HopRules> {
    let escapes = section.words("escapes");
    let keep_headers = section.words("keep_headers");
    let tcp = section.boolean("tcp");
    let max_stream = section.duration("max_stream");
    let strict = section.word("strict", &[("enforce", Strict::Enforce), ("observe", Strict::Observe)]);
    let public = section.list("public", public);
    let self_check = section.word("self_check", &[("principal", SelfCheck::Principal), ("none", SelfCheck::None)]);
    let escapes = escapes?;
    Some(HopRules {
        strict: strict?,
        // A wrong one has been reported.
        public: Public::new(public.unwrap_or_default()),
        slash: escapes.contains("slash"),
        percent: escapes.contains("percent"),
        semicolon: escapes.contains("semicolon"),
        keep_headers: keep_headers?.into_iter().map(str::to_owned).collect(),
        self_check: self_check?,
        tcp: tcp?,
        max_stream: max_stream?,
    })
}

/// A route that anybody may call.
fn public(mut section: Section<'_>) -> Option<Route> {
    let text = |text: &str| Ok::<_, String>(text.to_owned());
    let methods = section.texts("methods", text);
    let paths = section.texts("paths", text);
    let acknowledged = section.boolean("acknowledge_public");
    let route = Route::new(&methods?, &paths?, acknowledged?);
    route.map_err(|error| section.problem(error.field, error.message)).ok()
}

fn audit(mut section: Section<'_>, base: &Path) -> Option<AuditSink> {
    let file = section.text("file");
    let window = section.duration("window");
    let durability = section.word("durability", &[("group", Durability::Group), ("async", Durability::Async)]);
    let file = file?;
    Some(AuditSink { file: (file != "-").then(|| base.join(file)), window: window?, durability: durability? })
}

fn limits(mut section: Section<'_>) -> Option<Limits> {
    let request_bytes = section.size("request_bytes");
    let headers = section.count("headers");
    let in_flight = section.count("in_flight");
    let connections = section.count("connections");
    let streams = section.count("streams");
    let deadline = section.duration("deadline");
    let drain = section.duration("drain");
    let audit_queue = section.count("audit_queue");
    let policy_bytes = section.size("policy_bytes");
    let workers = section.count("workers");
    Some(Limits {
        request_bytes: request_bytes?,
        headers: headers?,
        in_flight: in_flight?,
        connections: connections?,
        streams: streams?,
        deadline: deadline?,
        drain: drain?,
        audit_queue: audit_queue?,
        policy_bytes: policy_bytes?,
        workers: workers.unwrap_or_else(cores),
    })
}

/// A header's name (RFC 9110 §5.1) that can carry a purpose or a token.
fn header_name(text: &str) -> Result<String, String> {
    if !is_header(text) {
        return Err(format!("{} is not the name of a header, in lower case", quote(text)));
    }
    if RESERVED.contains(&text) || text.starts_with("x-hopguard-") || text.starts_with("x-envoy-") {
        return Err(format!("{} has another meaning: choose another header", quote(text)));
    }
    Ok(text.to_owned())
}

fn is_header(text: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.len() <= MAX_HEADER && text.bytes().all(is_token)
}

fn directives(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{} does not say what to log: {error}", quote(text))),
    }
}

fn revision(source: &str) -> String {
    let digest = digest(&SHA256, source.as_bytes());
    crate::hex::encode(digest.as_ref().get(..REVISION_BYTES).unwrap_or_default())
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

const MODES: &[(&str, Mode)] = &[("skip", Mode::Skip), ("observe", Mode::Observe), ("enforce", Mode::Enforce)];
/// Strongest first.
const EVIDENCE: [(&str, EvidenceKind); 4] = [
    ("certificate", EvidenceKind::Certificate),
    ("xfcc", EvidenceKind::Xfcc),
    ("xfcc_uri", EvidenceKind::XfccUri),
    ("principal", EvidenceKind::Principal),
];

/// Headers that mean something else already.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "txn-token",
    "upgrade",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];

const MAX_HEADER: usize = 128;
const REVISION_BYTES: usize = 8;
