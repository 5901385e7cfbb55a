//! What a configuration file of OPA says, as far as it counts here. The rest is named, or refused where it would change answers.

mod bundles;
mod services;

use std::{collections::BTreeMap, path::PathBuf};

pub use self::{
    bundles::{BundleSettings, Key, Polling, Signing},
    services::{Credentials, Service},
};
use super::Tree;
use crate::{
    policy::Entrypoint,
    yaml::{Kind, Mapping, Problems, Reader, Value, nearest, quote},
};

/// A configuration file of OPA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The plugin's own part.
    pub plugin: Plugin,
    /// Where bundles come from, by name.
    pub services: BTreeMap<String, Service>,
    /// The bundles, in the order of their names.
    pub bundles: Vec<BundleSettings>,
    /// Keys of who signs bundles, by their IDs.
    pub keys: BTreeMap<String, Key>,
    /// Where bundles are kept over a restart.
    pub persistence: Option<PathBuf>,
    /// What is there and has no effect, in the order of the file.
    pub notices: Vec<Notice>,
}

/// What the file says of the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// Where Envoy asks, as the plugin writes it: `:9191`, `unix:///path`.
    pub addr: String,
    /// What decides.
    pub entrypoint: Entrypoint,
    /// Whether denials are told as allows.
    pub dry_run: bool,
    /// The file that describes the messages of gRPC bodies.
    pub descriptor: Option<PathBuf>,
    /// Whether bodies are left alone.
    pub skip_body: bool,
    /// The largest Check, in bytes.
    pub max_message: u64,
}

/// Something that is accepted and has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its key, or its flag.
    pub name: String,
    /// Why, or what there is instead.
    pub why: String,
}

impl Notice {
    /// `name` has no effect, because of `why`.
    pub fn new(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into() }
    }
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// Every problem with it: what is malformed, and what would change answers and is not there.
    pub fn read(tree: &Tree) -> Result<Self, Problems> {
        let reader = Reader::new(&tree.file);
        let mut notices: Vec<Notice> = tree
            .unset
            .iter()
            .map(|name| Notice::new(format!("${{{name}}}"), "is not set: it counts as empty"))
            .collect();
        let mut root = reader.mapping(&tree.root);
        let plugin = plugin(&mut root, &mut notices);
        let services = services::services(&root.value("services"));
        let keys = bundles::keys(&root.nullable("keys"));
        let bundles = bundles::bundles(&mut root, services.as_ref(), keys.as_ref());
        let persistence = root.nullable("persistence_directory").string().map(PathBuf::from);
        console(&root.nullable("decision_logs"), &mut notices);
        for (key, why) in REFUSED {
            let value = root.nullable(key);
            if value.is_present() {
                value.problem(*why);
            }
        }
        for (key, why) in WITHOUT_EFFECT {
            if root.nullable(key).is_present() {
                notices.push(Notice::new(*key, *why));
            }
        }
        notices.extend(root.unread().into_iter().map(|key| Notice::new(key, "is not a key that OPA has")));
        let settings = || {
            Some(Self { plugin: plugin?, services: services?, bundles: bundles?, keys: keys?, persistence, notices })
        };
        let settings = settings();
        reader.finish(settings)
    }
}

fn plugin(root: &mut Mapping<'_>, notices: &mut Vec<Notice>) -> Option<Plugin> {
    let plugins = root.nullable("plugins");
    if !plugins.is_present() {
        return Plugin::of(Mapping::empty_of(&plugins), notices);
    }
    let mut plugins = plugins.mapping();
    let [new, old] = NAMES.map(|name| plugins.value(name));
    if new.is_present() && old.is_present() {
        old.problem(format!("is the old name of `{}`: leave one of them out", NAMES[0]));
    }
    for name in plugins.unread() {
        plugins.problem(format!("`{name}` is a plugin that is not there: take it out"));
    }
    let here = if new.is_present() { new } else { old };
    let null = here.node().is_none_or(|node| node.kind == Kind::Null);
    Plugin::of(if null { Mapping::empty_of(&here) } else { here.mapping() }, notices)
}

impl Plugin {
    fn of(mut plugin: Mapping<'_>, notices: &mut Vec<Notice>) -> Option<Self> {
        let addr = plugin.nullable("addr");
        let addr = if addr.is_present() { addr.string()? } else { DEFAULT_ADDR.to_owned() };
        let entrypoint = entrypoint(&plugin.nullable("path"), &plugin.nullable("query"));
        let flag = |value: Value<'_>| if value.is_present() { value.boolean() } else { Some(false) };
        let dry_run = flag(plugin.nullable("dry-run"));
        let skip_body = flag(plugin.nullable("skip-request-body-parse"));
        let descriptor = plugin.nullable("proto-descriptor").text().filter(|text| !text.is_empty());
        let size = plugin.nullable("grpc-max-recv-msg-size");
        let max_message = if size.is_present() { size.integer_in(1024..=MAX_MESSAGE) } else { Some(DEFAULT_MESSAGE) };
        for (key, why) in PLUGIN_WITHOUT_EFFECT {
            let value = plugin.nullable(key);
            let off = matches!(value.node().map(|node| &node.kind), Some(Kind::Plain(text)) if text == "false");
            if value.is_present() && !off {
                notices.push(Notice::new(value.path(), *why));
            }
        }
        for key in plugin.unread() {
            let name = key.rsplit('.').next().unwrap_or_default();
            let meant = nearest(name, PLUGIN_KEYS).map(|near| format!(": did you mean {}?", quote(near)));
            let why = format!("is not a key of the plugin{}", meant.unwrap_or_default());
            notices.push(Notice::new(key, why));
        }
        Some(Self {
            addr,
            entrypoint: entrypoint?,
            dry_run: dry_run?,
            descriptor: descriptor.map(PathBuf::from),
            skip_body: skip_body?,
            max_message: u64::try_from(max_message?).ok()?,
        })
    }
}

/// `path`, or the old `query` if that is no more than a path.
fn entrypoint(path: &Value<'_>, query: &Value<'_>) -> Option<Entrypoint> {
    let is_given = |value: &Value<'_>| value.text().is_some_and(|text| !text.is_empty());
    match (is_given(path), is_given(query)) {
        (true, true) => {
            query.problem("says what `path` says: leave one of them out");
            None
        }
        (false, true) => query.parsed(|text| {
            Entrypoint::parse(text)
                .map_err(|_| format!("{} is more than a document: write a rule for it, and its `path`", quote(text)))
        }),
        (true, false) => {
            path.parsed(|text| Entrypoint::from_path(text).map_err(|why| format!("{} {why}", quote(text))))
        }
        (false, false) => Entrypoint::from_path(DEFAULT_PATH).ok(),
    }
}

/// The log is on standard output, in Hopguard's own words; nothing is sent anywhere.
fn console(logs: &Value<'_>, notices: &mut Vec<Notice>) {
    if !logs.is_present() {
        return;
    }
    let mut logs = logs.clone().mapping();
    let console = logs.nullable("console");
    if console.is_present() && console.boolean() == Some(true) {
        notices.push(Notice::new(
            console.path(),
            "the log is on standard output anyway, one JSON record for each decision",
        ));
    }
    for path in logs.unread() {
        notices.push(Notice::new(
            path,
            "records are not sent, masked or dropped: they go to standard output, without credentials",
        ));
    }
}

/// The plugin's name, and the one that it had.
const NAMES: [&str; 2] = ["envoy_ext_authz_grpc", "envoy.ext_authz.grpc"];
const DEFAULT_ADDR: &str = ":9191";
const DEFAULT_PATH: &str = "envoy/authz/allow";
const DEFAULT_MESSAGE: i64 = 4 * 1024 * 1024;
const MAX_MESSAGE: i64 = 16 * 1024 * 1024;

const PLUGIN_KEYS: [&str; 6] =
    ["addr", "path", "dry-run", "skip-request-body-parse", "proto-descriptor", "grpc-max-recv-msg-size"];

/// Keys of the plugin that are accepted and change no answer.
const PLUGIN_WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("enable-reflection", "reflection is not served: the service is Envoy's own"),
    ("enable-performance-metrics", "metrics are always there, under Hopguard's names"),
    ("grpc-request-duration-seconds-buckets", "metrics have buckets of their own"),
    ("grpc-max-send-msg-size", "answers are small"),
];

/// What would change answers if it were left out.
const REFUSED: &[(&str, &str)] =
    &[("discovery", "a configuration that is discovered is not supported: name the bundles here")];

/// Keys that change no answer.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("caching", "what is worth caching is cached, within fixed bounds"),
    ("default_authorization_decision", "OPA's REST API is not served"),
    ("default_decision", "OPA's REST API is not served: the plugin's `path` decides"),
    ("distributed_tracing", "traces are not sent: `hopguard serve` sends them, as `telemetry.otlp` says"),
    ("labels", "records have no labels"),
    ("nd_builtin_cache", "there are no builtins that give another answer each time"),
    ("server", "OPA's REST API is not served"),
    ("status", "status is not sent: it is in `/metrics`"),
    ("storage", "data is in memory"),
];

#[cfg(test)]
mod tests;
