//! An assignment of what is undefined ends a body in the interpreter and not in the machine: so either it has a value, or the body says
//! something else that ends without one.

use std::collections::BTreeSet;

use regorus::{
    Value,
    unstable::{Expr, Literal, Query},
};

use super::{
    super::{calls::Call, paths},
    Proof, outside,
};

/// Proves that no body goes on after an assignment without a value. `value` is what the rule is if the body holds, and `outer` are the
/// variables that it does not assign itself.
pub(super) fn prove(query: &Query, value: Option<&Expr>, calls: &[Call], outer: &BTreeSet<String>) -> Proof {
    let needs = |expr: &Expr, needed: &mut BTreeSet<String>| needs(expr, calls, needed);
    let mut needed = BTreeSet::new();
    value.into_iter().for_each(|value| needs(value, &mut needed));
    for statement in &query.stmts {
        match &statement.literal {
            Literal::Expr { expr, .. } => match &**expr {
                Expr::AssignExpr { .. } => {}
                Expr::Membership { value, .. } => needs(value, &mut needed),
                _ => needs(expr, &mut needed),
            },
            Literal::SomeVars { .. } | Literal::SomeIn { .. } | Literal::NotExpr { .. } | Literal::Every { .. } => {}
        }
    }
    let assignments = || {
        query.stmts.iter().filter_map(|statement| match &statement.literal {
            Literal::Expr { expr, .. } => match &**expr {
                Expr::AssignExpr { lhs, rhs, .. } => Some((name(lhs)?, &**rhs)),
                _ => None,
            },
            _ => None,
        })
    };
    // What a needed variable is made of is needed.
    let mut found = 0;
    while found < needed.len() {
        found = needed.len();
        for (_, value) in assignments().filter(|(name, _)| needed.contains(name)).collect::<Vec<_>>() {
            needs(value, &mut needed);
        }
    }
    let mut known: BTreeSet<String> = query
        .stmts
        .iter()
        .filter_map(|statement| match &statement.literal {
            Literal::SomeIn { value, .. } => name(value),
            _ => None,
        })
        .collect();
    known.extend(outer.iter().cloned());
    match assignments().find(|(name, value)| !needed.contains(name) && !is_defined(value, &known)) {
        Some((_, value)) => Err(outside(value.span(), "what is assigned may be undefined, and no comparison needs it")),
        None => Ok(()),
    }
}

/// The variables without which `expr` has no value.
fn needs(expr: &Expr, calls: &[Call], needed: &mut BTreeSet<String>) {
    match expr {
        Expr::Var { .. } => needed.extend(name(expr)),
        Expr::RefDot { refr, .. } => needs(refr, calls, needed),
        Expr::RefBrack { refr, index, .. } => {
            needs(refr, calls, needed);
            needs(index, calls, needed);
        }
        Expr::BoolExpr { lhs, rhs, .. } => {
            needs(lhs, calls, needed);
            needs(rhs, calls, needed);
        }
        // A builtin of what is undefined is; a function of the policy's own may not be.
        Expr::Call { fcn, params, .. } if calls.iter().any(|call| call.name == paths::names(fcn).join(".")) => {
            params.iter().for_each(|param| needs(param, calls, needed));
        }
        _ => {}
    }
}

/// Whether `expr` has a value wherever the variables in `known` have one.
pub(super) fn is_defined(expr: &Expr, known: &BTreeSet<String>) -> bool {
    match expr {
        Expr::String { .. } | Expr::RawString { .. } | Expr::Number { .. } | Expr::Bool { .. } | Expr::Null { .. } => {
            true
        }
        Expr::UnaryExpr { .. } => true,
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().all(|item| is_defined(item, known)),
        Expr::Object { fields, .. } => fields.iter().all(|(_, _, value)| is_defined(value, known)),
        Expr::BoolExpr { lhs, rhs, .. } => is_defined(lhs, known) && is_defined(rhs, known),
        _ => name(expr).is_some_and(|name| known.contains(&name)),
    }
}

fn name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Var { value: Value::String(name), .. } => Some(name.to_string()),
        _ => None,
    }
}
