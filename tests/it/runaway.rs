//! A policy that runs away on some hop costs that hop, and holds up nobody else's.

use serde_json::Value;

use crate::harness::{Answer, Grant, Guard, Setup};

/// Ends by its timeout alone, where `/slow` is asked for.
const RUNAWAY: &str = r#"
default decision := false

decision if input.hop.path == "/charge"

decision if {
	input.hop.path == "/slow"
	numbers := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
	count([1 |
		some a in numbers
		some b in numbers
		some c in numbers
		some d in numbers
		some e in numbers
		some f in numbers
		some g in numbers
		some h in numbers
		a + b + c + d + e + f + g + h < 0
	]) > 0
}
"#;

/// Ends in its time, after a good part of it, where `/slow` is asked for.
const DEAR: &str = r#"
default decision := false

decision if input.hop.path == "/charge"

decision if {
	input.hop.path == "/slow"
	numbers := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
	count([1 |
		some a in numbers
		some b in numbers
		some c in numbers
		some d in numbers
		a + b + c + d >= 0
	]) == 10000
}
"#;

#[tokio::test]
async fn a_runaway_policy_costs_its_own_hop_and_holds_up_no_other_connection() {
    let setup = Setup::new().set("policy.timeout", "50ms").set("limits.workers", "1");
    setup.policy(RUNAWAY);
    setup.more_grants(&[Grant::to("/slow", setup.now())]);
    let guard = setup.start().await;
    guard.hop().path("/slow").send().await.denied("policy_timeout");
    for answer in flood(&guard).await {
        let reason = answer.reason();
        assert!(matches!(reason.as_deref(), Some("policy_timeout" | "deadline" | "overloaded")), "{reason:?}");
    }
    assert_eq!(guard.metric("hopguard_panics_total").await, 0);
}

#[tokio::test]
async fn a_policy_that_is_dear_and_in_time_holds_up_no_other_connection_either() {
    let setup = Setup::new().set("policy.timeout", "1s").set("limits.workers", "1");
    setup.policy(DEAR);
    setup.more_grants(&[Grant::to("/slow", setup.now())]);
    let guard = setup.start().await;
    guard.hop().path("/slow").send().await.allowed();
    for answer in flood(&guard).await {
        // Nobody is refused for it.
        answer.allowed();
    }
}

/// Asks for what is slow again and again on one connection, and for what is quick on another, which waits for one of the slow at most: while
/// its Check waited, as the log says, no more were decided. When answers reach this process says nothing on a machine that is busy.
async fn flood(guard: &Guard) -> Vec<Answer> {
    let (slow, quick) = (guard.hop().path("/slow").request(), guard.hop().request());
    let (runaway, mut client) = (guard.client(), guard.client());
    let flood: Vec<_> = (0..40)
        .map(|_| {
            let (mut client, slow) = (runaway.clone(), slow.clone());
            tokio::spawn(async move { Answer(client.check(slow).await.unwrap().into_inner()) })
        })
        .collect();
    let mut waited = Vec::new();
    for _ in 0..10 {
        waited.push(Answer(client.check(quick.clone()).await.unwrap().into_inner()).allowed());
    }
    let mut answers = Vec::new();
    for answer in flood {
        answers.push(answer.await.unwrap());
    }
    let (mut slows, mut quicks) = (Vec::new(), Vec::new());
    for answer in &answers {
        slows.push(decided(&guard.record(answer).await).1);
    }
    for answer in &waited {
        quicks.push(decided(&guard.record(answer).await));
    }
    for (begun, at) in quicks {
        let between = slows.iter().filter(|slow| begun < **slow && **slow <= at).count();
        assert!(between <= 2, "{between} slow ones were decided between {begun} and {at}");
    }
    answers
}

/// When a Check was read, and when it was decided, in microseconds.
fn decided(record: &Value) -> (i128, i128) {
    let at = hopguard::clock::Timestamp::parse(record["time"].as_str().unwrap()).unwrap();
    let at = i128::from(at.nanos()) / 1000;
    (at - i128::from(record["elapsed_us"].as_i64().unwrap()), at)
}
