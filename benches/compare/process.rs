//! A server in a process of its own: started, measured from outside, and ended with its owner.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::mesh::{self, Mesh, Result};

/// One of the servers that are compared.
pub(crate) struct Server {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// Where it answers.
    pub(crate) socket: PathBuf,
    log: PathBuf,
    child: Child,
}

impl Server {
    /// This executable again, saying yes.
    pub(crate) fn noop(mesh: &Mesh) -> Result<Self> {
        let socket = mesh.folder().join("noop.sock");
        let mut command = Command::new(env::current_exe()?);
        command.arg(crate::SERVE).arg(&socket);
        Self::start("no-op tonic", socket, command)
    }

    /// The product, with everything enforced and its records on disk.
    pub(crate) fn hopguard(mesh: &Mesh) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hopguard"));
        command.arg("serve").arg("--config").arg(mesh.config());
        Self::start("hopguard", mesh.socket(), command)
    }

    /// The OPA-Envoy plugin with the same grants as data, if `$OPA_ENVOY_BIN` names one.
    pub(crate) fn opa(mesh: &Mesh) -> Result<Option<Self>> {
        let Some(program) = env::var_os("OPA_ENVOY_BIN") else {
            return Ok(None);
        };
        let socket = mesh.folder().join("opa.sock");
        let policy = mesh.folder().join("opa.rego");
        let data = mesh.folder().join("opa.json");
        fs::write(&policy, include_str!("mesh.rego"))?;
        fs::write(&data, opa_data().to_string())?;
        let plugin = "plugins.envoy_ext_authz_grpc";
        let mut command = Command::new(program);
        command
            .args(["run", "--server", "--disable-telemetry", "--log-level=error"])
            .arg(format!("--addr=unix://{}", mesh.folder().join("opa-rest.sock").display()))
            .arg(format!("--set={plugin}.addr=unix://{}", socket.display()))
            .arg(format!("--set={plugin}.path=envoy/authz/allow"))
            .args([policy, data]);
        Self::start("OPA-Envoy", socket, command).map(Some)
    }

    fn start(name: &'static str, socket: PathBuf, mut command: Command) -> Result<Self> {
        let log = socket.with_extension("log");
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().map_err(|error| format!("{name} does not start: {error}"))?;
        Ok(Self { name, socket, log, child })
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("{} ended ({status})", self.name))
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The time that its threads have had a processor for, to the nanosecond.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(self.proc().join("task"))? {
            let path = task?.path().join("schedstat");
            let text = fs::read_to_string(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
            nanos += text.split_whitespace().next().ok_or("schedstat is empty")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// The memory it has, in MiB.
    pub(crate) fn resident(&self) -> Result<f64> {
        let status = fs::read_to_string(self.proc().join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
    }

    fn proc(&self) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The grants of [`Mesh`], as data for the policy `mesh.rego`.
fn opa_data() -> serde_json::Value {
    let grant = |version| {
        serde_json::json!({
            "methods": ["GET", "POST"],
            "path": format!("/v{version}/**"),
            "audience": mesh::BACKEND,
            "purposes": ["billing.invoice"],
            "expires_ns": i64::MAX,
        })
    };
    let grants: Vec<_> = (0..mesh::GRANTS_EACH).map(grant).collect();
    let callers: serde_json::Map<_, _> = mesh::callers().map(|caller| (caller, grants.clone().into())).collect();
    serde_json::json!({ "grants": callers })
}
