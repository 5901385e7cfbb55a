//! Every configuration that is rendered or shipped is one that Envoy takes as it is.

use std::{fs, path::Path, process::Command, time::Duration};

use hopguard::{
    clock::Clock,
    dev::envoy::{CheckAddress, Inbound, Listener},
};
use serde_json::Value;

use super::{ENVOY, leaf::Authorities};

/// Asks Envoy what it thinks of a configuration: nothing, or what is wrong with it.
pub(crate) fn validated(folder: &Path, config: &Value) -> Result<(), String> {
    let file = folder.join("validated.json");
    fs::write(&file, config.to_string()).unwrap();
    let checked = Command::new(&*ENVOY).args(["--mode", "validate", "-l", "error", "-c"]).arg(file).output().unwrap();
    if checked.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&checked.stderr).into_owned()) }
}

/// The configuration that is rendered for a workload, with the files that it names.
pub(crate) fn rendered(folder: &Path, listeners: Vec<Listener>) -> Value {
    let authorities = Authorities::new(Clock::default().now());
    authorities.svid("payments").write(&folder.join("payments")).unwrap();
    fs::write(folder.join("roots.pem"), authorities.pem()).unwrap();
    let inbound = Inbound {
        certificate: folder.join("payments.pem"),
        key: folder.join("payments.key"),
        roots: folder.join("roots.pem"),
        upstream: ([127, 0, 0, 1], 8080).into(),
        listeners,
    };
    let secret = folder.join("svid.json");
    fs::write(&secret, inbound.secret().to_string()).unwrap();
    inbound.bootstrap(&secret)
}

#[test]
fn envoy_takes_every_configuration_that_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let unix = || CheckAddress::Unix("/run/hopguard/check.sock".into());
    let tcp = CheckAddress::Tcp(([127, 0, 0, 1], 9191).into());
    let rows = [
        vec![Listener::new("inbound", unix())],
        vec![Listener::new("inbound", unix()), Listener::new("miswired", unix())],
        vec![Listener { timeout: Duration::from_millis(1500), ..Listener::new("inbound", tcp) }],
        vec![Listener { dangerous_failure_mode_allow: true, ..Listener::new("inbound", unix()) }],
    ];
    for listeners in rows {
        let config = rendered(folder.path(), listeners);
        validated(folder.path(), &config).unwrap_or_else(|why| panic!("{why}\n{config:#}"));
    }
}

#[test]
fn envoy_refuses_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let unix = CheckAddress::Unix("/run/hopguard/check.sock".into());
    let mut config = rendered(folder.path(), vec![Listener::new("inbound", unix)]);
    config["static_resources"]["listeners"][0]["authorise"] = true.into();
    let why = validated(folder.path(), &config).unwrap_err();
    // Protobuf varies the spaces of its messages, so that nobody relies on them.
    assert!(why.contains("'authorise'"), "{why}");
}
