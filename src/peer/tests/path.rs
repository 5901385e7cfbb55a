//! Hostile paths: who may vouch for whom, and when.

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose,
    NameConstraints,
};

use super::*;

#[test]
fn row_46_relies_on_the_algorithms_it_lists() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let root = Authority::root_with_key("root", key, |_| {});
        let leaf = root.svid_for(ID, &KeyPair::generate_for(algorithm).unwrap(), |_| {});
        assert_eq!(outcome(&verify(&leaf, &trust(&[&root], &[]))), "ok", "{algorithm:?}");
    }
}

#[test]
fn row_40_certificates_are_valid_from_their_first_to_their_last_second() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let der = root.svid(ID);
    let at = |now| outcome(&verify_at(&der, &trust, now));
    assert_eq!(at(Timestamp::from_nanos(seconds(-10).nanos() - 1)), "invalid x509.not_yet_valid");
    assert_eq!(at(seconds(-10)), "ok");
    assert_eq!(at(Timestamp::from_nanos(seconds(3601).nanos() - 1)), "ok");
    assert_eq!(at(seconds(3601)), "expired x509.expired");
    assert_eq!(at(Timestamp::MIN), "untrusted x509.no_usable_anchor");
    assert_eq!(at(Timestamp::MAX), "untrusted x509.no_usable_anchor");
}

#[test]
fn every_certificate_on_the_path_counts() {
    let root = Authority::root("root");
    let sub = root.intermediate_with("sub", |p| p.not_after = at(60));
    let trust = trust(&[&root], &[&sub]);
    let der = sub.svid(ID);
    assert_eq!(verify(&der, &trust).unwrap().valid_until(), Some(seconds(61)));
    assert_eq!(outcome(&verify_at(&der, &trust, seconds(60))), "ok");
    let expired = verify_at(&der, &trust, seconds(61)).unwrap_err();
    assert!(
        matches!(expired, PeerError::Expired { link: Link::Intermediate, not_after, .. } if not_after == seconds(60))
    );

    let root = Authority::root_with("root", |p| p.not_after = at(60));
    let trust = self::trust(&[&root], &[]);
    let der = root.svid(ID);
    assert_eq!(verify(&der, &trust).unwrap().valid_until(), Some(seconds(61)));
    assert_eq!(outcome(&verify_at(&der, &trust, seconds(61))), "untrusted x509.no_usable_anchor");
}

#[test]
fn a_path_comes_before_its_times() {
    let root = Authority::root("root");
    let other = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let expired = |p: &mut CertificateParams| p.not_after = at(-1);
    assert_eq!(outcome(&verify(&root.svid_with(ID, expired), &trust)), "expired x509.expired");
    assert_eq!(outcome(&verify(&other.svid_with(ID, expired), &trust)), "untrusted x509.bad_signature");
    let ahead = |p: &mut CertificateParams| p.not_before = at(1);
    assert_eq!(outcome(&verify(&root.svid_with(ID, ahead), &trust)), "invalid x509.not_yet_valid");
    assert_eq!(outcome(&verify(&other.svid_with(ID, ahead), &trust)), "untrusted x509.bad_signature");
}

#[test]
fn names_what_is_out_of_time_on_a_longer_path() {
    let root = Authority::root("root");
    let before = |p: &mut CertificateParams| p.not_after = at(-20);
    let ahead = |p: &mut CertificateParams| p.not_before = at(20);
    for (edit, svid, expected) in [
        // The leaf began at -10, after this intermediate had ended: they were never valid together.
        (before as fn(&mut CertificateParams), (-10, 3600), "untrusted x509.no_path"),
        (before, (-30, 3600), "expired x509.expired"),
        (before, (-30, -25), "expired x509.expired"),
        (ahead, (-10, 3600), "invalid x509.not_yet_valid"),
        (ahead, (30, 3600), "invalid x509.not_yet_valid"),
        (|_| {}, (-30, -25), "expired x509.expired"),
    ] {
        let sub = root.intermediate_with("sub", edit);
        let unrelated = root.intermediate_with("unrelated", |p| p.not_before = at(-5));
        let der = sub.svid_with(ID, |p| (p.not_before, p.not_after) = (at(svid.0), at(svid.1)));
        let trust = trust(&[&root], &[&unrelated, &sub]);
        assert_eq!(outcome(&verify(&der, &trust)), expected, "{svid:?}");
    }
}

#[test]
fn an_expired_twin_does_not_hide_the_valid_one() {
    let root = Authority::root("root");
    let old = root.intermediate_with("sub", |p| p.not_after = at(-1));
    let new = root.intermediate("sub");
    for intermediates in [[&old, &new], [&new, &old]] {
        let trust = trust(&[&root], &intermediates);
        assert_eq!(outcome(&verify(&new.svid(ID), &trust)), "ok");
        assert_eq!(outcome(&verify(&old.svid(ID), &trust)), "expired x509.expired");
        let stranger = Authority::root("sub");
        assert_eq!(outcome(&verify(&stranger.svid(ID), &trust)), "untrusted x509.bad_signature");
    }
}

#[test]
fn builds_paths_from_intermediates_in_any_order() {
    let root = Authority::root("root");
    let upper = root.intermediate("upper");
    let lower = upper.intermediate("lower");
    let unrelated = Authority::root("unrelated").intermediate("other");
    let der = lower.svid(ID);
    for intermediates in [vec![&upper, &lower], vec![&lower, &upper], vec![&unrelated, &root, &lower, &upper, &lower]] {
        assert_eq!(outcome(&verify(&der, &trust(&[&root], &intermediates))), "ok");
    }
    assert_eq!(outcome(&verify(&der, &trust(&[&upper], &[&lower]))), "ok", "an intermediate as the anchor");
    let missing = verify(&der, &trust(&[&root], &[&upper])).unwrap_err();
    assert_eq!(missing.detail(), "x509.no_path");
    assert!(missing.to_string().contains("`trust[].intermediates`"));
}

#[test]
fn an_anchor_bounds_the_path_below_it() {
    let key = || KeyPair::generate().unwrap();
    let root = Authority::root_with("root", |p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let sub = root.intermediate("sub");
    assert_eq!(outcome(&verify(&root.svid(ID), &trust(&[&root], &[]))), "ok");
    assert_eq!(outcome(&verify(&sub.svid(ID), &trust(&[&root], &[&sub]))), "untrusted x509.path_length");

    let root = Authority::root("root");
    let sub = root.intermediate_with("sub", |p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let lower = sub.intermediate("lower");
    assert_eq!(outcome(&verify(&lower.svid(ID), &trust(&[&root], &[&sub, &lower]))), "untrusted x509.path_length");

    // One key in two roots: what either allows is allowed.
    let pem = key().serialize_pem();
    let twin =
        |edit: fn(&mut CertificateParams)| Authority::root_with_key("root", KeyPair::from_pem(&pem).unwrap(), edit);
    let narrow = twin(|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let expired = twin(|p| p.not_after = at(-1));
    let wide = twin(|_| {});
    let sub = wide.intermediate("sub");
    let der = sub.svid(ID);
    for anchors in [[&narrow, &expired, &wide], [&wide, &expired, &narrow]] {
        assert_eq!(outcome(&verify(&der, &trust(&anchors, &[&sub]))), "ok");
    }
    assert_eq!(outcome(&verify(&der, &trust(&[&expired, &narrow], &[&sub]))), "untrusted x509.no_usable_anchor");
}

#[test]
fn an_issuer_must_be_one() {
    let root = Authority::root("root");
    let good = root.intermediate("good");
    let not_ca = root.intermediate_with("sub", |p| p.is_ca = IsCa::ExplicitNoCa);
    let no_sign = root.intermediate_with("sub", |p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    let no_usage = root.intermediate_with("sub", |p| p.key_usages.clear());
    for sub in [not_ca, no_sign, no_usage] {
        assert_eq!(outcome(&verify(&sub.svid(ID), &trust(&[&root], &[&good, &sub]))), "untrusted x509.no_path");
    }
    let server = root.intermediate_with("sub", |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    assert_eq!(outcome(&verify(&server.svid(ID), &trust(&[&root], &[&server]))), "untrusted x509.eku");
}

#[test]
fn row_70_both_roots_of_a_rotation_count() {
    let (old, new) = (Authority::root("root"), Authority::root("root"));
    for anchors in [[&old, &new], [&new, &old]] {
        let trust = trust(&anchors, &[]);
        assert_eq!(outcome(&verify(&old.svid(ID), &trust)), "ok");
        assert_eq!(outcome(&verify(&new.svid(ID), &trust)), "ok");
    }
    assert_eq!(outcome(&verify(&old.svid(ID), &trust(&[&new], &[]))), "untrusted x509.bad_signature");
}

#[test]
fn a_trust_domain_speaks_for_itself_only() {
    let (ours, theirs) = (Authority::root("ours"), Authority::root("theirs"));
    let td = id::parse_trust_domain("other.test").unwrap();
    let other = TrustBundle::from_pem(td, theirs.pem().as_bytes(), None).unwrap();
    let trust = Trust::new([Arc::new(bundle(&[&ours], &[])), Arc::new(other)]).unwrap();
    assert_eq!(outcome(&verify(&ours.svid(ID), &trust)), "ok");
    assert_eq!(outcome(&verify(&theirs.svid("spiffe://other.test/web"), &trust)), "ok");
    assert_eq!(outcome(&verify(&theirs.svid(ID), &trust)), "untrusted x509.no_path");
    assert_eq!(outcome(&verify(&ours.svid("spiffe://other.test/web"), &trust)), "untrusted x509.no_path");
    assert_eq!(outcome(&verify(&ours.svid("spiffe://third.test/web"), &trust)), "untrusted td.not_listed");
}

#[test]
fn row_50_nobody_vouches_for_himself() {
    let root = Authority::root("root");
    let stranger = Authority::root_with("stranger", |p| {
        p.is_ca = IsCa::ExplicitNoCa;
        p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        p.subject_alt_names = vec![uri(ID)];
        p.not_before = at(-10);
        p.not_after = at(3600);
    });
    assert_eq!(outcome(&verify(stranger.der(), &trust(&[&root], &[]))), "untrusted x509.no_path");
}

#[test]
fn row_68_name_constraints_that_cannot_be_evaluated_forbid() {
    let permit = |host: &str| {
        let subtree = tlv(0x30, &tlv(0x86, host.as_bytes()));
        extension(NAME_CONSTRAINTS, &tlv(0x30, &tlv(0xa0, &subtree)))
    };
    let permitted = |p: &mut CertificateParams| p.custom_extensions.push(permit("td.test"));
    let parent = |p: &mut CertificateParams| p.custom_extensions.push(permit(".test"));
    let foreign = |p: &mut CertificateParams| p.custom_extensions.push(permit("other.example"));
    let excluded = |p: &mut CertificateParams| {
        let subtree = tlv(0x30, &tlv(0x86, b"other.example"));
        p.custom_extensions.push(extension(NAME_CONSTRAINTS, &tlv(0x30, &tlv(0xa1, &subtree))));
    };
    let unsupported = "untrusted x509.name_constraint_unsupported";
    for edit in [&permitted as &dyn Fn(&mut CertificateParams), &parent, &foreign, &excluded] {
        let root = Authority::root_with("root", edit);
        assert_eq!(outcome(&verify(&root.svid(ID), &trust(&[&root], &[]))), unsupported);
        let root = Authority::root("root");
        let sub = root.intermediate_with("sub", edit);
        assert_eq!(outcome(&verify(&sub.svid(ID), &trust(&[&root], &[&sub]))), unsupported);
    }
    let root = Authority::root_with("root", |p| {
        let subtrees = vec![GeneralSubtree::DnsName("td.test".to_owned())];
        p.name_constraints = Some(NameConstraints { permitted_subtrees: subtrees, excluded_subtrees: Vec::new() });
    });
    assert_eq!(outcome(&verify(&root.svid(ID), &trust(&[&root], &[]))), "ok", "there is no DNS name to constrain");
    let named =
        |name: &str| root.svid_with(ID, |p| p.subject_alt_names.push(SanType::DnsName(name.try_into().unwrap())));
    assert_eq!(outcome(&verify(&named("web.td.test"), &trust(&[&root], &[]))), "ok");
    let outside = outcome(&verify(&named("web.other"), &trust(&[&root], &[])));
    assert_eq!(outside, "untrusted x509.name_constraint", "this one can be evaluated");
}
