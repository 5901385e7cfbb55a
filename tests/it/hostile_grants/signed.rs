//! What was signed, and what somebody made of it afterwards.

use std::time::Duration;

use hopguard::{
    approval::{NAMESPACE, canonical},
    clock::Timestamp,
};
use serde_json::{Value, json};

use super::reason;
use crate::harness::{Desk, FRONTEND, Hop, Key, PAYMENTS, STRANGER, Setup, fact, revocation};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
const DAVE: &str = "dave@example.com";

/// Somebody who may sign.
struct Person {
    name: &'static str,
    desk: Desk,
    key: Key,
}

impl Person {
    fn new(name: &'static str) -> Self {
        let desk = Desk::new();
        let key = desk.key(&["-t", "ed25519"]);
        Self { name, desk, key }
    }

    /// The signature of a document, as `ssh-keygen` makes it.
    fn signs(&self, document: &Value) -> Value {
        let mut signed = document.clone();
        signed["spec"].as_object_mut().unwrap().remove("signatures");
        json!({"by": self.name, "signature": self.desk.sign(&self.key, NAMESPACE, &[], &canonical(&signed))})
    }
}

/// A folder where what gives access has to be signed, by these people.
fn setup(people: &[&Person]) -> Setup {
    let setup = Setup::new().set("grants.approvals", "required").set("grants.allowed_signers", "signers");
    let line = |person: &&Person| format!("{} {}\n", person.name, person.key.public);
    setup.write("signers", &people.iter().map(line).collect::<String>());
    setup.remove("documents/grants.yaml");
    setup
}

/// Writes a document with these signatures; JSON is YAML.
fn write(setup: &Setup, file: &str, document: &Value, signatures: &[&Value]) {
    let mut document = document.clone();
    document["spec"]["signatures"] = json!(signatures);
    setup.write(&format!("documents/{file}.yaml"), &document.to_string());
}

fn minutes(now: Timestamp, minutes: i64) -> Timestamp {
    Timestamp::from_nanos(now.nanos() + 60_000_000_000 * minutes)
}

/// What Alice is asked to approve: charges for ten minutes, while a task runs.
fn asked_for(now: Timestamp) -> Value {
    json!({
        "apiVersion": "hopguard.dev/v1alpha1",
        "kind": "Grant",
        "metadata": {"name": "charge"},
        "spec": {
            "type": "jit",
            "subject": {"spiffeId": FRONTEND},
            "audience": PAYMENTS,
            "actions": [{"methods": ["POST"], "paths": ["/charge/*"]}],
            "purposes": ["checkout"],
            "while": [{"fact": "task.1", "equals": "running"}],
            "owner": "team-payments",
            "requestedBy": BOB,
            "approver": ALICE,
            "ticket": "CHG-1",
            "notBefore": minutes(now, -1).to_string(),
            "expiresAt": minutes(now, 10).to_string(),
        }
    })
}

/// (143) Each edit lets through a hop that was not approved, and none does before it is signed itself.
#[test]
fn what_was_approved_is_what_counts_and_nothing_wider_before_it_is_approved_itself() {
    let (alice, dave) = (Person::new(ALICE), Person::new(DAVE));
    let setup = setup(&[&alice, &dave]);
    let (now, approved) = (setup.now(), asked_for(setup.now()));
    let signature = alice.signs(&approved);
    let mut loaded = setup.loader();
    let hop = || setup.hop().path("/charge/1");
    let told = |value: &str| setup.write("documents/facts.yaml", &fact("task.1", value, now, "1h"));
    let rows: [(&str, Value, Hop<'_>, i64, &str); 8] = [
        ("/spec/actions/0/paths", json!(["/**"]), hop().path("/other"), 0, "running"),
        ("/spec/actions/0/paths", json!(["/charge/**"]), hop().path("/charge/1/refund"), 0, "running"),
        ("/spec/actions/0/methods", json!(["POST", "DELETE"]), hop().method("DELETE"), 0, "running"),
        ("/spec/subject", json!({"prefix": "spiffe://prod.example/"}), hop().from(STRANGER), 0, "running"),
        ("/spec/subject", json!({"spiffeId": STRANGER}), hop().from(STRANGER), 0, "running"),
        ("/spec/purposes", json!(["checkout", "refund"]), hop().purpose("refund"), 0, "running"),
        ("/spec/expiresAt", json!(minutes(now, 50).to_string()), hop(), 20, "running"),
        ("/spec/while/0/equals", json!("done"), hop(), 0, "done"),
    ];
    for (field, value, wider, at, task) in rows {
        // Some hops are only possible at another time, at which the certificate has to count as well.
        let (elsewhen, at) = (at != 0, minutes(now, at));
        let svid = crate::harness::mint(setup.authority(), FRONTEND, minutes(now, -20), minutes(now, 40));
        let wider = if elsewhen { wider.with_certificate(svid) } else { wider };
        let mut edited = approved.clone();
        *edited.pointer_mut(field).unwrap() = value;
        told("running");
        write(&setup, "charge", &approved, &[&signature]);
        assert_eq!(reason(&mut loaded, &hop(), now), None, "{field}");
        setup.write("documents/facts.yaml", &fact("task.1", task, at.min(now), "1h"));
        assert_ne!(reason(&mut loaded, &wider, at), None, "{field} was not approved");
        write(&setup, "charge", &edited, &[&signature]);
        assert_eq!(reason(&mut loaded, &wider, at), Some("grant_pending"), "{field} has an old signature");
        assert_ne!(reason(&mut loaded, &hop(), now), None, "{field}: what was approved is not there any more");
        // Somebody else who may sign has not been named as its approver.
        write(&setup, "charge", &edited, &[&signature, &dave.signs(&edited)]);
        assert_eq!(reason(&mut loaded, &wider, at), Some("grant_pending"), "{field} was signed by another");
        write(&setup, "charge", &edited, &[&alice.signs(&edited)]);
        assert_eq!(reason(&mut loaded, &wider, at), None, "{field} was approved again");
    }
}

/// (139) What was taken back stays so, with the old signature or with a new one, until the revocation ends.
#[test]
fn what_was_taken_back_does_not_come_back_by_being_written_again() {
    let alice = Person::new(ALICE);
    let setup = setup(&[&alice]);
    let (now, approved) = (setup.now(), asked_for(setup.now()));
    let signature = alice.signs(&approved);
    let mut loaded = setup.loader();
    let hop = setup.hop().path("/charge/1");
    setup.write("documents/facts.yaml", &fact("task.1", "running", now, "1h"));
    write(&setup, "charge", &approved, &[&signature]);
    assert_eq!(reason(&mut loaded, &hop, now), None);
    for target in
        ["{grant: charge}".to_owned(), format!("{{spiffeId: {FRONTEND:?}}}"), "{purpose: checkout}".to_owned()]
    {
        setup.write("documents/revoked.yaml", &revocation("leak", &target, now));
        assert_eq!(reason(&mut loaded, &hop, now), Some("revoked"), "{target}");
        setup.remove("documents/charge.yaml");
        assert_ne!(reason(&mut loaded, &hop, now), None);
        write(&setup, "again", &approved, &[&signature]);
        assert_eq!(reason(&mut loaded, &hop, now), Some("revoked"), "{target}: the old signature");
        let mut longer = approved.clone();
        longer["spec"]["expiresAt"] = json!(minutes(now, 30).to_string());
        write(&setup, "again", &longer, &[&alice.signs(&longer)]);
        assert_eq!(reason(&mut loaded, &hop, now), Some("revoked"), "{target}: a new signature");
        // Nor by a start in between.
        drop(loaded);
        loaded = setup.loader();
        assert_eq!(reason(&mut loaded, &hop, now), Some("revoked"), "{target}");
        setup.remove("documents/revoked.yaml");
        assert_eq!(reason(&mut loaded, &hop, now), None, "{target}");
        setup.remove("documents/again.yaml");
        write(&setup, "charge", &approved, &[&signature]);
    }
}

/// A sealed grant that Alice has signed, and what would open it for ten minutes.
fn sealed<'a>(setup: &'a Setup, alice: &Person) -> (Value, impl Fn() -> Hop<'a>) {
    let now = setup.now();
    let mut grant = asked_for(now);
    grant["spec"]["type"] = json!("break_glass");
    grant["spec"].as_object_mut().unwrap().remove("while");
    grant["spec"]["expiresAt"] = json!(minutes(now, 59).to_string());
    write(setup, "charge", &grant, &[&alice.signs(&grant)]);
    let activation = json!({
        "apiVersion": "hopguard.dev/v1alpha1",
        "kind": "Activation",
        "metadata": {"name": "incident"},
        "spec": {
            "grant": "charge",
            "requestedBy": BOB,
            "reason": "down",
            "ticket": "INC-9",
            "from": now.to_string(),
            "until": minutes(now, 10).to_string(),
        }
    });
    (activation, move || setup.hop().path("/charge/1"))
}

/// (144) It ends at its instant, and neither a start nor a copy makes it any longer.
#[test]
fn what_was_broken_open_closes_at_its_time_and_nothing_opens_it_again_but_two_people() {
    let people = [ALICE, BOB, DAVE].map(Person::new);
    let [alice, bob, dave] = &people;
    let setup = setup(&[alice, bob, dave]);
    let now = setup.now();
    let (activation, hop) = sealed(&setup, alice);
    let (end, both) = (minutes(now, 10), [alice.signs(&activation), dave.signs(&activation)]);
    let mut loaded = setup.loader();
    let open = |activation: &Value, signatures: &[&Value]| write(&setup, "incident", activation, signatures);
    assert_eq!(reason(&mut loaded, &hop(), now), Some("grant_inactive"));
    // One of two, one twice, and who asked.
    for signatures in [vec![&both[0]], vec![&both[0], &both[0]], vec![&both[0], &bob.signs(&activation)]] {
        open(&activation, &signatures);
        assert_eq!(reason(&mut loaded, &hop(), now), Some("grant_inactive"), "{signatures:?}");
    }
    open(&activation, &[&both[0], &both[1]]);
    let before = Timestamp::from_nanos(end.nanos() - 1);
    for _ in 0..2 {
        assert_eq!(reason(&mut loaded, &hop(), before), None);
        assert_eq!(reason(&mut loaded, &hop(), end), Some("grant_inactive"), "a start makes it no longer");
        let answer = loaded.refresh(now).authorizer.decide(&hop().request(), now);
        assert_eq!(answer.verdict.unwrap().valid_until(), Some(end));
        drop(loaded);
        loaded = setup.loader();
    }
    // What two people have signed once, nobody makes last, begins anew, or opens again under another name.
    for (field, value) in [
        ("/spec/until", json!(minutes(now, 40).to_string())),
        ("/spec/from", json!(minutes(now, 5).to_string())),
        ("/spec/ticket", json!("INC-10")),
        ("/spec/reason", json!("still down")),
        ("/metadata/name", json!("again")),
    ] {
        let mut edited = activation.clone();
        *edited.pointer_mut(field).unwrap() = value;
        open(&edited, &[&both[0], &both[1]]);
        let at = minutes(now, 6);
        assert_eq!(reason(&mut loaded, &hop(), at), Some("grant_inactive"), "{field}");
        open(&edited, &[&alice.signs(&edited), &dave.signs(&edited)]);
        assert_eq!(reason(&mut loaded, &hop(), at), None, "{field}, signed by both");
    }
    setup.remove("documents/incident.yaml");
    assert_eq!(reason(&mut loaded, &hop(), now), Some("grant_inactive"));
}

/// (144) Two signatures make none of these an opening.
#[test]
fn nothing_is_broken_open_without_a_reason_a_ticket_and_an_end_within_the_hour() {
    let people = [ALICE, BOB, DAVE].map(Person::new);
    let [alice, bob, dave] = &people;
    let setup = setup(&[alice, bob, dave]).set("grants.max_activation", "24h");
    let now = setup.now();
    let (activation, hop) = sealed(&setup, alice);
    let mut loaded = setup.loader();
    let tried =
        |document: &Value| write(&setup, "incident", document, &[&alice.signs(document), &dave.signs(document)]);
    for field in ["reason", "ticket", "until", "from", "requestedBy", "grant"] {
        let mut without = activation.clone();
        without["spec"].as_object_mut().unwrap().remove(field);
        tried(&without);
        assert_eq!(reason(&mut loaded, &hop(), now), Some("grant_inactive"), "without {field}");
    }
    for (field, value) in [
        ("reason", json!("")),
        ("ticket", json!(" ")),
        ("until", json!((now.after(Duration::from_secs(3601))).to_string())),
        ("until", json!(now.to_string())),
        ("from", json!(minutes(now, 1).to_string())),
        ("requestedBy", json!(ALICE)),
        ("requestedBy", json!("Dave+work@Example.com")),
        ("grant", json!("other")),
    ] {
        let mut other = activation.clone();
        other["spec"][field] = value.clone();
        tried(&other);
        assert_eq!(reason(&mut loaded, &hop(), now), Some("grant_inactive"), "{field}: {value}");
    }
    tried(&activation);
    assert_eq!(reason(&mut loaded, &hop(), now), None);
}

/// (109) However often a hop was let through: what it rested on ends, and so does it, on whichever snapshot.
#[test]
fn no_allow_outlives_what_it_rested_on() {
    let alice = Person::new(ALICE);
    let setup = setup(&[&alice]);
    let (now, approved) = (setup.now(), asked_for(setup.now()));
    setup.write("documents/facts.yaml", &fact("task.1", "running", now, "5m"));
    write(&setup, "charge", &approved, &[&alice.signs(&approved)]);
    let mut loaded = setup.loader();
    let (snapshot, check) = (loaded.refresh(now), setup.hop().path("/charge/1").request());
    let decided = |at: Timestamp| snapshot.authorizer.decide(&check, at);
    for _ in 0..1_000 {
        assert!(decided(now).is_permit());
    }
    // The fact ends first, and it is said so.
    let end = decided(now).verdict.unwrap().valid_until().unwrap();
    assert_eq!(end, minutes(now, 5));
    for (at, why) in [(end, "grant_inactive"), (minutes(now, 10), "grant_expired"), (minutes(now, 61), "peer_expired")]
    {
        assert_eq!(decided(at).reason().map(|reason| reason.as_str()), Some(why));
    }
    // On a clock that goes back to when it counted it would: that clocks do not is held elsewhere.
    assert!(decided(Timestamp::from_nanos(end.nanos() - 1)).is_permit());
}
