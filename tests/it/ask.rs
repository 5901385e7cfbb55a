//! `hopguard check --ask`, live: it says yes only of a Hopguard that decides, and never of one that lets a stranger in.

use std::{path::Path, process::Stdio};

use tokio::{net::UnixListener, process::Command};

use crate::harness::{Guard, Setup, until};

/// The exit code of asking, and what was said.
async fn ask(address: &str, timeout: &str) -> (i32, String) {
    let output = command(address, timeout).output().await.unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn command(address: &str, timeout: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopguard"));
    command.args(["check", "--ask", address, "--timeout", timeout]).stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn unix(socket: &Path) -> String {
    format!("unix:{}", socket.display())
}

#[tokio::test]
async fn one_that_decides_says_yes_and_leaves_a_record() {
    let guard = Guard::start().await;
    let (code, said) = ask(&unix(&guard.setup().socket()), "20s").await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(": denied for `peer_missing`, decision `"), "{said}");
    let record = until("the record", async || guard.setup().records().pop()).await;
    assert!(said.contains(record["decision_id"].as_str().unwrap()), "{said}");
    assert_eq!((&record["hop"]["path"], &record["reason"]), (&"/.hopguard/ask".into(), &"peer_missing".into()));
}

#[tokio::test]
async fn no_public_route_answers_in_place_of_proof() {
    let public = "[{methods: [GET], paths: [\"/**\"], acknowledge_public: true}]";
    let guard = Setup::new().set("hop.public", public).start().await;
    guard.hop().method("GET").path("/anything").by_nobody().send().await.allowed();
    let (code, said) = ask(&unix(&guard.setup().socket()), "20s").await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("denied for `peer_missing`"), "{said}");
}

#[tokio::test]
async fn one_that_only_watches_decides_and_one_that_lets_strangers_in_fails() {
    let guard = Setup::new().set("mode", "{proof: observe, ceiling: observe}").start().await;
    let (code, said) = ask(&unix(&guard.setup().socket()), "20s").await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("only observed") && said.contains("`peer_missing`"), "{said}");

    let open = Setup::new().set("mode", "{proof: skip, ceiling: skip}").start().await;
    let (code, said) = ask(&unix(&open.setup().socket()), "20s").await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(": it let a stranger in: set `mode.proof` to `enforce`"), "{said}");
}

#[tokio::test]
async fn one_that_is_not_ready_is_asked_again_until_it_is() {
    let setup = Setup::new();
    setup.policy("decision := ");
    let guard = setup.launch().await;
    let address = unix(&guard.setup().socket());
    let (code, said) = ask(&address, "300ms").await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("denied for `not_ready`") && said.contains("`/readyz?verbose`"), "{said}");

    let asking = command(&address, "60s").stdout(Stdio::piped()).spawn().unwrap();
    let before = guard.counted("not_ready").await;
    until("another question", async || (guard.counted("not_ready").await > before).then_some(())).await;
    guard.setup().policy("decision := true");
    let output = asking.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn one_that_comes_up_meanwhile_is_found() {
    let setup = Setup::new();
    let asking = command(&unix(&setup.socket()), "60s").stdout(Stdio::piped()).spawn().unwrap();
    let guard = setup.start().await;
    let output = asking.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    drop(guard);
}

#[tokio::test]
async fn nobody_is_unreachable_and_so_is_one_who_does_not_know_us() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("check.sock");
    let (code, said) = ask(&unix(&socket), "300ms").await;
    assert_eq!((code, said.contains("cannot be reached: ")), (5, true), "{said}");

    // It listens and does not answer.
    let _silent = UnixListener::bind(&socket).unwrap();
    let (code, said) = ask(&unix(&socket), "300ms").await;
    assert_eq!((code, said.ends_with(": nobody answered in time\n")), (5, true), "{said}");

    let mut setup = Setup::new();
    let listen = format!("[{{address: \"{}\", allow: {{uids: [65532]}}}}]", unix(&setup.socket()));
    setup.configure("listen", &listen);
    let guard = setup.launch().await;
    let (code, said) = ask(&unix(&guard.setup().socket()), "1s").await;
    assert_eq!((code, said.contains("`listen[].allow`")), (5, true), "{said}");
}

#[tokio::test]
async fn loopback_is_asked_too_and_nothing_beyond() {
    let setup = Setup::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let both =
        format!("[{{address: \"{}\"}}, {{address: \"{address}\", allow: {{any_local: true}}}}]", unix(&setup.socket()));
    let guard = setup.set("listen", &both).start().await;
    let (code, said) = ask(&address, "20s").await;
    assert_eq!(code, 0, "{said}");
    guard.hop().send().await.allowed();

    let output = command("10.0.0.1:9443", "1s").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("beyond loopback"));
}
