//! While everybody asks, trust is rotated, withdrawn, given again, and out of reach: not one answer is wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use hopguard::{
    dev::{BundleEndpoint, Credentials, Reply, WorkloadApi},
    pb::CheckRequest,
};
use tokio::task::JoinHandle;
use tonic::Code;

use super::document::{document, map};
use crate::harness::{Answer, Grant, Guard, Setup, chain::Ca, until};

/// The workload of one authority, and what it is to be answered now.
struct Lane {
    id: String,
    ca: Ca,
    check: CheckRequest,
    /// Odd while its answer changes; every change counts it up.
    turn: AtomicU64,
    allowed: AtomicBool,
    answered: AtomicU64,
}

/// Two authorities of a trust domain: one follows the other.
struct Domain {
    name: &'static str,
    lanes: [Arc<Lane>; 2],
}

/// Where bundles come from.
struct Sources {
    agent: WorkloadApi,
    endpoint: Option<BundleEndpoint>,
}

const FILE: &str = "file.example";
const MAP: &str = "map.example";
const AGENT: &str = "agent.example";
const PARTNER: &str = "partner.example";
const ROUNDS: usize = 20;

#[tokio::test]
async fn twenty_rounds_of_rotation_withdrawal_and_outage_give_no_wrong_answer() {
    // A disk that stalls denies by design, which is not what is looked at here.
    let setup = Setup::new().set("audit.file", "\"-\"");
    let domains = [FILE, MAP, AGENT, PARTNER].map(|name| domain(&setup, name));
    let mut sources = sources(&setup, &domains).await;
    let ids: Vec<&str> = domains.iter().flat_map(|domain| &domain.lanes).map(|lane| lane.id.as_str()).collect();
    let grant = |(index, id): (usize, &&str)| Grant::to("/charge", setup.now()).named(&format!("g{index}")).subject(id);
    setup.grants(&ids.iter().enumerate().map(grant).collect::<Vec<_>>());
    let trust = format!(
        "[{{trust_domain: {FILE}, bundle: td.json}}, {{trust_domain: {MAP}, bundle_map: {{file: map.json}}}}, \
          {{trust_domain: {AGENT}, workload_api: \"{}\"}}, {{trust_domain: {PARTNER}, federation: {{url: \"{}\", \
          profile: https_spiffe, endpoint_spiffe_id: \"{ENDPOINT}\", bootstrap: bootstrap.json}}}}]",
        sources.agent.endpoint(),
        sources.endpoint.as_ref().unwrap().url("127.0.0.1", "/"),
    );
    let guard = setup.set("trust", &trust).start().await;
    for domain in &domains {
        settle(&guard, &domain.lanes[0], true).await;
    }
    let done = Arc::new(AtomicBool::new(false));
    let load: Vec<JoinHandle<u64>> = (0..3).map(|_| ask(&guard, &domains, &done)).collect();

    let [file, mapped, agent, partner] = &domains;
    for round in 0..ROUNDS {
        // The authorities take turns, so that each round ends with the one that the next begins with.
        let turn = async |domain: &Domain| {
            change(&guard, &sources, domain, &[round % 2, 1 - round % 2], false).await;
            change(&guard, &sources, domain, &[1 - round % 2], true).await;
        };
        tokio::join!(turn(file), turn(mapped), turn(agent));
        match round % 8 {
            0 | 4 => {
                let domain = [file, mapped, agent][round / 4 % 3];
                change(&guard, &sources, domain, &[], true).await;
                change(&guard, &sources, domain, &[1 - round % 2], false).await;
            }
            1 => {
                sources.agent.close();
                answered(agent).await;
                sources.agent.reopen().unwrap();
                refused(&guard, &sources, agent, 1 - round % 2).await;
            }
            2 | 6 => {
                guard.setup().write("td.json", "{");
                guard.setup().write("map.json", "{\"trust_domains\": []}");
                guard.problems("trust").await;
                answered(file).await;
                answered(mapped).await;
                give(&guard, &sources, file, &[1 - round % 2]);
                give(&guard, &sources, mapped, &[1 - round % 2]);
                guard.repaired("trust").await;
            }
            3 => {
                sources.agent.drop_connections().unwrap();
                answered(agent).await;
            }
            _ => {
                // It has said what it had to say.
                sources.endpoint = None;
                answered(partner).await;
            }
        }
    }
    done.store(true, Ordering::Relaxed);
    let mut asked = 0;
    for task in load {
        asked += task.await.unwrap();
    }
    assert!(asked > 2_000, "{asked}");
}

fn domain(setup: &Setup, name: &'static str) -> Domain {
    let lanes = ["old", "new"].map(|authority| {
        let ca = Ca::root(&format!("{name} {authority}"), setup.now());
        let id = format!("spiffe://{name}/web");
        let check = setup.hop().with_certificate(ca.svid(&id).certificate()).request();
        let (turn, allowed, answered) = Default::default();
        Arc::new(Lane { id, ca, check, turn, allowed, answered })
    });
    Domain { name, lanes }
}

/// Everything gives the first authority of its trust domain.
async fn sources(setup: &Setup, domains: &[Domain; 4]) -> Sources {
    let [file, mapped, agent, partner] = domains.each_ref().map(|domain| &domain.lanes[0].ca);
    setup.write("td.json", &document(&[file]).to_string());
    setup.write("map.json", &map(&[(MAP, document(&[mapped]))]).to_string());
    setup.write("bootstrap.json", &document(&[partner]).to_string());
    let api = WorkloadApi::start(&setup.path("agent.sock")).unwrap();
    api.set_jwt_bundles([]);
    api.set_bundles([(format!("spiffe://{AGENT}"), agent.der().to_vec())]);
    let (chain, key) = partner.svid(ENDPOINT).client().unwrap();
    let reply = Reply::document(document(&[partner]).to_string());
    let endpoint = BundleEndpoint::start(&Credentials::new(chain, key), reply).await.unwrap();
    Sources { agent: api, endpoint: Some(endpoint) }
}

/// Makes the source of `domain` give these of its authorities.
fn give(guard: &Guard, sources: &Sources, domain: &Domain, trusted: &[usize]) {
    let authorities: Vec<&Ca> = trusted.iter().map(|index| &domain.lanes[*index].ca).collect();
    match domain.name {
        FILE => guard.setup().write("td.json", &document(&authorities).to_string()),
        MAP => guard.setup().write("map.json", &map(&[(MAP, document(&authorities))]).to_string()),
        AGENT => {
            let roots = authorities.iter().flat_map(|ca| ca.der()).copied().collect();
            sources.agent.set_jwt_bundles([]);
            sources.agent.set_bundles([(format!("spiffe://{AGENT}"), roots)]);
        }
        other => panic!("{other} is told by its own server"),
    }
}

/// Makes the source of `domain` give these of its authorities and no others, and waits until that counts: a withdrawal does within a second.
async fn change(guard: &Guard, sources: &Sources, domain: &Domain, trusted: &[usize], withdraws: bool) {
    let changing: Vec<(&Lane, bool)> = (0..2)
        .map(|index| (&*domain.lanes[index], trusted.contains(&index)))
        .filter(|(lane, allowed)| lane.allowed.load(Ordering::SeqCst) != *allowed)
        .collect();
    changing.iter().for_each(|(lane, _)| begin(lane));
    let start = Instant::now();
    give(guard, sources, domain, trusted);
    for (lane, allowed) in changing {
        settled(guard, lane, allowed).await;
    }
    assert!(!withdraws || start.elapsed().as_millis() < 1000, "{}: {:?}", domain.name, start.elapsed());
}

/// Has the agent refuse what it gave, and give it again.
async fn refused(guard: &Guard, sources: &Sources, domain: &Domain, trusted: usize) {
    let lane = &domain.lanes[trusted];
    // It is asked again after a while, for X.509 and for JWT bundles, and only then can refuse.
    until("streams", async || (sources.agent.streams() > 1).then_some(())).await;
    begin(lane);
    let start = Instant::now();
    sources.agent.refuse(Code::PermissionDenied);
    settled(guard, lane, false).await;
    assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
    begin(lane);
    give(guard, sources, domain, &[trusted]);
    settled(guard, lane, true).await;
}

/// From now on either answer is right.
fn begin(lane: &Lane) {
    assert_eq!(lane.turn.fetch_add(1, Ordering::SeqCst) % 2, 0);
}

/// Waits for an answer, from which on no other is right.
async fn settled(guard: &Guard, lane: &Lane, allowed: bool) {
    until("the change", async || (guard.check(lane.check.clone()).await.is_allow() == allowed).then_some(())).await;
    lane.allowed.store(allowed, Ordering::SeqCst);
    lane.turn.fetch_add(1, Ordering::SeqCst);
}

async fn settle(guard: &Guard, lane: &Lane, allowed: bool) {
    begin(lane);
    settled(guard, lane, allowed).await;
}

/// Waits until those of a trust domain have been answered a hundred times more: nothing about them has changed.
async fn answered(domain: &Domain) {
    for lane in &domain.lanes {
        let before = lane.answered.load(Ordering::SeqCst);
        until("answers", async || (lane.answered.load(Ordering::SeqCst) >= before + 100).then_some(())).await;
    }
}

/// Asks for everybody in turn, over a connection of its own, until all is done; says how often.
fn ask(guard: &Guard, domains: &[Domain; 4], done: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let (mut client, done) = (guard.client(), Arc::clone(done));
    let lanes: Vec<Arc<Lane>> = domains.iter().flat_map(|domain| &domain.lanes).cloned().collect();
    tokio::spawn(async move {
        let mut asked = 0;
        while !done.load(Ordering::Relaxed) {
            for lane in &lanes {
                let (turn, allowed) = (lane.turn.load(Ordering::SeqCst), lane.allowed.load(Ordering::SeqCst));
                let answer = Answer(client.check(lane.check.clone()).await.unwrap().into_inner());
                let steady = turn % 2 == 0 && turn == lane.turn.load(Ordering::SeqCst);
                assert!(!steady || answer.is_allow() == allowed, "{}: {answer:?}", lane.id);
                match answer.is_allow() {
                    true => drop(answer.allowed()),
                    false => drop(answer.denied("peer_untrusted")),
                }
                lane.answered.fetch_add(1, Ordering::SeqCst);
                asked += 1;
            }
        }
        asked
    })
}

const ENDPOINT: &str = "spiffe://partner.example/spire/server";
