//! Chains that come with a leaf: they help, and are believed nothing.

use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};

use super::*;

fn verify_chain(der: &[u8], intermediates: &[&[u8]], usage: Usage, bundle: &TrustBundle) -> String {
    outcome(&super::verify_chain(der, intermediates, usage, bundle, Some(DAY), now()))
}

#[test]
fn a_chain_helps_in_any_order_and_with_any_company() {
    let root = Authority::root("root");
    let upper = root.intermediate("upper");
    let lower = upper.intermediate("lower");
    let unrelated = Authority::root("unrelated").intermediate("other");
    let bundle = bundle(&[&root], &[]);
    let der = lower.svid(ID);
    for chain in [
        vec![upper.der(), lower.der()],
        vec![lower.der(), upper.der()],
        vec![lower.der(), lower.der(), unrelated.der(), upper.der(), root.der()],
        vec![&[0x30, 0], lower.der(), &[], upper.der(), &der],
    ] {
        assert_eq!(verify_chain(&der, &chain, Usage::Client, &bundle), "ok");
        assert_eq!(verify_chain(&der, &chain, Usage::Server, &bundle), "ok");
    }
    assert_eq!(verify_chain(&der, &[lower.der()], Usage::Client, &bundle), "untrusted x509.no_path");
    let half = super::bundle(&[&root], &[&upper]);
    assert_eq!(verify_chain(&der, &[lower.der()], Usage::Client, &half), "ok", "configured and presented ones meet");
}

#[test]
fn a_chain_has_at_most_ten_intermediates() {
    let root = Authority::root("root");
    let sub = root.intermediate("sub");
    let bundle = bundle(&[&root], &[]);
    let der = sub.svid(ID);
    let other = Authority::root("other");
    let mut chain = vec![other.der(); 9];
    chain.push(sub.der());
    assert_eq!(verify_chain(&der, &chain, Usage::Client, &bundle), "ok");
    chain.push(sub.der());
    assert_eq!(verify_chain(&der, &chain, Usage::Client, &bundle), "invalid limit.chain_length");
}

#[test]
fn a_chain_is_believed_nothing() {
    let root = Authority::root("root");
    let bundle = bundle(&[&root], &[]);
    let stranger = Authority::root("root");
    let sub = stranger.intermediate("sub");
    assert_eq!(
        verify_chain(&sub.svid(ID), &[sub.der(), stranger.der()], Usage::Client, &bundle),
        "untrusted x509.bad_signature"
    );
    let not_ca = root.intermediate_with("sub", |p| p.is_ca = IsCa::ExplicitNoCa);
    let no_sign = root.intermediate_with("sub", |p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    for sub in [not_ca, no_sign] {
        assert_eq!(verify_chain(&sub.svid(ID), &[sub.der()], Usage::Client, &bundle), "untrusted x509.no_path");
    }
    let ended = root.intermediate_with("sub", |p| p.not_after = at(-1));
    assert_eq!(verify_chain(&ended.svid(ID), &[ended.der()], Usage::Client, &bundle), "expired x509.expired");
}

#[test]
fn a_certificate_is_good_for_what_it_was_issued_for() {
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let root = Authority::root("root");
    let bundle = bundle(&[&root], &[]);
    for (purpose, usage, expected) in [
        (ClientAuth, Usage::Client, "ok"),
        (ClientAuth, Usage::Server, "invalid x509.eku"),
        (ServerAuth, Usage::Client, "invalid x509.eku"),
        (ServerAuth, Usage::Server, "ok"),
    ] {
        let leaf = root.svid_with(ID, |p| p.extended_key_usages = vec![purpose.clone()]);
        assert_eq!(verify_chain(&leaf, &[], usage, &bundle), expected);
        let sub = root.intermediate_with("sub", |p| p.extended_key_usages = vec![purpose.clone()]);
        let expected = expected.replace("invalid", "untrusted");
        assert_eq!(verify_chain(&sub.svid(ID), &[sub.der()], usage, &bundle), expected);
    }
}

#[test]
fn a_bundle_vouches_for_its_own_trust_domain() {
    let root = Authority::root("root");
    let bundle = bundle(&[&root], &[]);
    let foreign = root.svid("spiffe://other.test/web");
    assert_eq!(verify_chain(&foreign, &[], Usage::Server, &bundle), "untrusted td.mismatch");
    let stale = bundle.clone().with_stale_at(Some(now()));
    assert_eq!(verify_chain(&root.svid(ID), &[], Usage::Server, &stale), "stale td.stale");
    let lasting = root.svid_with(ID, |p| p.not_after = at(26 * 3600));
    assert_eq!(verify_chain(&lasting, &[], Usage::Server, &bundle), "lifetime leaf.lifetime");
    assert!(super::verify_chain(&lasting, &[], Usage::Server, &bundle, None, now()).is_ok());
}
