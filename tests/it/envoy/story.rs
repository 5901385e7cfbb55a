//! The life of an agent's access through a real Envoy: asked for and approved, used and refused, ended, opened, extended, taken back and
//! broken open, by people who know the verbs alone; and all of it is in the audit log, with who approved it and for which ticket.

mod chapters;
mod office;

use std::{fs, path::PathBuf};

use hopguard::dev::{TRUST_DOMAIN, ask};
use serde_json::{Value, json};

use self::office::{Office, Said};
use super::{
    door::Door,
    recorder::Head,
    run,
    scene::{Scene, Setting},
};
use crate::harness::until;

#[test]
fn an_agents_access_is_given_used_and_taken_by_people_and_told_to_the_end() {
    run(async {
        let mut story = Story::begin().await;
        chapters::given(&mut story).await;
        chapters::for_a_person(&mut story).await;
        chapters::with_its_task(&mut story).await;
        chapters::over_by_itself(&mut story).await;
        chapters::opened_and_taken_back(&mut story).await;
        chapters::broken_open(&mut story).await;
        story.is_told();
    });
}

/// An agent, `orders`, that calls `payments`; people who decide on that; and what came of it.
struct Story {
    scene: Scene,
    office: Office,
    /// Each step that mattered: its decision, and what its record has to say.
    steps: Vec<(String, Value)>,
    hops: usize,
}

/// What the agent asks for.
#[derive(Clone, Debug)]
struct Hop {
    path: &'static str,
    purpose: &'static str,
    /// The transaction that it is part of.
    transaction: Option<String>,
}

/// What became of a hop.
#[derive(Debug)]
struct Outcome {
    decision: String,
    /// Why it was refused; nothing if it was not.
    reason: Option<String>,
    /// What the workload saw of it.
    head: Option<Head>,
}

impl Story {
    async fn begin() -> Self {
        let office = Office::new();
        let files = vec![
            ("allowed_signers", office.allowed_signers()),
            ("documents/all.yaml", documents()),
            ("facts/none.yaml", String::new()),
        ];
        let setting = Setting {
            tokens: true,
            answers: "response: {reveal: reason}",
            ceiling: "grants: {approvals: required, allowed_signers: allowed_signers}\nfacts: {directory: facts}",
            files,
            ..Setting::default()
        };
        Self { scene: Scene::start(setting).await, office, steps: Vec::new(), hops: 0 }
    }

    fn folder(&self) -> PathBuf {
        self.scene.path("")
    }

    /// Runs a verb that has to succeed.
    async fn does(&self, line: &str) -> String {
        self.office.does(&self.folder(), &format!("{line} --yes")).await
    }

    /// Asks for a grant between the two.
    async fn requests(&self, name: &str, path: &str, more: &str) {
        let ends = format!("spiffe://{TRUST_DOMAIN}/orders --audience spiffe://{TRUST_DOMAIN}/payments");
        let people = "--owner team-shop --requested-by bob@example.com --approver alice@example.com";
        let what = format!("--method GET --path {path} --purpose checkout --ticket CHG-{name}");
        self.does(&format!("grant request {name} --subject {ends} {what} {people} {more}")).await;
    }

    /// Has somebody sign and approve what is asked for.
    async fn approves(&self, by: &str, name: &str) -> Said {
        self.office.approves(&self.folder(), by, name).await
    }

    /// Asks for a grant, and has it signed and approved.
    async fn grants(&self, name: &str, path: &str, more: &str) {
        self.requests(name, path, more).await;
        let said = self.approves(office::ALICE, name).await;
        assert_eq!(said.code, 0, "{said:?}");
    }

    async fn hop(&mut self, hop: &Hop) -> Outcome {
        self.hops += 1;
        let mark = format!("story-{}.", self.hops);
        let token = hop.transaction.as_ref().map(|token| format!("txn-token: {token}\r\n")).unwrap_or_default();
        let headers = format!("host: payments\r\nx-hop-purpose: {}\r\nx-mark: {mark}\r\n{token}", hop.purpose);
        let reply = self.scene.send(Door::Inbound, format!("GET {} HTTP/1.1\r\n{headers}\r\n", hop.path)).await;
        let mut heads = self.scene.workload.heads(&mark);
        if reply.status == 200 {
            let head = heads.pop().expect("what was served was asked for");
            let decision = head.values("x-hopguard-decision").pop().expect("a decision");
            return Outcome { decision, reason: None, head: Some(head) };
        }
        assert!(heads.is_empty(), "{reply:?}");
        let body: Value = serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("{reply:?}"));
        let text = |field: &str| body[field].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned();
        Outcome { decision: text("decision"), reason: Some(text("reason")), head: None }
    }

    /// Waits until the hop is allowed, and notes what its record says of the grant.
    async fn allowed(&mut self, hop: &Hop, grant: Value) -> Outcome {
        let outcome = self.waits(hop, None).await;
        self.steps.push((outcome.decision.clone(), json!({"answered": "allow", "reason": null, "grant": grant})));
        outcome
    }

    /// Waits until the hop is refused for a reason, and notes what its record says beside.
    async fn refused(&mut self, hop: &Hop, reason: &str, mut record: Value) -> Outcome {
        let outcome = self.waits(hop, Some(reason)).await;
        assert_eq!(record["answered"].take(), Value::Null);
        (record["answered"], record["reason"], record["grant"]) = (json!("deny"), json!(reason), Value::Null);
        self.steps.push((outcome.decision.clone(), record));
        outcome
    }

    async fn waits(&mut self, hop: &Hop, reason: Option<&str>) -> Outcome {
        let story = tokio::sync::Mutex::new(self);
        until(&format!("{reason:?} of {hop:?}"), async || {
            let outcome = story.lock().await.hop(hop).await;
            (outcome.reason.as_deref() == reason).then_some(outcome)
        })
        .await
    }

    async fn metric(&self, name: &str) -> u64 {
        let (_, text) = ask::get(self.scene.sidecar().admin(), "/metrics").await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric `{name}` in\n{text}")).trim().parse().unwrap()
    }

    /// That the audit log has each step, in the order in which they happened.
    fn is_told(&self) {
        let log = fs::read_to_string(self.scene.path("audit.jsonl")).unwrap();
        let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut last = 0;
        for (decision, expected) in &self.steps {
            let found = records.iter().position(|record| record["decision_id"] == decision.as_str());
            let place = found.unwrap_or_else(|| panic!("nothing is told of {expected}"));
            assert!(place >= last, "{expected} is told out of order");
            last = place;
            assert!(holds(&records[place], expected), "{} is not {expected}", records[place]);
        }
    }
}

/// Whether `told` has every member that `expected` has, all the way down; and nothing where that says `null`.
fn holds(told: &Value, expected: &Value) -> bool {
    match expected {
        Value::Object(members) => members.iter().all(|(name, expected)| holds(&told[name], expected)),
        _ => told == expected,
    }
}

impl Hop {
    fn to(path: &'static str) -> Self {
        Self { path, purpose: "checkout", transaction: None }
    }

    fn purpose(self, purpose: &'static str) -> Self {
        Self { purpose, ..self }
    }

    fn part_of(self, transaction: String) -> Self {
        Self { transaction: Some(transaction), ..self }
    }
}

/// What there is before anybody has asked for anything: purposes, and who the agent is.
fn documents() -> String {
    let document = |kind: &str, name: &str, spec: &str| {
        format!("---\napiVersion: hopguard.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
    };
    let agent = format!("spiffeId: spiffe://{TRUST_DOMAIN}/orders, kind: agent, owner: team-agents, state: active");
    [
        document("Purpose", "checkout", "name: checkout, owner: team-shop"),
        document("Purpose", "refund", "name: refund, owner: team-shop"),
        document("Workload", "orders", &agent),
    ]
    .concat()
}
