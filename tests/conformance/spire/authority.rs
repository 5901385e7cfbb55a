//! The rotation of a trust domain's own authorities, step by step as an operator forces it.

use serde_json::Value;

use super::server::Server;

/// What an authority signs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    X509,
    Jwt,
}

/// The authorities of one kind. An X.509 authority is known by its subject key ID in hex, a JWT authority by its `kid`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authorities<'a> {
    server: &'a Server,
    kind: Kind,
}

impl Server {
    pub(crate) fn authorities(&self, kind: Kind) -> Authorities<'_> {
        Authorities { server: self, kind }
    }
}

impl Authorities<'_> {
    /// The one that signs.
    pub(crate) async fn active(self) -> String {
        let shown = self.ask("show", None).await;
        id(&shown["active"])
    }

    /// Makes the next one; it is in the bundle from then on.
    pub(crate) async fn prepare(self) -> String {
        let prepared = self.ask("prepare", None).await;
        id(&prepared["prepared_authority"])
    }

    /// Signs by this one from now on.
    pub(crate) async fn activate(self, authority: &str) {
        self.ask("activate", Some(authority)).await;
    }

    /// Has everything that was signed by this one signed anew.
    pub(crate) async fn taint(self, authority: &str) {
        self.ask("taint", Some(authority)).await;
    }

    /// Takes this one out of the bundle.
    pub(crate) async fn revoke(self, authority: &str) {
        self.ask("revoke", Some(authority)).await;
    }

    async fn ask(self, step: &str, authority: Option<&str>) -> Value {
        let kind = match self.kind {
            Kind::X509 => "x509",
            Kind::Jwt => "jwt",
        };
        let mut words = vec!["localauthority", kind, step, "-output", "json"];
        words.extend(authority.iter().flat_map(|authority| ["-authorityID", authority]));
        let said = self.server.ask(&words).await;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

fn id(authority: &Value) -> String {
    authority["authority_id"].as_str().unwrap_or_else(|| panic!("no authority in {authority}")).to_owned()
}
