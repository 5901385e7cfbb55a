//! No spelling of an ID but the one is that ID, wherever it stands: in a certificate, as principal, in a header.

use super::{
    case::{XFCC, expect},
    world::World,
};
use crate::harness::{FRONTEND, Grant, Setup};

/// Rows, texts that look like the frontend's ID, and why they are not.
pub(super) fn hostile() -> Vec<(&'static str, String, &'static str)> {
    let rows: [(&str, &str, &str); 44] = [
        ("1", "", "peer_invalid id.empty"),
        ("2", "spiffe:/prod.example/ns/shop/sa/frontend", "peer_invalid id.scheme"),
        ("2", "spiffe:prod.example/ns/shop/sa/frontend", "peer_invalid id.scheme"),
        ("2", "prod.example/ns/shop/sa/frontend", "peer_invalid id.scheme"),
        ("4", "Spiffe://prod.example/ns/shop/sa/frontend", "peer_invalid id.non_canonical"),
        ("4 B49", "SPIFFE://prod.example/ns/shop/sa/frontend", "peer_invalid id.non_canonical"),
        ("5 B49", "spiffe://PROD.example/ns/shop/sa/frontend", "peer_invalid id.non_canonical"),
        ("5", "spiffe://prod.examplE/ns/shop/sa/frontend", "peer_invalid id.non_canonical"),
        ("B49", "spiffe://", "peer_invalid id.no_trust_domain"),
        ("B49", "spiffe:///ns/shop/sa/frontend", "peer_invalid id.no_trust_domain"),
        ("B49", "spiffe://prod.example", "peer_invalid id.root_path"),
        ("7 B49", "spiffe://prod.example/", "peer_invalid id.trailing_slash"),
        ("7 B49", "spiffe://prod.example/ns/shop/sa/frontend/", "peer_invalid id.trailing_slash"),
        ("7 B49", "spiffe://prod.example//ns/shop/sa/frontend", "peer_invalid id.empty_segment"),
        ("7", "spiffe://prod.example/ns//shop/sa/frontend", "peer_invalid id.empty_segment"),
        ("8", "spiffe://prod.example/.", "peer_invalid id.dot_segment"),
        ("8 B49", "spiffe://prod.example/./ns/shop/sa/frontend", "peer_invalid id.dot_segment"),
        ("8 B49", "spiffe://prod.example/x/../ns/shop/sa/frontend", "peer_invalid id.dot_segment"),
        ("8", "spiffe://prod.example/ns/shop/sa/frontend/x/..", "peer_invalid id.dot_segment"),
        ("10 B49", "spiffe://prod.example:443/ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("10 B49", "spiffe://user@prod.example/ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("10", "spiffe://u:p@prod.example/ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("10", "spiffe://[::1]/ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("11 B49", "spiffe://prod.example/ns/shop/sa/frontend?q", "peer_invalid id.bad_char"),
        ("11 B49", "spiffe://prod.example/ns/shop/sa/frontend#f", "peer_invalid id.bad_char"),
        ("11", "spiffe://prod.example?q", "peer_invalid id.bad_char"),
        ("14", "spiffe://prod.example/ns/shop/sa/frontend\n", "peer_invalid id.bad_char"),
        ("14 B49", "spiffe://prod.example/ns/shop/sa/frontend ", "peer_invalid id.bad_char"),
        ("14", " spiffe://prod.example/ns/shop/sa/frontend", "peer_invalid id.scheme"),
        ("14", "spiffe://prod.example\t/ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("14", "spiffe://prod.example/ns/shop/sa/frontend\0", "peer_invalid id.bad_char"),
        ("17", "https://prod.example/ns/shop/sa/frontend", "peer_invalid id.scheme"),
        ("17", "sparfe://prod.example/ns/shop/sa/frontend", "peer_invalid id.scheme"),
        ("19 B49", "spiffe://pr\u{43e}d.example/ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("19 B49", "spiffe://prod.example\u{ff0f}ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("19", "spiffe://prod.example\\ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("B49", "spiffe://prod.example/ns/shop/sa/%66rontend", "peer_invalid id.bad_char"),
        ("B49", "spiffe://prod.example/%2e/ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("B49", "spiffe://prod%2eexample/ns/shop/sa/frontend", "peer_invalid id.bad_char"),
        ("20", "spiffe://prod.example/a,b", "peer_invalid id.bad_char"),
        ("20", "spiffe://prod.example/a;b", "peer_invalid id.bad_char"),
        ("20", "spiffe://prod.example/a=b", "peer_invalid id.bad_char"),
        ("20", "spiffe://prod.example/a\"b", "peer_invalid id.bad_char"),
        ("B49", "spiffe://prod.example/ns/shop/sa/fr\u{f6}ntend", "peer_invalid id.bad_char"),
    ];
    let rows = rows.into_iter().map(|(row, raw, expected)| (row, raw.to_owned(), expected));
    rows.chain([
        ("16", format!("spiffe://{}/x", "d".repeat(256)), "peer_invalid id.td_too_long"),
        ("B49", format!("{FRONTEND}/{}", "p".repeat(2_048)), "peer_invalid id.too_long"),
    ])
    .collect()
}

pub(super) fn rows(_: &World) -> Vec<&'static str> {
    hostile().into_iter().map(|(row, _, _)| row).collect()
}

/// A Hopguard that takes Envoy's word from this kind of evidence.
pub(super) fn asserted(evidence: &str) -> Setup {
    let setup = Setup::new();
    let odd = ["/.x", "/..x", "/..."].map(|path| format!("spiffe://prod.example{path}"));
    let named = [&odd[..], &["spiffe://1.2.3.4/x".to_owned(), "spiffe://a_b-c.d/X_y-Z.9".to_owned()]].concat();
    let grants: Vec<Grant> = std::iter::once(Grant::to("/charge", setup.now()))
        .chain(
            named
                .iter()
                .enumerate()
                .map(|(index, id)| Grant::to("/charge", setup.now()).named(&format!("odd-{index}")).subject(id)),
        )
        .collect();
    setup.grants(&grants);
    setup
        .set("peer.evidence", &format!("[{evidence}]"))
        .set("peer.xfcc", "{sanitize_set: true}")
        .set("peer.asserted", "{trust_domains: [prod.example, \"1.2.3.4\", a_b-c.d]}")
}

#[tokio::test]
async fn each_hostile_id_is_none_as_principal() {
    let guard = asserted("principal").start().await;
    let mut hops = Vec::new();
    for (row, raw, expected) in hostile() {
        // Without a text there is no principal.
        let expected = if raw.is_empty() { "peer_missing evidence.absent" } else { expected };
        hops.push((format!("{row}: {raw:?}"), guard.hop().by_nobody().principal(&raw), expected.to_owned()));
    }
    for id in [FRONTEND, "spiffe://prod.example/.x", "spiffe://prod.example/..x", "spiffe://prod.example/..."] {
        hops.push((id.to_owned(), guard.hop().by_nobody().principal(id), "allow".to_owned()));
    }
    for id in ["spiffe://1.2.3.4/x", "spiffe://a_b-c.d/X_y-Z.9"] {
        hops.push((id.to_owned(), guard.hop().by_nobody().principal(id), "allow".to_owned()));
    }
    let longest = format!("spiffe://{}/x", "d".repeat(255));
    let hop = guard.hop().by_nobody().principal(&longest);
    hops.push(("16: as long as may be".to_owned(), hop, "peer_untrusted td.not_asserted".to_owned()));
    expect(&guard, hops).await;
}

#[tokio::test]
async fn each_hostile_id_is_none_in_a_header() {
    let guard = asserted("xfcc_uri").start().await;
    let mut hops = Vec::new();
    for (row, raw, expected) in hostile() {
        let plain = raw.bytes().all(|byte| byte.is_ascii_graphic()) && !raw.contains([',', ';', '=', '"', '\\']);
        let expected = match () {
            () if raw.is_empty() => "peer_invalid xfcc.no_uri",
            // What Envoy would not write without quotes is not read at all.
            () if !plain && raw.contains(',') => "peer_conflict xfcc.element_count",
            () if !plain => "peer_conflict xfcc.syntax",
            () => expected,
        };
        let hop = guard.hop().by_nobody().header(XFCC, format!("URI={raw}"));
        hops.push((format!("{row}: {raw:?}"), hop.clone(), expected.to_owned()));
        hops.push((format!("{row}: {raw:?}, raw"), hop.raw_headers(), expected.to_owned()));
    }
    expect(&guard, hops).await;
}

/// Every code point below 256 that is not part of the alphabet, in each of the two places.
#[tokio::test]
pub(super) async fn no_other_character_is_part_of_an_id() {
    let guard = asserted("principal").start().await;
    let mut hops = Vec::new();
    for point in (0..=0xff_u8).map(char::from) {
        let known = point.is_ascii_alphanumeric() || matches!(point, '.' | '-' | '_' | '/');
        for id in [format!("spiffe://prod{point}example/x"), format!("{FRONTEND}{point}")] {
            if !known {
                let hop = guard.hop().by_nobody().principal(&id);
                hops.push((format!("13: {id:?}"), hop, "peer_invalid id.bad_char".to_owned()));
            }
        }
    }
    assert_eq!(hops.len(), 2 * (256 - 66));
    expect(&guard, hops).await;
}
