//! Expressions that are one value: texts, numbers, truths and what is unknown.

use super::{Author, Kind};
use crate::words::{ADDRESSES, GLOBS, METHODS, NAMES, NETWORKS, NUMBERS, PATHS, REGEXES, TEXTS};

impl Author {
    /// A constant, as a default needs one.
    pub(super) fn constant(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Any => self.draw.of(&["null", "false", "0", "\"\"", "[]", "{}"]).to_owned(),
            Kind::Text => self.word(),
            Kind::Number => self.draw.of(NUMBERS).to_owned(),
            Kind::Truth => self.draw.of(&["true", "false", "false"]).to_owned(),
            Kind::Set => self.draw.of(&["set()", "{1, 2}", "{\"admin\"}"]).to_owned(),
            Kind::List => self.draw.of(&["[]", "[1, \"a\", null]", "[\"reader\", \"admin\"]"]).to_owned(),
            Kind::Object => self.draw.of(&["{}", "{\"a\": 1, \"b\": [true]}", "{\"x-user\": \"alice\"}"]).to_owned(),
        }
    }

    /// A text that is written down.
    pub(super) fn word(&mut self) -> String {
        let text = match self.draw.below(10) {
            0..=3 => self.draw.of(NAMES),
            4 | 5 => self.draw.of(METHODS),
            6 | 7 => self.draw.of(PATHS),
            8 => self.draw.of(ADDRESSES),
            _ => self.draw.of(TEXTS),
        };
        serde_json::Value::from(text).to_string()
    }

    pub(super) fn any(&mut self, depth: usize) -> String {
        let name = self.draw.of(NAMES);
        match self.draw.below(if depth == 0 { 6 } else { 13 }) {
            0 => format!("input.parsed_body.{}", self.draw.of(FIELDS)),
            1 => format!("input.parsed_body[\"{name}\"]"),
            2 => self.draw.of(&["input.parsed_body", "body.amount", "body.user", "input.facts.level"]).to_owned(),
            3 => self
                .draw
                .of(&["data.odd.nothing", "data.odd.nested.a", "data.odd[\"false\"]", "data.odd.empty"])
                .to_owned(),
            4 if !self.is_careful => format!("input.{name}").replace('-', "_"),
            4 => "input.facts".to_owned(),
            5 => self.constant(Kind::Any),
            6 => {
                let of = self.expression(Kind::Object, depth - 1);
                let default = self.constant(Kind::Any);
                format!("object.get({of}, \"{name}\", {default})")
            }
            7 => format!("json.unmarshal({})", self.expression(Kind::Text, depth - 1)),
            8 => {
                let key = self.expression(Kind::Text, 0);
                format!("data.roles[{key}]")
            }
            9 => {
                let key = self.expression(Kind::Text, 0);
                format!("input.parsed_body[{key}]")
            }
            10 => "input.parsed_body.items[_].price".to_owned(),
            11 => {
                let of = self.expression(Kind::Object, depth - 1);
                format!("object.get({of}, [\"a\", \"{name}\"], {})", self.constant(Kind::Any))
            }
            _ => {
                let kind = self.kind();
                self.expression(kind, depth - 1)
            }
        }
    }

    pub(super) fn text(&mut self, depth: usize) -> String {
        if depth == 0 || self.draw.chance(45) {
            return match self.draw.below(9) {
                0 | 1 => self.word(),
                2 => format!("input.attributes.request.http.headers[\"{}\"]", self.draw.of(NAMES)),
                3 => format!("http.{}", self.draw.of(&["method", "path", "host"])),
                4 => self.draw.of(&["input.source_principal", "input.attributes.source.principal"]).to_owned(),
                5 => "input.attributes.source.address.socketAddress.address".to_owned(),
                6 => format!("input.parsed_path[{}]", self.draw.below(3)),
                7 => format!("input.parsed_query.{}[0]", self.draw.of(&["x", "y", "page"])),
                _ => format!("input.parsed_body.{}", self.draw.of(FIELDS)),
            };
        }
        let of = self.expression(Kind::Text, depth - 1);
        let word = self.word();
        match self.draw.below(20) {
            0 => format!("lower({of})"),
            1 => format!("upper({of})"),
            2 => format!("trim({of}, {word})"),
            3 => format!("trim_prefix({of}, {word})"),
            4 => format!("trim_space({of})"),
            5 => format!("replace({of}, {word}, \"-\")"),
            6 => format!("substring({of}, {}, {})", self.draw.below(4), self.draw.of(&["-1", "3", "0"])),
            7 => format!("split({of}, {})[{}]", self.separator(), self.draw.below(3)),
            8 => {
                let value = self.expression(Kind::Any, depth - 1);
                format!("sprintf(\"%v|%s\", [{value}, {of}])")
            }
            9 => {
                let list = self.expression(Kind::List, depth - 1);
                format!("concat({}, {list})", self.separator())
            }
            10 => format!("base64url.decode({of})"),
            11 => format!("base64.encode({of})"),
            12 => format!("type_name({})", self.expression(Kind::Any, depth - 1)),
            13 => format!("json.marshal({})", self.expression(Kind::Any, depth - 1)),
            14 => format!(
                "format_int({}, {})",
                self.expression(Kind::Number, depth - 1),
                self.draw.of(&["2", "10", "16"])
            ),
            15 => format!("regex.replace({of}, \"{}\", \"x\")", self.draw.of(REGEXES)),
            16 => format!("urlquery.{}({of})", self.draw.of(&["encode", "decode"])),
            17 => format!("strings.reverse({of})"),
            18 => format!("input.attributes.request.http.headers[{of}]"),
            _ => format!("strings.replace_n({{\"a\": \"b\", \"/\": \".\"}}, {of})"),
        }
    }

    pub(super) fn number(&mut self, depth: usize) -> String {
        if depth == 0 || self.draw.chance(35) {
            return match self.draw.below(7) {
                0 | 1 => self.draw.of(NUMBERS).to_owned(),
                2 => self.draw.of(&["input.parsed_body.amount", "body.amount", "input.parsed_body.count"]).to_owned(),
                3 => self.draw.of(&["data.limits.amount", "most.ratio", "data.limits.big"]).to_owned(),
                4 => self
                    .draw
                    .of(&["input.attributes.request.http.size", "input.attributes.request.time.seconds"])
                    .to_owned(),
                5 => "input.attributes.source.address.socketAddress.portValue".to_owned(),
                _ => "time.now_ns()".to_owned(),
            };
        }
        match self.draw.below(11) {
            0 | 1 => {
                let kind = [Kind::List, Kind::Set, Kind::Object, Kind::Text][self.draw.below(4)];
                format!("count({})", self.expression(kind, depth - 1))
            }
            2..=4 => {
                let (left, right) =
                    (self.expression(Kind::Number, depth - 1), self.expression(Kind::Number, depth - 1));
                format!("({left} {} {right})", self.draw.of(&["+", "-", "*", "/", "%"]))
            }
            5 => format!("to_number({})", self.expression(Kind::Text, depth - 1)),
            6 => {
                let function = self.draw.of(&["abs", "floor", "ceil", "round"]);
                format!("{function}({})", self.expression(Kind::Number, depth - 1))
            }
            7 => {
                let function = self.draw.of(&["sum", "max", "min", "product"]);
                format!("{function}({})", self.expression(Kind::List, depth - 1))
            }
            8 => format!("indexof({}, {})", self.expression(Kind::Text, depth - 1), self.word()),
            9 => format!("time.parse_rfc3339_ns({})", self.expression(Kind::Text, depth - 1)),
            _ => format!("time.parse_duration_ns({})", self.expression(Kind::Text, depth - 1)),
        }
    }

    pub(super) fn truth(&mut self, depth: usize) -> String {
        let less = depth.saturating_sub(1);
        match self.draw.below(if self.is_terse { 14 } else { 24 }) {
            0..=4 => self.comparison(less),
            5 | 6 => {
                let function = self.draw.of(&["startswith", "endswith", "contains"]);
                format!("{function}({}, {})", self.expression(Kind::Text, less), self.word())
            }
            7 | 8 => {
                let kind = [Kind::List, Kind::Set, Kind::Object, Kind::Any][self.draw.below(4)];
                let of = self.expression(kind, less);
                let value = self.expression(Kind::Text, less);
                // OPA 1.22 does not find `x` in `[x, "b"]`, nor in `[y, "b"]` where `y` is something else than `x`.
                if is_put_together(&of) { format!("{value} in data.networks") } else { format!("{value} in {of}") }
            }
            9 => {
                let delimiters = self.draw.of(&["[]", "[\"/\"]", "null", "[\".\", \":\"]"]);
                format!("glob.match(\"{}\", {delimiters}, {})", self.draw.of(GLOBS), self.expression(Kind::Text, less))
            }
            10 => format!("regex.match(\"{}\", {})", self.draw.of(REGEXES), self.expression(Kind::Text, less)),
            11 => {
                let network = if self.draw.chance(60) {
                    format!("\"{}\"", self.draw.of(NETWORKS))
                } else {
                    "data.networks[_]".to_owned()
                };
                format!("net.cidr_contains({network}, {})", self.expression(Kind::Text, less))
            }
            12 => {
                let kind = ["string", "number", "array", "object", "boolean", "null", "set"];
                format!("is_{}({})", self.draw.of(&kind), self.expression(Kind::Any, less))
            }
            13 => self
                .draw
                .of(&["input.truncated_body", "input.parsed_body.flag", "body.flag", "input.facts.fresh"])
                .to_owned(),
            14 => {
                let (left, right) = (self.expression(Kind::Set, less), self.expression(Kind::Set, less));
                format!("{left} == {right}")
            }
            15 => {
                let list = self.expression(Kind::List, less);
                format!("{list}[_] == {}", self.expression(Kind::Any, less))
            }
            16 => {
                let of = self.expression(Kind::Set, less);
                format!("count({of}) {} {}", self.draw.of(&["==", ">", "<="]), self.draw.below(3))
            }
            17 => format!("data.blocked[{}]", self.expression(Kind::Text, less)),
            18 => format!(
                "strings.any_prefix_match({}, [{}, {}])",
                self.expression(Kind::Text, less),
                self.word(),
                self.word()
            ),
            19 => format!(
                "semver.compare({}, \"1.2.3\") {} 0",
                self.expression(Kind::Text, less),
                self.draw.of(&["==", "<", ">="])
            ),
            20 => {
                let of = self.expression(Kind::Object, less);
                format!("{of}[_] == {}", self.expression(Kind::Any, less))
            }
            21 | 22 => {
                let of = self.expression(Kind::Any, less);
                format!("({} in {of}) == {}", self.word(), self.draw.of(&["false", "true"]))
            }
            _ => self.expression(Kind::Any, less),
        }
    }

    fn comparison(&mut self, depth: usize) -> String {
        let kind = self.kind();
        let other = if self.is_careful || self.draw.chance(70) { kind } else { self.kind() };
        let (left, right) = (self.expression(kind, depth), self.expression(other, depth));
        format!("{left} {} {right}", self.draw.of(&["==", "==", "==", "!=", "<", "<=", ">", ">="]))
    }

    pub(super) fn separator(&mut self) -> &'static str {
        self.draw.of(&["\"/\"", "\",\"", "\" \"", "\"\"", "\".\""])
    }
}

/// Whether it is a list or a set of which an item is looked up.
fn is_put_together(of: &str) -> bool {
    let items = of.strip_prefix(['[', '{']).and_then(|of| of.strip_suffix([']', '}']));
    items.is_some_and(|items| {
        serde_json::from_str::<serde_json::Value>(&format!("[{items}]")).is_err()
            && serde_json::from_str::<serde_json::Value>(of).is_err()
            && !items.contains(" | ")
    })
}

const FIELDS: &[&str] = &["user", "role", "amount", "items", "flag", "note", "deep.a.b"];
