//! Hostile plumbing: what Envoy would never send is no evidence, and what it sends beside the evidence must agree with it.

use serde_json::json;

use super::{
    case::{XFCC, expect},
    world::World,
};
use crate::harness::{
    FRONTEND, Guard, Hop, PAYMENTS, STRANGER, Setup,
    chain::{Shown, pem},
};

#[tokio::test]
async fn each_hostile_way_to_show_a_certificate_is_denied_for_its_reason() {
    let (setup, world) = World::new();
    // Certificates come from Envoy alone, and what clients send as header says nothing.
    let setup = setup.set("peer.evidence", "[certificate]").set("peer.xfcc", "{sanitize_set: false}");
    let guard = setup.start().await;
    let rows = hostile(&world);
    let hops = rows.iter().map(|(rows, what, build, expected)| {
        (format!("{rows}: {what}"), build(guard.hop().by_nobody()), (*expected).to_owned())
    });
    expect(&guard, hops.collect()).await;
}

#[tokio::test]
async fn a_check_as_large_as_an_attack_is_denied_before_it_is_read() {
    let (setup, world) = World::new();
    let guard = setup.start().await;
    let certificate = world.root.svid(FRONTEND).certificate();
    let megabytes = |certificate: String| guard.hop().with_certificate(certificate);
    for (text, reason, detail) in [
        ("A".repeat(10 << 20), "hop_too_large", json!("grpc.message")),
        (certificate.repeat(2_000), "hop_too_large", json!("grpc.message")),
        (certificate.repeat(500), "peer_invalid", json!("limit.cert_size")),
    ] {
        let answer = megabytes(text).send().await.denied(reason);
        assert_eq!(guard.record(&answer).await["detail"], detail);
    }
    served(&guard, &world).await;
}

#[tokio::test]
async fn what_clients_send_under_our_names_is_removed_and_never_read() {
    let guard = Setup::new().start().await;
    let spoofed = ["x-hopguard-peer", "x-hopguard-actor", "x_hopguard_peer"];
    let mut hop = guard.hop().by_nobody();
    for name in spoofed {
        hop = hop.header(name, FRONTEND);
    }
    hop.header("x-spiffe-id", FRONTEND).send().await.denied("peer_missing");
    let ok = guard.hop().header("x-hopguard-peer", STRANGER).send().await;
    let peers: Vec<_> = ok.ok().headers.iter().filter_map(|option| option.header.as_ref()).collect();
    let peers: Vec<_> = peers.into_iter().filter(|header| header.key == "x-hopguard-peer").collect();
    assert!(matches!(peers[..], [header] if header.value == FRONTEND), "88: {peers:?}");
}

pub(super) fn rows(world: &World) -> Vec<&'static str> {
    // The header that clients send is the test above.
    hostile(world).into_iter().map(|(rows, ..)| rows).chain(["88"]).collect()
}

type Build = Box<dyn Fn(Hop<'_>) -> Hop<'_>>;

fn hostile(world: &World) -> Vec<(&'static str, &'static str, Build, &'static str)> {
    let good = world.root.svid(FRONTEND);
    let (text, raw) = (good.certificate(), pem(&good.leaf));
    let named_alike = |shown: &Shown| shown.certificate();
    let admin = world.root.svid_with(FRONTEND, |p| p.subject_alt_names = vec![dns(STRANGER)]);
    let stranger = named_alike(&world.stranger.svid(FRONTEND));
    let shows = |text: String| -> Build { Box::new(move |hop| certificate(hop, &text)) };
    let called = |text: &str, principal: &'static str| -> Build {
        let text = text.to_owned();
        Box::new(move |hop| certificate(hop, &text).principal(principal))
    };
    let encoding = "peer_invalid evidence.encoding";
    let conflict = "peer_conflict evidence.conflict";
    let missing = "peer_missing evidence.absent";
    let nothing: Build = Box::new(|hop| hop);
    let swapped: Build = {
        let text = text.clone();
        Box::new(move |hop| hop.answered_with(PAYMENTS, &text))
    };
    let bearer: Build = Box::new(|hop| hop.header("authorization", "Bearer eyJhbGciOiJFUzI1NiJ9.e30.AAAA"));
    let spoofed: Build = Box::new(|hop| hop.header(XFCC, format!("URI={FRONTEND}")));
    let two: Build = {
        let text = text.clone();
        Box::new(move |hop| certificate(hop, &text).header(XFCC, "URI=spiffe://a/b").header(XFCC, "URI=spiffe://a/b"))
    };
    vec![
        ("80", "as it should be", shows(text.clone()), "allow"),
        ("82", "called as it is", called(&text, FRONTEND), "allow"),
        ("77", "PEM as it is", shows(raw), encoding),
        ("77", "encoded twice", shows(text.replace('%', "%25")), encoding),
        ("77", "an escape that is cut", shows(format!("{text}%0")), encoding),
        ("77", "an escape that is none", shows(format!("{text}%ZZ")), encoding),
        ("77", "a plus for a space", shows(text.replace("%20", "+")), encoding),
        ("79", "two certificates", shows(text.repeat(2)), "peer_invalid evidence.several"),
        ("80 B60", "nothing", nothing, missing),
        ("80", "an empty text", shows(String::new()), missing),
        ("80", "a space", shows(" ".to_owned()), encoding),
        ("80", "an encoded space", shows("%20".to_owned()), "peer_invalid evidence.pem"),
        ("80", "an encoded line break", shows("%0A".to_owned()), "peer_invalid evidence.pem"),
        ("82", "a subject for a name", called(&text, "CN=spiffe://prod.example/x,O=y"), conflict),
        ("82", "another for a name", called(&text, STRANGER), conflict),
        ("82", "another spelling for a name", called(&text, "SPIFFE://prod.example/ns/shop/sa/frontend"), conflict),
        ("82", "a DNS name that is an ID", called(&admin.certificate(), STRANGER), "peer_invalid san.no_uri"),
        ("83", "our own certificate for the caller's", swapped, missing),
        ("82", "a name alone", Box::new(|hop| hop.principal(FRONTEND)), missing),
        ("B60", "a token alone", bearer, missing),
        ("89", "a header that anybody may have written", spoofed, missing),
        ("103", "two of them beside a certificate", two, "peer_conflict xfcc.element_count"),
        ("85", "a certificate that nobody vouches for", shows(stranger.clone()), "peer_untrusted x509.no_path"),
        ("85", "the same by its name", called(&stranger, FRONTEND), "peer_untrusted x509.no_path"),
    ]
}

fn certificate<'a>(hop: Hop<'a>, text: &str) -> Hop<'a> {
    hop.with_certificate(text)
}

async fn served(guard: &Guard, world: &World) {
    guard.hop().with_certificate(world.root.svid(FRONTEND).certificate()).send().await.allowed();
}

fn dns(name: &str) -> rcgen::SanType {
    rcgen::SanType::DnsName(name.try_into().unwrap())
}
