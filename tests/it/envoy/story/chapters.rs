//! What happens, a chapter for each way in which access comes and goes.

use std::{
    fs,
    time::{Duration, Instant},
};

use hopguard::{clock::Timestamp, dev::TRUST_DOMAIN};
use serde_json::{Value, json};

use super::{
    Hop, Story,
    office::{ALICE, BOB, DAVE},
};
use crate::harness::until;

/// What a record says of a grant that the story made.
fn grant(name: &str, kind: &str) -> Value {
    json!({"name": name, "type": kind, "owner": "team-shop", "approver": ALICE, "ticket": format!("CHG-{name}")})
}

/// No grant, a request, an approval: and then what was approved, and nothing beside.
pub(super) async fn given(story: &mut Story) {
    let ledger = Hop::to("/v1/ledgers/7");
    story.refused(&ledger, "grant_missing", json!({"detail": "grant.subject"})).await;
    story.requests("ledgers", "/v1/ledgers/*", "--for 30m").await;
    // Who asks does not approve, and who approves signs.
    for (by, why) in [(BOB, "somebody else has to approve it"), (ALICE, "`ledgers` has to be signed: ")] {
        let said = story.office.tries(&story.folder(), &format!("grant approve ledgers --by {by} --yes")).await;
        assert!(said.code == 1 && said.err.contains(why), "{said:?}");
    }
    assert_eq!(story.approves(BOB, "ledgers").await.code, 1);
    story.refused(&ledger, "grant_missing", json!({"detail": "grant.subject"})).await;
    let said = story.approves(ALICE, "ledgers").await;
    assert_eq!(said.code, 0, "{said:?}");
    let outcome = story.allowed(&ledger, grant("ledgers", "jit")).await;
    let head = outcome.head.unwrap();
    assert_eq!(head.values("x-hopguard-grant"), ["ledgers"]);
    assert_eq!(head.values("x-hopguard-purpose"), ["checkout"]);
    assert!(head.values("x-hopguard-break-glass").is_empty());
    let record = story.scene.record(&outcome.decision).await;
    assert_eq!(record["peer"]["owner"], "team-agents");
    assert_eq!(record["valid_until"], record["grant"]["expires"].as_str().unwrap());
    let refund = ledger.clone().purpose("refund");
    story.refused(&refund, "grant_missing", json!({"detail": "grant.purpose", "purpose": {"name": "refund"}})).await;
    story.refused(&Hop::to("/v1/ledgers/7/lines"), "grant_missing", json!({"detail": "grant.action"})).await;
    story.refused(&ledger.purpose("anything"), "purpose_unknown", json!({})).await;
}

/// On behalf of a person: of this one, as deep as was approved, and never without.
pub(super) async fn for_a_person(story: &mut Story) {
    let (world, courier) = (story.scene.world(), format!("spiffe://{TRUST_DOMAIN}/courier"));
    let person = Hop::to("/v1/people/7");
    let of = |subject: &str, workloads: Value| {
        person.clone().part_of(world.txn(json!({"sub": subject, "req_wl": workloads})))
    };
    let alone = of("alice", json!([world.caller]));
    story.refused(&alone, "grant_missing", json!({"detail": "grant.action"})).await;
    let behalf = format!("--for 1h --on-behalf-of {}=alice --max-depth 1", world.desk());
    story.grants("people", "/v1/people/*", &behalf).await;
    let outcome = story.allowed(&alone, grant("people", "jit")).await;
    assert_eq!(outcome.head.unwrap().values("x-hopguard-actor"), [world.caller.as_str()]);
    let record = story.scene.record(&outcome.decision).await;
    assert_eq!(record["actor"]["chain"], json!(["alice", world.caller]));
    assert_eq!(record["purpose"], json!({"name": "checkout", "binding": "signed"}));
    let lacks = |chain: Value| json!({"detail": "grant.on_behalf_of", "actor": {"chain": chain}});
    let deeper = of("alice", json!([courier, world.caller]));
    story.refused(&deeper, "grant_missing", lacks(json!(["alice", courier, world.caller]))).await;
    let another = of("carol", json!([world.caller]));
    story.refused(&another, "grant_missing", lacks(json!(["carol", world.caller]))).await;
    // Nobody's agent, it may not do what it may for somebody; nor the other way round.
    let own = json!({"detail": "grant.purpose_binding", "actor": {"type": "workload", "chain": []}});
    story.refused(&person, "grant_missing", own).await;
    let beside = Hop { path: "/v1/ledgers/7", ..alone };
    story.refused(&beside, "grant_missing", lacks(json!(["alice", world.caller]))).await;
}

/// Access that ends with the task that it was for, and comes back with it.
pub(super) async fn with_its_task(story: &mut Story) {
    let task = Hop::to("/v1/tasks/8812");
    story.grants("tasks", "/v1/tasks/*", "--for 1h --while ci.run.8812=running").await;
    let message = "grant `tasks` counts only while the fact `ci.run.8812` has its value, and it is not known";
    story.refused(&task, "grant_inactive", json!({"detail": "grant.fact_missing", "message": message})).await;
    let set = async |story: &Story, value: &str| {
        story.does(&format!("fact set ci.run.8812 {value} --source ci --max-age 1h")).await;
    };
    let mut expected = grant("tasks", "jit");
    expected["conditions"] = json!(["ci.run.8812"]);
    set(story, "running").await;
    story.allowed(&task, expected).await;
    set(story, "done").await;
    story.refused(&task, "grant_inactive", json!({"detail": "grant.fact_differs"})).await;
    // Facts are written where nothing else is read.
    let names = fs::read_dir(story.scene.path("facts")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name != "none.yaml").count(), 1);
}

/// A grant that is over at its time, without anybody's doing.
pub(super) async fn over_by_itself(story: &mut Story) {
    let brief = Hop::to("/v1/brief/7");
    for (attempt, span) in SPANS.iter().enumerate() {
        let name = format!("brief-{attempt}");
        story.requests(&name, "/v1/brief/*", &format!("--for {span}s")).await;
        // On a machine that is busy it may be over before it was approved, or used.
        if story.approves(ALICE, &name).await.code == 0 && is_let_through(story, &brief, *span).await {
            let (_, step) = story.steps.last_mut().unwrap();
            step["grant"] = grant(&name, "jit");
            let decision = story.refused(&brief, "grant_expired", json!({"detail": "grant.expires_at"})).await.decision;
            let record = story.scene.record(&decision).await;
            let message = record["message"].as_str().unwrap();
            assert!(message.starts_with(&format!("grant `{name}` ended at ")), "{message}");
            // It ended at its instant, and not before.
            let ended = message.rsplit(' ').next().unwrap();
            assert!(time(&record["time"]) >= time(&json!(ended)), "{record}");
            return;
        }
    }
    panic!("no grant was used within {SPANS:?} seconds");
}

/// Approved in advance, opened for a task and for a while by whom it was approved for, extended, and taken back.
pub(super) async fn opened_and_taken_back(story: &mut Story) {
    let fix = Hop::to("/v1/fix/7");
    story.grants("fix", "/v1/fix/*", "--for 2h --type eligible --activator bob@example.com").await;
    let message = "grant `fix` is not open; an Activation opens it";
    story.refused(&fix, "grant_inactive", json!({"detail": "grant.activation", "message": message})).await;
    // Nobody approves the opening: it has a ticket, and the signature of who may.
    let open = |by: &str, key: &str| {
        format!("grant activate fix --by {by} --reason stuck --ticket INC-7 --for 30m --key {by}={key} --yes")
    };
    let said = story.office.tries(&story.folder(), &open(DAVE, &story.office.key(DAVE).display().to_string())).await;
    assert!(said.code == 3 && said.err.contains("is none of the `activators`"), "{said:?}");
    let key = story.office.key(BOB).display().to_string();
    story.office.does(&story.folder(), &open(BOB, &key)).await;
    let mut opened = grant("fix", "eligible");
    opened["activation"] = json!({"requested_by": BOB, "reason": "stuck", "ticket": "INC-7", "signed_by": [BOB]});
    let before = story.allowed(&fix, opened.clone()).await.decision;
    let end = async |story: &Story, decision: &str| {
        story.scene.record(decision).await["grant"]["expires"].as_str().unwrap().to_owned()
    };
    let first = end(story, &before).await;

    // A later end is approved as the first one was.
    story.does("grant extend fix --for 1h").await;
    let unapproved = story.allowed(&fix, opened.clone()).await.decision;
    assert_eq!(end(story, &unapproved).await, first);
    let said = story.approves(ALICE, "fix").await;
    assert_eq!(said.code, 0, "{said:?}");
    let place = tokio::sync::Mutex::new(&mut *story);
    let (decision, later) = until("the later end", async || {
        let mut story = place.lock().await;
        let decision = story.hop(&fix).await.decision;
        let later = story.scene.record(&decision).await["grant"]["expires"].as_str().map(str::to_owned);
        later.filter(|later| *later > first).map(|later| (decision, later))
    })
    .await;
    opened["expires"] = json!(later);
    story.steps.push((decision, json!({"answered": "allow", "grant": opened})));

    // Each one is in the histogram; on a machine that does nothing else each one is within a second.
    let withdrawn = json!({"revocation": {"name": "revoked-grant-fix", "reason": "leaked"}});
    let mut turns = 0;
    while story.metric(WITHIN_A_SECOND).await == 0 {
        assert!(turns < 5, "none of {turns} withdrawals acted within a second");
        if turns > 0 {
            story.does("revoke --lift revoked-grant-fix").await;
            story.allowed(&fix, opened.clone()).await;
        }
        turns += 1;
        story.does("revoke --grant fix --reason leaked --for 1h").await;
        story.refused(&fix, "revoked", withdrawn.clone()).await;
    }
    // Opened again, it stays taken back.
    story.office.does(&story.folder(), &open(BOB, &key)).await;
    story.refused(&fix, "revoked", withdrawn).await;
    // What has nothing to do with it stays.
    story.allowed(&Hop::to("/v1/ledgers/7"), grant("ledgers", "jit")).await;
}

/// Sealed for emergencies, broken open by two who have not asked, loud while it is, and closed at its time.
pub(super) async fn broken_open(story: &mut Story) {
    let glass = Hop::to("/v1/glass/7");
    story.grants("glass", "/v1/glass/*", "--for 1d --type break_glass").await;
    let closed = json!({"detail": "grant.activation"});
    story.refused(&glass, "grant_inactive", closed.clone()).await;
    for span in SPANS {
        let key = story.office.key(ALICE).display().to_string();
        let what = format!("--by {BOB} --reason down --ticket INC-9 --for {span}s --key {ALICE}={key}");
        let said = story.does(&format!("grant activate glass {what}")).await;
        assert!(said.contains("it waits: "), "one is not enough: {said}");
        story.refused(&glass, "grant_inactive", closed.clone()).await;
        let file = said.lines().find_map(|line| line.strip_prefix("created ")).unwrap_or_else(|| panic!("{said}"));
        let name = file.trim().rsplit('/').next().unwrap().split(".yaml").next().unwrap().to_owned();
        // Who asked is none of the two.
        assert_eq!(story.approves(BOB, &name).await.code, 1);
        if story.approves(DAVE, &name).await.code != 0 || !is_let_through(story, &glass, span).await {
            continue;
        }
        let mut opened = grant("glass", "break_glass");
        opened["activation"] = json!({
            "name": name, "requested_by": BOB, "reason": "down", "ticket": "INC-9", "signed_by": [ALICE, DAVE],
        });
        let (decision, step) = story.steps.last_mut().unwrap();
        step["grant"] = opened;
        let decision = decision.clone();
        let head = story.scene.workload.heads(&decision).pop().unwrap();
        assert_eq!(head.values("x-hopguard-break-glass"), [name.as_str()]);
        assert!(story.metric("hopguard_break_glass_total").await >= 1);
        let log = fs::read_to_string(story.scene.path("hopguard.log")).unwrap();
        assert!(log.lines().any(|line| line.contains("Break-glass access is used") && line.contains(&name)), "{log}");
        let end = &story.scene.record(&decision).await["grant"]["activation"]["until"];
        let record = story.refused(&glass, "grant_inactive", closed).await.decision;
        let record = story.scene.record(&record).await;
        assert!(time(&record["time"]) >= time(end), "{record}");
        // Until somebody has looked at it, it is found.
        let said = story.office.tries(&story.folder(), "check --governance").await;
        let found = String::from_utf8(said.out).unwrap();
        let is_found = found.lines().any(|line| line.contains(&name) && line.contains("activation.not_reviewed"));
        assert!(said.code != 0 && is_found, "{found}");
        return;
    }
    panic!("no glass was broken within {SPANS:?} seconds");
}

fn time(text: &Value) -> Timestamp {
    Timestamp::parse(text.as_str().unwrap()).unwrap()
}

/// Whether the hop is let through within so many seconds; if so it is the last step, with a grant to be named.
async fn is_let_through(story: &mut Story, hop: &Hop, seconds: u64) -> bool {
    let over = Instant::now() + Duration::from_secs(seconds);
    let place = tokio::sync::Mutex::new(&mut *story);
    let outcome = until("an end or a beginning", async || {
        let outcome = place.lock().await.hop(hop).await;
        (outcome.reason.is_none() || Instant::now() > over).then_some(outcome)
    })
    .await;
    let is_let_through = outcome.reason.is_none();
    if is_let_through {
        story.steps.push((outcome.decision, json!({"answered": "allow", "reason": null})));
    }
    is_let_through
}

/// How many seconds what is to end by itself may last: longer if that was too short for a busy machine.
const SPANS: [u64; 3] = [3, 6, 15];
const WITHIN_A_SECOND: &str = "hopguard_revocation_lag_seconds_bucket{le=\"1.0\"}";
