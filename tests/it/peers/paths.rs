//! Hostile paths: nobody vouches for a caller but an authority of its own trust domain, by way of authorities.

use rcgen::{CertificateParams, IsCa, KeyUsagePurpose, SanType};

use super::{
    case::{Case, hold, outcomes},
    world::{EXCLUDED, PERMITTED, STRICT, THIRD, World, uri_constraint},
};
use crate::harness::{
    FRONTEND, Hop,
    chain::{Ca, Shown, uri},
};

#[tokio::test]
async fn each_hostile_path_is_denied_for_its_reason() {
    let (setup, world) = World::new();
    let guard = setup.start().await;
    hold(&guard, &cases(&world)).await;
}

#[tokio::test]
async fn a_search_for_a_path_is_bounded_and_a_missing_link_is_named() {
    let (setup, world) = World::new();
    let guard = setup.start().await;
    for case in cases(&world).into_iter().filter(|case| case.rows.contains("B57")) {
        let header = format!("Hash={};Chain=\"{}\"", case.shown.hash(), case.shown.chain());
        let answer = guard.hop().by_nobody().header("x-forwarded-client-cert", header).send().await;
        let micros = guard.record(&answer).await["elapsed_us"].as_u64().unwrap();
        // Milliseconds, where nothing else runs.
        assert!(micros < 500_000, "{}: {micros} µs", case.what);
    }
    let leaf = world.root.sub("sub").svid(FRONTEND);
    let alone: Hop<'_> = guard.hop().with_certificate(leaf.certificate());
    let answer = alone.send().await.denied("peer_untrusted");
    assert_eq!(outcomes(&guard, &[answer.id()]).await[&answer.id()], NO_PATH);
    let message = guard.record(&answer).await["message"].as_str().unwrap().to_owned();
    assert!(message.contains("`trust[].intermediates`"), "64: {message}");
}

pub(crate) fn cases(world: &World) -> Vec<Case> {
    [vouched(world), unvouched(world), constrained(world), searched(world)].into_iter().flatten().collect()
}

/// What must be accepted, so that the rest is not denied for another reason.
fn vouched(world: &World) -> Vec<Case> {
    let World { root, twin, narrow, stranger, .. } = world;
    let (sub, unrelated) = (root.sub("sub"), root.sub("unrelated"));
    let below = sub.sub("below");
    let leaf = sub.svid(FRONTEND);
    let constrained = world.dns.svid(FRONTEND);
    let inside = world.dns.svid_with(FRONTEND, |p| p.subject_alt_names.push(dns("web.prod.example")));
    let of = |ca: &Ca| ca.svid(FRONTEND);
    vec![
        Case::new("70", "the one of two roots of a name", of(root), ALLOW),
        Case::new("70", "the other of two roots of a name", of(twin), ALLOW),
        Case::new("65", "an intermediate", leaf.clone().with(&[&sub]), ALLOW),
        Case::new("65", "the root behind it", leaf.clone().with(&[&sub, root]), ALLOW),
        Case::new("65", "the root before it", leaf.clone().with(&[root, &sub]), ALLOW),
        Case::new("65", "others around it", leaf.with(&[&unrelated, stranger, &sub, &unrelated]), ALLOW),
        Case::new("65", "two intermediates, reversed", below.svid(FRONTEND).with(&[&sub, &below]), ALLOW),
        Case::new("64", "a configured intermediate", world.configured.svid(THIRD), ALLOW),
        Case::new("46", "a P-384 root", of(&world.p384), ALLOW),
        Case::new("46", "a P-521 root", of(&world.p521), ALLOW),
        Case::new("46 B53", "an Ed25519 root", of(&world.ed25519), ALLOW),
        Case::new("46", "an RSA root", of(&world.rsa), ALLOW),
        Case::new("67", "a root without intermediates", of(narrow), ALLOW),
        Case::new("68", "a constraint on names that are not there", constrained, ALLOW),
        Case::new("68", "a name within its constraint", inside, ALLOW),
    ]
}

fn unvouched(world: &World) -> Vec<Case> {
    let World { root, stranger, second, .. } = world;
    let in_the_name = Ca::root("mesh root", world.now);
    let imitation = Ca::root_with("mesh root", world.now, |p| leaf_of(p, FRONTEND));
    let perfect = Ca::root_with("frontend", world.now, |p| leaf_of(p, FRONTEND));
    let no_ca = root.sub_with("sub", |p| p.is_ca = IsCa::ExplicitNoCa);
    let unsigning = root.sub_with("sub", |p| p.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let ended = root.sub_with("sub", |p| p.not_after = root.at(-5));
    let ahead = root.sub_with("sub", |p| p.not_before = root.at(1_800));
    let server = root.sub_with("sub", |p| p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth]);
    let too_deep = world.narrow.sub("too deep");
    let of = |ca: &Ca| ca.svid(FRONTEND);
    let below = |ca: &Ca| ca.svid(FRONTEND).with(&[ca]);
    let signature = "peer_untrusted x509.bad_signature";
    vec![
        Case::new("53", "an authority of another trust domain", of(second), NO_PATH),
        Case::new("53", "an authority in the name of another", of(&in_the_name), signature),
        Case::new("53", "an ID of another trust domain", root.svid("spiffe://second.example/x"), NO_PATH),
        Case::new("53", "another trust domain's root behind it", of(second).with(&[second]), NO_PATH),
        Case::new("85", "an authority of nobody", of(stranger), NO_PATH),
        Case::new("85", "an authority of nobody, and its root", of(stranger).with(&[stranger]), NO_PATH),
        Case::new("55", "a trust domain that is not listed", root.svid("spiffe://unlisted.example/x"), NOT_LISTED),
        Case::new("55", "a trust domain that withdrew", root.svid("spiffe://empty.example/x"), EMPTY),
        Case::new("58", "an intermediate that is no authority", below(&no_ca), NO_PATH),
        Case::new("59", "an intermediate that may not sign", below(&unsigning), NO_PATH),
        Case::new("61 B50", "a root that ended", of(&world.ended), "peer_untrusted x509.no_usable_anchor"),
        Case::new("62", "a root that is no authority", of(&world.no_ca), NO_PATH),
        Case::new("62", "a root that may not sign", of(&world.unsigning), NO_PATH),
        Case::new("64", "an intermediate that is not there", of(&root.sub("sub")), NO_PATH),
        Case::new("B50", "an intermediate that ended", below(&ended), "peer_expired x509.expired"),
        Case::new(
            "B50",
            "a configured one that ended",
            world.configured_ended.svid(THIRD),
            "peer_expired x509.expired",
        ),
        Case::new("B50", "an intermediate that lies ahead", below(&ahead), "peer_invalid x509.not_yet_valid"),
        Case::new("37", "an intermediate for servers", below(&server), "peer_untrusted x509.eku"),
        Case::new("67", "an intermediate too many", below(&too_deep), "peer_untrusted x509.path_length"),
        Case::new("50", "a certificate that vouches for itself", perfect.itself(), NO_PATH),
        Case::new("B58", "the same in the name of the root", imitation.itself(), signature),
        Case::new("B58", "the root itself", root.itself(), "peer_invalid san.no_uri"),
    ]
}

fn constrained(world: &World) -> Vec<Case> {
    let unsupported = "peer_untrusted x509.name_constraint_unsupported";
    let outside = world.dns.svid_with(FRONTEND, |p| p.subject_alt_names.push(dns("web.other")));
    let roots = world.constrained.iter().map(|root| root.svid(STRICT));
    let subs = [(PERMITTED, "strict.example"), (PERMITTED, "other.example"), (EXCLUDED, "strict.example")];
    let subs = subs.map(|(list, host)| {
        let sub = world.unconstrained.sub_with("sub", |p| uri_constraint(p, list, host));
        sub.svid(STRICT).with(&[&sub])
    });
    let unsupported = roots.chain(subs).map(|shown| Case::new("68", "a constraint on URIs", shown, unsupported));
    let violated = Case::new("68", "a name outside its constraint", outside, "peer_untrusted x509.name_constraint");
    unsupported.chain([violated]).collect()
}

/// Paths that cost as much as an attacker can make them.
fn searched(world: &World) -> Vec<Case> {
    let World { root, .. } = world;
    let thicket = |name: &str| (0..20).map(|_| Ca::root(name, world.now)).collect::<Vec<_>>();
    let (known, unknown) = (thicket("mesh root"), thicket("thicket"));
    let ten = |thicket: &[Ca]| thicket[10].svid(FRONTEND).with(&thicket[..10].iter().collect::<Vec<_>>());
    let all = known[0].svid(FRONTEND).with(&known.iter().collect::<Vec<_>>());
    let good = root.svid(FRONTEND);
    let sub = root.sub("sub");
    let digests = [4, 5].map(|last| weakened(world, last));
    let length = "peer_invalid limit.chain_length";
    let mut cases = vec![
        Case::new("B57", "intermediates that all share the root's name", ten(&known), SEARCH),
        Case::new("B57", "intermediates that all share a name", ten(&unknown), NO_PATH),
        Case::new("B57", "as many, and a long way to the root's name", detour(world), SEARCH),
        Case::new("B57", "20 of them", all, length),
        Case::new("67", "11 intermediates", sub.svid(FRONTEND).with(&[&sub; 11]), length),
        Case::new("67", "10 intermediates", sub.svid(FRONTEND).with(&[&sub; 10]), ALLOW),
        Case::new("67 B57", "11 that nobody needs", good.with(&[&sub; 11]), length),
    ];
    let weak =
        digests.into_iter().map(|shown| Case::new("B53", "a broken digest", shown, "peer_untrusted x509.algorithm"));
    cases.extend(weak);
    cases
}

/// Intermediates that all share a name, before a way of several steps that seems to lead to the root.
fn detour(world: &World) -> Shown {
    let imitation = Ca::root("mesh root", world.now);
    let first = imitation.sub("first");
    let second = first.sub("second");
    let third = second.sub("thicket");
    let thicket: Vec<Ca> = (0..7).map(|_| Ca::root("thicket", world.now)).collect();
    let above: Vec<&Ca> = thicket.iter().chain([&third, &second, &first]).collect();
    thicket[0].svid(FRONTEND).with(&above)
}

/// A leaf that says that it was signed over MD5 (4) or SHA-1 (5).
fn weakened(world: &World, last: u8) -> Shown {
    let oid = |last: u8| [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last];
    world.rsa.resigned(&world.rsa.svid(FRONTEND), &oid(11), &oid(last))
}

/// Makes of an authority a leaf that nobody else has signed.
fn leaf_of(params: &mut CertificateParams, id: &str) {
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.subject_alt_names = vec![uri(id)];
    params.not_after = params.not_before + time::Duration::hours(25);
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

const ALLOW: &str = "allow";
const NO_PATH: &str = "peer_untrusted x509.no_path";
const NOT_LISTED: &str = "peer_untrusted td.not_listed";
const EMPTY: &str = "peer_untrusted td.empty_bundle";
const SEARCH: &str = "peer_untrusted limit.path_search";
