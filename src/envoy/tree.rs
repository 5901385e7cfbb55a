//! Reads YAML and JSON as Envoy does, bounded, and refuses what Envoy takes in silence: a field that is there twice.
//!
//! Our own files are read by [`crate::yaml`], which has no aliases. Envoy's are other people's, and written with them.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use saphyr_parser::{Event, Marker, Parser, Span, StrInput};

use super::Refused;
use crate::yaml::quote;

/// A value and the line that it begins in.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) kind: Kind,
    /// How many values it is made of, with what its aliases stand for.
    weight: usize,
}

#[derive(Debug)]
pub(super) enum Kind {
    Null,
    Scalar(String),
    List(Vec<Rc<Node>>),
    Map(Vec<(String, Rc<Node>)>),
}

/// Reads the one document of a file.
pub(super) fn read(source: &str) -> Result<Rc<Node>, Refused> {
    if source.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than {MAX_BYTES}: split it", source.len());
        return Err(Refused { line: None, message });
    }
    let text = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut builder = Builder { parser: Parser::new_from_str(text), anchors: HashMap::new(), weight: 0 };
    builder.document()
}

/// The name that a field has in Envoy's documentation: protobuf takes `failureModeAllow` for `failure_mode_allow`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

struct Builder<'s> {
    parser: Parser<'s, StrInput<'s>>,
    anchors: HashMap<usize, Rc<Node>>,
    weight: usize,
}

impl<'s> Builder<'s> {
    fn document(&mut self) -> Result<Rc<Node>, Refused> {
        let mut document = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                _ if document.is_some() => {
                    return Err(refused(&span.start, "a second document: Envoy reads only the first, so leave it out"));
                }
                _ => document = Some(self.node(event, span, 0)?),
            }
        }
        document.ok_or_else(|| Refused { line: None, message: "the file is empty".to_owned() })
    }

    fn next(&mut self) -> Result<(Event<'s>, Span), Refused> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(refused(error.marker(), format!("not valid YAML: {}", quote(error.info())))),
            None => Err(Refused { line: None, message: "not valid YAML: it ends too early".to_owned() }),
        }
    }

    fn node(&mut self, event: Event<'s>, span: Span, depth: usize) -> Result<Rc<Node>, Refused> {
        let before = self.weight;
        self.carry(1, &span)?;
        let (kind, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, &span),
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == saphyr_parser::ScalarStyle::Plain;
                let is_null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                (if is_null { Kind::Null } else { Kind::Scalar(text.into_owned()) }, anchor)
            }
            Event::SequenceStart(anchor, _) => (self.list(&span, depth + 1)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(&span, depth + 1)?, anchor),
            // The parser gives no other event where a value begins.
            _ => return Err(refused(&span.start, "not a value")),
        };
        let node = Rc::new(Node { line: span.start.line(), kind, weight: self.weight - before });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    /// What an alias stands for, counted as if it were written out: nine aliases of nine aliases of nine are many values.
    fn alias(&mut self, anchor: usize, span: &Span) -> Result<Rc<Node>, Refused> {
        let known = self.anchors.get(&anchor).map(Rc::clone);
        let node = known.ok_or_else(|| refused(&span.start, "an alias inside of what it stands for"))?;
        self.carry(node.weight, span)?;
        Ok(node)
    }

    fn list(&mut self, start: &Span, depth: usize) -> Result<Kind, Refused> {
        deep(start, depth)?;
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Kind::List(items));
            }
            items.push(self.node(event, span, depth)?);
        }
    }

    fn map(&mut self, start: &Span, depth: usize) -> Result<Kind, Refused> {
        deep(start, depth)?;
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Kind::Map(entries));
            }
            let key = self.node(event, span, depth)?;
            let Kind::Scalar(name) = &key.kind else {
                return Err(refused(&span.start, "a key that is no name"));
            };
            if name == "<<" {
                return Err(refused(&span.start, "Envoy does not merge `<<`: write the fields out"));
            }
            // Which of the two counts is not for us to guess.
            if !seen.insert(snake(name)) {
                return Err(refused(&span.start, format!("the field {} is there twice", quote(name))));
            }
            let (event, span) = self.next()?;
            entries.push((name.clone(), self.node(event, span, depth)?));
        }
    }

    fn carry(&mut self, weight: usize, span: &Span) -> Result<(), Refused> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight <= MAX_NODES {
            return Ok(());
        }
        Err(refused(&span.start, format!("more than {MAX_NODES} values, aliases written out: split the file")))
    }
}

fn deep(span: &Span, depth: usize) -> Result<(), Refused> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(refused(&span.start, format!("nested deeper than {MAX_DEPTH}")))
}

fn refused(mark: &Marker, message: impl Into<String>) -> Refused {
    Refused { line: Some(mark.line()), message: message.into() }
}

/// A dump of a large mesh's sidecar has a few megabytes.
const MAX_BYTES: usize = 8 << 20;
const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 400_000;
