//! `in`, which is false to the engine where one of its operands is undefined.

use std::collections::BTreeSet;

use regorus::unstable::Expr;

/// The operands of a membership that may be undefined, and that come to the same where they stand twice.
pub(super) fn operands<'a>(membership: &'a Expr, globals: &BTreeSet<String>) -> Vec<&'a Expr> {
    let Expr::Membership { key, value, collection, .. } = membership else { return Vec::new() };
    let all = key.iter().chain([value, collection]).map(|operand| &**operand);
    all.filter(|operand| may_be_undefined(operand, globals) && !chooses(operand)).collect()
}

/// Whether it may be undefined for one of the items that it goes through, and is `false` to the engine for that one.
pub(super) fn is_unsettled(membership: &Expr, globals: &BTreeSet<String>) -> bool {
    let Expr::Membership { key, value, collection, .. } = membership else { return false };
    key.iter().chain([value, collection]).any(|operand| may_be_undefined(operand, globals) && chooses(operand))
}

/// What has the value of `membership`, and none if one of its operands has none.
pub(super) fn list<'a>(operands: impl Iterator<Item = &'a str>, membership: &str) -> String {
    let mut items: Vec<String> = operands.map(|operand| format!("({operand})")).collect();
    let last = items.len();
    items.push(format!("({membership})"));
    format!("[{}][{last}]", items.join(", "))
}

/// The operands and the membership of such a list.
pub(super) fn settled<'a>(part: &'a Expr, globals: &BTreeSet<String>) -> Option<(Vec<&'a Expr>, &'a Expr)> {
    let Expr::RefBrack { refr, index, .. } = part else { return None };
    let (Expr::Array { items, .. }, Expr::Number { span, .. }) = (&**refr, &**index) else { return None };
    let (last, before) = items.split_last()?;
    let operands = operands(last, globals);
    let is_same = before.len() == operands.len()
        && span.text() == before.len().to_string()
        && before.iter().zip(&operands).all(|(item, operand)| item.span().text() == operand.span().text());
    (!operands.is_empty() && is_same).then(|| (before.iter().map(|item| &**item).collect(), &**last))
}

fn may_be_undefined(operand: &Expr, globals: &BTreeSet<String>) -> bool {
    match operand {
        Expr::Var { span, .. } => globals.contains(span.text()),
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().any(|item| may_be_undefined(item, globals)),
        Expr::Object { fields, .. } => {
            fields.iter().any(|(_, key, value)| may_be_undefined(key, globals) || may_be_undefined(value, globals))
        }
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::ArrayCompr { .. }
        | Expr::SetCompr { .. }
        | Expr::ObjectCompr { .. } => false,
        _ => true,
    }
}

/// Whether it is one item after another, `[_]`: twice the same choice would be two.
fn chooses(operand: &Expr) -> bool {
    match operand {
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().any(|item| chooses(item)),
        Expr::Object { fields, .. } => fields.iter().any(|(_, key, value)| chooses(key) || chooses(value)),
        Expr::Call { params, .. } => params.iter().any(|param| chooses(param)),
        Expr::UnaryExpr { expr, .. } => chooses(expr),
        Expr::RefDot { refr, .. } => chooses(refr),
        Expr::RefBrack { refr, index, .. } => {
            matches!(&**index, Expr::Var { span, .. } if span.text() == "_") || chooses(refr) || chooses(index)
        }
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => chooses(lhs) || chooses(rhs),
        Expr::Membership { key, value, collection, .. } => {
            key.iter().chain([value, collection]).any(|part| chooses(part))
        }
        _ => false,
    }
}
