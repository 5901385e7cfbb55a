//! Hostile chains and bundles, row by row of the catalogue (`facts/spiffe.md` §3.3); letters are rows of `facts/security.md` B-4.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};

use super::{leaf::Rsa, *};

/// The outcome for a leaf that came with `chain`.
fn with_chain(leaf: &[u8], chain: &[&[u8]], bundle: &TrustBundle) -> String {
    outcome(&verify_chain(leaf, chain, Usage::Client, bundle, Some(DAY), now()))
}

#[test]
fn each_row_has_its_reason() {
    let root = Authority::root("root");
    let alone = bundle(&[&root], &[]);
    let sub = root.intermediate("sub");
    let td = |name: &str| id::parse_trust_domain(name).unwrap();
    let of = |name: &str, pem: &str| TrustBundle::from_pem(td(name), pem.as_bytes(), None).unwrap();
    let both = |pem: &str| of("td.test", &format!("{}{pem}", root.pem()));
    let not_ca = root.intermediate_with("sub", |p| p.is_ca = IsCa::ExplicitNoCa);
    let no_sign = root.intermediate_with("sub", |p| p.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let ended = Authority::root_with("ended", |p| p.not_after = at(-1));
    let published = Authority::root_with("published", |p| p.is_ca = IsCa::ExplicitNoCa);
    let unsigning = Authority::root_with("unsigning", |p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    let (stranger, namesake) = (Authority::root("stranger"), Authority::root("root"));
    let other = root.intermediate("other");
    let leaf = sub.svid(ID);
    for (row, leaf, chain, bundle, expected) in [
        ("53", stranger.svid(ID), vec![], &alone, "untrusted x509.no_path"),
        ("53", namesake.svid(ID), vec![], &alone, "untrusted x509.bad_signature"),
        ("55", root.svid("spiffe://td2.test/x"), vec![], &alone, "untrusted td.mismatch"),
        ("55", root.svid(ID), vec![], &of("td.test", ""), "untrusted td.empty_bundle"),
        ("58", not_ca.svid(ID), vec![&not_ca], &alone, "untrusted x509.no_path"),
        ("59", no_sign.svid(ID), vec![&no_sign], &alone, "untrusted x509.no_path"),
        ("61", ended.svid(ID), vec![], &of("td.test", &ended.pem()), "untrusted x509.no_usable_anchor"),
        ("61", ended.svid(ID), vec![], &both(&ended.pem()), "untrusted x509.no_usable_anchor"),
        ("62", published.svid(ID), vec![], &both(&published.pem()), "untrusted x509.no_path"),
        ("62", unsigning.svid(ID), vec![], &both(&unsigning.pem()), "untrusted x509.no_path"),
        ("64", leaf.clone(), vec![], &alone, "untrusted x509.no_path"),
        ("65", leaf.clone(), vec![&other, &root, &stranger, &sub], &alone, "ok"),
        ("67", leaf.clone(), vec![&sub; 11], &alone, "invalid limit.chain_length"),
        ("B-4 57", leaf.clone(), vec![&sub; 20], &alone, "invalid limit.chain_length"),
        ("70", root.svid(ID), vec![], &both(&namesake.pem()), "ok"),
        ("70", namesake.svid(ID), vec![], &both(&namesake.pem()), "ok"),
        ("B-4 58", root.der().to_vec(), vec![], &alone, "invalid san.no_uri"),
    ] {
        let chain: Vec<&[u8]> = chain.into_iter().map(Authority::der).collect();
        assert_eq!(with_chain(&leaf, &chain, bundle), expected, "row {row}");
    }
    // An anchor that is none does not even load when it stands alone.
    for authority in [&published, &unsigning] {
        assert!(TrustBundle::from_pem(td("td.test"), authority.pem().as_bytes(), None).is_err(), "row 62");
    }
    let unlisted = verify(&root.svid("spiffe://td2.test/x"), &trust(&[&root], &[]));
    assert_eq!(outcome(&unlisted), "untrusted td.not_listed", "row 55");
    let hint = verify(&leaf, &trust(&[&root], &[])).unwrap_err().to_string();
    assert!(hint.contains("`trust[].intermediates`"), "row 64: {hint}");
}

#[test]
fn row_b4_58_a_leaf_in_the_name_of_its_ca_vouches_for_nothing() {
    let root = Authority::root("root");
    let imitation = Authority::root_with("root", |p| {
        p.is_ca = IsCa::ExplicitNoCa;
        p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        p.subject_alt_names = vec![uri(ID)];
        (p.not_before, p.not_after) = (at(-10), at(3600));
    });
    assert_eq!(with_chain(imitation.der(), &[], &bundle(&[&root], &[])), "untrusted x509.bad_signature");
}

#[test]
fn row_b4_53_a_weak_issuer_issues_nothing() {
    let root = Authority::root("root");
    let sub = Authority::root("sub");
    let leaf = sub.svid(ID);
    let issuer = |p: &mut CertificateParams| {
        p.distinguished_name.push(DnType::CommonName, "sub");
        p.subject_alt_names.clear();
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        p.extended_key_usages.clear();
    };
    let alone = bundle(&[&root], &[]);
    for (key, expected) in [
        (Rsa::new(128, &[1, 0, 1]), "untrusted x509.no_path"),
        (Rsa::new(256, &[3]), "untrusted x509.no_path"),
        (Rsa::new(256, &[1]), "untrusted x509.no_path"),
        // This one could have signed, and did not: the leaf says that another kind of key did.
        (Rsa::new(256, &[1, 0, 1]), "untrusted x509.algorithm"),
    ] {
        let weak = root.svid_for(ID, &key, issuer);
        assert_eq!(with_chain(&leaf, &[&weak], &alone), expected);
    }
}

#[test]
fn row_b4_53_a_signature_over_a_broken_digest_is_none() {
    // The last byte of sha256WithRSAEncryption, in both places; what replaces it is MD5 and SHA-1.
    let root = Authority::root_with_key("root", KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap(), |_| {});
    let der = root.svid(ID);
    let alone = bundle(&[&root], &[]);
    assert_eq!(with_chain(&der, &[], &alone), "ok");
    let oid = |last: u8| [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last];
    for digest in [4, 5] {
        let mut weak = der.clone();
        let outer = weak.windows(9).rposition(|window| window == oid(11)).unwrap();
        weak[outer + 8] = digest;
        let weak = root.resigned(&weak, &oid(11), &oid(digest));
        assert_eq!(with_chain(&weak, &[], &alone), "untrusted x509.algorithm");
    }
}

#[test]
fn row_b4_57_certificates_that_lead_nowhere_are_not_searched() {
    let root = Authority::root("root");
    let thicket: Vec<Authority> = (0..9).map(|_| Authority::root("thicket")).collect();
    let leaf = Authority::root("thicket").svid(ID);
    let mut presented: Vec<&[u8]> = thicket.iter().map(Authority::der).collect();
    let alone = bundle(&[&root], &[]);
    assert_eq!(with_chain(&leaf, &presented, &alone), "untrusted x509.no_path");
    // One of them claims an anchor for its issuer: each path by way of that one costs a signature, and there are few of those.
    let claims = Authority::root("root").intermediate("thicket");
    presented.push(claims.der());
    assert_eq!(with_chain(&leaf, &presented, &alone), "untrusted limit.path_search");
    let sub = root.intermediate("sub");
    let below = sub.intermediate("below");
    assert_eq!(with_chain(&below.svid(ID), &[below.der(), sub.der()], &alone), "ok", "in any order");
}

#[test]
fn row_b4_57_a_thicket_of_intermediates_costs_a_bounded_search() {
    let root = Authority::root("x");
    let thicket: Vec<Authority> = (0..40).map(|_| Authority::root("x")).collect();
    let leaf = Authority::root("x").svid(ID);
    let configured: Vec<&Authority> = thicket.iter().collect();
    assert_eq!(with_chain(&leaf, &[], &bundle(&[&root], &configured)), "untrusted limit.path_search");
    let presented: Vec<&[u8]> = thicket.iter().take(10).map(Authority::der).collect();
    assert_eq!(with_chain(&leaf, &presented, &bundle(&[&root], &[])), "untrusted limit.path_search");
    // Those that have ended make the search look into other times, and it ends in the first that is too much.
    let ended: Vec<Authority> = (0..10)
        .map(|age| Authority::root_with("x", |p| (p.not_before, p.not_after) = (at(-9 + age), at(-1))))
        .collect();
    let presented: Vec<&[u8]> = ended.iter().map(Authority::der).collect();
    assert_eq!(with_chain(&leaf, &presented, &bundle(&[&root], &[])), "untrusted limit.path_search");
}
