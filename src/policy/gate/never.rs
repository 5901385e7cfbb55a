//! Finds comparisons that can never be true: of constants, and of constants with what the input can hold.

use super::{
    tree::{Compare, Expr, Node, Position},
    types,
    walk::Walk,
};
use crate::policy::engine::Value;

/// Two sides that are compared.
pub(super) fn compare(walk: &mut Walk<'_, '_>, at: Position, op: Compare, left: &Expr, right: &Expr) {
    if op == Compare::Equal {
        return equal(walk, at, left, right);
    }
    if op != Compare::NotEqual {
        types::ordered(walk, at, left, right);
    }
    let (Some(left), Some(right)) = (left.constant(), right.constant()) else { return };
    let holds = match op {
        Compare::Equal => left == right,
        Compare::NotEqual => left != right,
        Compare::Less => left < right,
        Compare::LessOrEqual => left <= right,
        Compare::Greater => left > right,
        Compare::GreaterOrEqual => left >= right,
    };
    if !holds {
        walk.tell(at, "policy.never", "this never holds, whatever is asked");
    }
}

/// Two sides that must be equal.
pub(super) fn equal(walk: &mut Walk<'_, '_>, at: Position, left: &Expr, right: &Expr) {
    types::equal(walk, at, left, right);
    match (left.constant(), right.constant()) {
        (Some(left), Some(right)) if left != right => walk.tell(at, "policy.never", "these are never equal"),
        (Some(_), Some(_)) => {}
        (Some(value), None) => excluded(walk, left.at, right, &value),
        (None, Some(value)) => excluded(walk, right.at, left, &value),
        (None, None) => {
            let (Some(left), Some(right)) = (walk.known(left), walk.known(right)) else { return };
            if !left.shape.meets(right.shape) {
                walk.tell(at, "policy.never", "these are never equal: they are of different types");
            }
        }
    }
}

/// A value that must be in a collection.
pub(super) fn member(walk: &mut Walk<'_, '_>, value: &Expr, collection: &Expr) {
    if let Node::Array(items) | Node::Set(items) = &collection.node {
        for item in items {
            if let Some(constant) = item.constant() {
                excluded(walk, item.at, value, &constant);
            }
        }
        return;
    }
    let Some(known) = walk.known(collection) else { return };
    if !known.shape.is_collection() {
        walk.tell(collection.at, "policy.never", "nothing is in it: it is no list, set or object");
    } else if let (Some(item), Some(constant)) = (known.shape.item(), value.constant())
        && let Some(why) = item.excludes(&constant)
    {
        walk.tell(value.at, "policy.never", &format!("it is never in it: {why}"));
    }
}

/// A constant that a place of the input can never hold.
fn excluded(walk: &mut Walk<'_, '_>, at: Position, place: &Expr, value: &Value) {
    if let Some(why) = walk.known(place).and_then(|known| known.shape.excludes(value)) {
        walk.tell(at, "policy.never", &format!("these are never equal: {why}"));
    }
}
