//! What a reload costs those who ask meanwhile: one server under a steady load, with and without a large data document replaced all the time.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    load::{Connection, Seen},
    mesh::{self, Mesh, Result},
    process::Server,
    until_it_allows,
};

/// Entries of the document.
const ENTRIES: usize = 100_000;
const QUICK_ENTRIES: usize = 1_000;
/// Checks a second: about what two cores answer in a fifth of their time.
const RATE: u32 = 500;
/// How long each part of a round takes, and how many rounds there are.
const PART: Duration = Duration::from_secs(8);
const ROUNDS: usize = 6;
/// How often the document is replaced.
const EVERY: Duration = Duration::from_secs(2);

/// Measures and prints.
pub(crate) async fn measure(quick: bool) -> Result<()> {
    let (entries, part, rounds) = if quick { (QUICK_ENTRIES, EVERY / 8, 1) } else { (ENTRIES, PART, ROUNDS) };
    let mesh = Mesh::write()?;
    let document = Document::write(&mesh, entries)?;
    let mut server = Server::hopguard(&mesh)?;
    until_it_allows(&mut server, &mesh.request).await?;
    let connection = Connection::open(&server.socket, &mesh.request).await?;
    connection.pace(RATE, part / 4).await?;

    let (mut still, mut swapping) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let calm = connection.pace(RATE, part).await?;
        let busy = {
            let replacing = document.replace(EVERY.min(part / 2));
            tokio::select! {
                seen = connection.pace(RATE, part) => seen?,
                failed = replacing => return failed,
            }
        };
        let ratio = busy.p99().as_secs_f64() / calm.p99().as_secs_f64();
        eprintln!("Round {round} of {rounds}: p99 {:?} and {:?}, {ratio:.2}×", calm.p99(), busy.p99());
        still.push(calm);
        swapping.push(busy);
        // What is still being read belongs to neither.
        settle(&server).await;
    }
    let swaps = server.log().matches("Snapshot swapped").count();
    if swaps <= rounds {
        return Err(format!("the document was swapped {swaps} times only\n{}", server.log()).into());
    }
    print(&Seen::all(still), &Seen::all(swapping), swaps, &document, server.resident()?);
    Ok(())
}

fn print(still: &Seen, swapping: &Seen, swaps: usize, document: &Document, resident: f64) {
    println!(
        "{RATE} Checks a second over one connection; a document of {} entries, {:.1} MiB, swapped {swaps} times.\n",
        document.entries,
        document.bytes as f64 / f64::from(1 << 20)
    );
    println!("{:<28}{:>12}{:>12}{:>8}", "", "as it is", "reloading", "");
    for (name, of) in
        [("p50, µs", 500), ("p90, µs", 900), ("p99, µs", 990), ("p99.9, µs", 999), ("the longest, µs", 1000)]
    {
        let (one, other) = (still.quantile(of).as_secs_f64() * 1e6, swapping.quantile(of).as_secs_f64() * 1e6);
        println!("{name:<28}{one:>12.0}{other:>12.0}{:>7.2}×", other / one);
    }
    println!("{:<28}{:>12}{:>12.1}", "RSS at the end, MiB", "", resident);
}

/// Waits until nothing was swapped for a while.
async fn settle(server: &Server) {
    let swaps = || server.log().matches("Snapshot swapped").count();
    let (mut before, mut since) = (swaps(), Instant::now());
    while since.elapsed() < EVERY {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if swaps() != before {
            (before, since) = (swaps(), Instant::now());
        }
    }
}

/// The document that the policy looks the caller up in, in two versions.
struct Document {
    place: PathBuf,
    versions: [PathBuf; 2],
    entries: usize,
    bytes: u64,
}

impl Document {
    fn write(mesh: &Mesh, entries: usize) -> Result<Self> {
        let folder = mesh.folder();
        let directory = folder.join("policy/approvals");
        fs::create_dir(&directory)?;
        fs::write(folder.join("policy/mesh.rego"), POLICY)?;
        let config = fs::read_to_string(mesh.config())?;
        fs::write(mesh.config(), config.replace("limits: {", "limits: {policy_bytes: 64MiB, "))?;
        let versions = ["one", "two"].map(|name| folder.join(name));
        for (number, path) in versions.iter().enumerate() {
            fs::write(path, document(entries, number)?)?;
        }
        let document =
            Self { place: directory.join("data.json"), bytes: fs::metadata(&versions[0])?.len(), versions, entries };
        document.show(0)?;
        Ok(document)
    }

    /// Replaces it in one step.
    fn show(&self, version: usize) -> Result<()> {
        let aside = self.place.with_file_name(".aside");
        if let Some(path) = self.versions.get(version % self.versions.len()) {
            fs::hard_link(path, &aside)?;
            fs::rename(&aside, &self.place)?;
            // Two names of one file are not renamed onto each other.
            let _ = fs::remove_file(aside);
        }
        Ok(())
    }

    /// Replaces it again and again.
    async fn replace(&self, every: Duration) -> Result<()> {
        let mut version = 0;
        loop {
            version += 1;
            self.show(version)?;
            tokio::time::sleep(every).await;
        }
    }
}

/// Grants, as somebody who keeps them as data would write them.
fn document(entries: usize, version: usize) -> Result<String> {
    let entry = |n: usize| {
        serde_json::json!({
            "name": format!("grant-{n}-{version}"),
            "owner": "team-backend",
            "audience": mesh::BACKEND,
            "methods": ["GET", "POST"],
            "paths": [format!("/v{}/**", n % 5), "/health"],
            "purposes": ["billing.invoice"],
            "approver": "alice@example.com",
            "expires_ns": i64::MAX,
        })
    };
    let callers = mesh::callers().chain((0..).map(|n| format!("spiffe://example.org/ns/default/sa/more-{n}")));
    let grants: serde_json::Map<_, _> =
        callers.take(entries).enumerate().map(|(n, caller)| (caller, entry(n))).collect();
    Ok(serde_json::json!({ "grants": grants }).to_string())
}

const POLICY: &str = r#"
package hopguard.authz

default decision := false

decision if {
	approval := data.approvals.grants[input.peer.spiffe_id]
	input.hop.method in approval.methods
	input.purpose.name in approval.purposes
	input.now < approval.expires_ns
}
"#;
