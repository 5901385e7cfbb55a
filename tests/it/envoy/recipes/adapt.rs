//! A recipe's files as this machine can run them: other paths, ports, users and times, and not one setting more.

use std::{fs, net::SocketAddr, path::Path};

use hopguard::clock::Timestamp;
use rustix::process::geteuid;

use super::recipe::Recipe;
use crate::envoy::leaf::DAY;

/// Hopguard's configuration. What a pod is told by `--self` stands in it, where no Workload API tells.
pub(super) fn hopguard(recipe: &Recipe, folder: &Path, agent: &str, deadline: Option<&str>) -> String {
    let text = recipe.read("hopguard.yaml");
    let own = |line: &str| line.trim_start().strip_prefix("- ").is_some_and(|id| id.parse::<u32>().is_ok());
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let users: Vec<_> = lines.iter_mut().filter(|line| own(line)).collect();
    assert_eq!(users.len(), 1, "{}: one user asks", recipe.name);
    users.into_iter().for_each(|line| *line = format!("    - {}", geteuid().as_raw()));
    let state = folder.join("state").display().to_string();
    let socket = folder.join("check.sock").display().to_string();
    let mut rows = vec![
        ("0.0.0.0:9192", "127.0.0.1:0"),
        ("/run/hopguard/check.sock", &socket),
        ("/var/lib/hopguard/state", &state),
        ("file: '-'", "file: audit.jsonl"),
    ];
    let has_agent = text.contains("workload_api:");
    if has_agent {
        rows.push(("unix:/run/spiffe/workload/spire-agent.sock", agent));
    } else {
        lines.push(format!("self: {}", recipe.this));
    }
    if let Some(deadline) = deadline {
        lines.push(format!("limits: {{deadline: {deadline}}}"));
    }
    swapped(&lines.join("\n"), &rows)
}

/// What was approved, as of now.
pub(super) fn documents(recipe: &Recipe, now: Timestamp) -> String {
    let from = Timestamp::from_seconds(now.seconds() - 86_400);
    let line = |line: &str| match line.trim_start().split_once(": ") {
        Some((key @ ("notBefore" | "reviewBy"), _)) => format!("  {key}: {from}"),
        Some((key @ "expiresAt", _)) => format!("  {key}: {}", now.after(30 * DAY)),
        _ => line.to_owned(),
    };
    recipe.read("documents.yaml").lines().map(|text| line(text) + "\n").collect()
}

/// Envoy's configuration, with secrets from files where an agent or a control plane gives them. None: as patient as it is written.
pub(super) fn envoy(recipe: &Recipe, folder: &Path, workload: SocketAddr, patience: Option<&str>) -> String {
    let socket = folder.join("check.sock").display().to_string();
    let home = folder.display().to_string();
    let port = format!("port_value: {}", workload.port());
    let patience = patience.map(|patience| format!(" timeout: {patience}"));
    let mut rows = vec![("/run/hopguard/check.sock", &*socket), ("port_value: 8080", &port)];
    rows.extend(patience.iter().map(|patience| (recipe.patience, &**patience)));
    rows.extend_from_slice(match recipe.name {
        "plain-envoy" => &[("port_value: 9901", "port_value: 0"), ("port_value: 8443", "port_value: 0")],
        "envoy-spire" => &[
            ("port_value: 9901", "port_value: 0"),
            ("port_value: 8443", "port_value: 0"),
            (AGENT, FROM_AGENT),
            ("sds_config: *agent", FROM_AGENT),
        ],
        "istio-sidecar" => &[
            ("port_value: 15000", "port_value: 0"),
            ("port_value: 15006", "port_value: 0"),
            ("port_value: 15016", "port_value: 0"),
        ],
        "istio-ambient" => &[("port_value: 15000", "port_value: 0"), ("port_value: 15008", "port_value: 0")],
        "envoy-gateway" => &[
            ("port_value: 19000", "port_value: 0"),
            ("port_value: 10443", "port_value: 0"),
            // Nobody asks Envoy Gateway here: a name that is not resolved would hold up the start.
            ("type: STRICT_DNS", "type: STATIC"),
            ("envoy-gateway.envoy-gateway-system.svc.cluster.local", "127.0.0.1"),
        ],
        other => panic!("{other} is no recipe"),
    });
    rows.push(("address: 0.0.0.0", "address: 127.0.0.1"));
    if recipe.name == "plain-envoy" {
        rows.push(("/etc/envoy", &home));
    }
    secrets(&swapped(&recipe.read("envoy.yaml"), &rows), folder)
}

/// The text with each row's first part, which is in it, replaced by its second.
fn swapped(text: &str, rows: &[(&str, &str)]) -> String {
    rows.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from} is not there");
        text.replace(from, to)
    })
}

/// Names a file for each secret that would come by gRPC, and writes it.
fn secrets(text: &str, folder: &Path) -> String {
    let (mut is_svid, mut name) = (false, String::new());
    let mut lines = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("tls_certificate_sds_secret_configs:") {
            is_svid = true;
        } else if trimmed.starts_with("validation_context_sds_secret_config:") {
            is_svid = false;
        }
        if let Some(said) = trimmed.trim_start_matches("- ").strip_prefix("name: ") {
            name = said.to_owned();
        }
        let is_remote = trimmed.starts_with("sds_config:") && trimmed.contains("api_config_source");
        if !is_remote {
            lines.push(line.to_owned());
            continue;
        }
        let file = folder.join(if is_svid { "svid.secret.yaml" } else { "roots.secret.yaml" });
        fs::write(&file, secret(&name, is_svid, folder)).unwrap();
        let indent = " ".repeat(line.len() - trimmed.len());
        let source = format!("{{resource_api_version: V3, path_config_source: {{path: {}}}}}", file.display());
        lines.push(format!("{indent}sds_config: {source}"));
    }
    lines.join("\n")
}

fn secret(name: &str, is_svid: bool, folder: &Path) -> String {
    let folder = folder.display();
    let held = if is_svid {
        format!(
            "tls_certificate:
      certificate_chain: {{filename: {folder}/tls/tls.crt}}
      private_key: {{filename: {folder}/tls/tls.key}}"
        )
    } else {
        format!("validation_context:\n      trusted_ca: {{filename: {folder}/trust/roots.pem}}")
    };
    format!(
        "resources:
  - \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
    name: {name}
    {held}
"
    )
}

/// How the shipped configuration writes where SPIRE's agent is, for the first time, and the same in a line.
const AGENT: &str = "sds_config: &agent
                      resource_api_version: V3
                      api_config_source:
                        api_type: GRPC
                        transport_api_version: V3
                        set_node_on_first_message_only: true
                        grpc_services: [{envoy_grpc: {cluster_name: spire-agent}}]";
const FROM_AGENT: &str = "sds_config: {api_config_source: {}}";
