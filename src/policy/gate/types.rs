//! The kinds of value that an expression can have, as far as its own text says, and those that operators and builtins take.
//!
//! This is less than OPA's type checker: it follows no rule and looks into no list. What it refuses, that refuses too.

use super::{
    sets,
    tree::{Comprehension, Expr, Name, Node, Position, RuleKind, dotted},
    walk::Walk,
};
use crate::{policy::engine::Value, yaml::quote};

/// A set of kinds of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    const ARRAY: Self = Self(1);
    const BOOL: Self = Self(2);
    const NULL: Self = Self(4);
    const NUMBER: Self = Self(8);
    const OBJECT: Self = Self(16);
    const SET: Self = Self(32);
    const TEXT: Self = Self(64);
    pub(super) const ALL: Self = Self(127);
    /// Anything, of which the policy's own text says that it may be a set.
    const PERHAPS_SET: Self = Self(255);

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 & Self::ALL.0 != 0
    }

    /// A letter of a signature.
    const fn of(letter: u8) -> Self {
        match letter {
            b'a' => Self::ARRAY,
            b'b' => Self::BOOL,
            b'c' => Self::ARRAY.or(Self::OBJECT).or(Self::SET).or(Self::TEXT),
            b'l' => Self::ARRAY.or(Self::SET),
            b'n' => Self::NUMBER,
            b'o' => Self::OBJECT,
            b's' => Self::TEXT,
            b't' => Self::SET,
            b'z' => Self::ARRAY.or(Self::NULL),
            _ => Self::ALL,
        }
    }

    fn of_value(value: &Value) -> Self {
        match value {
            Value::Array(_) => Self::ARRAY,
            Value::Bool(_) => Self::BOOL,
            Value::Null => Self::NULL,
            Value::Number(_) => Self::NUMBER,
            Value::Object(_) => Self::OBJECT,
            Value::Set(_) => Self::SET,
            Value::String(_) => Self::TEXT,
            _ => Self::ALL,
        }
    }
}

/// What an expression can be.
pub(super) fn kinds(walk: &Walk<'_, '_>, expr: &Expr) -> Kinds {
    match &expr.node {
        Node::Constant(value) => Kinds::of_value(value),
        Node::Array(_) | Node::Comprehension { kind: Comprehension::Array, .. } => Kinds::ARRAY,
        Node::Set(_) | Node::Sets(_) | Node::Comprehension { kind: Comprehension::Set, .. } => Kinds::SET,
        Node::Object(_) | Node::Comprehension { kind: Comprehension::Object, .. } => Kinds::OBJECT,
        Node::Arith(_) => Kinds::NUMBER.or(Kinds::SET),
        Node::Minus(_) => Kinds::NUMBER,
        Node::Compare { .. } | Node::Member { .. } => Kinds::BOOL,
        Node::Var(name) => {
            let local = walk.scopes.iter().rev().find_map(|scope| scope.locals.get(name));
            match local {
                Some(local) if local.is_repeated => Kinds::ALL,
                Some(local) => local.kinds,
                None => of_rule(walk, name, expr),
            }
        }
        Node::Call { function, .. } => match function.path() {
            Some((name, _)) if walk.functions(&name).is_empty() => {
                signature(&dotted(&name)).map_or(Kinds::ALL, |it| it.1)
            }
            _ => perhaps_set(walk, expr),
        },
        Node::Ref { .. } => perhaps_set(walk, expr),
        Node::Assign { .. } => Kinds::ALL,
    }
}

/// What a rule of the module's own package is: a set of what its bodies say, or unknown.
fn of_rule(walk: &Walk<'_, '_>, name: &Name, expr: &Expr) -> Kinds {
    let path = [walk.module.package.as_slice(), std::slice::from_ref(name)].concat();
    let rules = walk.gate.names.at(&path).map_or(&[][..], |place| walk.gate.names.rules(place));
    let is_set = !rules.is_empty() && rules.iter().all(|(_, rule)| rule.kind == RuleKind::Set);
    if is_set { Kinds::SET } else { perhaps_set(walk, expr) }
}

fn perhaps_set(walk: &Walk<'_, '_>, expr: &Expr) -> Kinds {
    if sets::may_be(walk.gate, walk.module, expr) { Kinds::PERHAPS_SET } else { Kinds::ALL }
}

/// Whether two expressions can be equal; says so if not.
pub(super) fn equal(walk: &mut Walk<'_, '_>, at: Position, left: &Expr, right: &Expr) {
    if !kinds(walk, left).meets(kinds(walk, right)) {
        walk.tell(at, "policy.type", "these are never equal: they are of different types");
    }
}

/// Whether two expressions stand in the same order here and in OPA: OPA has sets after objects, and the engine before them.
pub(super) fn ordered(walk: &mut Walk<'_, '_>, at: Position, left: &Expr, right: &Expr) {
    let sides = (kinds(walk, left), kinds(walk, right));
    let meets = |set: Kinds, other: Kinds| {
        (set == Kinds::SET || set == Kinds::PERHAPS_SET) && other.meets(Kinds::OBJECT)
            || set.meets(Kinds::SET) && other == Kinds::OBJECT
    };
    if meets(sides.0, sides.1) || meets(sides.1, sides.0) {
        walk.tell(at, "policy.type", "a set may stand beside an object here, in no order: compare what they hold");
    }
}

/// The operands of arithmetic, of set operations, and of a minus sign.
pub(super) fn operands(walk: &mut Walk<'_, '_>, expr: &Expr) {
    let (takes, what, operands) = match &expr.node {
        Node::Arith(sides) => (Kinds::NUMBER.or(Kinds::SET), "numbers", vec![&sides.0, &sides.1]),
        Node::Sets(sides) => (Kinds::SET, "sets", vec![&sides.0, &sides.1]),
        Node::Minus(operand) => (Kinds::NUMBER, "numbers", vec![&**operand]),
        _ => return,
    };
    for operand in operands {
        if !kinds(walk, operand).meets(takes) {
            walk.tell(operand.at, "policy.type", &format!("this is never one of the {what} that the operator takes"));
        }
    }
}

/// What a reference looks into.
pub(super) fn indexed(walk: &mut Walk<'_, '_>, root: &Expr, first: &Expr) {
    let kinds = kinds(walk, root);
    let is_named = kinds == Kinds::ARRAY && first.text().is_some();
    if is_named || !kinds.meets(Kinds::ARRAY.or(Kinds::OBJECT).or(Kinds::SET)) {
        walk.tell(first.at, "policy.type", "there is never a field of this name in it");
    }
}

/// The arguments of a builtin.
pub(super) fn arguments(walk: &mut Walk<'_, '_>, name: &str, params: &[Expr]) {
    let Some((takes, _)) = signature(name) else { return };
    for (param, letter) in params.iter().zip(takes.bytes()) {
        if !kinds(walk, param).meets(Kinds::of(letter)) {
            walk.tell(param.at, "policy.type", &format!("{} does not take this type of value here", quote(name)));
        }
    }
}

fn signature(name: &str) -> Option<(&'static str, Kinds)> {
    let (_, takes, gives) = SIGNATURES.iter().find(|(known, ..)| *known == name)?;
    Some((takes, Kinds::of(*gives)))
}

/// What builtins take and give: `a`rray, `b`oolean, `c`ollection or text, `l`ist or set, `n`umber, `o`bject, `s` for text, se`t`, array
/// or null (`z`), and `x` for anything.
const SIGNATURES: &[(&str, &str, u8)] = &[
    ("abs", "n", b'n'),
    ("array.concat", "aa", b'a'),
    ("array.reverse", "a", b'a'),
    ("array.slice", "ann", b'a'),
    ("base64.decode", "s", b's'),
    ("base64.encode", "s", b's'),
    ("base64url.decode", "s", b's'),
    ("base64url.encode", "s", b's'),
    ("base64url.encode_no_pad", "s", b's'),
    ("bits.and", "nn", b'n'),
    ("bits.negate", "n", b'n'),
    ("bits.or", "nn", b'n'),
    ("bits.rsh", "nn", b'n'),
    ("bits.xor", "nn", b'n'),
    ("ceil", "n", b'n'),
    ("concat", "sl", b's'),
    ("contains", "ss", b'b'),
    ("count", "c", b'n'),
    ("endswith", "ss", b'b'),
    ("floor", "n", b'n'),
    ("format_int", "nn", b's'),
    ("glob.match", "szs", b'b'),
    ("graph.reachable", "ol", b't'),
    ("graph.reachable_paths", "ol", b't'),
    ("hex.decode", "s", b's'),
    ("hex.encode", "s", b's'),
    ("indexof", "ss", b'n'),
    ("intersection", "t", b't'),
    ("io.jwt.decode", "s", b'a'),
    ("io.jwt.decode_verify", "so", b'a'),
    ("json.is_valid", "s", b'b'),
    ("json.marshal", "x", b's'),
    ("json.unmarshal", "s", b'x'),
    ("lower", "s", b's'),
    ("max", "l", b'x'),
    ("min", "l", b'x'),
    ("net.cidr_contains", "ss", b'b'),
    ("net.cidr_expand", "s", b't'),
    ("net.cidr_intersects", "ss", b'b'),
    ("net.cidr_merge", "l", b't'),
    ("numbers.range", "nn", b'a'),
    ("object.get", "oxx", b'x'),
    ("object.keys", "o", b't'),
    ("object.union", "oo", b'o'),
    ("product", "l", b'n'),
    ("regex.find_n", "ssn", b'a'),
    ("regex.match", "ss", b'b'),
    ("regex.replace", "sss", b's'),
    ("regex.split", "ss", b'a'),
    ("replace", "sss", b's'),
    ("round", "n", b'n'),
    ("semver.compare", "ss", b'n'),
    ("sort", "l", b'a'),
    ("split", "ss", b'a'),
    ("sprintf", "sa", b's'),
    ("startswith", "ss", b'b'),
    ("strings.reverse", "s", b's'),
    ("substring", "snn", b's'),
    ("sum", "l", b'n'),
    ("time.now_ns", "", b'n'),
    ("time.parse_duration_ns", "s", b'n'),
    ("time.parse_ns", "ss", b'n'),
    ("time.parse_rfc3339_ns", "s", b'n'),
    ("to_number", "x", b'n'),
    ("trim", "ss", b's'),
    ("trim_left", "ss", b's'),
    ("trim_prefix", "ss", b's'),
    ("trim_right", "ss", b's'),
    ("trim_space", "s", b's'),
    ("trim_suffix", "ss", b's'),
    ("type_name", "x", b's'),
    ("union", "t", b't'),
    ("upper", "s", b's'),
    ("urlquery.decode", "s", b's'),
    ("urlquery.encode", "s", b's'),
];
