//! A place in an Envoy configuration: what is written there is read as protobuf reads it, in every spelling that it takes.

use std::time::Duration;

use super::tree::{Kind, Node, snake};

/// A value and the way to it.
#[derive(Clone, Debug)]
pub(super) struct At<'t> {
    node: &'t Node,
    pub(super) path: String,
}

/// An extension: the message it is configured with, whatever its name.
#[derive(Clone, Debug)]
pub(super) struct Extension<'t> {
    /// The full name of the message, such as `envoy.extensions.filters.http.router.v3.Router`; empty if there is none.
    pub(super) message: &'t str,
    pub(super) config: At<'t>,
}

impl<'t> At<'t> {
    pub(super) fn root(node: &'t Node) -> Self {
        Self { node, path: String::new() }
    }

    pub(super) fn line(&self) -> usize {
        self.node.line
    }

    /// The field, unless it is absent or null, which is the same to protobuf.
    pub(super) fn get(&self, field: &str) -> Option<Self> {
        self.entries().find(|(name, _)| snake(name) == field).map(|(_, value)| value)
    }

    /// The field at the end of a way of fields.
    pub(super) fn at(&self, way: &[&str]) -> Option<Self> {
        way.iter().try_fold(self.clone(), |at, field| at.get(field))
    }

    /// The path that the field would have.
    pub(super) fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }

    /// Every field that is not null.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'t str, Self)> {
        let entries = match &self.node.kind {
            Kind::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        let fields = entries.iter().filter(|(_, node)| !matches!(node.kind, Kind::Null));
        fields.map(|(name, node)| (name.as_str(), Self { node, path: self.path_of(name) }))
    }

    /// The items of a list field; none if it is absent.
    pub(super) fn items(&self, field: &str) -> Vec<Self> {
        self.get(field).map(|list| list.listed()).unwrap_or_default()
    }

    /// The items of this list.
    pub(super) fn listed(&self) -> Vec<Self> {
        let Kind::List(items) = &self.node.kind else { return Vec::new() };
        let place =
            |(index, node): (usize, &'t std::rc::Rc<Node>)| Self { node, path: format!("{}[{index}]", self.path) };
        items.iter().enumerate().map(place).collect()
    }

    /// What is written here, if it is a scalar.
    pub(super) fn text(&self) -> Option<&'t str> {
        match &self.node.kind {
            Kind::Scalar(text) => Some(text),
            // The wrapper messages may be written as messages.
            Kind::Map(_) => self.get("value")?.scalar(),
            _ => None,
        }
    }

    fn scalar(&self) -> Option<&'t str> {
        if let Kind::Scalar(text) = &self.node.kind { Some(text) } else { None }
    }

    /// The text of a field.
    pub(super) fn word(&self, field: &str) -> Option<&'t str> {
        self.get(field)?.text()
    }

    /// Says whether a protection is on for sure.
    pub(super) fn is_on(&self, field: &str) -> bool {
        self.word(field).and_then(boolean) == Some(true)
    }

    /// Says whether something dangerous is off for sure.
    pub(super) fn is_off(&self, field: &str) -> bool {
        self.get(field).is_none_or(|at| at.text().and_then(boolean) == Some(false))
    }

    /// Which of an enum's values a field has, the first if it is absent; nothing if it is none of them.
    pub(super) fn choice<'c>(&self, field: &str, values: &[&'c str]) -> Option<&'c str> {
        let Some(at) = self.get(field) else { return values.first().copied() };
        let text = at.text()?;
        let number = text.parse::<usize>().ok();
        match number {
            Some(number) => values.get(number).copied(),
            None => values.iter().find(|value| value.eq_ignore_ascii_case(text)).copied(),
        }
    }

    /// How long a field says, if it is there and a span of time.
    pub(super) fn span(&self, field: &str) -> Option<Duration> {
        let at = self.get(field)?;
        let Kind::Map(_) = at.node.kind else { return seconds(at.scalar()?.strip_suffix('s')?) };
        let part = |field| at.word(field).map_or(Some(0), |text| text.parse::<u64>().ok());
        Some(Duration::new(
            part("seconds")?,
            u32::try_from(part("nanos")?).ok().filter(|nanos| *nanos < 1_000_000_000)?,
        ))
    }

    /// The extension that is configured in a field.
    pub(super) fn extension(&self, field: &str) -> Option<Extension<'t>> {
        self.get(field).map(Self::into_extension)
    }

    /// The extension that is configured here.
    pub(super) fn into_extension(self) -> Extension<'t> {
        let message = self.word("@type").map_or("", message_name);
        // A message that is not compiled in, or may not be, travels in a struct.
        if message.ends_with(".TypedStruct") {
            let message = self.word("type_url").map_or("", message_name);
            let config = self.get("value").unwrap_or(self);
            return Extension { message, config };
        }
        Extension { message, config: self }
    }
}

fn message_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// As YAML 1.1 has it, which Envoy reads.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_decimal).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}
