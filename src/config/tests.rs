//! The configuration, as sentences.

use proptest::prelude::*;
use serde_json::Value;

use super::{
    key::{Holds, Key, Presence},
    table::CONFIG,
    *,
};
use crate::{
    decision::Mode,
    peer::id,
    policy::{
        Gate,
        answer::{self, Style},
    },
    response,
    server::Allow,
};

const MINIMAL: &str = "\
self: spiffe://prod.example/ns/ledger/sa/api
trust:
  - {trust_domain: prod.example, pem: roots.pem}
store: {directory: documents}
policy: {directory: policy}
";

fn parse(source: &str) -> Result<Config, Problems> {
    Config::parse(Path::new("/etc/hopguard/hopguard.yaml"), source)
}

/// The minimal configuration with one more line.
fn with(line: &str) -> Result<Config, Problems> {
    parse(&format!("{MINIMAL}{line}\n"))
}

fn problems(result: Result<Config, Problems>) -> Vec<String> {
    let strip = |problem: &Problem| problem.to_string().replace("/etc/hopguard/hopguard.yaml:", "");
    result.err().map(|problems| problems.0.iter().map(strip).collect()).unwrap_or_default()
}

#[test]
fn what_is_absent_has_its_default() {
    let config = parse(MINIMAL).unwrap();
    let Listener::Unix { path, mode, allow } = &config.listen[0] else { panic!("not a unix socket") };
    assert_eq!((path.as_path(), *mode), (Path::new("/run/hopguard/check.sock"), 0o660));
    assert_eq!(*allow, Allow { uids: vec![rustix::process::geteuid().as_raw()], gids: vec![], anybody: false });
    assert_eq!(config.admin.to_string(), "127.0.0.1:9192");
    assert_eq!(config.peer.max_lifetime, Duration::from_secs(25 * 3_600));
    assert_eq!(config.trust[0].max_stale, Duration::from_secs(24 * 3_600));
    assert_eq!(config.purpose_header, "x-hop-purpose");
    assert_eq!(config.policy.as_ref().unwrap().options.entrypoint.to_string(), "data.hopguard.authz.decision");
    assert_eq!(config.policy.as_ref().unwrap().options.timeout, Duration::from_millis(10));
    assert_eq!(config.response, response::Rules::default());
    assert_eq!(config.audit.file.as_deref(), Some(Path::new("/var/log/hopguard/audit.jsonl")));
    assert_eq!(config.audit.window, Duration::from_millis(5));
    assert_eq!(config.hop.self_check, SelfCheck::Principal);
    assert_eq!((config.limits.request_bytes, config.limits.policy_bytes), (1 << 20, 1 << 20));
    assert_eq!((config.limits.headers, config.limits.streams), (128, 1024));
    assert!(config.limits.workers >= 1);
    assert_eq!(config.log, "info");
}

#[test]
fn who_could_never_be_verified_is_named_before_anybody_waits_for_it() {
    let federated = |id: &str, more: &str| {
        let federation =
            format!("{{url: \"https://partner.example\", profile: https_spiffe, endpoint_spiffe_id: \"{id}\"{more}}}");
        let entry = format!("  - {{trust_domain: partner.example, federation: {federation}}}\nstore:");
        problems(parse(&MINIMAL.replace("store:", &entry)))
    };
    assert_eq!(federated("spiffe://partner.example/server", ", bootstrap: b.json"), [""; 0]);
    assert_eq!(federated("spiffe://prod.example/server", ""), [""; 0]);
    let found = federated("spiffe://other.example/server", "").concat();
    assert!(
        found.contains("`partner.example`: the endpoint is of `other.example`, which `trust` does not list"),
        "{found}"
    );
    let found = federated("spiffe://prod.example/server", ", bootstrap: b.json").concat();
    assert!(found.contains("held against the bundle of `prod.example`: remove it"), "{found}");

    let asker = |id: &str| {
        let mtls = "mtls: {workload_api: \"unix:/run/agent.sock\"}";
        problems(with(&format!("listen: [{{address: \"0.0.0.0:9443\", {mtls}, allow: {{spiffe_ids: [\"{id}\"]}}}}]")))
    };
    assert_eq!(asker("spiffe://prod.example/envoy"), [""; 0]);
    let found = asker("spiffe://other.example/envoy").concat();
    assert!(found.contains("`spiffe://other.example/envoy` could never ask: list its trust domain"), "{found}");
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let config = with("audit: {file: log/audit.jsonl}").unwrap();
    assert_eq!(config.documents.as_deref(), Some(Path::new("/etc/hopguard/documents")));
    assert_eq!(config.policy.unwrap().watched(), [Path::new("/etc/hopguard/policy")]);
    assert_eq!(config.trust[0].kind, crate::trust::SourceKind::Pem { file: "/etc/hopguard/roots.pem".into() });
    assert_eq!(config.audit.file.as_deref(), Some(Path::new("/etc/hopguard/log/audit.jsonl")));
    assert_eq!(with("audit: {file: \"-\"}").unwrap().audit.file, None);
}

#[test]
fn all_problems_are_reported_at_once_with_line_and_column() {
    let source = "\
self: spiffe://prod.example
listen:
  - {address: \"0.0.0.0:9191\", mode: \"0660\"}
  - {address: \"unix:check.sock\", mode: \"660\"}
mode: {proof: observe}
hop: {escapes: [slash, slash, colon], keep_headers: [cookie]}
trust:
  - {trust_domain: prod.example, pem: a.pem}
  - {trust_domain: prod.example, pem: b.pem, workload_api: \"unix:/run/agent.sock\"}
polcy: {directory: policy}
store: {directory: documents, max_stale: 1ms}
policy: {timeout: 2s, evaluator: vm, entrypoint: decision}
purpose: {header: Authorization}
limits: {headers: 0, deadline: fast}
telemetry: {log: \"a=b=c\"}
";
    assert_eq!(
        problems(parse(source)),
        [
            "1:7: self: the path is missing: this is the ID of a trust domain, not of a workload",
            "3:5: listen[0]: TCP cannot name its asker: write `allow: {any_local: true}`, or use `mtls` or a unix socket",
            "3:15: listen[0].address: is not a loopback address: beyond it, askers are told by `mtls` and `allow: {spiffe_ids: [...]}` only",
            "3:37: listen[0].mode: is for unix sockets: leave it out",
            "4:15: listen[1].address: `check.sock` is not an absolute path: write `unix:/path`",
            "4:40: listen[1].mode: `660` is not a file mode: write four octal digits such as \"0660\"",
            "5:15: mode.proof: grants are for callers that are proved: write `ceiling: observe` or `ceiling: skip` with it, or enforce both",
            "6:24: hop.escapes[1]: `slash` is there twice",
            "6:31: hop.escapes[2]: `colon` is not one of `slash`, `percent`, `semicolon`",
            "6:54: hop.keep_headers[0]: `cookie` is not one of `x-http-method-override`, `x-method-override`, `x-original-url`, \
             `x-rewrite-url`, `x-envoy-original-path`",
            "9:20: trust[1].trust_domain: `prod.example` is there twice: each has one source",
            "9:60: trust[1].workload_api: is a second source: each trust domain has one, as bundles are never merged",
            "10:1: unknown field `polcy`: did you mean `policy`?",
            "11:42: store.max_stale: must be between 1s and 365d",
            "12:9: policy.directory: is required",
            "12:19: policy.timeout: must be between 1ms and 1s",
            "12:50: policy.entrypoint: `decision` is not the path of a rule: write one such as `data.hopguard.authz.decision`",
            "13:19: purpose.header: `Authorization` is not the name of a header, in lower case",
            "14:19: limits.headers: must be between 1 and 1000",
            "14:32: limits.deadline: expected a duration such as `90s`, `15m`, `24h`, `30d` or `5ms`, found `fast`",
            "15:18: telemetry.log: `a=b=c` does not say what to log: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \
             \"debug\", \"trace\", or a number 0-5",
        ]
    );
}

#[test]
fn syntax_and_meaning_are_reported_together() {
    assert_eq!(
        problems(with("purpose: {header: no}\nlimits: {header: 1}")),
        [
            "6:19: purpose.header: `no` is a boolean to readers of YAML 1.1: quote it",
            "7:10: limits: unknown field `header`: did you mean `headers`?",
        ]
    );
}

#[test]
fn an_empty_file_says_what_belongs_in_it() {
    assert_eq!(problems(parse("")), ["1:1: the file is empty: `hopguard config --example` shows what belongs in it"]);
    assert_eq!(problems(parse("{}")).len(), 4);
    assert_eq!(problems(parse("[]")), ["1:1: expected a mapping, found a list"]);
    assert_eq!(problems(parse(&format!("{MINIMAL}---\na: b\n"))), ["7:1: a second document: the configuration is one"]);
}

#[test]
fn a_section_that_is_missing_is_missed_by_what_it_requires() {
    let source = MINIMAL.replace("store: {directory: documents}\n", "");
    assert_eq!(problems(parse(&source)), ["1:1: store.directory: is required"]);
}

#[test]
fn listens_on_loopback_only_if_any_local_may_ask() {
    let config = with("listen: [{address: \"127.0.0.1:9191\", allow: {any_local: true}}]").unwrap();
    assert_eq!(config.listen, [Listener::Tcp("127.0.0.1:9191".parse().unwrap())]);
    assert!(with("listen: [{address: \"[::1]:9191\", allow: {any_local: true}}]").is_ok());
    for line in [
        "listen: [{address: \"127.0.0.1:9191\"}]",
        "listen: [{address: \"127.0.0.1:9191\", allow: {any_local: false}}]",
        "listen: [{address: \"127.0.0.1:9191\", allow: {any_local: true, uids: [1]}}]",
        "listen: [{address: \"10.0.0.1:9191\", allow: {any_local: true}}]",
        "listen: [{address: \"unix:/run/a.sock\", allow: {any_local: true}}]",
        "listen: [{address: \"localhost:9191\", allow: {any_local: true}}]",
        "listen: []",
    ] {
        assert_eq!(problems(with(line)).len(), 1, "{line}");
    }
}

#[test]
fn names_who_may_connect() {
    let allowed =
        |allow: &str| match &with(&format!("listen: [{{address: \"unix:/a\", allow: {allow}}}]")).unwrap().listen[0] {
            Listener::Unix { allow, .. } => allow.clone(),
            Listener::Tcp(_) | Listener::Mtls { .. } => panic!("not a unix socket"),
        };
    let own = rustix::process::geteuid().as_raw();
    assert_eq!(allowed("{uids: [1337], gids: []}"), Allow { uids: vec![1337], gids: vec![], anybody: false });
    assert_eq!(allowed("{gids: [5]}"), Allow { uids: vec![], gids: vec![5], anybody: false });
    assert_eq!(allowed("{}"), Allow { uids: vec![own], gids: vec![], anybody: false });
    assert_eq!(problems(with("listen: [{address: \"unix:/a\", allow: {uids: []}}]")).len(), 1);
    assert_eq!(problems(with("listen: [{address: \"unix:/a\", allow: {uids: [-1, 4294967296]}}]")).len(), 2);
}

#[test]
fn two_listeners_never_share_an_address() {
    let any = "allow: {any_local: true}";
    let twice = format!("listen: [{{address: \"127.0.0.1:1\", {any}}}, {{address: \"127.0.0.1:1\", {any}}}]");
    assert_eq!(problems(with(&twice)), ["6:72: listen[1].address: another listener has this address"]);
    assert_eq!(problems(with("listen: [{address: \"unix:/a\"}, {address: \"unix:/a\"}]")).len(), 1);
    let admin = format!("listen: [{{address: \"127.0.0.1:9192\", {any}}}]");
    assert_eq!(problems(with(&admin)), ["1:1: admin: a listener has this address"]);
    let port_zero = format!("listen: [{{address: \"127.0.0.1:0\", {any}}}, {{address: \"127.0.0.1:0\", {any}}}]");
    assert!(with(&port_zero).is_ok());
}

#[test]
fn names_the_headers_that_policy_may_touch() {
    let rules = |source: &str| parse(source).unwrap().policy.unwrap().options.answers;
    let rule = |credentials: &[&str], protected: &[&str], free: &[&str]| {
        let lists = [credentials, protected, free].map(|names| names.iter().copied());
        let [credentials, protected, free] = lists;
        answer::Rules::new(Style::Hopguard, credentials, protected, free)
    };
    assert_eq!(rules(MINIMAL), rule(&["x-hop-purpose"], &[], &[]));
    let source = format!(
        "{MINIMAL}tokens: {{jwt_svid: {{header: x-svid}}}}\npurpose: {{header: x-for}}\n\
         response: {{protected_headers: [x-tenant], allow_headers: [authorization, x-envoy-peer]}}\n"
    );
    assert_eq!(rules(&source), rule(&["x-svid", "x-for"], &["x-tenant"], &["authorization", "x-envoy-peer"]));
    for (line, expected) in [
        ("protected_headers: [X-Tenant]", "is not the name of a header, in lower case"),
        ("protected_headers: [\"a b\"]", "is not the name of a header, in lower case"),
        ("allow_headers: [\"\"]", "must not be empty"),
        ("allow_headers: [\":path\"]", "can never be freed"),
        ("allow_headers: [host]", "can never be freed"),
        ("allow_headers: [transfer_encoding]", "can never be freed"),
        ("allow_headers: [x_hopguard-peer]", "can never be freed"),
        ("allow_headers: [x-original-url]", "can never be freed"),
        ("allow_headers: [x-envoy-original-path]", "can never be freed"),
        ("allow_headers: [x-a], protected_headers: [x_a]", "is in `protected_headers` too"),
    ] {
        let problems = problems(with(&format!("response: {{{line}}}")));
        assert!(matches!(&problems[..], [problem] if problem.contains(expected)), "{line}: {problems:?}");
    }
}

#[test]
fn answers_in_opas_style_only_where_nothing_is_proved() {
    let opa = |more: &str, modes: &str| with(&format!("response: {{style: opa{more}}}\nmode: {{{modes}}}"));
    let open = "proof: observe, ceiling: skip";
    let config = opa("", open).unwrap();
    assert_eq!(config.response.style, Style::Opa { dry_run: false });
    assert_eq!(config.policy.unwrap().options.answers.style(), config.response.style);
    assert!(opa(", protected_headers: [x-tenant]", open).is_ok());
    for (more, modes) in [
        ("", ""),
        ("", "proof: enforce, ceiling: skip"),
        (", reveal: full", open),
        (", allow_headers: [authorization]", open),
    ] {
        assert_eq!(problems(opa(more, modes)).len(), 1, "{more} {modes}");
    }
}

#[test]
fn a_mode_is_octal_and_quoted() {
    assert_eq!(problems(with("listen: [{address: \"unix:/a\", mode: 0660}]")).len(), 1);
    assert_eq!(problems(with("listen: [{address: \"unix:/a\", mode: \"0880\"}]")).len(), 1);
    assert_eq!(problems(with("listen: [{address: \"unix:/a\", mode: \"+660\"}]")).len(), 1);
    assert!(with("listen: [{address: \"unix:/a\", mode: \"0600\"}]").is_ok());
}

#[test]
fn the_purpose_header_means_nothing_else() {
    assert_eq!(with("purpose: {header: x-why}").unwrap().purpose_header, "x-why");
    for header in ["cookie", "x-hopguard-peer", "x-envoy-peer-metadata", "x why", "\":path\"", "X-Why", "host"] {
        assert_eq!(problems(with(&format!("purpose: {{header: {header}}}"))).len(), 1, "{header}");
    }
}

#[test]
fn a_preset_is_another_set_of_defaults_that_keys_override() {
    let modes = |source: &str| parse(source).unwrap().modes;
    let (skip, observe, enforce) = (Mode::Skip, Mode::Observe, Mode::Enforce);
    assert_eq!(modes(&format!("preset: observe\n{MINIMAL}")), Modes { proof: observe, ceiling: observe, policy: skip });
    assert_eq!(
        modes("preset: opa-envoy\npolicy: {directory: policy}\n"),
        Modes { proof: skip, ceiling: skip, policy: enforce }
    );
    let stricter = format!("preset: observe\nmode: {{proof: enforce, policy: enforce}}\n{MINIMAL}");
    assert_eq!(modes(&stricter), Modes { proof: enforce, ceiling: observe, policy: enforce });
    let config = parse("preset: opa-envoy\npolicy: {directory: policy, timeout: 50ms}\n").unwrap();
    let options = config.policy.unwrap().options;
    assert_eq!((options.entrypoint.to_string(), options.gate), ("data.envoy.authz.allow".to_owned(), Gate::Compatible));
    assert_eq!(options.timeout, Duration::from_millis(50));
    assert_eq!((config.audit.file, config.audit.durability), (None, Durability::Async));
}

#[test]
fn a_policy_is_needed_unless_it_is_skipped() {
    let without = MINIMAL.replace("policy: {directory: policy}\n", "");
    assert_eq!(problems(parse(&without)), ["1:1: policy.directory: is required"]);
    assert_eq!(parse(&format!("{without}mode: {{policy: skip}}\n")).unwrap().policy, None);
}

#[test]
fn the_entry_point_is_a_rule_below_data() {
    for wrong in ["data", "data.a", "data..a", "input.a.b", "data.a.b-c", "data.1.b", "data.a.b."] {
        assert_eq!(problems(with_policy(&format!("entrypoint: {wrong}"))).len(), 1, "{wrong}");
    }
    assert_eq!(
        with_policy("entrypoint: data.acme.allow").unwrap().policy.unwrap().options.entrypoint.to_string(),
        "data.acme.allow"
    );
}

fn with_policy(more: &str) -> Result<Config, Problems> {
    parse(&MINIMAL.replace("{directory: policy}", &format!("{{directory: policy, {more}}}")))
}

#[test]
fn names_what_needs_a_restart() {
    let old = parse(MINIMAL).unwrap();
    assert_eq!(old.restart_differs(&with("purpose: {header: x-why}").unwrap()), Vec::<&str>::new());
    let new =
        with("admin: {address: \"127.0.0.1:1\"}\nlimits: {workers: 1000, headers: 5}\naudit: {file: \"-\"}").unwrap();
    assert_eq!(old.restart_differs(&new), ["admin", "audit.file", "limits.workers"]);
}

#[test]
fn the_revision_is_that_of_the_bytes() {
    let (a, b) = (parse(MINIMAL).unwrap(), with("# a comment").unwrap());
    assert_eq!(a.revision.len(), 16);
    assert_eq!(a.revision, parse(MINIMAL).unwrap().revision);
    assert_ne!(a.revision, b.revision);
}

#[test]
fn loads_a_file_and_says_why_it_cannot() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hopguard.yaml");
    let message =
        |path: &Path| Config::load(path).unwrap_err().0[0].to_string().replace(&path.display().to_string(), "FILE");
    assert!(message(&path).starts_with("FILE: cannot be read: "));
    std::fs::write(&path, b"self: x\n\xc3\xa4: \xff\n").unwrap();
    assert_eq!(message(&path), "FILE:2:4: not UTF-8");
    std::fs::write(&path, vec![b' '; yaml::MAX_BYTES + 1]).unwrap();
    assert!(message(&path).contains("more than 1048576"));
    std::fs::write(&path, MINIMAL).unwrap();
    assert_eq!(Config::load(&path).unwrap().documents, Some(directory.path().join("documents")));
}

#[test]
fn the_command_line_says_who_this_is_where_the_file_leaves_it_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hopguard.yaml");
    let load = |source: &str, this: &str| {
        std::fs::write(&path, source).unwrap();
        Config::load_as(&path, Some(&id::parse_workload(this).unwrap()))
    };
    let (here, there) = ("spiffe://prod.example/ns/ledger/sa/api", "spiffe://prod.example/ns/billing/sa/api");
    let shared = MINIMAL.split_once('\n').unwrap().1;
    let config = load(shared, there).unwrap();
    assert_eq!(config.given_self().unwrap().to_string(), there);
    assert_eq!(config.self_id.as_ref(), config.given_self());
    assert!(load(MINIMAL, here).is_ok());
    let refused = load(MINIMAL, there).unwrap_err().0[0].to_string();
    assert!(refused.contains(&format!("is `{here}`, and the command line says `--self {there}`")), "{refused}");
    assert!(load(&format!("self: nonsense\n{shared}"), here).is_err());
    assert_eq!(parse(MINIMAL).unwrap().given_self(), None);
}

#[test]
fn the_example_loads_and_shows_the_defaults() {
    let config = parse(&example()).unwrap();
    let minimal = parse(MINIMAL).unwrap();
    assert_eq!(Config { revision: minimal.revision.clone(), ..config }, minimal);
}

#[test]
fn the_example_shows_every_key_that_is_built() {
    let example = example();
    for (path, key) in keys() {
        let shown =
            example.lines().any(|line| line.trim_start_matches([' ', '#', '-']).starts_with(&format!("{}:", key.name)));
        assert!(shown || !key.is_built(), "{path}");
    }
}

#[test]
fn the_comments_of_the_example_load_too() {
    let example = example();
    for name in ["intermediates", "workers", "mode"] {
        let source = example.replace(&format!("# {name}:"), &format!("{name}:"));
        assert_ne!(source, example, "{name}");
        parse(&source).unwrap();
    }
    let source = example.replace("# allow:", "allow:").replace("# uids:", "  uids:");
    parse(&source).unwrap();
}

/// Every key of the table with its path; lists by their first item.
fn keys() -> Vec<(String, &'static Key)> {
    fn below(prefix: &str, keys: &'static [Key], found: &mut Vec<(String, &'static Key)>) {
        for key in keys {
            let path = format!("{prefix}{}", key.name);
            found.push((path.clone(), key));
            let item = if matches!(key.holds, Holds::List(_)) { "[0]" } else { "" };
            below(&format!("{path}{item}."), key.inner(), found);
        }
    }
    let mut found = Vec::new();
    below("", CONFIG, &mut found);
    found
}

/// A file that sets nothing but one key.
fn only(path: &str, value: &str) -> String {
    let (mut source, mut indent) = (String::new(), 0);
    let names: Vec<_> = path.split('.').collect();
    for (depth, name) in names.iter().enumerate() {
        let key = name.trim_end_matches("[0]");
        let is_last = depth + 1 == names.len();
        source.push_str(&format!(
            "{:indent$}{key}:{}\n",
            "",
            if is_last { format!(" {value}") } else { String::new() }
        ));
        indent += 2;
        if name.ends_with("[0]") {
            source.push_str(&format!("{:indent$}-\n", ""));
            indent += 2;
        }
    }
    source
}

fn about(path: &str, value: &str) -> Vec<Problem> {
    let problems = parse(&only(path, value)).unwrap_err().0;
    problems.into_iter().filter(|problem| problem.field == path && !problem.message.ends_with("is required")).collect()
}

#[test]
fn every_key_is_read_so_none_is_silently_ignored() {
    for (path, _) in keys() {
        let about = about(&path, "{a: {b: c}}");
        let inside = parse(&only(&path, "{a: {b: c}}")).unwrap_err().0;
        assert!(
            !about.is_empty() || inside.iter().any(|problem| problem.message.contains("unknown field `a`")),
            "{path}"
        );
    }
}

#[test]
fn every_key_that_is_not_built_says_so_and_accepts_what_asks_for_nothing() {
    for (path, key) in keys() {
        let Presence::Later(accepted) = key.presence else {
            continue;
        };
        let refused = about(&path, "something");
        assert_eq!(refused.len(), 1, "{path}");
        assert!(refused[0].message.contains("is not built yet"), "{path}");
        assert!(refused[0].line > 0 && refused[0].column > 0, "{path}");
        if let Some(accepted) = accepted {
            assert_eq!(about(&path, accepted), [], "{path}");
        }
    }
}

#[test]
fn every_word_that_is_built_is_accepted_and_every_later_one_is_not_built_yet() {
    for (path, key) in keys() {
        let Holds::Word(words, later) = key.holds else { continue };
        // Of a layer's modes not each goes with each.
        for word in words.iter().filter(|_| !path.starts_with("mode.")) {
            assert_eq!(about(&path, word), [], "{path}: {word}");
        }
        for word in later {
            assert!(about(&path, word)[0].message.contains("is not built yet"), "{path}: {word}");
        }
    }
}

#[test]
fn every_default_is_accepted_when_it_is_written() {
    for (path, key) in keys() {
        // An empty section lacks what it requires.
        if let Presence::Default(default) = key.presence
            && key.inner().is_empty()
        {
            assert_eq!(about(&path, default), [], "{path}");
        }
    }
}

/// What DESIGN.md §10 shows, with values that ask for more than is built.
const CONTRACT: &[(&str, &str)] = &[
    ("policy.candidate", "{directory: next}"),
    ("audit.durability", "sync"),
    ("audit.inputs", "full"),
    ("audit.snapshots", "/var/lib/hopguard/snapshots"),
    ("audit.rotate", "{size: 256MiB, age: 24h, keep: 30}"),
    ("audit.checkpoint.key", "key.pem"),
    ("audit.checkpoint.every", "1s"),
    ("audit.anonymous_per_second", "100"),
    ("audit.reserve", "64MiB"),
    ("audit.export", "[{otlp: \"http://localhost:4317\"}]"),
    ("telemetry.otlp", "\"http://localhost:4317\""),
];

/// The rest of DESIGN.md §10: what is built.
const BUILT: &[&str] = &[
    "self",
    "audiences",
    "state.directory",
    "listen[0].mtls.workload_api",
    "listen[0].allow.spiffe_ids",
    "mode.proof",
    "mode.ceiling",
    "hop.tcp",
    "hop.max_stream",
    "peer.evidence",
    "peer.xfcc.sanitize_set",
    "peer.xfcc.json",
    "peer.asserted.trust_domains",
    "trust[0].workload_api",
    "trust[0].bundle",
    "trust[0].bundle_map.file",
    "trust[0].federation.url",
    "trust[0].federation.profile",
    "trust[0].federation.endpoint_spiffe_id",
    "trust[0].federation.bootstrap",
    "trust[0].federation.ca",
    "tokens.leeway",
    "tokens.delegation.max_depth",
    "tokens.replay.capacity",
    "tokens.jwt_svid.header",
    "tokens.jwt_svid.required",
    "tokens.jwt_svid.max_lifetime",
    "tokens.jwt_svid.strict_audience",
    "tokens.jwt_svid.one_time",
    "tokens.transaction.header",
    "tokens.transaction.audience",
    "tokens.transaction.issuers[0].issuer",
    "tokens.transaction.issuers[0].jwks.file",
    "tokens.transaction.issuers[0].jwks.url",
    "tokens.transaction.issuers[0].jwks.ca",
    "tokens.transaction.issuers[0].jwks.refresh",
    "tokens.transaction.required",
    "tokens.transaction.max_lifetime",
    "tokens.transaction.one_time",
    "tokens.transaction.compat",
    "tokens.oidc[0].issuer",
    "tokens.oidc[0].header",
    "tokens.oidc[0].required",
    "tokens.oidc[0].max_lifetime",
    "tokens.oidc[0].jwks.file",
    "tokens.oidc[0].jwks.url",
    "tokens.oidc[0].jwks.ca",
    "tokens.oidc[0].jwks.refresh",
    "tokens.oidc[0].audiences",
    "tokens.oidc[0].algorithms",
    "tokens.oidc[0].one_time",
    "purpose.required",
    "listen[0].address",
    "listen[0].mode",
    "listen[0].allow.uids",
    "listen[0].allow.gids",
    "listen[0].allow.any_local",
    "admin.address",
    "hop.escapes",
    "hop.keep_headers",
    "hop.self_check",
    "peer.max_lifetime",
    "trust[0].trust_domain",
    "trust[0].pem",
    "trust[0].intermediates",
    "trust[0].max_stale",
    "purpose.header",
    "store.directory",
    "store.bundle.url",
    "store.bundle.file",
    "store.bundle.keys[0].id",
    "store.bundle.keys[0].algorithm",
    "store.bundle.keys[0].file",
    "store.bundle.scope",
    "store.bundle.poll",
    "store.bundle.long_poll",
    "store.bundle.ca",
    "store.bundle.token_file",
    "store.bundle.client.certificate",
    "store.bundle.client.key",
    "store.bundle.max_bytes",
    "store.max_stale",
    "store.inventory",
    "facts.directory",
    "grants.approvals",
    "grants.allowed_signers",
    "grants.overdue",
    "grants.max_activation",
    "grants.max_ttl.standing",
    "grants.max_ttl.eligible",
    "grants.max_ttl.jit",
    "grants.max_ttl.exception",
    "grants.max_ttl.break_glass",
    "policy.directory",
    "policy.bundle.url",
    "policy.bundle.file",
    "policy.bundle.keys[0].id",
    "policy.bundle.keys[0].algorithm",
    "policy.bundle.keys[0].file",
    "policy.bundle.scope",
    "policy.bundle.poll",
    "policy.bundle.long_poll",
    "policy.bundle.ca",
    "policy.bundle.token_file",
    "policy.bundle.client.certificate",
    "policy.bundle.client.key",
    "policy.bundle.allow_rollback",
    "policy.bundle.max_bytes",
    "policy.entrypoint",
    "policy.timeout",
    "policy.evaluator",
    "policy.gate",
    "policy.expose_credentials",
    "hop.strict",
    "hop.public[0].methods",
    "hop.public[0].paths",
    "hop.public[0].acknowledge_public",
    "preset",
    "mode.policy",
    "audit.durability",
    "response.reveal",
    "response.style",
    "response.protected_headers",
    "response.allow_headers",
    "audit.file",
    "audit.window",
    "limits",
    "telemetry.log",
];

#[test]
fn every_name_of_the_contract_is_built_or_refused_as_not_built_yet() {
    for (path, value) in CONTRACT {
        let problems = about(path, value);
        assert_eq!(problems.len(), 1, "{path}: {problems:?}");
        assert!(problems[0].message.contains("is not built yet"), "{path}: {problems:?}");
    }
    let keys = keys();
    for path in BUILT {
        let key = keys.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("{path} is not in the table")).1;
        assert!(key.is_built(), "{path}");
    }
    for (path, key) in &keys {
        let is_leaf = key.inner().is_empty() && !path.starts_with("limits.");
        let is_listed = BUILT.contains(&path.as_str()) || CONTRACT.iter().any(|(name, _)| name == path);
        assert!(!is_leaf || is_listed, "{path} is not in the contract");
    }
}

#[test]
fn what_the_contract_shows_as_doing_nothing_is_accepted() {
    let source = format!(
        "{MINIMAL}preset: null
audiences: []
state: null
mode: {{proof: enforce, ceiling: enforce, policy: enforce}}
hop: {{strict: enforce, escapes: [], tcp: false, keep_headers: [], self_check: principal, public: []}}
peer: {{evidence: [certificate], xfcc: {{sanitize_set: false, json: false}}, asserted: {{trust_domains: []}}, max_lifetime: 25h}}
tokens: {{leeway: 0s, delegation: {{max_depth: 4}}, replay: {{capacity: 100000}}, jwt_svid: null, transaction: null, oidc: []}}
purpose: {{header: x-hop-purpose, required: true}}
facts: {{directory: null}}
grants: {{approvals: optional, allowed_signers: null, overdue: report, max_activation: 1h, max_ttl: {{standing: 365d, eligible: 365d, jit: 24h, exception: 90d, break_glass: 365d}}}}
response: {{reveal: none, style: hopguard, protected_headers: [], allow_headers: []}}
audit: {{durability: \"group\", window: 5ms, inputs: digest, snapshots: null, checkpoint: {{key: null, every: 60s}}, export: []}}
limits: {{}}
telemetry: {{log: info, otlp: null}}
"
    );
    parse(&source).unwrap();
}

/// A validator for the part of JSON Schema that we write.
fn accepts(schema: &Value, value: &Value) -> bool {
    let is_type = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    };
    let number = |name: &str| schema[name].as_i64();
    schema.as_object().unwrap().iter().all(|(keyword, rule)| match keyword.as_str() {
        "$schema" | "title" | "description" | "default" | "pattern" | "uniqueItems" | "additionalProperties" => true,
        "type" => is_type(rule.as_str().unwrap()),
        "const" => rule == value,
        "enum" => rule.as_array().unwrap().contains(value),
        "anyOf" => rule.as_array().unwrap().iter().any(|schema| accepts(schema, value)),
        "minLength" => value.as_str().is_some_and(|text| text.len() as u64 >= rule.as_u64().unwrap()),
        "minItems" => value.as_array().is_some_and(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "minimum" => value.as_i64().is_some_and(|value| value >= number("minimum").unwrap()),
        "maximum" => value.as_i64().is_some_and(|value| value <= number("maximum").unwrap()),
        "items" => value.as_array().is_some_and(|items| items.iter().all(|item| accepts(rule, item))),
        "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
        "properties" => {
            assert_eq!(schema["additionalProperties"], false);
            value.as_object().is_some_and(|object| {
                object.iter().all(|(name, value)| rule.get(name).is_some_and(|schema| accepts(schema, value)))
            })
        }
        other => panic!("unknown keyword {other}"),
    })
}

fn json(source: &str) -> Value {
    schema::of_node(&yaml::parse("f.yaml", source).unwrap()[0])
}

#[test]
fn the_schema_accepts_what_loads_and_refuses_what_does_not() {
    let schema = schema();
    assert!(accepts(&schema, &json(MINIMAL)));
    assert!(accepts(&schema, &json(&example())));
    for line in [
        "polcy: {}",
        "mode: {proof: watch}",
        "mode: {policy: watch}",
        "listen: []",
        "hop: {tcp: 1}",
        "tokens: {jwt_svid: {heder: authorization}}",
        "limits: {headers: 0}",
        "audit: {rotate: {}}",
    ] {
        let source = format!("{MINIMAL}{line}\n");
        assert!(!accepts(&schema, &json(&source)), "{line}");
        assert!(parse(&source).is_err(), "{line}");
    }
}

#[test]
fn the_schema_accepts_every_default() {
    let schema = schema();
    for (path, key) in keys() {
        let (Presence::Default(value) | Presence::Later(Some(value))) = key.presence else {
            continue;
        };
        if key.is_needed() || path.contains("[0]") {
            continue;
        }
        let mut part = &schema;
        for name in path.split('.') {
            // A section that may be absent is itself or nothing.
            part = part.get("anyOf").map_or(part, |either| &either[0]);
            part = &part["properties"][name];
        }
        let value = if value == "null" { Value::Null } else { json(value) };
        assert!(accepts(part, &value), "{path}");
    }
}

#[test]
fn a_key_without_a_value_is_reported_where_it_is() {
    for (path, _) in keys() {
        for problem in parse(&only(&path, "")).unwrap_err().0 {
            assert!(problem.line > 0 && problem.column > 0, "{path}: {problem:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in "\\PC*") {
        let _ = parse(&source);
    }

    #[test]
    fn no_value_of_any_key_makes_it_panic(index in any::<proptest::sample::Index>(), value in "[-a-z0-9:/.\"'\\[\\]{}, ]{0,20}") {
        let keys = keys();
        let (path, _) = &keys[index.index(keys.len())];
        for problem in parse(&only(path, &value)).unwrap_err().0 {
            prop_assert!(problem.line > 0 && problem.column > 0, "{path}: {problem:?}");
        }
    }
}
