//! Whether a rule or a function may give a set, by what its own text, and that of the rules it names, says.

use super::{
    Inspection,
    tree::{Body, Comprehension, Expr, Literal, Module, Name, Node, RuleKind},
};

/// Whether what `expr` of `module` names may be a set: a rule, or what a call gives.
pub(super) fn may_be(gate: &Inspection<'_>, module: &Module, expr: &Expr) -> bool {
    of(gate, module, None, expr, DEEPEST)
}

fn of(gate: &Inspection<'_>, module: &Module, body: Option<&Body>, expr: &Expr, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else { return false };
    let any = |one: &Expr, other: &Expr| of(gate, module, body, one, left) || of(gate, module, body, other, left);
    match &expr.node {
        Node::Set(_) | Node::Comprehension { kind: Comprehension::Set, .. } | Node::Sets(_) => true,
        Node::Arith(sides) => any(&sides.0, &sides.1),
        Node::Var(name) => {
            body.is_some_and(|body| local(gate, module, body, name, left)) || named(gate, module, expr, left)
        }
        Node::Call { function, .. } => named(gate, module, function, left),
        Node::Ref { .. } => named(gate, module, expr, left),
        _ => false,
    }
}

/// What a variable of a body is said to be.
fn local(gate: &Inspection<'_>, module: &Module, body: &Body, name: &Name, left: usize) -> bool {
    body.query.stmts.iter().any(|statement| match &statement.literal {
        Literal::Expr(Expr { node: Node::Assign { sides, .. }, .. }) => {
            let gives = |one: &Expr, other: &Expr| one.var() == Some(name) && of(gate, module, Some(body), other, left);
            gives(&sides.0, &sides.1) || gives(&sides.1, &sides.0)
        }
        _ => false,
    })
}

/// What a rule or a function of the policy's own is.
fn named(gate: &Inspection<'_>, module: &Module, expr: &Expr, left: usize) -> bool {
    let Some((name, rest)) = expr.path() else { return false };
    if !rest.is_empty() {
        return false;
    }
    let readings = [gate.resolve(module, &name), Some(name)];
    let places = readings.iter().flatten().filter_map(|name| match name.split_first() {
        Some((root, rest)) if &**root == "data" => gate.names.at(rest),
        _ => gate.names.at(&[module.package.as_slice(), name.as_slice()].concat()),
    });
    places.flat_map(|place| gate.names.rules(place)).any(|(module, rule)| {
        rule.kind == RuleKind::Set
            || rule
                .bodies
                .iter()
                .any(|body| body.value.as_ref().is_some_and(|value| of(gate, module, Some(body), value, left)))
    })
}

/// How far names are followed.
const DEEPEST: usize = 12;
