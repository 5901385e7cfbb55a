//! One hop, one snapshot and one time give one answer, on any thread and while policies are swapped: the old one's or the new one's.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use hopguard::clock::Timestamp;

use crate::harness::{Answer, Setup, until};

/// A policy that reads what hash maps and clocks would be tempted to answer differently.
const TELLS: &str = r#"
told := {
	"sums": {sum | some x in numbers.range(1, 9); some y in [3, 1, 2]; sum := x + y},
	"names": [name | some name, _ in input.attributes.request.http.headers],
	"object": {name: count(value) | some name, value in input.attributes.request.http.headers},
	"now": [time.now_ns(), time.clock(time.now_ns()), time.date(time.now_ns()), time.weekday(time.now_ns()), input.now],
	"json": json.marshal(input.hop),
	"matches": regex.find_n("[a-z]+", "b a c", -1),
}

decision := {"allowed": false, "reason": json.marshal(told)}
"#;

#[test]
fn one_hop_has_one_answer_on_every_thread() {
    let setup = Setup::new();
    setup.policy(TELLS);
    let snapshot = setup.loader().refresh(setup.now());
    let hop = setup.hop().header("x-b", "2").header("x-a", "1").header("x-c", "3");
    let (check, now) = (hop.request(), setup.now());
    let decide = || {
        let decision = snapshot.authorizer.decide(&check, now);
        let denial = decision.denials().next().map(ToString::to_string).unwrap();
        (denial, decision.findings.input.map(|input| input.digest()))
    };
    let answers: BTreeSet<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..2_500).map(|_| decide()).collect::<BTreeSet<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert!(answers.first().unwrap().0.contains("matches"), "{answers:?}");
}

/// (99)
#[test]
fn a_decision_has_one_time_whichever_that_is() {
    let setup = Setup::new();
    setup.policy(
        "decision := {\"allowed\": false, \"reason\": concat(\" \", [format_int(input.now, 10), json.marshal(time.date(time.now_ns())), \
         json.marshal(time.clock(time.now_ns()))])} if input.now == time.now_ns()",
    );
    let snapshot = setup.loader().refresh(setup.now());
    let said_at = |now: Timestamp| {
        let decision = snapshot.authorizer.decide(&setup.hop().request(), now);
        decision.denials().next().map(ToString::to_string).unwrap_or_default()
    };
    // The hour in which the caller's certificate lasts, to the nanosecond; a day has 86,400 seconds, with a leap second or without.
    let second_start = setup.now().nanos() / 1_000_000_000 * 1_000_000_000;
    for nanos in [second_start, second_start + 999_999_999, second_start + 1_000_000_000] {
        let said = said_at(Timestamp::from_nanos(nanos));
        assert!(said.contains(&nanos.to_string()), "{said}");
        let second = (nanos / 1_000_000_000) % 60;
        assert!(said.ends_with(&format!(",{second}]")), "{said}");
    }
}

#[tokio::test]
async fn while_policies_are_swapped_every_answer_is_the_olds_or_the_news() {
    let setup = Setup::new();
    let write = |setup: &Setup, name: &str| {
        // The rule and its data say the same name: of a mixture nothing would come.
        setup.write("policy/state/data.json", &format!("{{\"name\": \"{name}\", \"many\": {:?}}}", [7; 2_000]));
        setup.policy(&format!(
            "decision := {{\"allowed\": false, \"reason\": data.state.name}} if data.state.name == \"{name}\"\n\n\
             decision := {{\"allowed\": false, \"reason\": \"mixed\"}} if data.state.name != \"{name}\""
        ));
    };
    write(&setup, "a");
    let guard = setup.set("response.reveal", "full").start().await;
    let (check, done, asked) = (guard.hop().request(), AtomicBool::new(false), AtomicUsize::new(0));
    let ask = async |mut client: hopguard::pb::authorization_client::AuthorizationClient<_>| {
        let mut said = BTreeSet::new();
        while !done.load(Ordering::Relaxed) {
            let answer = Answer(client.check(check.clone()).await.unwrap().into_inner()).denied("policy_denied");
            said.insert(answer.body()["message"].as_str().unwrap().to_owned());
            asked.fetch_add(1, Ordering::Relaxed);
        }
        said
    };
    let swap = async {
        for turn in 0..6 {
            let name = ["b", "a"][turn % 2];
            write(guard.setup(), name);
            until("the swap", async || {
                let said = guard.hop().send().await.denied("policy_denied").body();
                said["message"].as_str().unwrap().ends_with(name).then_some(())
            })
            .await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let (one, other, ()) = tokio::join!(ask(guard.client()), ask(guard.client()), swap);
    let said: BTreeSet<_> = one.union(&other).cloned().collect();
    // Two files are replaced one after the other, so both together are a state of the directory, too; it names itself.
    let expected = ["a", "b", "mixed"].map(|name| format!("the policy said no: {name}"));
    assert!(said.is_subset(&BTreeSet::from(expected)), "{said:?}");
    assert!(said.len() > 1 && asked.load(Ordering::Relaxed) > 20);
}
