//! Connections without HTTP, live: hops whose purpose follows from their grant, and for which nothing else can speak.

use hopguard::pb::{Address, CheckRequest, Pipe, SocketAddress, address, socket_address::PortSpecifier};
use serde_json::json;

use crate::harness::{FRONTEND, Grant, Guard, LOGIN_ISSUER, STRANGER, Setup};

fn setup() -> Setup {
    let setup = Setup::new().with_tokens().set("hop.tcp", "true").set("response.reveal", "full");
    let now = setup.now();
    let grant = |name: &str, ports: &str| Grant::to("/", now).named(name).tcp(ports);
    setup.more_grants(&[
        grant("postgres", "5432, 5433"),
        grant("several", "6000").purposes("checkout, refund"),
        grant("behalf", "6001").on_behalf_of(LOGIN_ISSUER, &["alice"]).binding("declared"),
        grant("signed", "6002").binding("signed"),
        grant("over", "6003").over(now),
        grant("ahead", "6004").ahead(now),
        grant("theirs", "6005").audience(STRANGER),
        // Requests at a port are not connections to it.
        Grant::to("/6006", now).methods("GET"),
    ]);
    setup
}

async fn guard() -> Guard {
    setup().start().await
}

#[tokio::test]
async fn a_connection_is_for_what_its_grant_alone_is_for() {
    let guard = guard().await;
    for port in [5432, 5433] {
        let answer = guard.hop().connection(port).send().await.allowed();
        assert_eq!(answer.text("purpose").as_deref(), Some("checkout"));
        assert_eq!(
            (answer.text("peer").as_deref(), answer.text("grant").as_deref()),
            (Some(FRONTEND), Some("postgres"))
        );
        let record = guard.record(&answer).await;
        assert_eq!(record["purpose"], json!({"name": "checkout", "binding": "implied"}));
        assert_eq!(record["hop"]["port"], port);
        assert_eq!(record["actor"]["type"], "workload");
    }
}

#[tokio::test]
async fn a_connection_that_no_grant_covers_is_denied() {
    let guard = guard().await;
    for (port, reason, detail) in [
        (5431, "grant_missing", "grant.action"),
        (6000, "purpose_missing", "purpose.missing"),
        (6001, "grant_missing", "grant.on_behalf_of"),
        (6002, "grant_missing", "grant.purpose_binding"),
        (6003, "grant_expired", "grant.expires_at"),
        (6004, "grant_pending", "grant.not_before"),
        (6005, "grant_missing", "grant.action"),
        (6006, "grant_missing", "grant.action"),
        (0, "grant_missing", "grant.action"),
    ] {
        let answer = guard.hop().connection(port).send().await.denied(reason);
        assert_eq!(answer.body()["detail"], detail, "{port}");
    }
    guard.hop().connection(5432).from(STRANGER).send().await.denied("grant_missing");
    guard.hop().connection(5432).by_nobody().send().await.denied("peer_missing");
    guard.hop().connection(5432).answered_as(STRANGER).send().await.denied("audience_mismatch");
    // A request is no connection, whatever port it came to.
    let mut request = guard.hop().connection(5432).request();
    request.attributes.as_mut().unwrap().request = guard.hop().request().attributes.unwrap().request;
    guard.check(request).await.denied("grant_missing");
}

#[tokio::test]
async fn a_connection_carries_no_token() {
    for (key, value) in [
        ("tokens.jwt_svid", "{required: true}".to_owned()),
        ("tokens.oidc", format!("[{}]", crate::harness::oidc(", required: true"))),
    ] {
        let guard = setup().set(key, &value).start().await;
        let answer = guard.hop().connection(5432).send().await.denied("token_missing");
        assert_eq!(answer.body()["detail"], "jwt.absent");
    }
    // What stands in headers that are not there speaks for nobody.
    let guard = guard().await;
    let token = guard.setup().world().oidc(json!({}));
    guard.hop().connection(6001).bearer(&token).send().await.denied("grant_missing");
}

#[tokio::test]
async fn what_is_not_a_port_is_malformed() {
    let guard = guard().await;
    let with = |address: Option<address::Address>| -> CheckRequest {
        let mut request = guard.hop().connection(1).request();
        let destination = request.attributes.as_mut().unwrap().destination.as_mut().unwrap();
        destination.address = address.map(|address| Address { address: Some(address) });
        request
    };
    let socket = |port: Option<PortSpecifier>| {
        address::Address::SocketAddress(SocketAddress { port_specifier: port, ..SocketAddress::default() })
    };
    for request in [
        with(None),
        with(Some(socket(None))),
        with(Some(socket(Some(PortSpecifier::PortValue(65_536 + 5432))))),
        with(Some(socket(Some(PortSpecifier::NamedPort("5432".to_owned()))))),
        with(Some(address::Address::Pipe(Pipe { path: "5432".to_owned(), mode: 0 }))),
    ] {
        let answer = guard.check(request).await.denied("hop_malformed");
        assert_eq!(answer.body()["detail"], "hop.port");
    }
}

#[tokio::test]
async fn a_connection_is_no_hop_unless_the_administrator_says_so() {
    let guard = setup().set("hop.tcp", "false").start().await;
    let answer = guard.hop().connection(5432).send().await.denied("hop_malformed");
    assert_eq!(answer.body()["detail"], "hop.request");
}

#[tokio::test]
async fn policy_sees_a_connection_as_far_as_envoy_shows_it() {
    let setup = setup();
    setup.policy(
        r#"
decision := true if {
	input.hop == {"port": 5432}
	input.peer.spiffe_id == "spiffe://prod.example/ns/shop/sa/frontend"
	input.purpose == {"name": "checkout", "binding": "implied"}
	not input.parsed_path
	not input.attributes.request
	count(input.tokens) == 0
}
"#,
    );
    let guard = setup.start().await;
    guard.hop().connection(5432).send().await.allowed();
    guard.hop().connection(5433).send().await.denied("policy_undefined");
}

#[tokio::test]
async fn a_connection_that_nothing_gives_a_purpose_is_let_through_only_where_none_is_needed() {
    for (ceiling, required, reason) in [
        ("skip", true, Some("purpose_missing")),
        ("observe", true, Some("purpose_missing")),
        ("skip", false, None),
        ("observe", false, Some("grant_missing")),
    ] {
        let setup = setup().set("mode.ceiling", ceiling).set("purpose.required", &required.to_string());
        let answer = setup.start().await.hop().connection(5431).send().await;
        assert_eq!(answer.reason().as_deref(), reason, "ceiling {ceiling}, purpose required {required}");
        assert_eq!(answer.is_allow(), !required, "ceiling {ceiling}, purpose required {required}");
    }
}
