//! Everything that a Hopguard is started with, in a folder of its own.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use hopguard::{
    clock::{Clock, Timestamp},
    dev::Authority,
    peer::id,
};
use spiffe::TrustDomain;
use tempfile::TempDir;

use super::{FRONTEND, Grant, Guard, Hop, PAYMENTS, TRUST_DOMAIN, World, documents, envoy_pem};

/// A folder with configuration, roots, documents and policy, and the authority that mints SVIDs.
///
/// As it is, the frontend may `POST` to `/charge` for a `checkout`, and limits are far enough for a loaded machine.
pub(crate) struct Setup {
    folder: TempDir,
    authority: Authority,
    now: Timestamp,
    settings: BTreeMap<String, String>,
    arguments: Vec<String>,
    svid: String,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let (folder, now) = (tempfile::tempdir().unwrap(), Clock::default().now());
        let authority = authority(now);
        let svid = mint(&authority, FRONTEND, now, now.after(HOUR));
        let settings = [
            ("self", PAYMENTS.to_owned()),
            ("listen", format!("[{{address: \"unix:{}\"}}]", folder.path().join("check.sock").display())),
            ("admin.address", "\"127.0.0.1:0\"".to_owned()),
            ("trust", format!("[{{trust_domain: {TRUST_DOMAIN}, pem: roots.pem}}]")),
            ("store.directory", "documents".to_owned()),
            ("policy.directory", "policy".to_owned()),
            ("policy.timeout", "1s".to_owned()),
            ("audit.file", "audit.jsonl".to_owned()),
            ("limits.deadline", "10s".to_owned()),
            ("limits.workers", "2".to_owned()),
        ];
        let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let setup = Self { folder, authority, now, settings, arguments: Vec::new(), svid };
        setup.write("roots.pem", &setup.authority.pem());
        setup.write("documents/purposes.yaml", &["checkout", "refund"].map(documents::purpose).concat());
        setup.grants(&[Grant::to("/charge", now)]);
        setup.policy("decision := true");
        setup
    }

    /// The same, with every kind of token configured, and documents that know of them.
    pub(crate) fn with_tokens(mut self) -> Self {
        let world = self.world();
        for (key, value) in world.settings() {
            self.configure(key, &value);
        }
        self.write_bundles();
        self.remove("documents/purposes.yaml");
        self.write("documents/grants.yaml", &world.documents());
        self
    }

    /// Writes the files of keys as they were at first.
    pub(crate) fn write_bundles(&self) {
        for (name, content) in self.world().files(&[self.authority.root()]) {
            self.write(name, &content);
        }
    }

    /// Adds a file of grants.
    pub(crate) fn more_grants(&self, grants: &[Grant]) {
        self.write("documents/more.yaml", &grants.iter().map(Grant::yaml).collect::<String>());
    }

    /// This workload, the frontend, and who signs tokens for them.
    pub(crate) fn world(&self) -> World {
        let (this, caller) = (PAYMENTS.to_owned(), FRONTEND.to_owned());
        World { domain: TRUST_DOMAIN, this, caller, now: self.now }
    }

    /// Sets a key of the configuration, such as `limits.in_flight`, to a value in YAML.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.configure(key, value);
        self
    }

    /// Leaves a key out.
    pub(crate) fn unset(mut self, key: &str) -> Self {
        self.settings.remove(key);
        self
    }

    /// Sets a key, and writes the file if it has been written before.
    pub(crate) fn configure(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
        if self.config().exists() {
            self.write_config();
        }
    }

    /// Replaces the grants.
    pub(crate) fn grants(&self, grants: &[Grant]) {
        self.write("documents/grants.yaml", &grants.iter().map(Grant::yaml).collect::<String>());
    }

    /// Replaces the policy by these rules of `hopguard.authz`.
    pub(crate) fn policy(&self, rules: &str) {
        self.write("policy/authz.rego", &format!("package hopguard.authz\n\n{rules}\n"));
    }

    /// Replaces a file in one step, as editors and deployments do.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Its name begins with a dot and ends in nothing that is loaded.
        let aside = path.with_file_name(format!(".{}.aside", path.file_name().unwrap().to_str().unwrap()));
        fs::write(&aside, content).unwrap();
        fs::rename(aside, path).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("check.sock")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("audit.jsonl")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The certificate of `id` as Envoy sends it, from now on and for an hour.
    pub(crate) fn certificate(&self, id: &str) -> String {
        if id == FRONTEND { self.svid.clone() } else { mint(&self.authority, id, self.now, self.now.after(HOUR)) }
    }

    /// A hop of the frontend to `/charge`, that may happen.
    pub(crate) fn hop(&self) -> Hop<'_> {
        Hop::new(self)
    }

    /// Writes the configuration and names its file.
    pub(crate) fn write_config(&self) -> PathBuf {
        let mut text = String::new();
        let mut sections: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (key, value) in &self.settings {
            match key.split_once('.') {
                Some((section, key)) => sections.entry(section).or_default().push(format!("{key}: {value}")),
                None => text.push_str(&format!("{key}: {value}\n")),
            }
        }
        for (section, entries) in sections {
            text.push_str(&format!("{section}: {{{}}}\n", entries.join(", ")));
        }
        self.write("hopguard.yaml", &text);
        self.config()
    }

    /// Further arguments of `serve`.
    pub(crate) fn argue(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    pub(super) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("hopguard.yaml")
    }

    /// Starts Hopguard and waits until it is ready.
    pub(crate) async fn start(self) -> Guard {
        let guard = self.launch().await;
        guard.ready().await;
        guard
    }

    /// Starts Hopguard and waits until it listens.
    pub(crate) async fn launch(self) -> Guard {
        Guard::launch(self).await
    }
}

/// Another authority for the same trust domain, which nobody trusts.
pub(crate) fn authority(now: Timestamp) -> Authority {
    Authority::new(TrustDomain::new(TRUST_DOMAIN).unwrap(), now, now.after(365 * 24 * HOUR)).unwrap()
}

/// The certificate of `id` as Envoy sends it.
pub(crate) fn mint(authority: &Authority, id: &str, from: Timestamp, until: Timestamp) -> String {
    let svid = authority.mint(&id::parse(id).unwrap(), from, until).unwrap();
    envoy_pem(svid.certificate_pem())
}

const HOUR: Duration = Duration::from_secs(3600);
