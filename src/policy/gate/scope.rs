//! The variables of a rule: where each is declared, what is known of it, and whether it is used.

use std::collections::BTreeMap;

use super::{
    schema::Shape,
    tree::{Body, Expr, Literal, Name, Node, Position, Query},
    types::Kinds,
};

/// What is known of a value.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) shape: &'static Shape,
    /// Where it stands in the input, if it is the input's as it is.
    pub(super) path: Option<Vec<Name>>,
}

/// A variable.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) at: Position,
    pub(super) by: Declared,
    pub(super) is_used: bool,
    /// Whether it is declared more than once, so that nothing is known of it.
    pub(super) is_repeated: bool,
    pub(super) known: Option<Known>,
    pub(super) kinds: Kinds,
}

/// What declares a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    Argument,
    Assignment,
    /// `every`, which gives it a value.
    Every,
    /// `some`, which gives it none.
    Some,
    /// `some ... in`, which uses what it declares.
    SomeIn,
}

/// The variables of one query, or a function's arguments.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) locals: BTreeMap<Name, Local>,
}

impl Scope {
    /// The arguments of a function.
    pub(super) fn of_args(args: &[Expr]) -> Self {
        let mut scope = Self::default();
        args.iter().for_each(|arg| scope.pattern(arg, Declared::Argument));
        scope
    }

    /// What the statements of a query declare, but not what queries inside of them do.
    pub(super) fn of_query(query: &Query) -> Self {
        let mut scope = Self::default();
        for stmt in &query.stmts {
            match &stmt.literal {
                Literal::Some(vars) => vars.iter().for_each(|(name, at)| scope.declare(name, *at, Declared::Some)),
                Literal::SomeIn { key, value, .. } => {
                    key.iter().chain([value]).for_each(|pattern| scope.pattern(pattern, Declared::SomeIn));
                }
                Literal::Expr(expr) | Literal::Not(expr) => {
                    if let Node::Assign { declares: true, sides } = &expr.node {
                        scope.pattern(&sides.0, Declared::Assignment);
                    }
                }
                Literal::Every { .. } => {}
            }
        }
        scope
    }

    pub(super) fn declare(&mut self, name: &Name, at: Position, by: Declared) {
        if &**name != "_" {
            let local = Local { at, by, is_used: false, is_repeated: false, known: None, kinds: Kinds::ALL };
            self.locals
                .entry(name.clone())
                .and_modify(|known| {
                    known.is_repeated = true;
                    // Both must have one value, which is a use of it.
                    known.is_used = true;
                })
                .or_insert(local);
        }
    }

    fn pattern(&mut self, pattern: &Expr, by: Declared) {
        match &pattern.node {
            Node::Var(name) => self.declare(name, pattern.at, by),
            Node::Array(items) => items.iter().for_each(|item| self.pattern(item, by)),
            Node::Object(fields) => fields.iter().for_each(|(_, value)| self.pattern(value, by)),
            _ => {}
        }
    }

    /// Those that nothing uses.
    pub(super) fn unused(&self) -> impl Iterator<Item = (&Name, &Local)> {
        self.locals.iter().filter(|(_, local)| !local.is_used && local.by != Declared::SomeIn)
    }
}

/// The variables that a negated condition chooses items by, but for what it calls or gathers for itself.
pub(super) fn negated<'a>(expr: &'a Expr, indices: &mut Vec<(&'a Name, Position)>) {
    match &expr.node {
        Node::Call { params, .. } => params.iter().for_each(|param| chosen(param, indices)),
        Node::Compare { sides, .. } | Node::Arith(sides) | Node::Sets(sides) | Node::Assign { sides, .. } => {
            chosen(&sides.0, indices);
            chosen(&sides.1, indices);
        }
        Node::Member { key, value, collection } => {
            key.iter().chain([value, collection]).for_each(|part| chosen(part, indices));
        }
        _ => chosen(expr, indices),
    }
}

fn chosen<'a>(expr: &'a Expr, indices: &mut Vec<(&'a Name, Position)>) {
    match &expr.node {
        Node::Array(items) | Node::Set(items) => items.iter().for_each(|item| chosen(item, indices)),
        Node::Object(fields) => fields.iter().for_each(|(key, value)| {
            chosen(key, indices);
            chosen(value, indices);
        }),
        Node::Ref { base, index } => {
            chosen(base, indices);
            match &index.node {
                Node::Var(name) => indices.push((name, index.at)),
                _ => chosen(index, indices),
            }
        }
        _ => {}
    }
}

/// Whether a body holds whatever it is asked, so that nothing after it is tried.
pub(super) fn is_unconditional(body: &Body) -> bool {
    let is_plain = |expr: &Expr| expr.constant().is_some();
    let is_true = |expr: &Expr| expr.constant().is_some_and(|value| value != super::super::engine::Value::Bool(false));
    body.value.as_ref().is_none_or(is_plain)
        && body.query.stmts.iter().all(|stmt| matches!(&stmt.literal, Literal::Expr(expr) if is_true(expr)))
}
