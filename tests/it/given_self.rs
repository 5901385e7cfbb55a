//! A configuration that several workloads share: each is told who it is, and no file can make it another.

use crate::harness::{PAYMENTS, Setup};

#[tokio::test]
async fn a_shared_configuration_serves_whom_the_command_line_names() {
    let mut guard = Setup::new().unset("self").argue(&["--self", PAYMENTS]).start().await;
    let answer = guard.hop().send().await.allowed();
    assert_eq!(guard.record(&answer).await["self"], PAYMENTS);
    // It holds when the file is read again, and a file that names another is not taken up.
    guard.setup_mut().configure("purpose.required", "false");
    guard.repaired("config").await;
    guard.hop().send().await.allowed();
    guard.setup_mut().configure("self", "spiffe://acme.example/elsewhere");
    assert!(guard.problems("config").await.contains(&format!("the command line says `--self {PAYMENTS}`")));
    let answer = guard.hop().send().await.allowed();
    assert_eq!(guard.record(&answer).await["self"], PAYMENTS);
}

#[tokio::test]
async fn a_configuration_of_another_workload_is_refused() {
    let ended = Setup::new().argue(&["--self", "spiffe://acme.example/elsewhere"]).refused().await;
    assert_eq!(ended.code, Some(3));
    assert!(ended.setup.said().contains("the command line says `--self spiffe://acme.example/elsewhere`"));
    let ended = Setup::new().unset("self").argue(&["--self", "elsewhere"]).refused().await;
    assert_eq!(ended.code, Some(2), "{}", ended.setup.said());
}
