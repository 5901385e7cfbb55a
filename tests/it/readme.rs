//! The README does what it says: its commands are run, its documents are loaded, its tables are held against the code.

mod page;
mod shell;

use std::{collections::BTreeMap, fs, os::unix::fs::symlink, path::Path, time::Duration};

use hopguard::{
    clock::Clock,
    config::Config,
    decision::{Reason, Status},
    dev::{
        ask,
        envoy::{CheckAddress, Listener},
    },
    policy::{Entrypoint, Options, Policy, Source},
    store::{Directory, Rules},
    yaml,
};
use http::StatusCode;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use self::{
    page::{KUBERNETES, README, blocks, commands, json, said_of, tagged},
    shell::{Running, shell},
};
use crate::{
    envoy::{rendered, validated},
    harness::{authority, until},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_block_is_of_a_kind_that_is_tested() {
    for block in blocks(README).into_iter().chain(blocks(KUBERNETES)) {
        let known = ["text", "sh", "sh background", "sh playground", "yaml", "rego"];
        assert!(known.contains(&block.tag), "`{}`", block.tag);
    }
}

#[test]
fn what_make_is_told_is_a_target_that_ci_runs() {
    let makefile = fs::read_to_string(Path::new(ROOT).join("Makefile")).unwrap();
    let ci = fs::read_to_string(Path::new(ROOT).join(".ci/run")).unwrap();
    let told = [commands("sh", "make"), commands("text", "make")].concat();
    let documented = "demo test conformance oracle nightly chart fuzz sbom reproduce bench".split(' ');
    assert_eq!(told, documented.map(|target| format!("make {target}")).collect::<Vec<_>>());
    let by_chart = fs::read_to_string(Path::new(ROOT).join("tests/chart/test_image.py")).unwrap();
    for command in told {
        let target = command.trim_start_matches("make ");
        let rule = makefile.split(&format!("\n{target}:")).nth(1).unwrap_or_else(|| panic!("no target `{target}`"));
        let mut steps = rule.lines().skip(1).take_while(|line| line.starts_with('\t')).map(str::trim);
        // A measurement takes too long for each change: that it runs at all is what is tried.
        let in_ci = ci.contains(&format!("step {command}\n"))
            || by_chart.contains(&format!("make(\"{target}\")"))
            || steps.all(|step| ci.contains(step.split(" -- ").next().unwrap_or(step)));
        // And so do a night, and two optimised builds.
        assert!(in_ci || ["nightly", "reproduce"].contains(&target), "{command}");
    }
}

#[test]
fn every_command_for_a_shell_succeeds() {
    for text in tagged("sh").into_iter().filter(|text| !text.starts_with("make ")) {
        let folder = tempfile::tempdir().unwrap();
        let ran = shell(folder.path(), &text);
        assert!(ran.status.success(), "{text}{}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[tokio::test]
async fn the_example_can_be_checked_and_served_once_its_files_exist() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let writes = commands("sh", "hopguard").into_iter().find(|line| line.ends_with("> hopguard.yaml")).unwrap();
    assert!(shell(folder.path(), &writes).status.success());
    // What belongs to the machine and not to whoever tries it: where sockets, ports and logs are.
    let mut config = fs::read_to_string(path("hopguard.yaml")).unwrap();
    for (there, here) in [
        ("/run/hopguard/", folder.path().join("")),
        ("/var/log/hopguard/", folder.path().join("")),
        (":9192", ":0".into()),
    ] {
        assert!(config.contains(there), "{there}");
        config = config.replace(there, here.to_str().unwrap());
    }
    fs::write(path("hopguard.yaml"), config).unwrap();
    fs::write(path("roots.pem"), authority(Clock::default().now()).pem()).unwrap();
    fs::create_dir(path("policy")).unwrap();
    fs::copy(Path::new(ROOT).join("rego/hopguard.rego"), path("policy/hopguard.rego")).unwrap();
    fs::create_dir(path("documents")).unwrap();
    fs::write(path("documents/all.yaml"), documents()).unwrap();

    let [check, serve, envoy, asking] = &commands("text", "hopguard")[..] else {
        panic!("more commands than are tested")
    };
    fs::copy(Path::new(ROOT).join("deploy/envoy/plain.yaml"), path("envoy.yaml")).unwrap();
    let checked = shell(folder.path(), envoy);
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
    let checked = shell(folder.path(), check);
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
    let mut serving = Running::start(&folder, &format!("exec {serve} --admin-address-file admin"));
    until("readiness", async || {
        let admin = fs::read_to_string(path("admin")).ok()?.trim().parse().ok()?;
        matches!(ask::get(admin, "/readyz").await, Ok((StatusCode::OK, _))).then_some(())
    })
    .await;
    let asked = shell(folder.path(), &asking.replace("/run/hopguard", folder.path().to_str().unwrap()));
    assert!(asked.status.success(), "{}{}", text(&asked.stdout), text(&asked.stderr));
    assert!(text(&asked.stdout).contains("peer_missing"), "{}", text(&asked.stdout));
    serving.signal(Signal::TERM);
    assert!(serving.child.wait().unwrap().success());
}

#[tokio::test]
async fn the_playground_answers_as_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("target/release")).unwrap();
    symlink(env!("CARGO_BIN_EXE_hopguard"), folder.path().join("target/release/hopguard")).unwrap();
    let [background] = &tagged("sh background")[..] else { panic!("one playground") };
    let _running = Running::start(&folder, background);
    until("the playground", async || folder.path().join("shop/run.json").exists().then_some(())).await;
    for block in tagged("sh playground") {
        let (mut before, mut edited) = (String::new(), false);
        for line in block.lines() {
            let (command, said) = said_of(line);
            let script = format!("{before}{command}");
            match said {
                Some(said) if edited => until(line, async || called(&folder, &script, said).ok()).await,
                Some(said) => called(&folder, &script, said).unwrap_or_else(|why| panic!("{line}\n{why}")),
                None => {
                    let ran = shell(folder.path(), &script);
                    assert!(ran.status.success(), "{line}\n{}", text(&ran.stderr));
                    edited |= command.starts_with("sed ");
                    if command.starts_with("tail ") {
                        let record: Value = serde_json::from_slice(&ran.stdout).unwrap();
                        assert_eq!(record["answered"], "allow", "{record}");
                    }
                }
            }
            if command.starts_with("export ") {
                before = format!("{script}\n");
            }
        }
    }
}

/// Makes a call and holds what it prints against what is said of it: `200`, or a status and a reason.
fn called(folder: &TempDir, script: &str, said: &str) -> Result<(), String> {
    let ran = shell(folder.path(), script);
    let printed = text(&ran.stdout);
    let field = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let (status, reason) = said.split_once(' ').unwrap_or((said, "allowed"));
    let wanted = (Some(status.to_owned()), Some(reason.to_owned()), Some(i32::from(reason != "allowed")));
    let is_whole = ["decision ", "to change it "].iter().all(|name| field(name).is_some());
    if (field("status "), field("reason "), ran.status.code()) == wanted && is_whole {
        return Ok(());
    }
    Err(format!("{printed}{}", text(&ran.stderr)))
}

#[test]
fn the_documents_load() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yaml"), documents()).unwrap();
    let documents = Directory::new(folder.path(), Rules::default()).read(Clock::default().now()).unwrap();
    assert!(documents.problems.is_empty(), "{:?}", documents.problems);
    assert_eq!(documents.grants.len(), 1);
}

#[test]
fn the_further_fields_of_a_grant_load_in_the_place_of_its_actions() {
    let fields = tagged("yaml").into_iter().find(|text| text.starts_with("  onBehalfOf:")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let lines =
        documents().lines().filter(|line| !line.starts_with("  actions:")).map(str::to_owned).collect::<Vec<_>>();
    fs::write(folder.path().join("all.yaml"), format!("{}\n{fields}", lines.join("\n"))).unwrap();
    let documents = Directory::new(folder.path(), Rules::default()).read(Clock::default().now()).unwrap();
    assert!(documents.problems.is_empty(), "{:?}", documents.problems);
}

#[test]
fn the_parts_of_a_configuration_load_together() {
    let parts: Vec<String> = tagged("yaml")
        .into_iter()
        .filter(|text| ["trust:", "tokens:"].iter().any(|key| text.starts_with(key)))
        .collect();
    assert_eq!(parts.len(), 2);
    let rest =
        "self: spiffe://prod.example/ns/ledger/sa/api\nstore: {directory: documents}\npolicy: {directory: policy}\n";
    Config::parse(Path::new("/etc/hopguard/hopguard.yaml"), &format!("{rest}{}", parts.concat())).unwrap();
}

#[test]
fn the_rule_compiles_beside_the_policy_that_ships() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(Path::new(ROOT).join("rego/hopguard.rego"), folder.path().join("hopguard.rego")).unwrap();
    for (index, rule) in tagged("rego").into_iter().enumerate() {
        fs::write(folder.path().join(format!("rule{index}.rego")), rule).unwrap();
    }
    let source = Source::read(folder.path(), 1 << 20).unwrap();
    let entrypoint = Entrypoint::parse("data.hopguard.authz.decision").unwrap();
    Policy::compile(&source, &Options::new(entrypoint, Duration::from_secs(1))).unwrap();
}

#[test]
fn the_envoy_settings_are_those_that_are_rendered_and_envoy_takes_them() {
    for page in [README, KUBERNETES] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = envoys_configuration(folder.path());
        let [filters, clusters] = [FILTERS, CLUSTERS].map(|path| format!("{path}/0"));
        let fragments =
            blocks(page).into_iter().filter(|block| block.tag == "yaml" && block.text.starts_with("- name:"));
        let mut count = 0;
        for fragment in fragments {
            let fragment = &json(&yaml::parse("README.md", &fragment.text).unwrap()[0])[0];
            let place = if fragment["name"] == "hopguard" { &clusters } else { &filters };
            let rendered = config.pointer_mut(place).unwrap();
            // The settings that matter, not all of them.
            assert_within(fragment, rendered);
            *rendered = fragment.clone();
            count += 1;
        }
        assert!(count > 0);
        validated(folder.path(), &config).unwrap();
    }
}

#[test]
fn the_connection_managers_settings_are_those_that_are_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let config = envoys_configuration(folder.path());
    let rendered = config.pointer(MANAGER).unwrap();
    let told = KUBERNETES.split("The connection manager").nth(1).unwrap();
    let told: Vec<&str> = told.split('`').skip(1).step_by(2).filter(|text| text.contains(": ")).collect();
    assert!(told.len() > 5);
    for setting in told {
        assert_within(&json(&yaml::parse("README.md", setting).unwrap()[0]), rendered);
    }
}

/// The configuration that is rendered for an Envoy whose Hopguard is where it is by default.
fn envoys_configuration(folder: &Path) -> Value {
    let unix = CheckAddress::Unix("/run/hopguard/check.sock".into());
    rendered(folder, vec![Listener::new("hopguard", unix)])
}

/// That everything in `part` is the same in `whole`.
fn assert_within(part: &Value, whole: &Value) {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            for (name, value) in part {
                assert_within(value, whole.get(name).unwrap_or_else(|| panic!("`{name}` is not rendered")));
            }
        }
        _ => assert_eq!(part, whole),
    }
}

#[test]
fn the_reasons_are_all_there_with_their_statuses() {
    let rows: BTreeMap<&str, &str> = README
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | `"))
        .filter_map(|(status, rest)| Some((rest.split_once('`')?.0, status)))
        .collect();
    let status = |reason: Reason| match reason.status() {
        Status::BadRequest => "400",
        Status::Unauthorized => "401",
        Status::Forbidden => "403",
        Status::ServiceUnavailable => "503",
    };
    assert_eq!(rows, Reason::ALL.into_iter().map(|reason| (reason.as_str(), status(reason))).collect());
}

#[test]
fn every_file_that_is_named_is_there() {
    let links = README.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let quoted = README.split('`').skip(1).step_by(2);
    let folders = ["rego/", "src/", "deploy/", "tests/", "benches/"];
    let named = quoted.filter(|name| folders.iter().any(|folder| name.starts_with(folder)));
    let mut count = 0;
    for name in links.filter(|link| !link.contains("://")).chain(named) {
        let file = name.split('#').next().unwrap();
        assert!(Path::new(ROOT).join(file).exists(), "{name}");
        count += 1;
    }
    assert!(count > 5, "{count}");
}

const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const FILTERS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
const CLUSTERS: &str = "/static_resources/clusters";

fn documents() -> String {
    tagged("yaml").into_iter().filter(|text| text.starts_with("apiVersion:")).collect::<Vec<_>>().join("---\n")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_case_that_differs_from_opas_plugin_on_purpose_is_in_the_table_of_differences() {
    let read = |name: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let cases: Vec<String> = serde_json::from_str(&read("tests/conformance/deviations.json")).unwrap();
    let table = read("docs/opa-envoy.md");
    assert!(cases.len() > 10);
    for case in cases {
        assert!(table.contains(&format!("`{case}`")), "{case}");
    }
}
