//! The keys of issuers that are no trust domains: the last good ones stay while their source is away, and until they are stale.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::Path,
    time::Duration,
};

use crate::{
    clock::Timestamp,
    config::{KeysFrom, KeysSource},
    feed::Feeds,
    token::{IssuerKeys, KeySet},
    trust::jwk::{Ignored, JwtKeys, Uses},
};

/// The last good keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    held: BTreeMap<String, Held>,
}

/// An issuer's keys, what gave them, and when that last did.
#[derive(Clone, Debug)]
struct Held {
    from: KeysFrom,
    keys: JwtKeys,
    confirmed: Timestamp,
    stale_at: Option<Timestamp>,
}

impl Keys {
    /// What was read at `now` is still so.
    pub(super) fn confirm(&mut self, now: Timestamp) {
        self.held.values_mut().filter(|held| held.stale_at.is_none()).for_each(|held| held.confirmed = now);
    }

    /// Takes what the sources give now, and gives back what is wrong with them. An issuer whose keys were never in has none.
    pub(super) fn load(&mut self, sources: &[KeysSource], feeds: &Feeds, now: Timestamp) -> Vec<String> {
        let mut problems = Vec::new();
        let mut held = BTreeMap::new();
        for source in sources {
            let from = source.from.clone();
            // What another source gave says nothing of this one.
            let before = self.held.remove(&source.issuer).filter(|held| held.from == from);
            let read = match &source.from {
                KeysFrom::File(path) => match read(path) {
                    Ok((keys, ignored)) => {
                        if before.is_none_or(|before| before.keys != keys) {
                            for ignored in ignored {
                                tracing::warn!(issuer = source.issuer, jwks.file = %path.display(), "{ignored}");
                            }
                        }
                        Some(Held { from, keys, confirmed: now, stale_at: None })
                    }
                    Err(problem) => {
                        problems.push(problem);
                        before.map(|held| Held { stale_at: Some(held.confirmed.after(MAX_STALE)), ..held })
                    }
                },
                KeysFrom::Url { .. } => {
                    let latest = feeds.issuer(&source.issuer);
                    let stale_at = latest.stale_at();
                    problems.extend(latest.problem);
                    latest.keys.map(|keys| Held { from, keys, confirmed: latest.confirmed.unwrap_or(now), stale_at })
                }
            };
            held.extend(read.map(|read| (source.issuer.clone(), read)));
        }
        self.held = held;
        problems
    }

    /// When the source of `issuer`'s keys last stood by them; nothing, if they have never been in.
    pub(super) fn confirmed(&self, issuer: &str) -> Option<Timestamp> {
        self.held.get(issuer).map(|held| held.confirmed)
    }

    /// All of them.
    pub(super) fn all(&self) -> IssuerKeys {
        let set = |held: &Held| KeySet { keys: held.keys.clone(), stale_at: held.stale_at };
        self.held.iter().map(|(issuer, held)| (issuer.clone(), set(held))).collect()
    }
}

/// Reads a JWK set, and lists the keys in it that are left out.
///
/// # Errors
/// What is wrong with the file or the set.
pub fn read(path: &Path) -> Result<(JwtKeys, Vec<Ignored>), String> {
    let name = path.display();
    let unreadable = |error: io::Error| format!("cannot read `{name}`: {error}");
    // Asked before it is opened, because opening a pipe waits for a writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("cannot read `{name}`: it is not a regular file"));
    }
    let mut text = Vec::new();
    File::open(path).map_err(unreadable)?.take(MAX_TEXT).read_to_end(&mut text).map_err(unreadable)?;
    JwtKeys::parse(&text, Uses::Plain).map_err(|error| format!("{name}: {error}"))
}

/// As for bundles.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// One byte more than a set may have.
const MAX_TEXT: u64 = 1024 * 1024 + 1;
