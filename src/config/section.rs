//! A section of the file, read by its keys: what they do not name is refused, what they call not built is refused, and what is absent has
//! their default.

use std::{collections::BTreeSet, fmt::Display, time::Duration};

use super::key::{Holds, Key, Presence, Preset};
use crate::yaml::{self, Kind, Mapping, Node, Reader, Value, quote};

/// A section: its keys, and what the file says about them.
#[derive(Debug)]
pub(super) struct Section<'a> {
    keys: &'static [Key],
    mapping: Mapping<'a>,
    /// Whose defaults count.
    preset: Option<Preset>,
}

impl<'a> Section<'a> {
    /// Opens the whole file, with the defaults of the preset that it names.
    pub(super) fn root(keys: &'static [Key], mapping: Mapping<'a>) -> Self {
        let mut root = Self::open(keys, mapping, None);
        root.preset = root.word("preset", &PRESETS.map(|preset| (preset.as_str(), preset)));
        root
    }

    /// Opens a section and refuses the keys that it does not have, or not yet.
    fn open(keys: &'static [Key], mut mapping: Mapping<'a>, preset: Option<Preset>) -> Self {
        for key in keys {
            let value = mapping.value(key.name);
            if let Presence::Later(accepted) = key.presence {
                refuse_later(key, accepted, &value);
            }
            // Nobody reads a section of which nothing is built, so it is held against its keys here.
            if matches!(key.holds, Holds::Section(_)) && !key.is_built() && value.is_present() {
                Self::open(key.inner(), value.mapping(), preset);
            }
        }
        mapping.clone().finish();
        Self { keys, mapping, preset }
    }

    pub(super) fn section(&mut self, name: &'static str) -> Self {
        let keys = self.key(name).map_or(&[][..], Key::inner);
        Self::open(keys, self.mapping.section(name), self.preset)
    }

    /// A section that may be absent or `null`.
    pub(super) fn maybe(&mut self, name: &'static str) -> Option<Self> {
        let keys = self.key(name).map_or(&[][..], Key::inner);
        let value = self.mapping.nullable(name);
        value.is_present().then(|| Self::open(keys, value.mapping(), self.preset))
    }

    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(Section<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Key { presence, .. } = *self.key(name)?;
        let keys = self.key(name)?.inner();
        let preset = self.preset;
        self.read(name, |value| {
            let items = value.list(|item| read(Section::open(keys, item.mapping(), preset)));
            if let Some(Kind::Sequence(items)) = value.node().map(|node| &node.kind)
                && items.is_empty()
                && !matches!(presence, Presence::Optional(_) | Presence::Unless(_))
            {
                value.problem("must not be empty");
            }
            items
        })
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, |value| value.string())
    }

    pub(super) fn parsed<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.read(name, |value| value.parsed(&parse))
    }

    pub(super) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.read(name, |value| value.boolean())
    }

    pub(super) fn duration(&mut self, name: &'static str) -> Option<Duration> {
        let Holds::Duration(from, to) = self.key(name)?.holds else {
            return None;
        };
        self.read(name, |value| value.duration_in(from..=to))
    }

    pub(super) fn size(&mut self, name: &'static str) -> Option<usize> {
        let Holds::Size(from, to) = self.key(name)?.holds else {
            return None;
        };
        self.read(name, |value| value.size_in(from..=to)).and_then(|size| size.try_into().ok())
    }

    pub(super) fn count<T: TryFrom<i64>>(&mut self, name: &'static str) -> Option<T> {
        let Holds::Count(from, to) = self.key(name)?.holds else {
            return None;
        };
        self.read(name, |value| value.integer_in(from..=to)).and_then(|count| count.try_into().ok())
    }

    /// A list of IDs; none if one of them is wrong.
    pub(super) fn ids(&mut self, name: &'static str) -> Option<Vec<u32>> {
        let id = |value: Value<'_>| Some(value.integer_in(0..=u32::MAX.into()).and_then(|id| id.try_into().ok()));
        self.read(name, |value| value.list(id)?.into_iter().collect())
    }

    /// A list of strings, each read by `parse`; none if one of them is wrong.
    pub(super) fn texts<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        self.read(name, |value| value.list(|item| Some(item.parsed(&parse)))?.into_iter().collect())
    }

    /// One word; `words` gives each that is built its value.
    pub(super) fn word<T: Clone>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let Holds::Word(built, later) = self.key(name)?.holds else {
            return None;
        };
        self.read(name, |value| {
            let written = value.node().map(|node| &node.kind);
            if let Some(Kind::Plain(text) | Kind::Quoted(text)) = written
                && later.contains(&text.as_str())
            {
                value.problem(format!("`{text}` is not built yet: write one of {}", built.join(", ")));
                return None;
            }
            value.one_of(words)
        })
    }

    /// A set of words.
    pub(super) fn words(&mut self, name: &'static str) -> Option<BTreeSet<&'static str>> {
        Some(self.ordered_words(name)?.into_iter().collect())
    }

    /// Words, none twice, in the order of the file.
    pub(super) fn ordered_words(&mut self, name: &'static str) -> Option<Vec<&'static str>> {
        let Holds::Words(words) = self.key(name)?.holds else {
            return None;
        };
        let pairs = words.iter().map(|word| (*word, *word)).collect::<Vec<_>>();
        let mut seen = BTreeSet::new();
        self.read(name, |value| {
            value.list(|item| {
                let word = item.one_of(&pairs)?;
                if !seen.insert(word) {
                    item.problem(format!("`{word}` is there twice"));
                }
                Some(word)
            })
        })
    }

    /// Reports a key that must be there after all.
    pub(super) fn require(&mut self, name: &'static str) {
        self.mapping.required(name);
    }

    /// Says whether the file sets a key.
    pub(super) fn has(&self, name: &str) -> bool {
        self.mapping.has(name)
    }

    /// Adds a problem with a key, or with the whole section if the key is absent.
    pub(super) fn problem(&mut self, name: &'static str, message: impl Into<String>) {
        let value = self.mapping.value(name);
        if value.is_present() {
            value.problem(message);
        } else {
            self.mapping.problem(message);
        }
    }

    /// Reads a key, or its default.
    fn read<T>(&mut self, name: &'static str, mut read: impl FnMut(Value<'_>) -> Option<T>) -> Option<T> {
        let key = self.key(name)?;
        let value = match key.presence {
            Presence::Required => self.mapping.required(name),
            Presence::Default(_) if !self.mapping.has(name) => {
                let default = key.default_under(self.preset)?;
                let reader = Reader::new("default");
                let documents = reader.parse(default);
                return documents.first().and_then(|node| read(reader.value(node)));
            }
            Presence::Default(_) => self.mapping.optional(name),
            Presence::Optional(_) | Presence::Unless(_) => self.mapping.nullable(name),
            Presence::Later(_) => return None,
        };
        read(value)
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const PRESETS: [Preset; 2] = [Preset::OpaEnvoy, Preset::Observe];

fn refuse_later(key: &Key, accepted: Option<&str>, value: &Value<'_>) {
    let Some(node) = value.node().filter(|node| node.kind != Kind::Refused) else {
        return;
    };
    if accepted.is_some_and(|accepted| is_written(accepted, node)) {
        return;
    }
    let name = key.name;
    let meaning = key.meaning;
    value.problem(match (accepted, &node.kind) {
        (Some(accepted), Kind::Plain(text) | Kind::Quoted(text)) => {
            format!("{} is not built yet ({meaning}): leave `{name}` out or write `{accepted}`", quote(text))
        }
        (Some(accepted), _) => format!("`{name}` is not built yet ({meaning}): leave it out or write `{accepted}`"),
        (None, _) => format!("`{name}` is not built yet ({meaning}): leave it out"),
    });
}

/// Says whether `node` is what `text` means.
fn is_written(text: &str, node: &Node) -> bool {
    if text == "null" {
        return node.kind == Kind::Null;
    }
    yaml::parse("default", text).is_ok_and(|documents| documents.first().is_some_and(|document| document.is_same(node)))
}
