//! The files that a signature lists are the files of the bundle: each of them, as it was, and no other.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Algorithm, Context, SHA256, SHA384, SHA512, SHA512_256};

use super::refuse;
use crate::{
    bundle::{
        Entry, Limits,
        content::{Kind, SIGNATURES},
        document::Tree,
        pattern::Pattern,
    },
    yaml::quote,
};

pub(super) fn verify(
    entries: &[Entry],
    listed: &BTreeMap<String, (String, Vec<u8>)>,
    exclude: &[Pattern],
    limits: &Limits,
) -> Result<(), String> {
    let is_excluded = |path: &str| exclude.iter().any(|pattern| pattern.matches(path));
    for entry in entries.iter().filter(|entry| entry.path != SIGNATURES && !is_excluded(&entry.path)) {
        let Some((algorithm, digest)) = listed.get(&entry.path) else {
            return refuse(&format!("{} is not signed", quote(&entry.path)));
        };
        let Some(algorithm) = algorithm_of(algorithm) else {
            let (path, algorithm) = (quote(&entry.path), quote(algorithm));
            return refuse(&format!("{path} is signed by its {algorithm}: only SHA-256, SHA-384 and SHA-512 count"));
        };
        if self::digest(entry, algorithm, limits)?.as_ref() != digest.as_slice() {
            return refuse(&format!("{} is not what was signed", quote(&entry.path)));
        }
    }
    for path in listed.keys().filter(|path| !is_excluded(path)) {
        if !entries.iter().any(|entry| entry.path == *path) {
            return refuse(&format!("{} was signed, and is missing", quote(path)));
        }
    }
    Ok(())
}

/// OPA digests what it reads as data in a form of its own, and all else as it is.
fn digest(entry: &Entry, algorithm: &'static Algorithm, limits: &Limits) -> Result<aws_lc_rs::digest::Digest, String> {
    let mut context = Context::new(algorithm);
    let tree = match Kind::of(&entry.path) {
        Kind::Json | Kind::Manifest => {
            Tree::json(&entry.path, &entry.bytes, limits).map_err(|problem| problem.to_string())?
        }
        Kind::Yaml => Tree::yaml(&entry.path, &entry.bytes).map_err(|problems| problems.to_string())?,
        Kind::Module | Kind::Test | Kind::Signatures | Kind::Refused(_) | Kind::Other => {
            context.update(&entry.bytes);
            return Ok(context.finish());
        }
    };
    tree.canonical(&mut |piece| context.update(piece));
    Ok(context.finish())
}

fn algorithm_of(name: &str) -> Option<&'static Algorithm> {
    match name {
        "SHA-256" => Some(&SHA256),
        "SHA-384" => Some(&SHA384),
        "SHA-512" => Some(&SHA512),
        "SHA-512-256" => Some(&SHA512_256),
        _ => None,
    }
}
