//! Hostile headers: a sanitised `x-forwarded-client-cert` is about one caller, or about none.

use super::{
    case::{XFCC, expect},
    ids::asserted,
    world::World,
};
use crate::harness::{FRONTEND, Guard, Hop, STRANGER, chain::Shown};

#[tokio::test]
async fn a_header_that_takes_envoys_word_is_read_in_one_way() {
    let guard = asserted("xfcc_uri").start().await;
    let hops = words().into_iter().flat_map(|(rows, value, expected)| forms(&guard, rows, &value, expected));
    let two = guard.hop().by_nobody().header(XFCC, one()).header(XFCC, one());
    let count = "peer_conflict xfcc.element_count".to_owned();
    let twice = [("103: two entries, joined".to_owned(), two.clone(), count.clone())];
    let twice = twice.into_iter().chain([("103: two entries".to_owned(), two.raw_headers(), count)]);
    expect(&guard, hops.chain(twice).collect()).await;
}

#[tokio::test]
async fn a_header_with_a_certificate_is_about_that_certificate() {
    let (setup, world) = World::new();
    let guard = setup.set("peer.evidence", "[xfcc]").start().await;
    let rows = certificates(&world);
    let hops = rows.iter().flat_map(|(rows, value, expected)| forms(&guard, rows, value, expected));
    expect(&guard, hops.collect()).await;
}

#[tokio::test]
async fn a_header_that_contradicts_the_certificate_is_a_conflict() {
    let (setup, world) = World::new();
    let guard = setup.start().await;
    let leaf = world.root.svid(FRONTEND);
    let other = world.root.svid(STRANGER);
    let sub = world.root.sub("sub");
    let below = sub.svid(FRONTEND);
    let conflict = "peer_conflict evidence.conflict";
    let rows = [
        (&leaf, element(&leaf, FRONTEND), "allow"),
        (&leaf, element(&leaf, STRANGER), conflict),
        (&leaf, element(&other, STRANGER), conflict),
        (&leaf, format!("Hash={};URI={FRONTEND}", other.hash()), "peer_conflict xfcc.hash"),
        (&leaf, format!("{};URI={STRANGER}", element(&leaf, FRONTEND)), "peer_conflict san.multiple_uri"),
        (&leaf, format!("{0},{0}", element(&leaf, FRONTEND)), "peer_conflict xfcc.element_count"),
        (&below, element(&below.clone().with(&[&sub]), FRONTEND), "allow"),
        (&below, element(&below, FRONTEND), "peer_untrusted x509.no_path"),
        (&below, element(&other, FRONTEND), conflict),
        (&below, format!("Chain=\"{}\"", other.chain()), conflict),
    ];
    let hops = rows.iter().map(|(shown, value, expected)| {
        let hop = guard.hop().with_certificate(shown.certificate()).header(XFCC, value);
        (format!("101: {value:.60}"), hop, (*expected).to_owned())
    });
    expect(&guard, hops.collect()).await;
}

pub(super) fn rows(world: &World) -> Vec<&'static str> {
    let (words, certificates) = (words(), certificates(world));
    words.iter().chain(&certificates).map(|(rows, ..)| *rows).collect()
}

type Row = (&'static str, String, &'static str);

/// The header in both modes of Envoy's.
fn forms<'a>(guard: &'a Guard, rows: &str, value: &str, expected: &str) -> [(String, Hop<'a>, String); 2] {
    let hop = guard.hop().by_nobody().header(XFCC, value);
    let raw = hop.clone().raw_headers();
    [(hop, "joined"), (raw, "raw")]
        .map(|(hop, form)| (format!("{rows}: {value:.80}, {form}"), hop, expected.to_owned()))
}

fn words() -> Vec<Row> {
    let syntax = "peer_conflict xfcc.syntax";
    let count = "peer_conflict xfcc.element_count";
    let uris = "peer_invalid san.multiple_uri";
    vec![
        ("107", format!("By=spiffe://prod.example/x;Hash=00;Subject=\"\";URI={FRONTEND}"), "allow"),
        ("107", format!("URI={FRONTEND};Subject=\"CN=x\";DNS=web.example;Hash=00"), "allow"),
        ("91", format!("URI={STRANGER},Hash=00"), count),
        ("91", format!("URI={FRONTEND},Hash=00"), count),
        ("91", "Hash=00".to_owned(), "peer_invalid xfcc.no_uri"),
        ("92", format!("URI={FRONTEND};URI={STRANGER}"), uris),
        ("92", format!("URI={FRONTEND};URI={FRONTEND}"), uris),
        ("94", format!("URI={FRONTEND};Subject=\"x"), syntax),
        ("94", format!("Subject=\"x\"y;URI={FRONTEND}"), syntax),
        ("94", format!("URI={FRONTEND};Subject=\"x\\"), syntax),
        ("95", format!(r#"Subject="x\";URI={STRANGER};y=";URI={FRONTEND}"#), "allow"),
        ("95", format!(r#"Subject="x\";URI={FRONTEND};y=""#), "peer_invalid xfcc.no_uri"),
        ("97", format!("URI={STRANGER};URI={FRONTEND}"), uris),
        ("97", format!("URI={STRANGER},By=spiffe://prod.example/y;URI={FRONTEND}"), count),
        ("98", format!("uri={FRONTEND}"), "allow"),
        ("98", format!("URI ={FRONTEND}"), syntax),
        ("98", format!("Hash=00; URI={FRONTEND}"), syntax),
        ("100", format!("Hash=00;Hash=00;URI={FRONTEND}"), "peer_conflict xfcc.duplicate_key"),
        ("100", format!("Subject=\"\";subject=\"\";URI={FRONTEND}"), "peer_conflict xfcc.duplicate_key"),
        ("100", format!("Issuer=\"\";Issuer=\"\";URI={FRONTEND}"), "peer_conflict xfcc.duplicate_key"),
        ("104", ["URI=x"; 9].join(","), "peer_conflict limit.xfcc"),
        ("104", ["URI=x"; 10_000].join(";"), "peer_conflict limit.xfcc"),
        ("104", format!("URI={FRONTEND};Subject=\"{}\"", "x".repeat(64 * 1024)), "peer_conflict limit.xfcc"),
        ("106", format!("URI={FRONTEND}\u{e9}"), syntax),
        ("106", format!("URI={FRONTEND}!"), "peer_invalid id.bad_char"),
        ("106", format!("URI={FRONTEND}!;Subject=\"!\""), "peer_invalid id.bad_char"),
        ("103", ",".to_owned(), count),
        ("89", format!("[{{\"uri\":[\"{FRONTEND}\"]}}]"), "peer_conflict xfcc.json"),
    ]
}

fn certificates(world: &World) -> Vec<Row> {
    let leaf = world.root.svid(FRONTEND);
    let other = world.root.svid(STRANGER);
    let sub = world.root.sub("sub");
    let below = sub.svid(FRONTEND).with(&[&sub]);
    let reversed = Shown { leaf: sub.der().to_vec(), above: vec![below.leaf.clone()], ..below.clone() };
    let (hash, text) = (leaf.hash(), leaf.certificate());
    let conflict = "peer_conflict evidence.conflict";
    vec![
        ("107", element(&leaf, FRONTEND), "allow"),
        ("107", format!("Chain=\"{}\";URI={FRONTEND};Hash={}", below.chain(), below.hash()), "allow"),
        ("92", format!("{};URI={STRANGER}", element(&leaf, FRONTEND)), "peer_conflict san.multiple_uri"),
        ("97", format!("{};URI={FRONTEND}", element(&leaf, FRONTEND)), "peer_conflict san.multiple_uri"),
        ("101", format!("Hash={hash};Cert=\"{text}\";Chain=\"{}\"", other.chain()), conflict),
        (
            "101",
            format!("Hash={};Cert=\"{}\";Chain=\"{}\"", below.hash(), below.certificate(), reversed.chain()),
            conflict,
        ),
        ("101", format!("Hash={hash};Chain=\"{}\"", other.chain()), "peer_conflict xfcc.hash"),
        ("101", format!("Hash={};Cert=\"{text}\"", other.hash()), "peer_conflict xfcc.hash"),
        ("101", format!("Hash={hash};Cert=\"{text}\";URI={STRANGER}"), conflict),
        ("100", format!("Hash={hash};Cert=\"{text}\";Cert=\"{text}\""), "peer_conflict xfcc.duplicate_key"),
        (
            "100",
            format!("{0};Chain=\"{1}\";Chain=\"{1}\"", element(&leaf, FRONTEND), text),
            "peer_conflict xfcc.duplicate_key",
        ),
        ("91", format!("Hash={hash};URI={FRONTEND}"), "peer_invalid xfcc.no_cert"),
        ("91", format!("Cert=\"{text}\";URI={FRONTEND}"), "peer_invalid xfcc.no_hash"),
        ("101", format!("Hash={hash};Cert=\"{text}{text}\""), "peer_invalid evidence.several"),
        ("94", format!("Hash={hash};Cert={text}\""), "peer_conflict xfcc.syntax"),
    ]
}

/// What Envoy writes.
fn element(shown: &Shown, id: &str) -> String {
    let chain = if shown.above.is_empty() { String::new() } else { format!(";Chain=\"{}\"", shown.chain()) };
    format!("By=spiffe://prod.example/x;Hash={};Cert=\"{}\"{chain};URI={id}", shown.hash(), shown.certificate())
}

fn one() -> String {
    format!("URI={FRONTEND}")
}
