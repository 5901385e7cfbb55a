//! Every rule for the `spec` of a grant, each with the place that breaks it.

use super::*;
use crate::{
    grant::{Call, Requested, State},
    purpose::Purpose,
    yaml::{Problems, Reader},
};

const STANDING: &str = "\
type: standing
subject: {spiffeId: spiffe://prod.example/web}
audience: spiffe://prod.example/orders
actions:
  - {methods: [GET, PUT], paths: [/orders/*], hosts: [orders, \"orders:8443\"]}
  - {grpc: [orders.v1.Orders/Read]}
  - {methods: [GET], paths: [/feed], upgrade: [websocket]}
purposes: [checkout, shop.refund]
owner: team-orders
requestedBy: bob@example.com
approver: alice@example.com
notBefore: 2026-11-20T09:00:00Z
expiresAt: 2027-11-20T09:00:00Z
reviewBy: 2027-05-20T09:00:00Z
";

fn load_for(spec: &str, max_ttl: &MaxTtl) -> Result<Document, Problems> {
    let reader = Reader::new("a.yaml");
    let nodes = reader.parse(spec);
    let document = nodes.first().and_then(|spec| read(Some("web-orders".to_owned()), reader.mapping(spec), max_ttl));
    reader.finish(document)
}

fn load(spec: &str) -> Result<Document, Problems> {
    load_for(spec, &MaxTtl::default())
}

fn problems(spec: &str) -> Vec<String> {
    load(spec).unwrap_err().0.iter().map(ToString::to_string).collect()
}

/// The sample with some of its texts replaced, each of which is in it.
fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(STANDING.to_owned(), |spec, (from, to)| {
        assert!(spec.contains(from), "{from}");
        spec.replacen(from, to, 1)
    })
}

fn jit() -> String {
    edited(&[("standing", "jit"), ("2027-11-20", "2026-11-21"), ("reviewBy: 2027-05-20T09:00:00Z", "ticket: CHG-8812")])
}

fn exception() -> String {
    edited(&[
        ("standing", "exception"),
        ("2027-11-20", "2027-02-18"),
        (
            "reviewBy: 2027-05-20T09:00:00Z",
            "ticket: CHG-1\nexitCriteria: [{what: replace the key, owner: team-orders}]",
        ),
    ])
}

#[test]
fn reads_every_field() {
    let spec =
        format!("{STANDING}ticket: CHG-1\njustification: |\n  They asked.\n  Twice.\npurposeBinding: declared\n");
    let Document { grant, purposes_at, resources } = load(&spec).unwrap();
    assert_eq!(resources, []);
    assert_eq!((grant.name(), grant.kind()), ("web-orders", Kind::Standing));
    assert_eq!(*grant.subject(), Subject::Workload(id::parse_workload("spiffe://prod.example/web").unwrap()));
    assert_eq!(grant.audiences().map(ToString::to_string).collect::<Vec<_>>(), ["spiffe://prod.example/orders"]);
    assert_eq!(grant.purposes().iter().map(Purpose::as_str).collect::<Vec<_>>(), ["checkout", "shop.refund"]);
    assert_eq!(purposes_at.iter().map(|at| (at.line, at.column)).collect::<Vec<_>>(), [(8, 12), (8, 22)]);
    assert_eq!(
        (grant.owner(), grant.requested_by(), grant.approver()),
        ("team-orders", "bob@example.com", "alice@example.com")
    );
    assert_eq!((grant.ticket(), grant.justification()), (Some("CHG-1"), Some("They asked.\nTwice.\n")));
    assert_eq!(grant.not_before().to_string(), "2026-11-20T09:00:00Z");
    assert_eq!(grant.expires_at().to_string(), "2027-11-20T09:00:00Z");
    assert_eq!(grant.review_by().unwrap().to_string(), "2027-05-20T09:00:00Z");
    assert_eq!(grant.state(grant.not_before()), State::Active);
}

#[test]
fn reads_every_shape_of_action() {
    let grant = load(STANDING).unwrap().grant;
    let covered = |call: Call<'_>| {
        grant.reach[0].actions.iter().map(|action| action.covers(&Requested::Http(call))).collect::<Vec<_>>()
    };
    let hop = Call { method: "PUT", path: "/orders/7", host: "orders:8443", content_type: None, upgrade: None };
    assert_eq!(covered(hop), [true, false, false]);
    assert_eq!(covered(Call { host: "elsewhere", ..hop }), [false, false, false]);
    let call = Call { method: "POST", path: "/orders.v1.Orders/Read", content_type: Some("application/grpc"), ..hop };
    assert_eq!(covered(call), [false, true, false]);
    assert_eq!(covered(Call { method: "GET", path: "/feed", upgrade: Some("websocket"), ..hop }), [false, false, true]);
}

#[test]
fn reads_the_other_types() {
    assert_eq!(load(&jit()).unwrap().grant.kind(), Kind::Jit);
    let exception = load(&exception()).unwrap().grant;
    assert_eq!(exception.kind(), Kind::Exception);
    assert_eq!(
        exception.exit_criteria(),
        [ExitCriterion { what: "replace the key".to_owned(), owner: "team-orders".to_owned() }]
    );
}

#[test]
fn an_audience_may_be_a_list() {
    let spec = edited(&[(
        "audience: spiffe://prod.example/orders",
        "audience: [spiffe://prod.example/a, spiffe://prod.example/b]",
    )]);
    assert_eq!(load(&spec).unwrap().grant.audiences().count(), 2);
}

#[test]
fn every_required_field_is_required() {
    for field in [
        "type",
        "subject",
        "audience",
        "purposes",
        "owner",
        "requestedBy",
        "approver",
        "notBefore",
        "expiresAt",
        "reviewBy",
    ] {
        let spec: String =
            STANDING.lines().filter(|line| !line.starts_with(field)).map(|line| format!("{line}\n")).collect();
        assert_eq!(problems(&spec), [format!("a.yaml:1:1: {field}: is required")]);
    }
    let spec = edited(&[("actions:", "action:")]);
    assert_eq!(
        problems(&spec),
        ["a.yaml:1:1: actions: is required", "a.yaml:4:1: unknown field `action`: did you mean `actions`?"]
    );
}

#[test]
fn a_type_requires_fields_of_its_own() {
    let without = |spec: &str, from: &str| {
        problems(&spec.lines().filter(|line| !line.starts_with(from)).collect::<Vec<_>>().join("\n"))
    };
    assert_eq!(without(&jit(), "ticket"), ["a.yaml:1:1: ticket: is required"]);
    assert_eq!(without(&exception(), "ticket"), ["a.yaml:1:1: ticket: is required"]);
    assert_eq!(without(&exception(), "exitCriteria"), ["a.yaml:1:1: exitCriteria: is required"]);
}

#[test]
fn says_where_and_how_to_repair_what_is_wrong() {
    for (from, to, problem) in [
        (
            "standing",
            "permanent",
            "1:7: type: `permanent` is not one of `standing`, `eligible`, `jit`, `exception`, `break_glass`",
        ),
        ("{spiffeId", "{spiffeid", "2:10: subject: needs exactly one of `spiffeId`, `prefix`, `role`"),
        ("/web}", "}", "2:21: subject.spiffeId: "),
        ("spiffe://prod.example/web}", "spiffe://Prod.example/web}", "2:21: subject.spiffeId: "),
        ("/orders\n", "/\n", "3:11: audience: "),
        (
            "audience: spiffe://prod.example/orders",
            "audience: []",
            "3:11: audience: is an empty list: name at least one",
        ),
        (
            "audience: spiffe://prod.example/orders",
            "audience: {}",
            "3:11: audience: expected a string, found a mapping",
        ),
        ("GET, PUT", "", "5:15: actions[0].methods: is an empty list: name at least one"),
        ("GET, PUT", "GET, put", "5:21: actions[0].methods[1]: a method is an upper-case name"),
        ("methods: [GET, PUT], ", "", "5:5: actions[0].methods: is required"),
        ("paths: [/orders/*], ", "", "5:5: actions[0].paths: is required"),
        ("/orders/*", "\"/orders/{id}\"", "5:35: actions[0].paths[0]: write `*` for a segment that varies"),
        ("[orders, ", "[Orders, ", "5:55: actions[0].hosts[0]: a host is written in lower case"),
        ("[orders, \"orders:8443\"]", "[]", "5:54: actions[0].hosts: is an empty list: name at least one"),
        (
            "hosts: [orders, \"orders:8443\"]",
            "hosts: ",
            "5:47: actions[0].hosts: is empty: give it a value or leave it out",
        ),
        ("Orders/Read", "Orders/*", "6:13: actions[1].grpc[0]: a gRPC method is named whole"),
        ("{grpc:", "{paths: [/a], grpc:", "6:13: actions[1].paths: `grpc` says it already"),
        ("[websocket]", "[]", "7:47: actions[2].upgrade: is an empty list: name at least one"),
        (
            "[websocket]",
            "[WebSocket]",
            "7:48: actions[2].upgrade[0]: an upgrade is the name of a protocol in lower case",
        ),
        ("upgrade:", "upgrades:", "7:38: actions[2]: unknown field `upgrades`: did you mean `upgrade`?"),
        ("[checkout, shop.refund]", "[]", "8:11: purposes: is an empty list: name at least one"),
        ("[checkout,", "[checkout.*,", "8:12: purposes[0]: a purpose is lower-case words joined by dots"),
        ("team-orders", "\"\"", "9:8: owner: must not be empty"),
        ("team-orders", "\" team-orders\"", "9:8: owner: begins or ends with a space: leave it out"),
        ("team-orders", "\"team\\norders\"", "9:8: owner: is not one line of at most 256 bytes"),
        (
            "alice@example.com",
            "bob@example.com",
            "11:11: approver: is also the requester: somebody else has to approve",
        ),
        (
            "alice@example.com",
            "Bob@Example.com",
            "11:11: approver: is also the requester: somebody else has to approve",
        ),
        ("2026-11-20T09:00:00Z", "2026-11-20T10:00:00+01:00", "12:12: notBefore: expected a time in UTC"),
        ("2027-11-20T09:00:00Z", "never", "13:12: expiresAt: expected a time in UTC"),
        ("2027-11-20T09:00:00Z", "2026-11-20T09:00:00Z", "13:12: expiresAt: is not later than `notBefore`"),
        (
            "2027-11-20T09:00:00Z",
            "2027-11-20T09:00:01Z",
            "13:12: expiresAt: is too late: a grant of type `standing` ends 365d after",
        ),
        ("2027-05-20", "2027-11-20", "14:11: reviewBy: is not earlier than `expiresAt`: a review comes before the end"),
        ("reviewBy: ", "exitCriteria: [{what: x}]\nreviewBy: ", "14:16: exitCriteria[0].owner: is required"),
        ("reviewBy: ", "purposeBinding: loose\nreviewBy: ", "14:17: purposeBinding: `loose` is not one of `declared`"),
    ] {
        let spec = edited(&[(from, to)]);
        let problems = problems(&spec);
        assert!(problems[0].starts_with(&format!("a.yaml:{problem}")), "{from} -> {to}: {problems:#?}");
    }
}

#[test]
fn the_time_to_live_is_capped_by_type() {
    assert!(load(&jit()).is_ok());
    let late = jit().replace("2026-11-21T09:00:00Z", "2026-11-21T09:00:01Z");
    assert!(problems(&late)[0].ends_with("a grant of type `jit` ends 1d after `notBefore` at the latest"));
    assert!(load(&exception()).is_ok());
    let late = exception().replace("2027-02-18T09:00:00Z", "2027-02-18T09:00:01Z");
    assert!(problems(&late)[0].ends_with("a grant of type `exception` ends 90d after `notBefore` at the latest"));
}

#[test]
fn reports_all_breaches_at_once() {
    let spec = edited(&[
        ("standing", "x"),
        ("/web}", "}"),
        ("GET, PUT", "get, put"),
        ("alice", "bob"),
        ("2027-05-20", "2028-05-20"),
    ]);
    let places: Vec<_> = problems(&spec).iter().map(|problem| problem.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(places, ["a.yaml:1:7", "a.yaml:2:21", "a.yaml:5:16", "a.yaml:5:21", "a.yaml:11:11", "a.yaml:14:11"]);
}

#[test]
fn reads_on_whose_behalf_and_through_whom() {
    let behalf = "onBehalfOf: {from: [{issuer: https://login, subjects: [alice, bob]}], maxDepth: 3}\n";
    let delegated =
        load(&edited(&[("owner:", &format!("{behalf}relays: [spiffe://prod.example/gw]\nowner:"))])).unwrap().grant;
    assert_eq!(delegated.purpose_binding, Binding::Signed);
    assert_eq!(delegated.relays.iter().map(ToString::to_string).collect::<Vec<_>>(), ["spiffe://prod.example/gw"]);
    let includes = |issuer, subject, depth| delegated.on_behalf_of.as_ref().unwrap().includes(issuer, subject, depth);
    assert!(includes("https://login", "bob", 3));
    assert!(!includes("https://login", "bob", 4));
    assert!(!includes("https://login", "carol", 1));
    let declared = format!("{behalf}purposeBinding: declared\nowner:").replace(", maxDepth: 3", "");
    let declared = load(&edited(&[("owner:", &declared)])).unwrap().grant;
    assert_eq!(declared.purpose_binding, Binding::Declared);
    assert_eq!(declared.on_behalf_of.as_ref().map(|behalf| behalf.max_depth), Some(1));
    assert_eq!(load(STANDING).unwrap().grant.purpose_binding, Binding::Declared);
}

#[test]
fn a_connection_is_an_action_of_its_own() {
    let tcp = |action: &str| edited(&[("{grpc: [orders.v1.Orders/Read]}", action)]);
    let grant = load(&tcp("{tcp: {ports: [5432, 6379]}}")).unwrap().grant;
    assert!(grant.reach[0].actions[1].covers(&Requested::Tcp(6379)));
    assert!(!grant.reach[0].actions[1].covers(&Requested::Tcp(80)));
    for (action, problem) in [
        ("{tcp: {ports: []}}", "6:19: actions[1].tcp.ports: is an empty list: name at least one"),
        ("{tcp: {ports: [0]}}", "6:20: actions[1].tcp.ports[0]: must be between 1 and 65535"),
        ("{tcp: {}}", "6:11: actions[1].tcp.ports: is required"),
        (
            "{tcp: {ports: [1]}, hosts: [a]}",
            "6:32: actions[1].hosts: `tcp` says it already: leave it out, or make it an action of its own",
        ),
    ] {
        assert_eq!(problems(&tcp(action)), [format!("a.yaml:{problem}")]);
    }
}

#[test]
fn a_delegation_that_cannot_be_read_covers_nothing() {
    for (written, problem) in [
        ("onBehalfOf: {}", "9:13: onBehalfOf.from: is required"),
        ("onBehalfOf: {from: []}", "9:20: onBehalfOf.from: is an empty list: name at least one"),
        ("onBehalfOf: {from: [{issuer: a}]}", "9:21: onBehalfOf.from[0].subjects: is required"),
        (
            "onBehalfOf: {from: [{issuer: a, subjects: [b]}], maxDepth: 0}",
            "9:60: onBehalfOf.maxDepth: must be between 1 and 16",
        ),
        ("onBehalfOf: alice", "9:13: onBehalfOf: expected a mapping, found `alice`"),
        ("relays: [gw]", "9:10: relays[0]: a SPIFFE ID begins with `spiffe://`"),
        ("purposeBinding: implied", "9:17: purposeBinding: `implied` is not one of `declared`, `signed`"),
    ] {
        assert_eq!(
            problems(&edited(&[("owner:", &format!("{written}\nowner:"))])),
            [format!("a.yaml:{problem}")],
            "{written}"
        );
    }
}

fn break_glass() -> String {
    edited(&[("standing", "break_glass"), ("reviewBy: 2027-05-20T09:00:00Z", "ticket: CHG-8812")])
}

fn eligible() -> String {
    edited(&[
        ("standing", "eligible"),
        ("reviewBy: 2027-05-20T09:00:00Z", "activators: [bob@example.com, carol@example.com]"),
    ])
}

#[test]
fn what_has_to_be_opened_says_by_whom_or_why() {
    let grant = load(&eligible()).unwrap().grant;
    assert_eq!(
        (grant.kind(), grant.activators().join(" ")),
        (Kind::Eligible, "bob@example.com carol@example.com".to_owned())
    );
    let without = |spec: &str, field: &str| {
        problems(&spec.lines().filter(|line| !line.starts_with(field)).collect::<Vec<_>>().join("\n"))
    };
    assert_eq!(without(&eligible(), "activators"), ["a.yaml:1:1: activators: is required"]);
    assert_eq!(load(&break_glass()).unwrap().grant.kind(), Kind::BreakGlass);
    assert_eq!(without(&break_glass(), "ticket"), ["a.yaml:1:1: ticket: is required"]);
    for spec in [STANDING, &jit(), &exception(), &break_glass()] {
        let problems = problems(&format!("{spec}activators: [bob@example.com]\n"));
        assert!(
            problems[0].ends_with("activators: only a grant of type `eligible` has activators: leave it out"),
            "{problems:?}"
        );
    }
}

#[test]
fn no_grant_comes_approved() {
    for spec in [STANDING, &jit(), &exception(), &eligible(), &break_glass()] {
        assert_eq!(load(spec).unwrap().grant.approval(), Approval::Lacking);
    }
}

#[test]
fn a_subject_is_a_workload_a_prefix_or_a_role() {
    let subject = |text: &str| {
        load(&edited(&[("{spiffeId: spiffe://prod.example/web}", text)])).map(|read| read.grant.subject().clone())
    };
    assert_eq!(subject("{role: invoice-reader}").unwrap(), Subject::Role("invoice-reader".to_owned()));
    let prefix = IdPrefix::parse("spiffe://prod.example/ns/").unwrap();
    assert_eq!(subject("{prefix: spiffe://prod.example/ns/}").unwrap(), Subject::Prefix(prefix));
    for (text, problem) in [
        ("{}", "2:10: subject: needs exactly one of `spiffeId`, `prefix`, `role`"),
        ("spiffe://prod.example/web", "2:10: subject: expected a mapping, found `spiffe://prod.example/web`"),
        (
            "{role: a, prefix: spiffe://prod.example/}",
            "2:10: subject: has several of `spiffeId`, `prefix`, `role`: keep exactly one",
        ),
        ("{role: }", "2:11: subject.role: is empty: give it a value or leave it out"),
        ("{role: '*'}", "2:17: subject.role: a role is lower-case words"),
        ("{role: Admin}", "2:17: subject.role: a role is lower-case words"),
        ("{spiffeId: 'spiffe://prod.example/*'}", "2:21: subject.spiffeId: "),
        ("{spiffeId: spiffe://prod.example/ns/}", "2:21: subject.spiffeId: the path ends with `/`"),
        ("{spiffeId: spiffe://prod.example/a/../b}", "2:21: subject.spiffeId: the path has a segment `.` or `..`"),
        ("{prefix: spiffe://prod.example/ns}", "2:19: subject.prefix: a prefix ends with `/`"),
        ("{prefix: spiffe://prod.example/n*/}", "2:19: subject.prefix: "),
        ("{prefix: spiffe:///}", "2:19: subject.prefix: "),
    ] {
        let problems = subject(text).unwrap_err().to_string();
        assert!(
            problems.starts_with(&format!("a.yaml:{problem}")) && problems.lines().count() == 1,
            "{text}: {problems}"
        );
    }
}

#[test]
fn resources_stand_in_the_place_of_audience_and_actions() {
    let plain: String = STANDING
        .lines()
        .filter(|line| !line.starts_with("audience") && !line.starts_with("actions") && !line.starts_with("  -"))
        .map(|line| format!("{line}\n"))
        .collect();
    let Document { grant, resources, .. } = load(&format!("{plain}resources: [orders-read, b]\n")).unwrap();
    assert_eq!(
        resources.iter().map(|(name, at)| (name.as_str(), at.line, at.column)).collect::<Vec<_>>(),
        [("orders-read", 10, 13), ("b", 10, 26)]
    );
    assert_eq!(grant.reach(), []);
    let both = problems(&format!("{STANDING}resources: [orders-read]\n"));
    assert_eq!(both.len(), 2);
    assert!(both[0].starts_with("a.yaml:3:11: audience: `resources` says it already: leave it out"), "{both:?}");
    assert!(both[1].starts_with("a.yaml:5:3: actions: `resources` says it already: leave it out"), "{both:?}");
    for (text, problem) in [
        ("[]", "a.yaml:10:12: resources: is an empty list: name at least one"),
        ("a", "a.yaml:10:12: resources: expected a list, found `a`"),
        ("['*']", "a.yaml:10:13: resources[0]: a name has at most 253"),
    ] {
        let problems = problems(&format!("{plain}resources: {text}\n"));
        assert!(problems[0].starts_with(problem), "{problems:?}");
    }
}

#[test]
fn conditions_name_a_fact_its_value_and_its_age() {
    let load = |text: &str| load(&format!("{STANDING}while: {text}\n"));
    let grant = load("[{fact: ci.run.8812, equals: running, maxAge: 60s}, {fact: window, equals: {open: [true, 1]}}]")
        .unwrap()
        .grant;
    let [run, window] = grant.conditions() else { panic!() };
    assert_eq!(
        (run.fact.as_str(), &run.equals, run.max_age),
        ("ci.run.8812", &serde_json::json!("running"), Some(Duration::from_mins(1)))
    );
    assert_eq!(
        (window.fact.as_str(), &window.equals, window.max_age),
        ("window", &serde_json::json!({"open": [true, 1]}), None)
    );
    for (text, problem) in [
        ("[]", "15:8: while: is an empty list: name at least one"),
        ("{fact: a, equals: b}", "15:8: while: expected a list, found a mapping"),
        ("[{equals: b}]", "15:9: while[0].fact: is required"),
        ("[{fact: a}]", "15:9: while[0].equals: is required"),
        ("[{fact: a, equals: null}]", "15:19: while[0].equals: is empty: give it a value or leave it out"),
        ("[{fact: a, equals: 0x1}]", "15:27: while[0].equals: is a number to readers of YAML"),
        ("[{fact: A, equals: b}]", "15:16: while[0].fact: a fact's key is lower-case words"),
        ("[{fact: a, equals: b, maxAge: 0s}]", "15:38: while[0].maxAge: must be between 1ms and 1d"),
        ("[{fact: a, equals: b, maxAge: 60}]", "15:38: while[0].maxAge: expected a duration"),
        ("[{fact: a, equals: b, maxage: 60s}]", "15:30: while[0]: unknown field `maxage`: did you mean `maxAge`?"),
    ] {
        let problems = load(text).unwrap_err().to_string();
        assert!(
            problems.starts_with(&format!("a.yaml:{problem}")) && problems.lines().count() == 1,
            "{text}: {problems}"
        );
    }
}

#[test]
fn nobody_approves_what_they_asked_for_under_another_name() {
    for name in
        ["bob@example.com", "BOB@EXAMPLE.COM", "bob+admin@example.com", "Bob+a+b@Example.com", "bob@example.com."]
    {
        let problems = problems(&edited(&[("alice@example.com", name)]));
        assert_eq!(problems, ["a.yaml:11:11: approver: is also the requester: somebody else has to approve"], "{name}");
    }
    for name in ["bobby@example.com", "bob@example.org", "bob"] {
        assert!(load(&edited(&[("alice@example.com", name)])).is_ok(), "{name}");
    }
}

/// B-12, row 138: what would never end, has ended before it began, or lasts longer than its type.
#[test]
fn every_life_has_an_end_within_what_its_type_allows() {
    for spec in [STANDING.to_owned(), jit(), exception(), eligible(), break_glass()] {
        let without: String =
            spec.lines().filter(|line| !line.starts_with("expiresAt")).map(|line| format!("{line}\n")).collect();
        assert_eq!(problems(&without), ["a.yaml:1:1: expiresAt: is required"]);
        let ending = |end: &str| {
            let lines = spec.lines().map(|line| {
                if line.starts_with("expiresAt") { format!("expiresAt: {end}\n") } else { format!("{line}\n") }
            });
            load(&lines.collect::<String>()).map(|_| ()).map_err(|problems| problems.to_string())
        };
        for (end, problem) in [
            ("2026-11-20T09:00:00Z", "is not later than `notBefore`"),
            ("2026-11-20T08:59:59Z", "is not later than `notBefore`"),
            ("2099-01-01T00:00:00Z", "is too late: a grant of type"),
            ("9999-12-31T23:59:59Z", "expected a time in UTC"),
            ("null", "is empty"),
            ("0", "expected a time in UTC"),
            ("-1", "expected a time in UTC"),
            ("\"2026-11-20T09:00:00+00:00\"", "expected a time in UTC"),
        ] {
            assert!(
                ending(end).is_err_and(|found| found.contains(&format!("expiresAt: {problem}"))),
                "{end}: {:?}",
                ending(end)
            );
        }
    }
}

#[test]
fn a_configuration_may_allow_less() {
    let max_ttl = MaxTtl { jit: Duration::from_hours(2), ..MaxTtl::default() };
    let problems = load_for(&jit(), &max_ttl).unwrap_err().to_string();
    assert!(
        problems.ends_with("expiresAt: is too late: a grant of type `jit` ends 2h after `notBefore` at the latest"),
        "{problems}"
    );
    assert!(load_for(&jit().replace("2026-11-21T09:00:00Z", "2026-11-20T11:00:00Z"), &max_ttl).is_ok());
    assert!(load_for(STANDING, &max_ttl).is_ok());
}

/// A connection through Hopguard's host has no path, so no hop of that kind is ever clear enough for a grant.
#[test]
fn a_tunnel_is_refused_by_name() {
    for (from, to, problem) in [
        ("{grpc: [orders.v1.Orders/Read]}", "{connect: true}", "6:6: actions[1].connect: `connect` is not built yet"),
        ("GET, PUT", "CONNECT", "5:16: actions[0].methods[0]: `connect` is not built yet"),
    ] {
        let problems = problems(&edited(&[(from, to)]));
        assert!(problems[0].starts_with(&format!("a.yaml:{problem}")), "{problems:#?}");
        assert_eq!(problems.len(), 1, "{problems:#?}");
    }
}
