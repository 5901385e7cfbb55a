//! A policy that runs away on some hop costs that hop, and holds up nobody else's.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::harness::{Answer, Grant, Setup};

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

#[tokio::test]
async fn a_runaway_policy_costs_its_own_hop_and_holds_up_no_other_connection() {
    let setup = Setup::new().set("policy.timeout", "50ms").set("limits.workers", "1");
    setup.policy(RUNAWAY);
    setup.more_grants(&[Grant::to("/slow", setup.now())]);
    let guard = setup.start().await;
    guard.hop().path("/slow").send().await.denied("policy_timeout");

    let (slow, quick) = (guard.hop().path("/slow").request(), guard.hop().request());
    let (runaway, other) = (guard.client(), guard.client());
    let ended = Arc::new(AtomicUsize::new(0));
    let flood: Vec<_> = (0..40)
        .map(|_| {
            let (mut client, slow, ended) = (runaway.clone(), slow.clone(), Arc::clone(&ended));
            tokio::spawn(async move {
                let answer = client.check(slow).await;
                ended.fetch_add(1, Ordering::SeqCst);
                Answer(answer.unwrap().into_inner())
            })
        })
        .collect();
    let mut client = other;
    for _ in 0..10 {
        let before = ended.load(Ordering::SeqCst);
        Answer(client.check(quick.clone()).await.unwrap().into_inner()).allowed();
        let after = ended.load(Ordering::SeqCst);
        // One is under way when the Check comes, and one more answer may have been on its way back.
        assert!(after - before <= 2, "{before} before, {after} after");
    }
    for answer in flood {
        let reason = answer.await.unwrap().reason();
        assert!(matches!(reason.as_deref(), Some("policy_timeout" | "deadline" | "overloaded")), "{reason:?}");
    }
    assert_eq!(guard.metric("hopguard_panics_total").await, 0);
}
