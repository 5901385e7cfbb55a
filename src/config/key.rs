//! What a key of the configuration is: its type, its default, its meaning, and whether it is built.

use std::time::Duration;

use crate::yaml::{show_duration, show_size};

/// One key. The [table](super::table) of them is the only place that says what the configuration may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) holds: Holds,
    pub(super) presence: Presence,
    /// One line for whoever writes the file.
    pub(super) meaning: &'static str,
    /// What the example shows if there is no default to show.
    pub(super) example: Option<&'static str>,
    /// The default under a preset, in YAML, where it is another one.
    pub(super) presets: &'static [(Preset, &'static str)],
}

/// Another set of defaults, each of which an explicit key overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preset {
    /// The way in for who has policies of the OPA-Envoy plugin.
    OpaEnvoy,
    /// The way in for an Envoy beside SPIRE: watch first.
    Observe,
}

impl Preset {
    /// Its word in the file.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::OpaEnvoy => "opa-envoy",
            Self::Observe => "observe",
        }
    }
}

/// The type of a value, with its bounds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holds {
    /// `unix:/path` or `ip:port`.
    Address,
    Boolean,
    /// A whole number within these bounds.
    Count(i64, i64),
    Duration(Duration, Duration),
    /// A header's name, in lower case.
    Header,
    /// Numeric user or group IDs.
    Ids,
    /// `ip:port`.
    IpAddress,
    /// A list of sections.
    List(&'static [Key]),
    /// An octal file mode, quoted.
    Mode,
    /// A file or directory; a relative one is relative to the configuration file.
    Path,
    Section(&'static [Key]),
    /// A list of SPIFFE IDs of workloads.
    SpiffeIds,
    /// A size in bytes within these bounds.
    Size(u64, u64),
    /// The SPIFFE ID of a workload.
    SpiffeId,
    Text,
    /// A list of strings.
    Texts,
    /// The name of a trust domain.
    TrustDomain,
    /// A list of trust domains.
    TrustDomains,
    /// An `https` address.
    Url,
    /// One of the first words; those of the second list are not built yet.
    Word(&'static [&'static str], &'static [&'static str]),
    /// Any of these words.
    Words(&'static [&'static str]),
}

/// Whether a key must be there, and what its absence means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Presence {
    Required,
    /// It must be there, unless this is so.
    Unless(&'static str),
    /// Absent, it has this value, in YAML.
    Default(&'static str),
    /// It may be absent or `null`, which means this.
    Optional(&'static str),
    /// What it asks for is not built yet: only this value, which asks for nothing, is accepted.
    Later(Option<&'static str>),
}

impl Key {
    pub(super) const fn required(name: &'static str, holds: Holds, meaning: &'static str) -> Self {
        Self { name, holds, presence: Presence::Required, meaning, example: None, presets: &[] }
    }

    /// A key that must be there, unless something else makes it needless.
    pub(super) const fn unless(name: &'static str, holds: Holds, unless: &'static str, meaning: &'static str) -> Self {
        Self { name, holds, presence: Presence::Unless(unless), meaning, example: None, presets: &[] }
    }

    pub(super) const fn default(
        name: &'static str,
        holds: Holds,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, holds, presence: Presence::Default(default), meaning, example: None, presets: &[] }
    }

    pub(super) const fn optional(
        name: &'static str,
        holds: Holds,
        absent: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, holds, presence: Presence::Optional(absent), meaning, example: None, presets: &[] }
    }

    pub(super) const fn section(name: &'static str, keys: &'static [Self], meaning: &'static str) -> Self {
        Self::default(name, Holds::Section(keys), "{}", meaning)
    }

    /// A section that may be absent or `null`, which means this.
    pub(super) const fn maybe(
        name: &'static str,
        keys: &'static [Self],
        absent: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self::optional(name, Holds::Section(keys), absent, meaning)
    }

    /// A key that is not built yet, whatever its value.
    pub(super) const fn later(name: &'static str, meaning: &'static str) -> Self {
        Self { name, holds: Holds::Text, presence: Presence::Later(None), meaning, example: None, presets: &[] }
    }

    /// A key that is not built yet, but for the one value that asks for nothing.
    pub(super) const fn only(name: &'static str, accepted: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            holds: Holds::Text,
            presence: Presence::Later(Some(accepted)),
            meaning,
            example: None,
            presets: &[],
        }
    }

    /// Other defaults under presets.
    pub(super) const fn presets(self, presets: &'static [(Preset, &'static str)]) -> Self {
        Self { presets, ..self }
    }

    /// What the key's absence means, if it has a default: under `preset`, that one's.
    pub(super) fn default_under(&self, preset: Option<Preset>) -> Option<&'static str> {
        let Presence::Default(default) = self.presence else { return None };
        let other = self.presets.iter().find(|(of, _)| Some(*of) == preset);
        Some(other.map_or(default, |(_, default)| *default))
    }

    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    /// The keys below this one.
    pub(super) const fn inner(&self) -> &'static [Self] {
        match self.holds {
            Holds::Section(keys) | Holds::List(keys) => keys,
            _ => &[],
        }
    }

    /// Says whether the key, or one below it, does something.
    pub(super) fn is_built(&self) -> bool {
        match (self.presence, self.holds) {
            (Presence::Later(_), _) => false,
            (_, Holds::Section(keys)) => keys.iter().any(Self::is_built),
            _ => true,
        }
    }

    /// Says whether a file without this key is incomplete.
    pub(super) fn is_needed(&self) -> bool {
        match (self.presence, self.holds) {
            (Presence::Required, _) => true,
            (Presence::Optional(_), _) => false,
            (_, Holds::Section(keys)) => keys.iter().any(Self::is_needed),
            _ => false,
        }
    }
}

impl Holds {
    /// The type in words.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Address => "an address, `unix:/path` or `ip:port`".to_owned(),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Count(from, to) => format!("a whole number from {from} to {to}"),
            Self::Duration(from, to) => format!("a duration from {} to {}", show_duration(*from), show_duration(*to)),
            Self::Header => "the name of a header, in lower case".to_owned(),
            Self::Ids => "a list of numeric IDs".to_owned(),
            Self::IpAddress => "an address, `ip:port`".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Mode => "an octal file mode in quotes".to_owned(),
            Self::Path => "a path, relative to the configuration file".to_owned(),
            Self::Section(_) => "a section".to_owned(),
            Self::SpiffeIds => "a list of SPIFFE IDs of workloads".to_owned(),
            Self::Size(from, to) => format!("a size from {} to {}", show_size(*from), show_size(*to)),
            Self::SpiffeId => "the SPIFFE ID of a workload".to_owned(),
            Self::Text => "a string".to_owned(),
            Self::Texts => "a list of strings".to_owned(),
            Self::TrustDomain => "the name of a trust domain".to_owned(),
            Self::TrustDomains => "a list of trust domains".to_owned(),
            Self::Url => "an address, `https://…`".to_owned(),
            Self::Word(words, _) => format!("one of {}", words.join(", ")),
            Self::Words(words) => format!("a list of {}", words.join(", ")),
        }
    }
}
