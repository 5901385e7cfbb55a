//! Which builtins a policy may call: those that are there, give the same answer each time, and cost no more than a millisecond whatever a
//! caller sends. The timer ends no builtin.

mod admission;
mod arguments;
mod crypto;
mod encoding;
mod glob;
mod json;
mod jwt;
pub(super) mod native;
mod net;
mod numbers;
mod objects;
mod patterns;
mod regex;
mod semver;
mod sprintf;
mod text;
mod time;
mod x509;

use regorus::unstable::BUILTINS;

pub(super) use self::admission::admit;
use self::native::Native;

/// The builtins that are our own; each replaces the engine's of the same name.
pub(super) fn natives() -> impl Iterator<Item = &'static Native> {
    NATIVES.iter().copied().flatten()
}

/// The names that builtins begin with: nothing of a policy's own may be called so, because the engine and a reader could mean different
/// things by it.
pub(super) fn is_reserved(name: &str) -> bool {
    let is_first = |builtin: &str| builtin.split_once('.').is_some_and(|(first, _)| first == name);
    name == "input"
        || name == "data"
        || BUILTINS.keys().any(|builtin| is_first(builtin))
        || natives().any(|native| is_first(native.name))
}

/// Group by group.
const NATIVES: &[&[Native]] = &[
    native::CLOCK,
    crypto::CRYPTO,
    jwt::JWT,
    x509::X509,
    encoding::ENCODING,
    glob::GLOB,
    json::JSON,
    net::NET,
    numbers::NUMBERS,
    objects::OBJECTS,
    regex::REGEX,
    semver::SEMVER,
    sprintf::SPRINTF,
    text::TEXT,
    time::TIME,
];

#[cfg(test)]
mod tests;
