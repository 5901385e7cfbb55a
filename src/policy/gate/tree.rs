//! A policy's syntax tree as the gate and the engine judge it: owned, without the parser's types, each expression with its place.

mod read;
pub(super) use self::read::modules;

use std::sync::Arc;

use super::super::engine::Value;
pub(in crate::policy) use crate::yaml::Position;

/// A name, or a key that is a text.
pub(in crate::policy) type Name = Arc<str>;

/// One Rego file.
#[derive(Debug)]
pub(in crate::policy) struct Module {
    pub(in crate::policy) file: Arc<str>,
    /// Below `data`.
    pub(in crate::policy) package: Vec<Name>,
    pub(in crate::policy) at: Position,
    pub(in crate::policy) imports: Vec<Import>,
    pub(in crate::policy) rules: Vec<Rule>,
    /// The text that it was read from.
    pub(in crate::policy) source: Arc<str>,
}

/// What a name stands for in one file.
#[derive(Debug)]
pub(in crate::policy) struct Import {
    pub(in crate::policy) alias: Name,
    /// With its root: `data`, `input`, `future` or `rego`.
    pub(in crate::policy) path: Vec<Name>,
    pub(in crate::policy) at: Position,
}

/// A rule, a function or a default, as it is written once.
#[derive(Debug)]
pub(in crate::policy) struct Rule {
    /// Where it stands below `data`, as far as that is constant.
    pub(in crate::policy) path: Vec<Name>,
    /// The rest of its name, which it chooses while it runs: the indices from the first that is no text.
    pub(in crate::policy) tail: Vec<Expr>,
    pub(in crate::policy) at: Position,
    pub(in crate::policy) kind: RuleKind,
    pub(in crate::policy) is_default: bool,
    /// The parameters, if it is a function.
    pub(in crate::policy) args: Vec<Expr>,
    /// What it adds, if it is a set.
    pub(in crate::policy) key: Option<Expr>,
    /// At least one; a rule that is only a head has one with an empty query.
    pub(in crate::policy) bodies: Vec<Body>,
}

/// What a rule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::policy) enum RuleKind {
    /// What a call gives.
    Function,
    /// A set of what its bodies say.
    Set,
    /// A value, or one field of an object.
    Value,
}

/// One way in which a rule holds.
#[derive(Debug)]
pub(in crate::policy) struct Body {
    pub(in crate::policy) at: Position,
    /// Whether it is tried only where the one before does not hold.
    pub(in crate::policy) is_else: bool,
    /// The value; absent is `true`.
    pub(in crate::policy) value: Option<Expr>,
    pub(in crate::policy) query: Query,
}

/// Statements that must all hold.
#[derive(Debug, Default)]
pub(in crate::policy) struct Query {
    pub(in crate::policy) stmts: Vec<Stmt>,
}

/// One statement.
#[derive(Debug)]
pub(in crate::policy) struct Stmt {
    pub(in crate::policy) literal: Literal,
    pub(in crate::policy) with: Vec<With>,
}

/// What a statement says.
#[derive(Debug)]
pub(in crate::policy) enum Literal {
    Every { key: Option<(Name, Position)>, value: (Name, Position), domain: Expr, query: Query },
    Expr(Expr),
    Not(Expr),
    Some(Vec<(Name, Position)>),
    SomeIn { key: Option<Expr>, value: Expr, collection: Expr },
}

/// What a statement sees in another's place.
#[derive(Debug)]
pub(in crate::policy) struct With {
    pub(in crate::policy) at: Position,
    pub(in crate::policy) target: Expr,
    pub(in crate::policy) value: Expr,
}

/// An expression.
#[derive(Debug)]
pub(in crate::policy) struct Expr {
    pub(in crate::policy) at: Position,
    pub(in crate::policy) node: Node,
}

/// What an expression is.
#[derive(Debug)]
pub(in crate::policy) enum Node {
    Arith(Box<(Expr, Expr)>),
    Array(Vec<Expr>),
    /// `:=` if it declares, else `=`.
    Assign {
        declares: bool,
        sides: Box<(Expr, Expr)>,
    },
    Call {
        function: Box<Expr>,
        params: Vec<Expr>,
    },
    Compare {
        op: Compare,
        sides: Box<(Expr, Expr)>,
    },
    /// One term, or the key and the value of an object.
    Comprehension {
        kind: Comprehension,
        terms: Vec<Expr>,
        query: Query,
    },
    /// A text, a number, a boolean or null.
    Constant(Value),
    Member {
        key: Option<Box<Expr>>,
        value: Box<Expr>,
        collection: Box<Expr>,
    },
    Minus(Box<Expr>),
    Object(Vec<(Expr, Expr)>),
    /// `base[index]`; `base.field` is one whose index is a text.
    Ref {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    Set(Vec<Expr>),
    /// The union or intersection of sets.
    Sets(Box<(Expr, Expr)>),
    Var(Name),
}

/// What a comprehension makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Comprehension {
    Array,
    Object,
    Set,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Compare {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    NotEqual,
}

impl Rule {
    /// Whether it can be called.
    pub(in crate::policy) fn is_function(&self) -> bool {
        self.kind == RuleKind::Function
    }

    /// Whether there is one value of it, at a place that is constant.
    pub(in crate::policy) fn is_complete(&self) -> bool {
        self.kind != RuleKind::Set && self.tail.is_empty()
    }

    /// The name that it goes by in its own package.
    pub(in crate::policy) fn head(&self, module: &Module) -> Option<&Name> {
        self.path.get(module.package.len())
    }

    /// Its path as policies write it.
    pub(in crate::policy) fn name(&self) -> String {
        dotted(&self.path)
    }
}

impl Expr {
    /// The root of a reference and its indices; an expression that is none is its own root.
    pub(in crate::policy) fn reference(&self) -> (&Self, Vec<&Self>) {
        let (mut root, mut indices) = (self, Vec::new());
        while let Node::Ref { base, index } = &root.node {
            indices.push(&**index);
            root = base;
        }
        indices.reverse();
        (root, indices)
    }

    /// The names of a reference as far as they are constant, with its root, and the indices after them. `None` if its root is no variable.
    pub(in crate::policy) fn path(&self) -> Option<(Vec<Name>, Vec<&Self>)> {
        let (root, indices) = self.reference();
        let Node::Var(root) = &root.node else { return None };
        let constant = indices.iter().take_while(|index| index.text().is_some()).count();
        let names = indices.iter().filter_map(|index| index.text()).take(constant).cloned();
        let names = std::iter::once(root.clone()).chain(names).collect();
        Some((names, indices.get(constant..).unwrap_or_default().to_vec()))
    }

    /// The text that it is.
    pub(in crate::policy) const fn text(&self) -> Option<&Name> {
        match &self.node {
            Node::Constant(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The variable that it is.
    pub(in crate::policy) const fn var(&self) -> Option<&Name> {
        match &self.node {
            Node::Var(name) => Some(name),
            _ => None,
        }
    }

    /// The value that it always is. Objects and lists count where all in them does.
    pub(in crate::policy) fn constant(&self) -> Option<Value> {
        match &self.node {
            Node::Constant(value) => Some(value.clone()),
            Node::Array(items) => Some(Value::from(items.iter().map(Self::constant).collect::<Option<Vec<_>>>()?)),
            Node::Set(items) => {
                let items = items.iter().map(Self::constant).collect::<Option<std::collections::BTreeSet<_>>>()?;
                Some(Value::from(items))
            }
            Node::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| Some((key.constant()?, value.constant()?)));
                Some(Value::from(fields.collect::<Option<std::collections::BTreeMap<_, _>>>()?))
            }
            _ => None,
        }
    }

    /// The shape that builtins judge their arguments by: constants and lists of them with their values, everything else by its kind only.
    pub(super) fn outline(&self) -> serde_json::Value {
        use serde_json::json;
        match &self.node {
            Node::Constant(Value::String(text)) => json!({"String": {"value": **text}}),
            Node::Constant(Value::Bool(value)) => json!({"Bool": {"value": value}}),
            Node::Constant(Value::Null) => json!({"Null": {}}),
            Node::Constant(number) => match number.to_json_str().ok().and_then(|text| serde_json::from_str(&text).ok())
            {
                Some(serde_json::Value::Number(number)) => json!({"Number": {"value": number}}),
                _ => json!({"Expr": {}}),
            },
            Node::Array(items) => json!({"Array": {"items": items.iter().map(Self::outline).collect::<Vec<_>>()}}),
            Node::Set(items) => json!({"Set": {"items": items.iter().map(Self::outline).collect::<Vec<_>>()}}),
            Node::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| json!([null, key.outline(), value.outline()]));
                json!({"Object": {"fields": fields.collect::<Vec<_>>()}})
            }
            Node::Var(name) => json!({"Var": {"value": **name}}),
            _ => json!({"Expr": {}}),
        }
    }
}

/// A path as policies write it.
pub(in crate::policy) fn dotted(path: &[Name]) -> String {
    path.iter().map(|name| &**name).collect::<Vec<_>>().join(".")
}
