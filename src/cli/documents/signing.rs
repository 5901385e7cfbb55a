//! Signatures of people: made by `ssh-keygen`, never by this program, which reads no private key.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Context;

use super::{Failure, fields};
use crate::{
    approval::{NAMESPACE, canonical, signed_part},
    store::write::render::{mapping, sequence, string},
    yaml::{Kind, Node, Problem},
};

/// The bytes of a document that people sign.
pub(crate) fn signed_bytes(label: &str, document: &Node) -> Result<Vec<u8>, Failure> {
    let part = signed_part(document).map_err(|why| {
        let problem = Problem::at(label, why.at.line, why.at.column, &why.message);
        Failure::from(Problem { field: why.field, ..problem })
    })?;
    Ok(canonical(&part))
}

/// Lets `ssh-keygen` sign with the key in `key`, or with that one's agent.
pub(crate) fn sign(key: &Path, message: &[u8]) -> Result<String, Failure> {
    let failed = |error: anyhow::Error| Failure::World(error);
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run `ssh-keygen`, which signs: install OpenSSH, or sign elsewhere and give `--signature`")
        .map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        // If it reads nothing it says why itself.
        let _ = input.write_all(message);
    }
    let output = child.wait_with_output().context("cannot wait for `ssh-keygen`").map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Refused(format!("`ssh-keygen` has not signed: {}", said.trim())));
    }
    String::from_utf8(output.stdout).context("`ssh-keygen` has not written text").map_err(failed)
}

/// The document with one more signature; another one of the same person goes.
pub(crate) fn with_signature(document: &Node, by: &str, armoured: &str) -> Node {
    let kept = match fields::at(document, &["spec", "signatures"]).map(|node| &node.kind) {
        Some(Kind::Sequence(items)) => {
            items.iter().filter(|item| fields::text(item, &["by"]) != Some(by)).cloned().collect()
        }
        _ => Vec::new(),
    };
    let added = mapping([("by", string(by)), ("signature", string(format!("{}\n", armoured.trim())))]);
    fields::with(document, "signatures", sequence(kept.into_iter().chain([added])))
}

/// Whether somebody has signed it already.
pub(crate) fn is_signed(document: &Node) -> bool {
    fields::at(document, &["spec", "signatures"]).is_some()
}
