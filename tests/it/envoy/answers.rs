//! What a policy wants done with a hop is done by a real Envoy, all of it, and nothing of what it may not want.

use super::{
    door::Door,
    run,
    scene::{Scene, Setting, request},
};

async fn scene(policy: &'static str, answers: &'static str) -> Scene {
    Scene::start(Setting { policy, answers, ..Setting::default() }).await
}

#[test]
fn an_allow_changes_the_request_and_the_response_as_the_policy_says() {
    run(async {
        let scene = scene(RICH, "response: {}").await;
        for door in [Door::Inbound, Door::Joined, Door::Mutable] {
            let mark = format!("rich-{door:?}.");
            let marked = format!("x-mark: {mark}");
            let headers = ["X-User: root", "x-user: admin", "x-tag: z", "x-debug: 1", "x-kept: yes", &marked];
            let reply = scene.send(door, request("GET /public/rich?for=root&x=1&debug=1&debug=2", &headers)).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, "served"), "{door:?}: {reply:?}");
            let heads = scene.workload.heads(&mark);
            let [head] = &heads[..] else { panic!("{heads:?}") };
            assert_eq!(head.values("x-user"), ["alice"]);
            assert_eq!(head.values("x-tag").join(",").replace(' ', ""), "a,b");
            assert_eq!(head.values("x-debug"), Vec::<String>::new());
            assert_eq!(head.values("x-empty"), [""]);
            assert_eq!(head.values("x-kept"), ["yes"]);
            assert_eq!(head.values("x-hopguard-grant"), ["reads"]);
            let line = head.line();
            let target = line.split(' ').nth(1).unwrap();
            let (path, query) = target.split_once('?').unwrap();
            let mut query: Vec<&str> = query.split('&').collect();
            query.sort_unstable();
            assert_eq!((path, line.ends_with(" HTTP/1.1")), ("/public/rich", true), "{line}");
            assert_eq!(query, ["for=alice", "x=1"], "{line}");
            let cookies: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
            assert_eq!(cookies, ["a=1", "b=2"]);
            assert_eq!(reply.headers["x-served-for"], "alice");
            assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("x-hopguard")), "{reply:?}");
            let decision = &head.values("x-hopguard-decision")[0];
            let logged = scene.logged(decision).await;
            assert_eq!((&logged["tenant"], &logged["allowed"]), (&"blue".into(), &true.into()));
            assert_eq!(&logged["decision_id"], decision, "a policy names no decision");
        }
    });
}

#[test]
fn no_other_spelling_of_what_the_policy_sets_gets_through() {
    run(async {
        let scene = scene(RICH, "response: {}").await;
        let headers = ["x_user: root", "X_User: admin", "x.user: dots", "x_debug: 1", "x-mark: spelt."];
        let line = "GET /public/rich?%66or=root&f%6fr=admin&for=x&de%62ug=1&fork=1";
        let reply = scene.send(Door::Underscores, request(line, &headers)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let heads = scene.workload.heads("spelt.");
        let [head] = &heads[..] else { panic!("{heads:?}") };
        assert_eq!(head.values("x-user"), ["alice"]);
        let names: Vec<String> = head.headers().into_iter().map(|(name, _)| name).collect();
        assert!(!names.iter().any(|name| matches!(name.as_str(), "x_user" | "x.user" | "x_debug")), "{names:?}");
        let line = head.line();
        assert!(line.contains("for=alice") && line.contains("fork=1"), "{line}");
        assert!(!line.contains("root") && !line.contains("admin") && !line.contains("ug=1"), "{line}");
    });
}

#[test]
fn a_denial_reaches_the_client_as_the_policy_words_it() {
    run(async {
        let scene = scene(RICH, "response: {}").await;
        let reply = scene.send(Door::Inbound, request("GET /public/busy", &[])).await;
        assert_eq!((reply.status, reply.body.as_str()), (429, "<p>Later.</p>"));
        assert_eq!(
            (&reply.headers["content-type"], &reply.headers["retry-after"]),
            (&"text/html".parse().unwrap(), &"5".parse().unwrap())
        );
        let cookies: Vec<_> = reply.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        let reply = scene.send(Door::Inbound, request("GET /public/plain", &[])).await;
        assert_eq!((reply.status, &reply.headers["content-type"]), (404, &"application/json".parse().unwrap()));
        let logged = scene.logged(&reply.decision().unwrap()).await;
        assert_eq!((&logged["tenant"], &logged["reason"]), (&"red".into(), &"policy_denied".into()));
        assert!(scene.workload.heads("/public/busy").is_empty());
    });
}

#[test]
fn what_a_policy_may_not_want_is_a_denial_even_where_envoy_is_open() {
    run(async {
        let scene = scene(WISHES, "response: {protected_headers: [x-tenant], allow_headers: [x-hop-purpose]}").await;
        for wish in [
            ":path",
            ":method",
            "host",
            "content-length",
            "transfer_encoding",
            "authorization",
            "x-hopguard-peer",
            "x_hopguard_peer",
            "x-forwarded-for",
            "x-envoy-internal",
            "x-tenant",
            "X_Tenant",
            "x-rewrite-url",
        ] {
            for way in ["set", "remove", "respond", "deny"] {
                let headers = [format!("x-wish: {wish}"), format!("x-way: {way}"), "x-value: root".to_owned()];
                let headers = headers.each_ref().map(String::as_str);
                let reply = scene.send(Door::Open, request("GET /public/wish", &headers)).await;
                assert_eq!(reply.status, 503, "{wish} {way}: {reply:?}");
                let record = scene.record(&reply.decision().unwrap()).await;
                assert_eq!(record["reason"], "policy_error", "{wish} {way}");
            }
        }
        assert!(scene.workload.heads("/public/wish").is_empty());
        let freed = request("GET /public/wish", &["x-wish: x-hop-purpose", "x-way: set", "x-value: refund"]);
        assert_eq!(scene.send(Door::Open, freed).await.status, 200);
        let heads = scene.workload.heads("/public/wish");
        assert_eq!(heads[0].values("x-hop-purpose"), ["refund"]);
    });
}

#[test]
fn no_value_ends_its_line() {
    run(async {
        let scene = scene(WISHES, "response: {}").await;
        for way in ["set", "respond", "deny"] {
            for value in ["a%0d%0aset-cookie:%20b=1", "a%0ab", "a%00b", "%20a"] {
                let line = format!("GET /public/wish?value={value}");
                let headers = ["x-wish: x-any".to_owned(), format!("x-way: {way}")];
                let reply = scene.send(Door::Open, request(&line, &headers.each_ref().map(String::as_str))).await;
                assert_eq!((reply.status, reply.headers.get("set-cookie")), (503, None), "{way} {value}");
                assert_eq!(scene.record(&reply.decision().unwrap()).await["reason"], "policy_error");
            }
        }
        assert!(scene.workload.heads("/public/wish").is_empty());
    });
}

#[test]
fn a_value_of_the_query_stays_one_value() {
    run(async {
        let scene = scene(WISHES, "response: {}").await;
        let line = "GET /public/wish?value=a%0d%0ab%20HTTP/1.1%26x%3d1%23";
        for (way, query) in
            [("query", "q=a%0D%0Ab%20HTTP%2F1.1%26x%3D1%23"), ("queries", "q=first&q=a%0D%0Ab%20HTTP%2F1.1%26x%3D1%23")]
        {
            let ask = |mark: &str| request(line, &["x-wish: q", &format!("x-way: {way}"), &format!("x-mark: {mark}")]);
            let reply = scene.send(Door::Mutable, ask(&format!("{way}-mutable."))).await;
            assert_eq!(reply.status, 200);
            let line = scene.workload.heads(&format!("{way}-mutable."))[0].line();
            let (path, sent) = line.split_once('?').unwrap();
            assert!(sent.contains(query) && path == "GET /public/wish", "{line}");
            // An Envoy that validates takes no escape in a parameter: it fails rather than half apply the answer.
            let reply = scene.send(Door::Inbound, ask(&format!("{way}-inbound."))).await;
            assert_eq!(reply.status, 500, "{way}");
            assert!(scene.workload.heads(&format!("{way}-inbound.")).is_empty());
        }
    });
}

const RICH: &str = r#"package hopguard.authz

decision := {
	"allowed": true,
	"headers": {"x-user": "alice", "X-Tag": ["a", "b"], "x-empty": ""},
	"response_headers_to_add": {"set-cookie": ["a=1", "b=2"], "x-served-for": "alice"},
	"request_headers_to_remove": ["x-debug", "x-absent"],
	"query_parameters_to_set": {"for": "alice"},
	"query_parameters_to_remove": ["debug", "absent"],
	"dynamic_metadata": {"tenant": "blue", "decision_id": "mine", "allowed": false},
} if input.hop.path == "/public/rich"

decision := {
	"allowed": false,
	"http_status": 429,
	"body": "<p>Later.</p>",
	"headers": {"content-type": "text/html", "retry-after": "5", "set-cookie": ["a=1", "b=2"]},
} if input.hop.path == "/public/busy"

decision := {"allowed": false, "http_status": 404, "dynamic_metadata": {"tenant": "red"}} if {
	input.hop.path == "/public/plain"
}
"#;

const WISHES: &str = r#"package hopguard.authz

headers := input.attributes.request.http.headers

wish := headers["x-wish"]

value := headers["x-value"]

value := input.parsed_query.value[0]

decision := {"allowed": true, "headers": {wish: value}} if headers["x-way"] == "set"

decision := {"allowed": true, "request_headers_to_remove": [wish]} if headers["x-way"] == "remove"

decision := {"allowed": true, "response_headers_to_add": {wish: value}} if headers["x-way"] == "respond"

decision := {"allowed": false, "headers": {wish: value}} if headers["x-way"] == "deny"

decision := {"allowed": true, "query_parameters_to_set": {wish: value}} if headers["x-way"] == "query"

decision := {"allowed": true, "query_parameters_to_set": {wish: ["first", value]}} if headers["x-way"] == "queries"
"#;
