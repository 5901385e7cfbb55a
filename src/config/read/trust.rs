//! Reads which trust domains are trusted, each from the one source that its entry names.

use std::{collections::HashSet, path::Path};

use spiffe::TrustDomain;

use super::super::section::Section;
use crate::{
    feed::{Relationship, RelationshipError, https::HttpsUrl},
    peer::id,
    trust::{Endpoint, Profile, Source, SourceKind},
};

/// Reads the list. `needed`: an empty one trusts nobody, so that no hop could be proved.
pub(super) fn trust(root: &mut Section<'_>, base: &Path, needed: bool) -> Option<Vec<Source>> {
    let mut seen = HashSet::new();
    if !root.has("trust") && !needed {
        return Some(Vec::new());
    }
    if needed {
        root.require("trust");
    }
    let sources = root.list("trust", |mut section| {
        let trust_domain = section.parsed("trust_domain", id::parse_trust_domain);
        let kind = kind(&mut section, base);
        let intermediates = section.text("intermediates");
        let max_stale = section.duration("max_stale");
        let trust_domain = trust_domain?;
        if !seen.insert(trust_domain.clone()) {
            section.problem("trust_domain", format!("`{trust_domain}` is there twice: each has one source"));
        }
        let intermediates = intermediates.map(|path| base.join(path));
        Some(Source { trust_domain, kind: kind?, intermediates, max_stale: max_stale? })
    })?;
    if needed && sources.is_empty() {
        root.problem("trust", "must not be empty: list the trust domains whose workloads may call");
    }
    for (trust_domain, error) in unworkable(&sources) {
        root.problem("trust", format!("`{trust_domain}`: {error}"));
    }
    Some(sources)
}

/// The federation relationships that could never work among these sources, or not as they look.
fn unworkable(sources: &[Source]) -> Vec<(&TrustDomain, RelationshipError)> {
    let is_listed = |name: &TrustDomain| sources.iter().any(|source| source.trust_domain == *name);
    let relationships = sources.iter().filter_map(|source| Some((source, Relationship::of(source)?.ok()?)));
    relationships
        .filter_map(|(source, relationship)| Some((&source.trust_domain, relationship.check(is_listed).err()?)))
        .collect()
}

fn kind(section: &mut Section<'_>, base: &Path) -> Option<SourceKind> {
    let named: Vec<_> = KINDS.into_iter().filter(|key| section.has(key)).collect();
    let pem = section.text("pem");
    let workload_api = section.parsed("workload_api", Endpoint::parse);
    let bundle = section.text("bundle");
    let bundle_map = section.maybe("bundle_map").map(|mut map| map.text("file"));
    let federation = section.maybe("federation").map(|federation| self::federation(federation, base));
    match named.as_slice() {
        [] => {
            section.problem("trust_domain", format!("has no source: name one of {}", KINDS.join(", ")));
            None
        }
        [_] => pem
            .map(|path| SourceKind::Pem { file: base.join(path) })
            .or_else(|| workload_api.map(|endpoint| SourceKind::WorkloadApi { endpoint }))
            .or_else(|| bundle.map(|path| SourceKind::Bundle { file: base.join(path) }))
            .or_else(|| bundle_map.flatten().map(|path| SourceKind::BundleMap { file: base.join(path) }))
            .or_else(|| federation.flatten()),
        [_, second, ..] => {
            section.problem(second, "is a second source: each trust domain has one, as bundles are never merged");
            None
        }
    }
}

fn federation(mut section: Section<'_>, base: &Path) -> Option<SourceKind> {
    let url = section.parsed("url", |text| text.parse::<HttpsUrl>().map(|_| text.to_owned()));
    let is_spiffe = section.word("profile", &[("https_web", false), ("https_spiffe", true)]);
    let endpoint = section.parsed("endpoint_spiffe_id", id::parse_workload);
    let bootstrap = section.text("bootstrap").map(|path| base.join(path));
    let ca = section.text("ca").map(|path| base.join(path));
    let profile = if is_spiffe? {
        if section.has("ca") && ca.is_some() {
            section.problem("ca", "is for `https_web`: with `https_spiffe` the server shows an SVID");
        }
        section.require("endpoint_spiffe_id");
        Profile::HttpsSpiffe { endpoint_spiffe_id: endpoint?, bootstrap }
    } else {
        for key in ["endpoint_spiffe_id", "bootstrap"] {
            if section.has(key) {
                section.problem(key, "is for `https_spiffe`: with `https_web` the server's name is in its address");
            }
        }
        Profile::HttpsWeb { ca }
    };
    Some(SourceKind::Federation { url: url?, profile })
}

const KINDS: [&str; 5] = ["pem", "workload_api", "bundle", "bundle_map", "federation"];
