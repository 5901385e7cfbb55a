//! What Hopguard is given in a scene: a configuration, grants, and a policy that says what it is asked to say.

use std::{fs, path::Path};

use hopguard::{clock::Timestamp, dev::TRUST_DOMAIN};

use super::{
    leaf::{Authorities, DAY},
    scene::Setting,
};
use crate::harness::World;

/// Writes everything that Hopguard and Envoy read.
pub(super) fn write(folder: &Path, authorities: &Authorities, now: Timestamp, setting: &Setting) {
    for name in ["payments", "orders"] {
        authorities.svid(name).write(&folder.join(name)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    fs::create_dir(folder.join("documents")).unwrap();
    fs::create_dir(folder.join("policy")).unwrap();
    let socket = folder.join("check.sock");
    let Setting { limits, answers, ceiling, .. } = setting;
    let socket = socket.display();
    write("roots.pem", &authorities.pem());
    let (mut trust, mut tokens) = (format!("trust: [{{trust_domain: {TRUST_DOMAIN}, pem: roots.pem}}]"), String::new());
    if setting.tokens {
        let world = world(now);
        for (name, content) in world.files(&authorities.roots()) {
            write(name, &content);
        }
        let [(_, domains), (_, audiences), kinds @ ..] = world.settings();
        let kinds = kinds.map(|(key, value)| format!("{}: {value}", key.trim_start_matches("tokens.")));
        trust = format!("trust: {domains}\naudiences: {audiences}");
        tokens = format!("tokens: {{{}}}", kinds.join(", "));
    }
    write(
        "hopguard.yaml",
        &format!(
            "self: spiffe://{TRUST_DOMAIN}/payments
listen: [{{address: \"unix:{socket}\"}}]
admin: {{address: \"127.0.0.1:0\"}}
{trust}
{tokens}
{answers}
{ceiling}
store: {{directory: documents}}
policy: {{directory: policy, timeout: 500ms}}
audit: {{file: audit.jsonl}}
limits: {limits}
"
        ),
    );
    write("documents/all.yaml", &if setting.tokens { world(now).documents() } else { documents(now) });
    write("policy/authz.rego", setting.policy);
    for (name, content) in &setting.files {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        write(name, content);
    }
}

/// `payments`, which `orders` calls.
pub(super) fn world(now: Timestamp) -> World {
    let id = |name: &str| format!("spiffe://{TRUST_DOMAIN}/{name}");
    World { domain: TRUST_DOMAIN, this: id("payments"), caller: id("orders"), now }
}

/// Whatever lies under `/public` may be read, `/pay` may be posted to, and `/feed` may become a websocket.
fn documents(now: Timestamp) -> String {
    let now = Timestamp::from_seconds(now.seconds() - 60);
    let at = |days: u32| now.after(days * DAY);
    let purpose = "---
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: checkout}
spec: {name: checkout, owner: team-shop}
";
    let grant = |name: &str, actions: &str, from: Timestamp, until: Timestamp| {
        format!(
            "---
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {{name: {name}}}
spec:
  type: standing
  subject: {{spiffeId: spiffe://{TRUST_DOMAIN}/orders}}
  audience: spiffe://{TRUST_DOMAIN}/payments
  actions: {actions}
  purposes: [checkout]
  owner: team-shop
  requestedBy: bob@example.com
  approver: alice@example.com
  notBefore: {from}
  expiresAt: {until}
  reviewBy: {from}
"
        )
    };
    let (begun, over) = (Timestamp::from_seconds(now.seconds() - 30 * 86_400), Timestamp::from_seconds(now.seconds()));
    [
        purpose.to_owned(),
        grant("reads", "[{methods: [GET, POST], paths: [/public, \"/public/**\"]}]", now, at(30)),
        grant("feeds", "[{methods: [GET], paths: [/feed], upgrade: [websocket]}]", now, at(30)),
        grant("calls", "[{grpc: [pay.v1.Pay/Charge]}]", now, at(30)),
        grant("late", "[{methods: [GET], paths: [/late]}]", at(1), at(30)),
        grant("over", "[{methods: [GET], paths: [/over]}]", begun, over),
    ]
    .concat()
}

/// Says yes, unless the query asks for something else.
pub(super) const POLICY: &str = r#"package hopguard.authz

wish := input.parsed_query.policy[0]

decision := true if not wish

decision := {"allowed": false, "reason": "not today"} if wish == "no"

decision := true if {
	wish == "broken"
	1 / to_number(input.parsed_query.by[0]) > 0
}

decision := true if {
	wish == "slow"
	some a in digits
	some b in digits
	some c in digits
	some d in digits
	some e in digits
	some f in digits
	some g in digits
	0 > a + b + c + d + e + f + g
}

decision := input.parsed_body.amount < 10 if wish == "body"

digits := [1, 2, 3, 4, 5, 6, 7, 8, 9]
"#;
