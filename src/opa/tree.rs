//! The configuration file as a tree: environment put in, command line laid over it.

use std::collections::BTreeSet;

use super::overrides::{Given, Override, Step};
use crate::yaml::{Entry, Kind, Node, Position, Problem, Problems, Reader};

/// A configuration file with everything laid over it.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(super) file: String,
    pub(super) root: Node,
    /// Variables that the file names and the environment does not have.
    pub(super) unset: BTreeSet<String>,
}

impl Tree {
    /// Reads the text of `file`, YAML or JSON. `variable` gives what stands in the environment.
    ///
    /// # Errors
    /// Every problem with it.
    pub fn parse(file: &str, text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let (text, unset) = with_environment(text, variable);
        let reader = Reader::new(file);
        let mut documents = reader.parse(&text);
        if documents.len() > 1 {
            reader.report(Position::START, "", "there is a second document: the configuration is one");
        }
        let root = documents.pop().unwrap_or_else(nothing);
        let tree = Self { file: file.to_owned(), root, unset };
        reader.finish(Some(tree))
    }

    /// A configuration of nothing but what is laid over it.
    pub fn empty() -> Self {
        Self { file: "--set".to_owned(), root: nothing(), unset: BTreeSet::new() }
    }

    /// Lays one key over it.
    ///
    /// # Errors
    /// If it goes through something that is no mapping and no list.
    pub fn set(&mut self, given: &Override) -> Result<(), Problem> {
        put(&mut self.root, &given.path, &given.value).ok_or_else(|| {
            let path: Vec<_> = given.path.iter().map(Step::show).collect();
            Problem::of_file("--set", format!("{}: goes through something that has no keys", path.concat()))
        })
    }
}

impl Step {
    fn show(&self) -> String {
        match self {
            Self::Key(name) => format!(".{name}"),
            Self::Index(index) => format!("[{index}]"),
        }
    }
}

fn nothing() -> Node {
    Node { at: Position::default(), kind: Kind::Mapping(Vec::new()) }
}

fn put(node: &mut Node, path: &[Step], value: &Given) -> Option<()> {
    let Some((step, rest)) = path.split_first() else {
        *node = of(value);
        return Some(());
    };
    let next = match step {
        Step::Key(name) => {
            if node.kind == Kind::Null {
                node.kind = Kind::Mapping(Vec::new());
            }
            let Kind::Mapping(entries) = &mut node.kind else { return None };
            let place = match entries.iter().position(|entry| entry.key == *name) {
                Some(place) => place,
                None => {
                    let value = Node { at: Position::default(), kind: Kind::Null };
                    entries.push(Entry { key: name.clone(), at: Position::default(), value });
                    entries.len().checked_sub(1)?
                }
            };
            &mut entries.get_mut(place)?.value
        }
        Step::Index(index) => {
            if node.kind == Kind::Null {
                node.kind = Kind::Sequence(Vec::new());
            }
            let Kind::Sequence(items) = &mut node.kind else { return None };
            while items.len() <= *index {
                items.push(Node { at: Position::default(), kind: Kind::Null });
            }
            items.get_mut(*index)?
        }
    };
    put(next, rest, value)
}

fn of(value: &Given) -> Node {
    let kind = match value {
        Given::Null => Kind::Null,
        Given::Plain(text) => Kind::Plain(text.clone()),
        Given::Text(text) => Kind::Quoted(text.clone()),
        Given::List(items) => Kind::Sequence(items.iter().map(of).collect()),
    };
    Node { at: Position::default(), kind }
}

/// Puts `${NAME}` in, before the text is read. What is not set is empty, as it is in OPA.
fn with_environment(text: &str, variable: impl Fn(&str) -> Option<String>) -> (String, BTreeSet<String>) {
    let (mut whole, mut unset, mut rest) = (String::with_capacity(text.len()), BTreeSet::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            whole.push_str("${");
            rest = after;
            continue;
        };
        match variable(name.trim()) {
            // A line break in a value does not end the line that it stands in.
            Some(value) => whole.push_str(&value.replace('\n', "\\n")),
            None => {
                unset.insert(name.trim().to_owned());
            }
        }
        rest = after;
    }
    whole.push_str(rest);
    (whole, unset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Tree {
        Tree::parse("opa.yaml", text, |name| (name == "HOST").then(|| "acme.example".to_owned())).unwrap()
    }

    #[test]
    fn the_environment_is_put_in_and_what_is_not_there_is_named() {
        let tree = parse("services: {acme: {url: 'https://${HOST}/', token: '${ TOKEN }'}}");
        assert!(tree.root.is_same(&parse("services: {acme: {url: 'https://acme.example/', token: ''}}").root));
        assert_eq!(tree.unset.iter().collect::<Vec<_>>(), ["TOKEN"]);
        assert!(parse("a: 'b${c'").root.is_same(&parse("a: \"b${c\"").root));
    }

    #[test]
    fn the_command_line_is_laid_over_the_file() {
        let mut tree = parse("plugins: {a: {addr: x, path: p}}\nservices: [{name: one}]");
        for text in ["plugins.a.addr=:1", "plugins.b.c=true", "services[0].url=u", "services[2].name=three"] {
            for given in Override::parse(text).unwrap() {
                tree.set(&given).unwrap();
            }
        }
        let wanted =
            "plugins: {a: {addr: ':1', path: p}, b: {c: true}}\nservices: [{name: one, url: u}, null, {name: three}]";
        assert!(tree.root.is_same(&parse(wanted).root));
        let through = Override::parse("plugins.a.addr.x=1").unwrap();
        assert!(tree.set(&through[0]).is_err());
    }
}
