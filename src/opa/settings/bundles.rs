//! `bundles` and `keys`: which bundles make the policy, and who signs them.

use std::{collections::BTreeMap, time::Duration};

use super::services::Service;
use crate::yaml::{Mapping, Value, quote};

/// One bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleSettings {
    /// Its name.
    pub name: String,
    /// The service that has it; none if it is a file.
    pub service: Option<String>,
    /// The path on the service, or a `file://` address.
    pub resource: String,
    /// How often it is asked for.
    pub polling: Polling,
    /// Whether it is kept over a restart.
    pub persist: bool,
    /// Whose signature it needs.
    pub signing: Option<Signing>,
    /// The largest it may be, unpacked, in bytes.
    pub size_limit: Option<u64>,
}

/// How often a bundle is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polling {
    /// The shortest time between two questions.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
    /// How long the server may wait with its answer until something changes.
    pub long: Option<Duration>,
}

/// Whose signature a bundle needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// The key that signs it; absent: the one that the signature names.
    pub key: Option<String>,
    /// The scope that the signature must have.
    pub scope: Option<String>,
    /// Files that are not signed.
    pub exclude: Vec<String>,
}

/// A key of who signs bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key itself: PEM, or a secret.
    pub key: String,
    /// Its algorithm.
    pub algorithm: String,
    /// The scope that its signatures must have.
    pub scope: Option<String>,
}

/// Reads the keys.
pub(super) fn keys(value: &Value<'_>) -> Option<BTreeMap<String, Key>> {
    if !value.is_present() {
        return Some(BTreeMap::new());
    }
    let keys = value.entries(|value| {
        let mut key = value.mapping();
        let text = key.required("key").text();
        let algorithm = key.nullable("algorithm");
        let algorithm = if algorithm.is_present() { algorithm.string() } else { Some("RS256".to_owned()) };
        let scope = key.nullable("scope").text().filter(|scope| !scope.is_empty());
        // It signs what OPA sends, which is nothing here.
        key.nullable("private_key");
        key.finish();
        Some(text.zip(algorithm).map(|(key, algorithm)| Key { key, algorithm, scope }))
    })?;
    keys.into_iter().map(|(id, key)| Some((id, key?))).collect()
}

/// Reads the bundles.
pub(super) fn bundles(
    root: &mut Mapping<'_>,
    services: Option<&BTreeMap<String, Service>>,
    keys: Option<&BTreeMap<String, Key>>,
) -> Option<Vec<BundleSettings>> {
    let old = root.nullable("bundle");
    if old.is_present() {
        old.problem("is the old form: write `bundles: {NAME: {service: …, resource: …}}`");
    }
    let value = root.nullable("bundles");
    if !value.is_present() {
        return Some(Vec::new());
    }
    let bundles = value.entries(|value| Some(bundle(value.mapping(), services, keys)))?;
    bundles.into_iter().map(|(name, read)| Some(read?.named(name))).collect()
}

fn bundle(
    mut bundle: Mapping<'_>,
    services: Option<&BTreeMap<String, Service>>,
    keys: Option<&BTreeMap<String, Key>>,
) -> Option<BundleSettings> {
    let resource = bundle.nullable("resource").string();
    let is_file = resource.as_deref().is_some_and(|resource| resource.starts_with("file://"));
    let given = bundle.nullable("service");
    let service = match (given.is_present(), is_file, services) {
        (true, _, Some(services)) => given.parsed(|name| match services.contains_key(name) {
            true => Ok(name.to_owned()),
            false => Err(format!("there is no service {}: name it in `services`", quote(name))),
        }),
        // The only one there is.
        (false, false, Some(services)) if services.len() == 1 => services.keys().next().cloned(),
        (false, false, Some(_)) => {
            bundle.problem("needs a `service`, or a `resource` that begins with `file://`");
            None
        }
        _ => None,
    };
    let polling = polling(&bundle.nullable("polling"));
    let persist = bundle.nullable("persist");
    let persist = if persist.is_present() { persist.boolean() } else { Some(false) };
    let signing = signing(&bundle.nullable("signing"), keys);
    let size = bundle.nullable("size_limit_bytes");
    let size_limit = size.is_present().then(|| size.integer_in(1..=i64::MAX)).flatten();
    let trigger = bundle.nullable("trigger");
    if trigger.is_present() && trigger.text().is_none_or(|text| text != "periodic") {
        trigger.problem("only `periodic` is supported");
    }
    bundle.finish();
    (is_file || service.is_some()).then_some(())?;
    Some(BundleSettings {
        name: String::new(),
        service,
        resource: resource.unwrap_or_default(),
        polling: polling?,
        persist: persist?,
        signing: signing?,
        size_limit: size_limit.and_then(|bytes| u64::try_from(bytes).ok()),
    })
}

impl BundleSettings {
    fn named(self, name: String) -> Self {
        let resource = if self.resource.is_empty() { format!("bundles/{name}") } else { self.resource };
        Self { name, resource, ..self }
    }
}

fn polling(value: &Value<'_>) -> Option<Polling> {
    let usual = Polling { min: Duration::from_secs(60), max: Duration::from_secs(120), long: None };
    if !value.is_present() {
        return Some(usual);
    }
    let mut polling = value.clone().mapping();
    let mut seconds = |key| {
        let value = polling.nullable(key);
        let read = || value.integer_in(1..=86_400).and_then(|seconds| u64::try_from(seconds).ok());
        value.is_present().then(read).map(|read| read.map(Duration::from_secs))
    };
    let (min, max, long) =
        (seconds("min_delay_seconds"), seconds("max_delay_seconds"), seconds("long_polling_timeout_seconds"));
    let (min, max) = match (min, max) {
        (None, None) => (usual.min, usual.max),
        (Some(min), Some(max)) => (min?, max?),
        _ => {
            polling.problem("needs both of `min_delay_seconds` and `max_delay_seconds`, or none");
            return None;
        }
    };
    if min > max {
        polling.problem("`min_delay_seconds` is more than `max_delay_seconds`");
    }
    let long = match long {
        Some(long) => Some(long?),
        None => None,
    };
    polling.finish();
    Some(Polling { min, max, long })
}

fn signing(value: &Value<'_>, keys: Option<&BTreeMap<String, Key>>) -> Option<Option<Signing>> {
    if !value.is_present() {
        return Some(None);
    }
    let mut signing = value.clone().mapping();
    let key = signing.nullable("keyid");
    let key = key.is_present().then(|| {
        key.parsed(|id| match keys.is_none_or(|keys| keys.contains_key(id)) {
            true => Ok(id.to_owned()),
            false => Err(format!("there is no key {}: name it in `keys`", quote(id))),
        })
    });
    let scope = signing.nullable("scope").text().filter(|scope| !scope.is_empty());
    let exclude = signing.nullable("exclude_files");
    let exclude = if exclude.is_present() { exclude.list(|item| item.string()) } else { Some(Vec::new()) };
    signing.finish();
    let key = match key {
        Some(key) => Some(key?),
        None => None,
    };
    Some(Some(Signing { key, scope, exclude: exclude? }))
}
