//! Actors and holders, from tokens that verified and peers that are proved.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::{
    clock::Timestamp,
    hex,
    peer::{
        self, EvidenceKind, PeerEvidence,
        fixture::{Authority, escape, pem},
        id,
    },
    token::fixture::{BEARER, NOW, Scene, TXN, WEB, oidc, svid, txn},
    trust::{Trust, TrustBundle},
};

const ORDERS: &str = "spiffe://prod.example/orders";
const CART: &str = "spiffe://prod.example/cart";

/// The workload `id`, proved by a certificate.
fn peer(id: &str) -> ProvedPeer {
    let root = Authority::root("root");
    let domain = id::parse_trust_domain("prod.example").unwrap();
    let bundle = TrustBundle::from_pem(domain, root.pem().as_bytes(), None).unwrap();
    let trust = Trust::new([Arc::new(bundle)]).unwrap();
    let certificate = escape(&pem(&root.svid(id)));
    let evidence = PeerEvidence { certificate: &certificate, principal: "", xfcc: None };
    let rules = peer::Rules::certificate(Duration::from_secs(100 * 86_400));
    peer::Verifier::new(rules, Arc::default()).verify(&evidence, &trust, Timestamp::from_seconds(NOW)).unwrap()
}

/// The workload `id`, on Envoy's word.
fn asserted(id: &str) -> ProvedPeer {
    let domain = id::parse_trust_domain("prod.example").unwrap();
    let root = Authority::root("root");
    let bundle = TrustBundle::from_pem(domain.clone(), root.pem().as_bytes(), None).unwrap();
    let trust = Trust::new([Arc::new(bundle)]).unwrap();
    let rules = peer::Rules {
        evidence: vec![EvidenceKind::Principal],
        asserted: [domain].into_iter().collect(),
        ..peer::Rules::certificate(Duration::from_secs(1))
    };
    let evidence = PeerEvidence { certificate: "", principal: id, xfcc: None };
    peer::Verifier::new(rules, Arc::default()).verify(&evidence, &trust, Timestamp::from_seconds(NOW)).unwrap()
}

/// Tokens that verified, of each kind the one that is there.
#[derive(Default)]
struct Held {
    jwt_svid: Option<Arc<VerifiedToken>>,
    transaction: Option<Arc<VerifiedToken>>,
    oidc: Option<Arc<VerifiedToken>>,
}

impl Held {
    fn svid(self, changes: Value) -> Self {
        Self { jwt_svid: Some(Scene::new().verify(BEARER, &svid(changes)).unwrap()), ..self }
    }

    fn txn(self, changes: Value) -> Self {
        Self { transaction: Some(Scene::new().verify(TXN, &txn(changes)).unwrap()), ..self }
    }

    fn oidc(self, changes: Value) -> Self {
        Self { oidc: Some(Scene::new().verify(BEARER, &oidc(changes)).unwrap()), ..self }
    }

    fn tokens(&self) -> Tokens<'_> {
        Tokens {
            jwt_svid: self.jwt_svid.as_deref(),
            transaction: self.transaction.as_deref(),
            oidc: self.oidc.as_deref(),
        }
    }

    /// Who acts when web presents them.
    fn actor(&self) -> Result<Actor, DelegationError> {
        Actor::of(&peer(WEB), self.tokens(), 4)
    }

    /// Whether `peer` may present them where nobody relays.
    fn holding(&self, peer: &ProvedPeer) -> Result<Holding, NotHeld> {
        Holding::verify(peer, self.tokens(), &Actor::of(peer, self.tokens(), 4).unwrap(), Relaying::Refused)
    }
}

fn none() -> Held {
    Held::default()
}

#[test]
fn without_a_token_the_peer_acts_for_itself() {
    for held in [none(), none().svid(json!({}))] {
        let actor = held.actor().unwrap();
        assert_eq!((actor.kind(), actor.effective().to_string().as_str()), (ActorKind::Workload, WEB));
        assert_eq!((actor.subject(), actor.chain(), actor.depth(), actor.relayed()), (None, &[][..], 0, None));
    }
}

#[test]
fn the_transaction_names_the_subject_before_the_person_and_the_workload() {
    let person = Party { issuer: Some("https://login.example".into()), name: "alice".into() };
    let desk = Party { issuer: Some("spiffe://prod.example/txn".into()), ..person.clone() };
    for (held, kind, subject) in [
        (none().oidc(json!({})), ActorKind::Human, &person),
        (none().txn(json!({})), ActorKind::Delegated, &desk),
        (none().txn(json!({})).oidc(json!({})), ActorKind::Delegated, &desk),
        (none().txn(json!({})).svid(json!({})), ActorKind::Delegated, &desk),
        (none().oidc(json!({})).svid(json!({})), ActorKind::Human, &person),
        (none().oidc(json!({"act": {"sub": ORDERS}})), ActorKind::Delegated, &person),
        // Whose SVID is another's acts for that one, and a person's token that is beside it is no longer the person's.
        (none().oidc(json!({})).svid(json!({"sub": ORDERS})), ActorKind::Delegated, &person),
    ] {
        let actor = held.actor().unwrap();
        assert_eq!((actor.kind(), actor.subject()), (kind, Some(subject)));
        assert_eq!(actor.effective().to_string(), WEB, "the peer acts, whoever it is for");
    }
}

#[test]
fn a_chain_goes_from_the_subject_to_the_peer() {
    for (held, chain) in [
        (none().oidc(json!({})), vec!["alice", WEB]),
        (none().oidc(json!({"act": {"sub": WEB}})), vec!["alice", WEB]),
        (none().oidc(json!({"act": {"sub": ORDERS, "act": {"sub": CART}}})), vec!["alice", CART, ORDERS, WEB]),
        (none().txn(json!({"req_wl": [CART, ORDERS]})), vec!["alice", CART, ORDERS, WEB]),
        (none().txn(json!({"req_wl": [CART, CART, WEB]})), vec!["alice", CART, WEB]),
        (none().txn(json!({"act": {"sub": CART}, "req_wl": ORDERS})), vec!["alice", CART, ORDERS, WEB]),
        (none().txn(json!({})).svid(json!({"sub": ORDERS})), vec!["alice", WEB, ORDERS, WEB]),
        (none().svid(json!({"sub": ORDERS})), vec![ORDERS, WEB]),
        (none().svid(json!({"act": {"sub": ORDERS}})), vec![WEB, ORDERS, WEB]),
    ] {
        let actor = held.actor().unwrap();
        assert_eq!(actor.chain(), chain);
        assert_eq!(actor.depth(), chain.len() - 1);
    }
}

#[test]
fn two_tokens_speak_for_one_subject() {
    assert!(none().txn(json!({})).oidc(json!({})).actor().is_ok());
    for subject in ["bob", "Alice", "alice "] {
        let held = none().txn(json!({"sub": subject})).oidc(json!({}));
        assert_eq!(held.actor(), Err(DelegationError::Subjects), "{subject}");
    }
}

#[test]
fn every_token_is_followed_and_none_further_than_the_bound() {
    let deep = json!({"sub": "a", "act": {"sub": "b", "act": {"sub": "c", "act": {"sub": "d", "act": {"sub": "e"}}}}});
    let act = |act: &Value| json!({"act": act});
    for (chain, error) in [
        (deep, DelegationError::TooDeep { max: 4 }),
        (json!({}), DelegationError::Malformed),
        (json!({"sub": "a", "act": {"sub": "a"}}), DelegationError::Loop),
    ] {
        for held in [
            none().svid(act(&chain)),
            none().txn(act(&chain)),
            none().oidc(act(&chain)),
            none().txn(json!({})).svid(act(&chain)),
            none().txn(json!({})).oidc(act(&chain)),
        ] {
            assert_eq!(held.actor(), Err(error));
        }
    }
    let crowd = none().txn(json!({"req_wl": [ORDERS, CART, ORDERS, CART, WEB]}));
    assert_eq!(crowd.actor(), Err(DelegationError::TooDeep { max: 4 }));
}

#[test]
fn a_token_is_presented_by_its_holder_or_its_latest_actor() {
    let (web, orders) = (peer(WEB), peer(ORDERS));
    for (held, by_web, by_orders) in [
        (none(), true, true),
        (none().svid(json!({})), true, false),
        (none().txn(json!({})), true, false),
        (none().txn(json!({"req_wl": [WEB, ORDERS]})), false, true),
        (none().txn(json!({"act": {"sub": ORDERS}})), true, true),
        (none().txn(json!({"act": {"sub": CART, "act": {"sub": ORDERS}}})), true, false),
        (none().svid(json!({"act": {"sub": ORDERS}})), true, true),
        // Nothing says who else could hold a person's.
        (none().oidc(json!({})), true, true),
        (none().txn(json!({})).svid(json!({"sub": ORDERS})), false, false),
    ] {
        for (peer, holds, holder) in [(&web, by_web, ORDERS), (&orders, by_orders, WEB)] {
            let refused = (!holds).then(|| NotHeld::Relayed(holder.to_owned()));
            assert_eq!(held.holding(peer).err(), refused, "{:?} by {}", held.tokens(), peer.id());
        }
    }
}

#[test]
fn a_relay_is_left_to_grants_where_they_can_refuse_it() {
    let (orders, held) = (peer(ORDERS), none().txn(json!({})));
    let actor = Actor::of(&orders, held.tokens(), 4).unwrap();
    assert_eq!(actor.relayed(), Some(WEB));
    assert!(Holding::verify(&orders, held.tokens(), &actor, Relaying::ByGrant).is_ok());
    let refused = Holding::verify(&orders, held.tokens(), &actor, Relaying::Refused).unwrap_err();
    assert_eq!(refused.detail(), "holder.relayed");
}

#[test]
fn a_bound_token_needs_the_certificate_that_it_is_bound_to() {
    let web = peer(WEB);
    let fingerprint = web.certificate().unwrap().fingerprint().to_owned();
    let octet = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
    let octets: Vec<u8> = fingerprint.as_bytes().chunks(2).map(octet).collect();
    assert_eq!(hex::encode(&octets), fingerprint);
    let bound = json!({"x5t#S256": URL_SAFE_NO_PAD.encode(octets)});
    let held = |cnf: &Value| none().svid(json!({"cnf": cnf}));
    assert!(held(&bound).holding(&web).is_ok());
    assert_eq!(held(&bound).holding(&peer(WEB)), Err(NotHeld::Certificate), "another certificate of the same workload");
    assert_eq!(held(&bound).holding(&asserted(WEB)), Err(NotHeld::Certificate), "nobody's certificate");
    assert!(none().svid(json!({})).holding(&asserted(WEB)).is_ok());
    for cnf in [json!({}), json!(null), json!("x"), json!([bound]), json!({"jkt": "x"}), json!({"x5t#S256": null})] {
        assert_eq!(held(&cnf).holding(&web), Err(NotHeld::Confirmation), "{cnf}");
    }
    for held in [none().txn(json!({"cnf": {}})), none().oidc(json!({"cnf": {}}))] {
        assert_eq!(held.holding(&web), Err(NotHeld::Confirmation));
    }
}

fn act(actors: &[&str]) -> Option<Value> {
    let (latest, earlier) = actors.split_first()?;
    Some(match act(earlier) {
        Some(earlier) => json!({"sub": latest, "act": earlier}),
        None => json!({"sub": latest}),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_is_added_makes_the_chain_no_shorter(
        actors in vec(select(vec!["bob", "carol", WEB, ORDERS, CART]), 0..4),
        added in select(vec!["dave", "bob", WEB, ORDERS, CART]),
        at in any::<prop::sample::Index>(),
    ) {
        let of = |actors: &[&str]| none().oidc(act(actors).map_or_else(|| json!({}), |act| json!({"act": act}))).actor();
        let mut more = actors.clone();
        more.insert(at.index(actors.len() + 1), added);
        match (of(&actors), of(&more)) {
            (Ok(before), Ok(after)) => {
                prop_assert!(after.depth() >= before.depth());
                prop_assert_eq!(after.effective(), before.effective());
                prop_assert_eq!(after.subject(), before.subject());
                prop_assert_eq!(after.kind(), ActorKind::Delegated);
            }
            (Err(_), after) => prop_assert!(after.is_err(), "what was refused is not mended by one more"),
            (Ok(_), Err(_)) => {}
        }
    }
}
