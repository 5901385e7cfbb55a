//! Decodes one file of documents, all or none of them.

use std::{sync::Arc, time::Duration};

use super::{Rules, checked::Checked};
use crate::{
    approval::{canonical, signed_part},
    fact::{self, Fact},
    grant::{self, MaxTtl, Signature, activation, field},
    inventory::{self, Workload, WorkloadState},
    purpose::Purpose,
    resource::{self, Resource},
    revocation::{self, Revocation},
    yaml::{self, Node, Position, Problems, Reader, Value, quote},
};

/// One document, valid by itself; what it refers to has yet to be found.
#[derive(Debug)]
pub(super) struct Document {
    /// Its `metadata.name`.
    pub(super) name: String,
    /// Where that is.
    pub(super) at: Position,
    /// How many lines of the file are above the text that it was read from.
    pub(super) lines_above: usize,
    pub(super) body: Body,
    /// What its signatures are for; empty if it has none.
    pub(super) canonical: Box<[u8]>,
    pub(super) checked: Checked,
}

/// What a document says.
#[derive(Debug)]
pub(super) enum Body {
    Activation(activation::document::Document),
    /// With the place of its key.
    Fact(Arc<Fact>, Position),
    Grant(grant::document::Document),
    /// With the place of its name.
    Purpose(Purpose, Position),
    Resource(Arc<Resource>, Vec<Signature>),
    Revocation(Arc<Revocation>),
    Workload(Arc<Workload>, Vec<Signature>),
}

impl Body {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Activation(_) => "Activation",
            Self::Fact(..) => "Fact",
            Self::Grant(_) => "Grant",
            Self::Purpose(..) => "Purpose",
            Self::Resource(..) => "Resource",
            Self::Revocation(_) => "Revocation",
            Self::Workload(..) => "Workload",
        }
    }

    /// Whether it takes access away, and gives none.
    pub(super) fn withdraws(&self) -> bool {
        match self {
            Self::Revocation(_) => true,
            Self::Workload(workload, _) => workload.state != WorkloadState::Active,
            Self::Activation(_) | Self::Fact(..) | Self::Grant(_) | Self::Purpose(..) | Self::Resource(..) => false,
        }
    }
}

/// What every document that is read has to keep to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    max_ttl: Option<&'a MaxTtl>,
    max_activation: Duration,
}

impl<'a> Reading<'a> {
    /// Nothing but facts is read.
    pub(super) const FACTS: Self = Self { max_ttl: None, max_activation: Duration::ZERO };

    /// Every kind is read.
    pub(super) const fn of(rules: &'a Rules) -> Self {
        Self { max_ttl: Some(&rules.max_ttl), max_activation: rules.max_activation }
    }

    /// Whether a file may take anything away.
    pub(super) const fn withdraws(&self) -> bool {
        self.max_ttl.is_some()
    }
}

/// Decodes the documents of a file.
pub(super) fn decode(file: &str, source: &str, reading: &Reading<'_>) -> Result<Vec<Document>, Problems> {
    let reader = Reader::new(file);
    let nodes = reader.parse(source);
    // All are decoded before one of them can fail the file, so that the problems of all are reported.
    let documents: Vec<_> = nodes.iter().map(|node| document(&reader, node, reading)).collect();
    reader.finish(documents.into_iter().collect())
}

fn document(reader: &Reader, node: &Node, reading: &Reading<'_>) -> Option<Document> {
    let mut document = reader.mapping(node);
    document.required("apiVersion").parsed(api_version);
    let kind_field = document.required("kind");
    let kind = kind_field.one_of(&KINDS);
    let mut metadata = document.required("metadata").mapping();
    let name_field = metadata.required("name");
    let name = name_field.parsed(field::document_name);
    metadata.finish();
    let spec = document.required("spec");
    document.finish();
    let canonical = if has_signatures(&spec) { signed(reader, node) } else { Some(Vec::new()) };
    let body = match (kind?, reading.max_ttl) {
        (Kind::Fact, _) => {
            let mut keys = spec.clone().mapping();
            let at = keys.optional("key").at();
            Body::Fact(Arc::new(fact::document::read(name.clone(), spec.mapping())?), at)
        }
        (_, None) => {
            kind_field.problem("only documents of kind `Fact` are read from this directory: move it to the others");
            return None;
        }
        (Kind::Activation, _) => {
            Body::Activation(activation::document::read(name.clone(), spec.mapping(), reading.max_activation)?)
        }
        (Kind::Grant, Some(max_ttl)) => Body::Grant(grant::document::read(name.clone(), spec.mapping(), max_ttl)?),
        (Kind::Purpose, _) => purpose(spec)?,
        (Kind::Resource, _) => {
            let (resource, signatures) = resource::document::read(name.clone(), spec.mapping())?;
            Body::Resource(Arc::new(resource), signatures)
        }
        (Kind::Revocation, _) => Body::Revocation(Arc::new(revocation::document::read(name.clone(), spec.mapping())?)),
        (Kind::Workload, _) => {
            let (workload, signatures) = inventory::document::read(name.clone(), spec.mapping())?;
            Body::Workload(Arc::new(workload), signatures)
        }
    };
    Some(Document {
        name: name?,
        at: name_field.at(),
        lines_above: 0,
        body,
        canonical: canonical?.into(),
        checked: Checked::default(),
    })
}

fn has_signatures(spec: &Value<'_>) -> bool {
    let Some(yaml::Kind::Mapping(entries)) = spec.node().map(|node| &node.kind) else {
        return false;
    };
    entries.iter().any(|entry| entry.key == "signatures")
}

/// What the signatures of a document are for.
fn signed(reader: &Reader, node: &Node) -> Option<Vec<u8>> {
    match signed_part(node) {
        Ok(part) => Some(canonical(&part)),
        Err(error) => {
            // What is missing or cannot be read is reported by whoever reads it.
            if reader.is_clean() {
                reader.report(error.at, &error.field, error.message);
            }
            None
        }
    }
}

fn purpose(spec: Value<'_>) -> Option<Body> {
    let mut spec = spec.mapping();
    let name = spec.required("name");
    let at = name.at();
    let purpose = name.parsed(field::purpose);
    spec.required("owner").parsed(field::line);
    spec.optional("description").string();
    spec.finish();
    Some(Body::Purpose(purpose?, at))
}

fn api_version(version: &str) -> Result<(), String> {
    match version {
        API_VERSION => Ok(()),
        _ => Err(format!("{} is not `{API_VERSION}`", quote(version))),
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Activation,
    Fact,
    Grant,
    Purpose,
    Resource,
    Revocation,
    Workload,
}

const KINDS: [(&str, Kind); 7] = [
    ("Workload", Kind::Workload),
    ("Purpose", Kind::Purpose),
    ("Resource", Kind::Resource),
    ("Grant", Kind::Grant),
    ("Activation", Kind::Activation),
    ("Revocation", Kind::Revocation),
    ("Fact", Kind::Fact),
];
pub(super) const API_VERSION: &str = "hopguard.dev/v1alpha1";

#[cfg(test)]
mod tests;
