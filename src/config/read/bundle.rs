//! Reads where a bundle is, who signs it, and how its server is asked.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::super::section::Section;
use crate::{
    feed::bundle::{Auth, KeyText, Origin, Poll, Signing, SigningKey, Subscription},
    yaml::quote,
};

/// Reads the section; `name` is what the bundle is called in logs, metrics and `state`. `is_signed`: it always is.
pub(super) fn bundle(section: &mut Section<'_>, name: &str, base: &Path, is_signed: bool) -> Option<Subscription> {
    let origin = origin(section, base);
    let signing = signing(section, base, is_signed);
    let poll = section.duration("poll").map(Poll::every);
    let long_poll = section.duration("long_poll");
    let ca = section.text("ca").map(|path| base.join(path));
    let auth = auth(section, base);
    let max_bytes = section.size("max_bytes");
    if let Some(Origin::File(_)) = origin {
        for key in ["poll", "long_poll", "ca", "token_file", "client"] {
            if section.has(key) {
                section.problem(key, "is for `url`: leave it out");
            }
        }
    }
    Some(Subscription {
        auth: auth?,
        ca,
        poll: poll?,
        long_poll,
        signing: signing?,
        max_bytes: max_bytes?,
        ..Subscription::new(name, origin?)
    })
}

fn origin(section: &mut Section<'_>, base: &Path) -> Option<Origin> {
    let url = section.parsed("url", |text| Origin::parse(text, false));
    let file = section.text("file");
    match (section.has("url"), section.has("file")) {
        (true, false) => url,
        (false, true) => file.map(|file| Origin::File(base.join(file))),
        (true, true) => {
            section.problem("file", "is a second source: a bundle comes from `url` or from `file`");
            None
        }
        (false, false) => {
            section.problem("url", "name where the bundle is: `url` or `file`");
            None
        }
    }
}

fn signing(section: &mut Section<'_>, base: &Path, is_required: bool) -> Option<Option<Signing>> {
    let scope = section.text("scope");
    if is_required && !section.has("keys") {
        section.require("keys");
        return None;
    }
    if !section.has("keys") {
        if scope.is_some() {
            section.problem("scope", "is for `keys`: name who may sign");
        }
        return Some(None);
    }
    let (mut ids, mut written) = (BTreeSet::new(), 0);
    let keys = section.list("keys", |mut item| {
        written += 1;
        let id = item.text("id");
        let algorithm = item.word("algorithm", ALGORITHMS);
        let file = item.text("file").map(|path| base.join(path));
        let id = id?;
        if !ids.insert(id.clone()) {
            item.problem("id", format!("{} is there twice", quote(&id)));
        }
        Some(SigningKey { id, algorithm: algorithm?.to_owned(), scope: None, text: KeyText::File(file?) })
    });
    // Written as `null` it is left out; written as anything else, it is reported already.
    let Some(keys) = keys else { return Some(None) };
    if written == 0 && !is_required {
        section.problem("keys", "must not be empty: name who may sign, or leave it out");
    }
    Some(Some(Signing::Keys { keys, key_id: None, scope, dangerous_exclude: Vec::new() }))
}

fn auth(section: &mut Section<'_>, base: &Path) -> Option<Option<Auth>> {
    let token = section.text("token_file").map(|path| base.join(path));
    let client = section.maybe("client").map(|client| self::client(client, base));
    match (token, client) {
        (Some(_), Some(_)) => {
            section.problem("client", "is a second proof for the server: write `token_file` or `client`");
            None
        }
        (Some(path), None) => Some(Some(Auth::BearerFile(path))),
        (None, Some(client)) => {
            let (certificate, key) = client?;
            Some(Some(Auth::ClientTls { certificate, key }))
        }
        (None, None) => Some(None),
    }
}

fn client(mut section: Section<'_>, base: &Path) -> Option<(PathBuf, PathBuf)> {
    let certificate = section.text("certificate").map(|path| base.join(path));
    let key = section.text("key").map(|path| base.join(path));
    Some((certificate?, key?))
}

const ALGORITHMS: &[(&str, &str)] = &[
    ("RS256", "RS256"),
    ("RS384", "RS384"),
    ("RS512", "RS512"),
    ("PS256", "PS256"),
    ("PS384", "PS384"),
    ("PS512", "PS512"),
    ("ES256", "ES256"),
    ("ES384", "ES384"),
    ("ES512", "ES512"),
    ("HS256", "HS256"),
    ("HS384", "HS384"),
    ("HS512", "HS512"),
];
