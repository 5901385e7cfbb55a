//! What a loop runs over is a collection: over anything else the interpreter fails, and the machine does not run.

use regorus::{
    Value,
    unstable::{Expr, Rule, RuleHead},
};

use super::{super::paths, Proof, Scope, Subset, outside};

impl<'a> Subset<'a> {
    /// Proves that `expr`, which is in the subset, has a collection for a value or none.
    pub(super) fn collection(&self, expr: &Expr, scope: &Scope<'a>) -> Proof {
        let proved = match expr {
            Expr::Array { .. } | Expr::Set { .. } | Expr::Object { .. } => true,
            Expr::Call { fcn, .. } => MAKERS.contains(&paths::names(fcn).join(".").as_str()),
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } if is_static(expr) => {
                self.is_collection(&paths::names(expr), scope)
            }
            _ => false,
        };
        if proved { Ok(()) } else { Err(outside(expr.span(), "a loop may run over what is no collection")) }
    }

    fn is_collection(&self, names: &[String], scope: &Scope<'a>) -> bool {
        let Some((root, rest)) = names.split_first() else { return false };
        let path = match scope.imports.get(root) {
            _ if scope.locals.contains(root) => return false,
            _ if root == "input" || root == "data" => names.to_vec(),
            Some(path) => [path.as_slice(), rest].concat(),
            None => [&["data".to_owned()][..], &scope.package, names].concat(),
        };
        match path.split_first() {
            Some((root, path)) if root == "input" => COLLECTIONS.iter().any(|known| *known == path),
            Some((_, path)) => {
                let rules = self.rules(path);
                if rules.is_empty() {
                    return paths::at(self.data, path).is_none_or(is_collection);
                }
                rules.iter().all(|place| match place.rule {
                    Rule::Spec { head: RuleHead::Set { .. }, .. } => true,
                    Rule::Spec { head: RuleHead::Compr { assign: Some(assign), .. }, bodies, .. } => {
                        bodies.len() < 2
                            && matches!(*assign.value, Expr::Array { .. } | Expr::Set { .. } | Expr::Object { .. })
                    }
                    Rule::Spec { .. } | Rule::Default { .. } => false,
                })
            }
            None => false,
        }
    }
}

fn is_collection(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Set(_) | Value::Object(_) | Value::Undefined)
}

fn is_static(expr: &Expr) -> bool {
    match expr {
        Expr::Var { .. } => true,
        Expr::RefDot { refr, .. } => is_static(refr),
        Expr::RefBrack { refr, index, .. } => matches!(**index, Expr::String { .. }) && is_static(refr),
        _ => false,
    }
}

/// Builtins that give a collection or fail.
const MAKERS: [&str; 6] = ["array.concat", "array.reverse", "array.slice", "object.keys", "sort", "split"];

/// Where the input always has a collection, or nothing.
pub(in crate::policy::engine) const COLLECTIONS: [&[&str]; 4] = [
    &["attributes", "contextExtensions"],
    &["attributes", "request", "http", "headers"],
    &["parsed_path"],
    &["parsed_query"],
];
