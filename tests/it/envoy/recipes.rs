//! The recipes for Kubernetes, live: the Envoy that each results in asks a Hopguard with the chart's settings, and neither mistakes a caller.

mod adapt;
mod recipe;
mod scene;
mod tunnel;

use std::{collections::BTreeSet, fs, process::Command, time::Duration};

use hopguard::{
    config::Config,
    envoy::{Expect, lint},
};
use rustix::process::Signal;

use self::{
    recipe::{FRONTEND, RECIPES, Recipe, STRANGER, WEAKENED},
    scene::Scene,
};
use super::{ENVOY, run};
use crate::{envoy_config::shipped, harness::until};

#[test]
fn envoy_takes_what_each_recipe_results_in() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().display().to_string();
    for recipe in &RECIPES {
        let file = folder.path().join("envoy.yaml");
        let text = recipe.read("envoy.yaml");
        // The files that it names are looked for.
        for name in ["svid.yaml", "roots.yaml"].into_iter().filter(|name| text.contains(&format!("/etc/envoy/{name}")))
        {
            fs::write(folder.path().join(name), recipe.read(name)).unwrap();
        }
        fs::write(&file, text.replace("/etc/envoy", &here)).unwrap();
        let checked =
            Command::new(&*ENVOY).args(["--mode", "validate", "-l", "error", "-c"]).arg(&file).output().unwrap();
        assert!(checked.status.success(), "{}: {}", recipe.name, String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn an_envoy_of_ones_own_is_the_one_that_is_shipped() {
    let rows = [
        ("plain-envoy", "plain.yaml", &[("plain-svid.yaml", "svid.yaml"), ("plain-roots.yaml", "roots.yaml")][..]),
        ("envoy-spire", "spire-sds.yaml", &[("/run/spire/agent.sock", "/run/spiffe/workload/spire-agent.sock")][..]),
    ];
    for (name, of, replaced) in rows {
        let shipped = replaced.iter().fold(shipped(of), |text, (from, to)| text.replace(from, to));
        let body = |text: String| text.split_once("node:").unwrap().1.to_owned();
        assert_eq!(body(Recipe::named(name).read("envoy.yaml")), body(shipped), "{name}");
    }
}

#[test]
fn the_readme_names_what_the_linter_finds() {
    for recipe in RECIPES.iter().filter(|recipe| recipe.filter.is_empty()) {
        let found = lint(&recipe.read("envoy.yaml"), &Expect::default()).unwrap();
        let mut codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
        codes.sort_unstable();
        codes.dedup();
        let readme = recipe.read("README.md");
        let mut named: Vec<_> = readme.lines().filter_map(finding).collect();
        named.sort_unstable();
        assert_eq!(named, codes, "{}", recipe.name);
    }
}

#[test]
fn an_envoy_filter_gives_istio_what_its_api_has_no_word_for() {
    let codes = |recipe: &Recipe| -> BTreeSet<_> {
        lint(&recipe.read("envoy.yaml"), &Expect::default()).unwrap().iter().map(|finding| finding.code).collect()
    };
    let filtered = RECIPES.iter().find(|recipe| !recipe.filter.is_empty()).unwrap();
    let (without, with) = (codes(Recipe::named("istio-sidecar")), codes(filtered));
    let gone: Vec<_> = without.difference(&with).copied().collect();
    assert_eq!(
        gone,
        [
            "ext_authz.encode_raw_headers",
            "ext_authz.include_peer_certificate",
            "ext_authz.validate_mutations",
            "route.max_stream_duration"
        ]
    );
    assert!(with.is_subset(&without), "{with:?}");
    let filter = filtered.read("envoyfilter.yaml");
    for says in [
        "include_peer_certificate: true",
        "encode_raw_headers: true",
        "validate_mutations: true",
        "max_stream_duration: {max_stream_duration: 900s, grpc_timeout_header_max: 900s}",
    ] {
        assert!(filter.contains(says), "{says}");
    }
}

/// The code in a row of a README's table of findings.
fn finding(line: &str) -> Option<&str> {
    let (code, rest) = line.strip_prefix("| `")?.split_once("` |")?;
    (code.contains('.') && rest.contains('|')).then_some(code)
}

#[test]
fn what_was_granted_comes_through_and_nothing_else() {
    run(async {
        for recipe in &RECIPES {
            let scene = Scene::start(recipe).await;
            let reply = scene.send(Some(FRONTEND), "GET /charges", &["x-mark: granted"]).await;
            assert_eq!(reply.status, 200, "{}: {reply:?}", recipe.name);
            let heads = scene.workload.heads("granted");
            assert_eq!(heads[0].values("x-hopguard-peer"), [FRONTEND], "{}", recipe.name);
            let record = scene.record(&heads[0].values("x-hopguard-decision")[0]).await;
            assert_eq!(record["peer"]["assurance"], recipe.assurance, "{}", recipe.name);
            assert_eq!(record["self"], recipe.this, "{}", recipe.name);
            for (who, line) in [(FRONTEND, "GET /vault"), (FRONTEND, "DELETE /charges"), (STRANGER, "GET /charges")] {
                let reply = scene.send(Some(who), line, &[]).await;
                assert_eq!(reply.status, 403, "{}: {who} {line}: {reply:?}", recipe.name);
                let record = scene.record(&reply.decision().expect("Hopguard's own denial")).await;
                assert_eq!(record["reason"], "grant_missing", "{}", recipe.name);
                assert_eq!(record["peer"]["spiffe_id"], who, "{}", recipe.name);
            }
            assert_eq!(scene.workload.hits(), 1, "{}", recipe.name);
        }
    });
}

#[test]
fn who_holds_the_connection_is_who_calls_whatever_a_header_says() {
    run(async {
        for recipe in &RECIPES {
            let scene = Scene::start(recipe).await;
            for (index, forged) in scene.forgeries().iter().enumerate() {
                let reply = scene.send(Some(STRANGER), "GET /charges", &[forged]).await;
                assert_eq!(reply.status, 403, "{}: {forged}: {reply:?}", recipe.name);
                let record = scene.record(&reply.decision().expect("Hopguard's own denial")).await;
                assert_eq!(record["peer"]["spiffe_id"], STRANGER, "{}: {forged}", recipe.name);
                let mark = format!("x-mark: forged-{index}.");
                let reply = scene.send(Some(FRONTEND), "GET /charges", &[forged, &mark]).await;
                assert_eq!(reply.status, 200, "{}: {forged}: {reply:?}", recipe.name);
                let heads = scene.workload.heads(&mark);
                assert_eq!(heads[0].values("x-hopguard-peer"), [FRONTEND], "{}: {forged}", recipe.name);
                let shown = heads[0].values("x-forwarded-client-cert");
                assert!(shown.len() == 1 && !shown[0].contains("forged"), "{}: {shown:?}", recipe.name);
            }
        }
    });
}

#[test]
fn without_a_certificate_nobody_comes_in() {
    run(async {
        for recipe in &RECIPES {
            let scene = Scene::start(recipe).await;
            for forged in scene.forgeries() {
                let reply = scene.send(None, "GET /charges", &[&forged]).await;
                assert_eq!(reply.status, 0, "{}: {reply:?}", recipe.name);
            }
            // Nor by not speaking TLS at all.
            let said = scene.in_the_clear("GET /charges").await;
            assert!(!said.starts_with("HTTP/1.1 2"), "{}: {said}", recipe.name);
            assert_eq!((scene.workload.hits(), scene.checks()), (0, 0), "{}", recipe.name);
        }
    });
}

#[test]
fn a_certificate_below_an_intermediate_is_proved_wherever_one_is_shown() {
    run(async {
        for recipe in RECIPES.iter().filter(|recipe| recipe.assurance == "verified") {
            let scene = Scene::start(recipe).await;
            let reply = scene.send_below_an_intermediate(true, "GET /charges").await;
            assert_eq!(reply.map(|reply| reply.status), Some(200), "{}", recipe.name);
            let refused = scene.send_below_an_intermediate(false, "GET /charges").await;
            assert!(refused.is_none(), "{}: {refused:?}", recipe.name);
        }
    });
}

#[test]
fn hopguards_words_are_taken_out_of_a_callers_mouth() {
    run(async {
        for recipe in &RECIPES {
            let scene = Scene::start(recipe).await;
            let forged = [
                "x-mark: words",
                "x-hopguard-peer: spiffe://prod.internal/forged",
                "x-hopguard-grant: forged",
                "x-hopguard-forged: me",
                "x-original-url: /vault",
            ];
            let reply = scene.send(Some(FRONTEND), "GET /charges", &forged).await;
            assert_eq!(reply.status, 200, "{}: {reply:?}", recipe.name);
            let heads = scene.workload.heads("words");
            let kept: Vec<_> = heads[0].headers().into_iter().filter(|(_, value)| value.contains("forged")).collect();
            assert_eq!(kept, [], "{}", recipe.name);
            assert_eq!(heads[0].values("x-hopguard-peer"), [FRONTEND], "{}", recipe.name);
            for gone in ["x-hopguard-forged", "x-original-url"] {
                assert_eq!(heads[0].values(gone), [""; 0], "{}: {gone}", recipe.name);
            }
            // Nor does a twin with underscores come through, or a path that can be read in two ways.
            for (line, header) in [("GET /charges", "x_hopguard_peer: forged"), ("GET /charges%2Fx", "x-a: b")] {
                let reply = scene.send(Some(FRONTEND), line, &[header]).await;
                assert_eq!(reply.status, 400, "{}: {line} {header}: {reply:?}", recipe.name);
            }
            assert_eq!(scene.workload.hits(), 1, "{}", recipe.name);
        }
    });
}

#[test]
fn a_hopguard_that_stands_still_or_is_gone_is_a_closed_door() {
    run(async {
        for recipe in &RECIPES {
            // As patient as the recipe: a quarter of a second.
            let mut scene = Scene::waiting(recipe, None).await;
            scene.served().await;
            scene.sidecar().process().signal(Signal::STOP);
            scene.stands_still().await;
            let hits = scene.workload.hits();
            let unanswered = |what: &str| format!("{}: {what}", recipe.name);
            for who in [FRONTEND, STRANGER] {
                let reply = scene.send(Some(who), "GET /charges", &[]).await;
                assert_eq!((reply.status, reply.body.as_str()), (503, ""), "{}", unanswered("standing still"));
            }
            scene.sidecar().process().signal(Signal::CONT);
            scene.served().await;
            let served = scene.workload.hits();
            scene.kill().await;
            for who in [FRONTEND, STRANGER] {
                let reply = scene.send(Some(who), "GET /charges", &[]).await;
                assert_eq!((reply.status, reply.body.as_str()), (503, ""), "{}", unanswered("gone"));
            }
            assert!(served > hits, "{}", recipe.name);
            assert_eq!(scene.workload.hits(), served, "{}", recipe.name);
        }
    });
}

#[test]
fn what_somebody_sets_back_closes_doors_and_opens_none() {
    run(async {
        for (recipe, forger, honest) in &WEAKENED {
            let scene = Scene::start(recipe).await;
            let forged = scene.forgeries();
            let rows = [(STRANGER, &[&*forged[0]][..], Some(*forger)), (FRONTEND, &[][..], *honest)];
            for (who, headers, refused) in rows {
                let reply = scene.send(Some(who), "GET /charges", headers).await;
                let Some(decision) = reply.decision() else {
                    assert_eq!((reply.status, refused), (200, None), "{} {:?}: {who}", recipe.name, recipe.filter);
                    continue;
                };
                let reason = &scene.record(&decision).await["reason"];
                assert_eq!(reason.as_str(), refused, "{} {:?}: {who}", recipe.name, recipe.filter);
            }
            assert!(scene.workload.heads("forged").is_empty(), "{}", recipe.name);
        }
    });
}

#[test]
fn bytes_that_are_no_http_do_not_pass_an_istio_sidecar() {
    run(async {
        let recipe = Recipe::named("istio-sidecar");
        let scene = Scene::start(recipe).await;
        let address = scene.listener("passthrough").await;
        let heard = scene.say(address, FRONTEND, b"hello, is anybody there?\n\n").await;
        assert_eq!(heard, b"");
        let record = until("a record of the connection", async || scene.records().pop()).await;
        assert_eq!((record["answered"].as_str(), record["reason"].as_str()), (Some("deny"), Some("hop_malformed")));
        assert_eq!(scene.workload.hits(), 0);
    });
}

#[test]
fn envoy_waits_longer_than_hopguard_takes_in_every_recipe() {
    for recipe in &RECIPES {
        let config = format!("self: {}\n{}", recipe.this, recipe.read("hopguard.yaml"));
        let config = Config::parse("hopguard.yaml".as_ref(), &config);
        let deadline = config.unwrap_or_else(|problems| panic!("{}: {problems}", recipe.name)).limits.deadline;
        assert!(deadline < Duration::from_millis(250), "{}: {deadline:?}", recipe.name);
        assert!(recipe.read("envoy.yaml").contains(recipe.patience), "{}", recipe.name);
    }
}
