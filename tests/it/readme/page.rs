//! The pages as they are written: their fenced blocks, and what is said behind a command.

use hopguard::yaml::{Kind, Node};
use serde_json::{Map, Value};

pub(super) const README: &str = include_str!("../../../README.md");
pub(super) const KUBERNETES: &str = include_str!("../../../deploy/k8s/README.md");

/// A fenced block: what stands behind its fence, and what is in it.
pub(super) struct Block {
    pub(super) tag: &'static str,
    pub(super) text: String,
}

pub(super) fn blocks(page: &'static str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(tag) = line.strip_prefix("```") else { continue };
        let inside = lines.by_ref().take_while(|line| *line != "```");
        blocks.push(Block { tag, text: inside.map(|line| format!("{line}\n")).collect() });
    }
    blocks
}

pub(super) fn tagged(tag: &str) -> Vec<String> {
    let found: Vec<String> =
        blocks(README).into_iter().filter(|block| block.tag == tag).map(|block| block.text).collect();
    assert!(!found.is_empty(), "no block `{tag}`");
    found
}

/// The lines of all blocks `tag` that begin with `program`, without what is said about them.
pub(super) fn commands(tag: &str, program: &str) -> Vec<String> {
    let lines: Vec<String> =
        tagged(tag).iter().flat_map(|text| text.lines()).map(|line| said_of(line).0.to_owned()).collect();
    lines.into_iter().filter(|line| line.split(' ').next() == Some(program)).collect()
}

/// A command, and the comment behind it.
pub(super) fn said_of(line: &str) -> (&str, Option<&str>) {
    line.split_once(" # ").map_or((line, None), |(command, said)| (command.trim(), Some(said.trim())))
}

/// YAML as Envoy reads it.
pub(super) fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Plain(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Kind::Quoted(text) => text.as_str().into(),
        Kind::Sequence(items) => items.iter().map(json).collect(),
        Kind::Mapping(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect::<Map<_, _>>().into()
        }
        Kind::Null | Kind::Refused => Value::Null,
    }
}
