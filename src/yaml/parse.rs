//! Turns the parser's events into nodes, and refuses what two readers could understand differently.

use std::{borrow::Cow, collections::HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::{
    Entry, Kind, MAX_BYTES, MAX_DEPTH, MAX_NODES, Node, Position, Reader,
    problem::quote,
    read::{index_path, key_path},
    scalar,
};

impl Reader {
    /// Parses all documents of the file; what is wrong is reported, and is [`Kind::Refused`] in the nodes.
    pub fn parse(&self, source: &str) -> Vec<Node> {
        if source.len() > MAX_BYTES {
            let message = format!("the file has {} bytes, more than {MAX_BYTES}: split it", source.len());
            self.report(Position::START, "", message);
            return Vec::new();
        }
        let text = source.strip_prefix('\u{feff}').unwrap_or(source);
        if text.len() < source.len() {
            self.report(Position::START, "", "a byte order mark is refused: save the file as UTF-8 without one");
        }
        self.refuse_invisible(text);
        let mut builder = Builder { reader: self, parser: Parser::new_from_str(text), nodes: 0 };
        let mut documents = Vec::new();
        // What stopped the builder is reported; the documents before it are still worth reading.
        let _: Result<(), Stop> = builder.documents(&mut documents);
        documents
    }

    /// Refuses what does not show: control characters, and what only YAML 1.1 reads as the end of a line.
    fn refuse_invisible(&self, text: &str) {
        let mut at = Position::START;
        let mut previous = ' ';
        for character in text.chars() {
            let is_hidden = character.is_control() && !matches!(character, '\t' | '\n' | '\r');
            if is_hidden || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}') {
                let shown = quote(&character.to_string());
                let message = format!("the character {shown} does not show: write it as an escape in double quotes");
                self.report(at, "", message);
            }
            at = match (previous, character) {
                ('\r', '\n') => at,
                (_, '\n' | '\r') => Position { line: at.line + 1, column: 1 },
                _ => Position { column: at.column + 1, ..at },
            };
            previous = character;
        }
    }
}

/// The rest of the file cannot be read: reported already.
struct Stop;

struct Builder<'s> {
    reader: &'s Reader,
    parser: Parser<'s, StrInput<'s>>,
    nodes: usize,
}

impl<'s> Builder<'s> {
    fn documents(&mut self, documents: &mut Vec<Node>) -> Result<(), Stop> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                _ => {
                    let document = self.node(event, span, "", 0)?;
                    if document.kind != Kind::Null {
                        documents.push(document);
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'s>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let message = format!("not valid YAML: {}", quote(error.info()));
                self.reader.report(position(error.marker()), "", message);
                Err(Stop)
            }
            None => Err(Stop),
        }
    }

    fn node(&mut self, event: Event<'s>, span: Span, path: &str, depth: usize) -> Result<Node, Stop> {
        let at = position(&span.start);
        self.count(at)?;
        let kind = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = self.scalar(&text, style, at, path);
                self.undecorated(kind, anchor, tag, at, path)
            }
            Event::SequenceStart(anchor, tag) => {
                self.deeper(depth, at, path)?;
                let kind = self.sequence(path, depth + 1)?;
                self.undecorated(kind, anchor, tag, at, path)
            }
            Event::MappingStart(anchor, tag) => {
                self.deeper(depth, at, path)?;
                let kind = self.mapping(path, depth + 1)?;
                self.undecorated(kind, anchor, tag, at, path)
            }
            Event::Alias(_) => self.refuse(at, path, "aliases are refused: write the value out"),
            // The parser gives no other event where a value begins.
            _ => self.refuse(at, path, "not a value"),
        };
        Ok(Node { at, kind })
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Position, path: &str) -> Kind {
        if style != ScalarStyle::Plain {
            return Kind::Quoted(text.to_owned());
        }
        if scalar::is_null(text) {
            return Kind::Null;
        }
        match scalar::other_in_yaml_1_1(text) {
            Some(other) => {
                let message = format!("{} is {other} to readers of YAML 1.1: quote it", quote(text));
                self.refuse(at, path, &message)
            }
            None => Kind::Plain(text.to_owned()),
        }
    }

    fn sequence(&mut self, path: &str, depth: usize) -> Result<Kind, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Kind::Sequence(items));
            }
            let path = index_path(path, items.len());
            items.push(self.node(event, span, &path, depth)?);
        }
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Kind, Stop> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Kind::Mapping(entries));
            }
            let key = self.node(event, span, path, depth)?;
            let name = self.key(key.kind, key.at, path);
            let (event, span) = self.next()?;
            let value_path = key_path(path, name.as_deref().unwrap_or("?"));
            let value = self.node(event, span, &value_path, depth)?;
            let Some(name) = name else { continue };
            if seen.insert(name.clone()) {
                entries.push(Entry { key: name, at: key.at, value });
            } else {
                self.reader.report(key.at, path, format!("the key {} is there twice", quote(&name)));
            }
        }
    }

    /// The name that a key is, if it is a string.
    fn key(&mut self, kind: Kind, at: Position, path: &str) -> Option<String> {
        let problem = match kind {
            Kind::Quoted(name) => return Some(name),
            Kind::Plain(name) if name == "<<" => "merge keys are refused: write the fields out".to_owned(),
            Kind::Plain(name) => match scalar::other_than_string(&name) {
                None => return Some(name),
                Some(other) => format!("the key {} is {other}: quote it", quote(&name)),
            },
            Kind::Null => "the key is empty: a key is a string".to_owned(),
            Kind::Sequence(_) | Kind::Mapping(_) => {
                "a list or mapping as a key is refused: a key is a string".to_owned()
            }
            Kind::Refused => return None,
        };
        self.reader.report(at, path, problem);
        None
    }

    /// Refuses a node that has an anchor or a tag.
    fn undecorated(&mut self, kind: Kind, anchor: usize, tag: Option<Cow<'s, Tag>>, at: Position, path: &str) -> Kind {
        if anchor != 0 {
            return self.refuse(at, path, "anchors are refused: write the value out where it is needed");
        }
        match tag {
            Some(tag) => {
                self.refuse(at, path, &format!("the tag {} is refused: leave it out", quote(&tag.to_string())))
            }
            None => kind,
        }
    }

    fn refuse(&mut self, at: Position, path: &str, message: &str) -> Kind {
        self.reader.report(at, path, message);
        Kind::Refused
    }

    fn deeper(&mut self, depth: usize, at: Position, path: &str) -> Result<(), Stop> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        self.reader.report(at, path, format!("nested deeper than {MAX_DEPTH}"));
        Err(Stop)
    }

    fn count(&mut self, at: Position) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        self.reader.report(at, "", format!("the file has more than {MAX_NODES} values: split it"));
        Err(Stop)
    }
}

fn position(mark: &Marker) -> Position {
    Position { line: mark.line(), column: mark.col() + 1 }
}
