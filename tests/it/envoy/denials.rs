//! Each denial that a client can cause is told alike to the client, Envoy's log, the audit log and the metrics, and reaches no workload.

use std::time::Duration;

use hopguard::{clock::Clock, dev::TRUST_DOMAIN};
use serde_json::json;

use super::{
    client::{Reply, Wire},
    door::Door,
    leaf::{DAY, Leaf},
    run,
    scene::{Scene, request},
};
use crate::harness::until;

#[test]
fn what_a_client_asks_wrongly_is_denied_with_its_reason_everywhere() {
    run(async {
        let scene = Scene::shared().await;
        let long = format!("GET /public/{}", "a".repeat(9000));
        let huge = format!("x-a: {}", "a".repeat(20_000));
        let posted = format!(
            "POST /public/x HTTP/1.1\r\nhost: payments\r\nx-hop-purpose: checkout\r\ncontent-length: 40\r\n\r\n{{\"amount\": {:28}}}",
            1
        );
        let rows: [(&str, Door, String); 17] = [
            ("purpose_missing", Door::Inbound, "GET /public/x HTTP/1.1\r\nhost: payments\r\n\r\n".to_owned()),
            ("purpose_missing", Door::Joined, "GET /public/x HTTP/1.1\r\nhost: payments\r\n\r\n".to_owned()),
            ("purpose_unknown", Door::Inbound, without_purpose("x-hop-purpose: marketing")),
            ("purpose_ambiguous", Door::Inbound, request("GET /public/x", &["x-hop-purpose: checkout"])),
            ("purpose_ambiguous", Door::Joined, request("GET /public/x", &["x-hop-purpose: checkout"])),
            ("grant_missing", Door::Inbound, request("GET /vault", &[])),
            ("grant_missing", Door::Inbound, request("DELETE /public/x", &[])),
            ("grant_pending", Door::Inbound, request("GET /late", &[])),
            ("grant_expired", Door::Inbound, request("GET /over", &[])),
            ("policy_denied", Door::Inbound, request("GET /public/x?policy=no", &[])),
            ("policy_undefined", Door::Inbound, request("GET /public/x?policy=mute", &[])),
            ("policy_error", Door::Inbound, request("GET /public/x?policy=broken&by=0", &[])),
            ("hop_malformed", Door::Inbound, request("GET /public/x?policy=%", &[])),
            ("hop_ambiguous", Door::Inbound, request("GET /public/../vault", &[])),
            ("hop_too_large", Door::Inbound, request(&long, &[])),
            ("hop_too_large", Door::Inbound, request("GET /public/x", &[&huge])),
            ("hop_too_large", Door::Bodies, posted),
        ];
        let mut answered = Vec::new();
        for (index, (reason, door, request)) in rows.into_iter().enumerate() {
            let mark = format!("x-mark: denied-{index}.");
            let (line, rest) = request.split_once("\r\n").unwrap();
            let asked = Asked::of(&scene, reason).await;
            let reply = scene.send(door, format!("{line}\r\n{mark}\r\n{rest}")).await;
            assert!(scene.workload.heads(&mark).is_empty(), "{reason}");
            answered.push((asked, reply));
        }
        for (asked, reply) in answered {
            asked.denied(&scene, &reply).await;
        }
    });
}

#[test]
fn whoever_is_not_proved_is_denied_with_the_reason_everywhere() {
    run(async {
        let scene = Scene::shared().await;
        let orders = format!("spiffe://{TRUST_DOMAIN}/orders");
        let issuer = &scene.authorities;
        let hour = scene.now.after(DAY / 24);
        let long = issuer.svid_until(&orders, scene.now.after(DAY + DAY / 12));
        let foreign = issuer.svid_until("spiffe://other.example/orders", hour);
        let twice = issuer.leaf_of(&[&orders, &format!("spiffe://{TRUST_DOMAIN}/root")]);
        let pathless = issuer.leaf_of(&[&format!("spiffe://{TRUST_DOMAIN}")]);
        let elsewhere = issuer.leaf_of(&["https://orders.example/"]);
        let signs = issuer.leaf_that_signs(&orders);
        let rows: [(&str, Door, Option<&Leaf>, &str); 9] = [
            ("peer_missing", Door::Optional, None, "evidence.absent"),
            ("peer_untrusted", Door::Inbound, Some(&foreign), "td.not_listed"),
            ("peer_invalid", Door::Inbound, Some(&twice), "san.multiple_uri"),
            ("peer_invalid", Door::Inbound, Some(&pathless), "id.root_path"),
            ("peer_invalid", Door::Inbound, Some(&elsewhere), "id.scheme"),
            ("peer_invalid", Door::Inbound, Some(&signs), "leaf.is_ca"),
            ("peer_lifetime", Door::Inbound, Some(&long), "leaf.lifetime"),
            ("peer_conflict", Door::Forwards, Some(scene.orders()), "xfcc.element_count"),
            ("audience_mismatch", Door::Elsewhere, Some(scene.orders()), ""),
        ];
        let mut answered = Vec::new();
        for (index, (reason, door, leaf, detail)) in rows.into_iter().enumerate() {
            let mark = format!("x-mark: unproved-{index}.");
            let xfcc = "x-forwarded-client-cert: URI=spiffe://dev.hopguard.example/orders";
            let asked = Asked::of(&scene, reason).await;
            let mut wire = Wire::open(scene.address(door), leaf).await;
            let reply = wire.send(request("GET /public/x", &[xfcc, xfcc, &mark])).await;
            assert!(scene.workload.heads(&mark).is_empty(), "{reason}");
            answered.push((asked, reply, detail));
        }
        for (asked, reply, detail) in answered {
            let record = asked.denied(&scene, &reply).await;
            assert_eq!(record["detail"].as_str().unwrap_or_default(), detail);
        }
    });
}

#[test]
fn an_svid_that_ends_ends_the_access_of_its_open_connection() {
    run(async {
        let scene = Scene::shared().await;
        let asked = Asked::of(&scene, "peer_expired").await;
        let orders = format!("spiffe://{TRUST_DOMAIN}/orders");
        let wire = until("a call before the SVID was over", async || {
            let end = Clock::default().now().after(Duration::from_secs(1));
            let mut wire =
                Wire::open(scene.address(Door::Inbound), Some(&scene.authorities.svid_until(&orders, end))).await;
            (wire.send(request("GET /public/x", &[])).await.status == 200).then_some(wire)
        })
        .await;
        let wire = tokio::sync::Mutex::new(wire);
        let reply = until("the end of the SVID", async || {
            let reply = wire.lock().await.send(request("GET /public/x", &[])).await;
            (reply.status != 200).then_some(reply)
        })
        .await;
        asked.denied(&scene, &reply).await;
        let mark = "x-mark: expired.";
        let again = wire.lock().await.send(request("GET /public/x", &[mark])).await;
        assert_eq!(again.status, 401);
        assert!(scene.workload.heads(mark).is_empty());
    });
}

#[test]
fn a_policy_that_runs_away_is_a_denial_with_its_reason_everywhere() {
    run(async {
        let scene = Scene::shared().await;
        for door in [Door::Inbound, Door::Open] {
            let mark = format!("x-mark: slow-{door:?}");
            let asked = Asked::of(&scene, "policy_timeout").await;
            let reply = scene.send(door, request("GET /public/x?policy=slow", &[&mark])).await;
            asked.denied(&scene, &reply).await;
            assert!(scene.workload.heads(&mark).is_empty());
        }
    });
}

#[test]
fn a_denial_stays_one_where_envoy_would_open_without_an_answer() {
    run(async {
        let scene = Scene::shared().await;
        let huge = format!("x-a: {}", "a".repeat(20_000));
        let rows = [
            ("purpose_missing", "GET /public/x HTTP/1.1\r\nhost: payments\r\n\r\n".to_owned()),
            ("grant_missing", request("GET /vault", &[])),
            ("policy_error", request("GET /public/x?policy=broken&by=0", &[])),
            ("hop_malformed", request("GET /public/x?policy=%", &[])),
            ("hop_ambiguous", request("GET /public/..", &[])),
            ("hop_too_large", request("GET /public/x", &[&huge])),
        ];
        let mut answered = Vec::new();
        for (index, (reason, request)) in rows.into_iter().enumerate() {
            let mark = format!("x-mark: open-{index}.");
            let (line, rest) = request.split_once("\r\n").unwrap();
            let asked = Asked::of(&scene, reason).await;
            let reply = scene.send(Door::Open, format!("{line}\r\n{mark}\r\n{rest}")).await;
            assert!(scene.workload.heads(&mark).is_empty(), "{reason}");
            answered.push((asked, reply));
        }
        for (asked, reply) in answered {
            asked.denied(&scene, &reply).await;
        }
        let stats = scene.stats(Door::Open).await;
        assert!(stats.contains("ext_authz.failure_mode_allowed: 0"), "{stats}");
        assert!(stats.contains("ext_authz.error: 0"), "{stats}");
    });
}

/// A question that is to be denied for a reason, and how often that had happened before.
pub(super) struct Asked {
    reason: &'static str,
    before: u64,
}

impl Asked {
    pub(super) async fn of(scene: &Scene, reason: &'static str) -> Self {
        Self { reason, before: scene.counted(Some(reason)).await }
    }

    /// Holds the answer against everything that is told about it, and returns its audit record.
    pub(super) async fn denied(self, scene: &Scene, reply: &Reply) -> serde_json::Value {
        let Self { reason, before } = self;
        let decision = reply.decision().unwrap_or_else(|| panic!("{reason}: {reply:?}"));
        assert_eq!(reply.body, json!({"error": "hop_denied", "decision": decision}).to_string(), "{reason}");
        assert_eq!(reply.headers["content-type"], "application/json");
        assert_eq!(reply.status, status(reason), "{reason}");
        let logged = scene.logged(&decision).await;
        assert_eq!((&logged["reason"], &logged["allowed"]), (&json!(reason), &json!(false)));
        assert_eq!(logged["details"], "ext_authz_denied");
        let record = scene.record(&decision).await;
        assert_eq!((&record["reason"], &record["answered"]), (&json!(reason), &json!("deny")));
        assert!(scene.counted(Some(reason)).await > before, "{reason}");
        record
    }
}

fn status(reason: &str) -> u16 {
    match reason {
        "policy_denied" | "policy_undefined" => 403,
        _ if reason.starts_with("hop_") => 400,
        _ if reason.starts_with("peer_") => 401,
        _ if ["audience_", "purpose_", "grant_"].iter().any(|stage| reason.starts_with(stage)) => 403,
        _ => 503,
    }
}

fn without_purpose(header: &str) -> String {
    format!("GET /public/x HTTP/1.1\r\nhost: payments\r\n{header}\r\n\r\n")
}
