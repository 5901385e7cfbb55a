//! Expressions that are many values: sets, lists and objects, and what is made of each of their items.

use super::{Author, Kind};
use crate::words::NAMES;

impl Author {
    pub(super) fn set(&mut self, depth: usize) -> String {
        if depth == 0 || self.draw.chance(25) {
            return match self.draw.below(if self.is_terse { 2 } else { 4 }) {
                0 => self.constant(Kind::Set),
                1 => format!("{{{}, {}}}", self.word(), self.word()),
                2 => "{role | some role in data.roles[_]}"
                    .replace("data.roles[_]", self.draw.of(&["data.roles.alice", "data.roles.bob"])),
                _ => format!("{{{}}}", self.expression(Kind::Text, 0)),
            };
        }
        match self.draw.below(6) {
            0 | 1 => {
                let (value, body) = self.comprehension(depth - 1);
                format!("{{{value} | {body}}}")
            }
            2 | 3 => {
                let (left, right) = (self.expression(Kind::Set, depth - 1), self.expression(Kind::Set, depth - 1));
                format!("({left} {} {right})", self.draw.of(&["|", "&", "-"]))
            }
            4 => format!("object.keys({})", self.expression(Kind::Object, depth - 1)),
            _ => {
                let (left, right) = (self.expression(Kind::Set, depth - 1), self.expression(Kind::Set, depth - 1));
                format!("{}({{{left}, {right}}})", self.draw.of(&["union", "intersection"]))
            }
        }
    }

    pub(super) fn list(&mut self, depth: usize) -> String {
        if depth == 0 || self.draw.chance(35) {
            return match self.draw.below(6) {
                0 => self.constant(Kind::List),
                1 => format!("[{}, {}]", self.expression(Kind::Text, 0), self.word()),
                2 => "input.parsed_path".to_owned(),
                3 => "data.networks".to_owned(),
                4 => format!("data.roles.{}", self.draw.of(&["alice", "bob", "mallory"])),
                _ => self
                    .draw
                    .of(&["input.parsed_body.items", "input.parsed_query.x", "data.permissions.admin"])
                    .to_owned(),
            };
        }
        match self.draw.below(8) {
            0 | 1 => {
                let (value, body) = self.comprehension(depth - 1);
                format!("[{value} | {body}]")
            }
            2 => format!("split({}, {})", self.expression(Kind::Text, depth - 1), self.separator()),
            3 => {
                let (left, right) = (self.expression(Kind::List, depth - 1), self.expression(Kind::List, depth - 1));
                format!("array.concat({left}, {right})")
            }
            4 => format!(
                "array.slice({}, {}, {})",
                self.expression(Kind::List, depth - 1),
                self.draw.below(3),
                self.draw.below(4)
            ),
            5 => {
                let kind = if self.draw.chance(50) { Kind::Set } else { Kind::List };
                format!("sort({})", self.expression(kind, depth - 1))
            }
            6 => format!("numbers.range({}, {})", self.draw.below(4), self.draw.below(4)),
            _ => format!("regex.split(\"[,/]\", {})", self.expression(Kind::Text, depth - 1)),
        }
    }

    pub(super) fn object(&mut self, depth: usize) -> String {
        if depth == 0 || self.draw.chance(40) {
            return match self.draw.below(7) {
                0 => self.constant(Kind::Object),
                1 => format!("{{\"{}\": {}}}", self.draw.of(NAMES), self.expression(Kind::Text, 0)),
                2 | 3 => "input.attributes.request.http.headers".to_owned(),
                4 => "data.roles".to_owned(),
                5 => "input.parsed_query".to_owned(),
                _ => self
                    .draw
                    .of(&["input.parsed_body", "input.attributes.contextExtensions", "data.blocked"])
                    .to_owned(),
            };
        }
        match self.draw.below(6) {
            0 | 1 => {
                let mark = self.scope.len();
                let of = self.expression(Kind::Object, depth - 1);
                let (key, value) = (self.fresh(Kind::Text), self.fresh(Kind::Any));
                let condition =
                    if self.draw.chance(50) { format!("; {}", self.truth(depth - 1)) } else { String::new() };
                self.scope.truncate(mark);
                format!("{{{key}: {value} | some {key}, {value} in {of}{condition}}}")
            }
            2 => {
                let (left, right) =
                    (self.expression(Kind::Object, depth - 1), self.expression(Kind::Object, depth - 1));
                format!("object.union({left}, {right})")
            }
            3 => format!("object.remove({}, [{}])", self.expression(Kind::Object, depth - 1), self.word()),
            4 => format!(
                "object.filter({}, [{}, {}])",
                self.expression(Kind::Object, depth - 1),
                self.word(),
                self.word()
            ),
            _ => format!(
                "{{\"a\": {}, \"b\": {}}}",
                self.expression(Kind::Any, depth - 1),
                self.expression(Kind::List, depth - 1)
            ),
        }
    }

    /// What a comprehension gathers, and its body.
    fn comprehension(&mut self, depth: usize) -> (String, String) {
        let mark = self.scope.len();
        let kind = [Kind::List, Kind::Set, Kind::Object][self.draw.below(3)];
        let of = self.expression(kind, depth);
        let item = self.fresh(Kind::Any);
        let mut body = format!("some {item} in {of}");
        if self.draw.chance(50) {
            body = format!("{body}; {}", self.truth(depth));
        }
        if self.draw.chance(15) {
            body = format!("{body}; {}", self.negated(depth));
        }
        let value = match self.draw.below(4) {
            0 => format!("[{item}, 1]"),
            1 if of.starts_with("input.parsed_body") => format!("{item}.path"),
            2 => format!("lower({item})"),
            _ => item,
        };
        self.scope.truncate(mark);
        (value, body)
    }
}
