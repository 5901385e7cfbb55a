//! Bodies of rules: conditions, negations, variables and quantifiers.

use super::{Author, Kind};

impl Author {
    /// Between `least` and `most` conditions, and what uses the variables that nothing else does.
    pub(super) fn body(&mut self, least: usize, most: usize) -> Vec<String> {
        let mark = self.scope.len();
        let mut body = Vec::new();
        for _ in 0..self.draw.between(least, most) {
            body.push(self.literal());
        }
        let text = body.join("\n");
        let found = self.scope[mark..].to_vec();
        for (name, kind) in found {
            if text.matches(&name).count() < 2 && self.draw.chance(95) {
                let literal = self.use_of(&name, kind);
                body.push(literal);
            }
        }
        body
    }

    fn literal(&mut self) -> String {
        if self.is_terse {
            return match self.draw.below(8) {
                0 | 1 => self.negated(1),
                2 => self.negated_rule(),
                3 => {
                    let (item, word) = (self.fresh(Kind::Text), self.word());
                    format!("some {item} in input.parsed_path; startswith({item}, {word})")
                }
                _ => self.truth(1),
            };
        }
        match self.draw.below(20) {
            0..=6 => self.truth(2),
            7 | 8 => self.negated(2),
            9 => self.negated_rule(),
            10..=12 => {
                let kind = self.kind();
                let value = self.expression(kind, 2);
                format!("{} := {value}", self.fresh(kind))
            }
            13 | 14 => {
                let kind = [Kind::List, Kind::Set, Kind::Object][self.draw.below(3)];
                let of = self.expression(kind, 1);
                format!("some {} in {of}", self.fresh(Kind::Any))
            }
            15 => {
                let kind = [Kind::List, Kind::Object][self.draw.below(2)];
                let of = self.expression(kind, 1);
                let key = self.fresh(if kind == Kind::List { Kind::Number } else { Kind::Text });
                format!("some {key}, {} in {of}", self.fresh(Kind::Any))
            }
            16 | 17 => self.every(),
            18 => {
                let of = self.expression(Kind::Text, 1);
                let separator = self.separator();
                let (left, right) = (self.fresh(Kind::Text), self.fresh(Kind::Text));
                format!("[{left}, {right}] = split({of}, {separator})")
            }
            _ if !self.is_careful && self.draw.chance(40) => {
                let value = self.expression(Kind::Any, 1);
                format!("{} with input.parsed_body as {value}", self.truth(1))
            }
            _ => {
                let of = self.expression(Kind::Object, 1);
                let key = self.fresh(Kind::Text);
                let value = self.fresh(Kind::Any);
                format!("some {key}; {value} := {of}[{key}]")
            }
        }
    }

    fn negated_rule(&mut self) -> String {
        match self.named(Kind::Truth) {
            Some(name) => format!("not {name}"),
            None => self.negated(1),
        }
    }

    /// The negation of a condition; what may be any item has no place below it, so far as OPA does not take it out.
    pub(super) fn negated(&mut self, depth: usize) -> String {
        for _ in 0..4 {
            let condition = self.truth(depth);
            if !condition.contains("[_]") || self.draw.chance(15) {
                return format!("not {condition}");
            }
        }
        "not input.truncated_body".to_owned()
    }

    fn every(&mut self) -> String {
        let kind = [Kind::List, Kind::Set, Kind::Object][self.draw.below(3)];
        let of = self.expression(kind, 1);
        let mark = self.scope.len();
        let item = self.fresh(Kind::Any);
        let mut conditions = vec![self.use_of(&item, Kind::Any)];
        if self.draw.chance(40) {
            conditions.push(self.truth(1));
        }
        self.scope.truncate(mark);
        format!("every {item} in {of} {{ {} }}", conditions.join("; "))
    }

    /// A condition on a variable.
    fn use_of(&mut self, name: &str, kind: Kind) -> String {
        let word = self.word();
        match (kind, self.draw.below(5)) {
            (Kind::Text | Kind::Any, 0) => format!("{name} != {word}"),
            (Kind::Text | Kind::Any, 1) => format!("startswith({name}, {word})"),
            (Kind::Text | Kind::Any, 2) => format!("not {name} == {word}"),
            (Kind::Number, 0 | 1) => format!("{name} >= {}", self.expression(Kind::Number, 0)),
            (Kind::Set | Kind::List | Kind::Object, 0 | 1) => format!("count({name}) >= 0"),
            (_, 3) => format!("{name} in {}", self.expression(Kind::List, 1)),
            _ => format!("{name} != {}", self.expression(kind, 0)),
        }
    }
}
