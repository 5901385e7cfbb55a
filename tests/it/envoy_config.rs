//! The Envoy configurations that are shipped: Envoy takes them, and the linter has nothing to say about them.

use std::{fs, path::Path, process::Command};

use hopguard::{
    clock::Clock,
    dev::envoy::{CheckAddress, Listener},
    envoy::{Expect, Severity, lint},
};

use crate::envoy::{Authorities, ENVOY, rendered};

/// A shipped file.
pub(crate) fn shipped(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/envoy").join(name);
    fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// Puts the shipped files into a folder, with their paths in it; `who` is the workload that they are for.
pub(crate) fn unpack(folder: &Path, authorities: &Authorities, who: &str) {
    let tls = folder.join("tls");
    fs::create_dir_all(&tls).unwrap();
    authorities.svid(who).write(&tls.join("svid")).unwrap();
    fs::write(tls.join("roots.pem"), authorities.pem()).unwrap();
    let public = folder.join("public");
    fs::create_dir_all(&public).unwrap();
    authorities.svid(who).write(&public.join("tls")).unwrap();
    for name in SHIPPED.iter().chain(&SECRETS) {
        let text = shipped(name).replace("/etc/envoy", &folder.display().to_string());
        fs::write(folder.join(name), text).unwrap();
    }
}

/// `plain.yaml` with the cluster that the README shows for a Hopguard on another host.
pub(crate) fn over_tls(plain: &str) -> String {
    let readme = shipped("README.md");
    let (_, shown) = readme.split_once("```yaml\n- name: hopguard\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let shown: String = shown.lines().map(|line| format!("    {line}\n")).collect();
    let (before, old) = plain.split_once("    - name: hopguard\n").unwrap();
    let (_, after) = old.split_once("    - name: workload\n").unwrap();
    format!("{before}    - name: hopguard\n{shown}    - name: workload\n{after}")
}

#[test]
fn envoy_takes_every_configuration_that_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    unpack(folder.path(), &Authorities::new(Clock::default().now()), "payments");
    let folder_name = folder.path().display().to_string();
    let shown = over_tls(&shipped("plain.yaml")).replace("/etc/envoy", &folder_name);
    fs::write(folder.path().join("shown.yaml"), shown).unwrap();
    for name in SHIPPED.into_iter().chain(["shown.yaml"]) {
        let mut envoy = Command::new(&*ENVOY);
        let checked =
            envoy.args(["--mode", "validate", "-l", "error", "-c"]).arg(folder.path().join(name)).output().unwrap();
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn the_linter_finds_nothing_in_what_is_shipped() {
    for name in SHIPPED {
        assert_eq!(lint(&shipped(name), &Expect::default()), Ok(vec![]), "{name}");
    }
    assert_eq!(lint(&over_tls(&shipped("plain.yaml")), &Expect::default()), Ok(vec![]));
}

#[test]
fn the_playgrounds_envoys_leave_paths_to_hopguard_and_undo_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let listener = Listener::new("inbound", CheckAddress::Unix("/run/hopguard/check.sock".into()));
    let findings = lint(&rendered(folder.path(), vec![listener]).to_string(), &Expect::default()).unwrap();
    assert!(findings.iter().all(|finding| finding.severity == Severity::Warning), "{findings:#?}");
    let mut codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["hcm.escaped_slashes", "hcm.merge_slashes", "hcm.normalize_path"]);
}

#[test]
fn no_file_is_shipped_unseen() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/envoy");
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "README.md");
    names.sort_unstable();
    let mut known = [&SHIPPED[..], &SECRETS[..]].concat();
    known.sort_unstable();
    assert_eq!(names, known);
}

/// The configurations.
pub(crate) const SHIPPED: [&str; 4] = ["plain.yaml", "spire-sds.yaml", "tcp.yaml", "edge.yaml"];
/// What they name.
const SECRETS: [&str; 2] = ["plain-svid.yaml", "plain-roots.yaml"];
