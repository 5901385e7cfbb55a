//! The expressions that both evaluators read alike: none can fail but a builtin, and none loops without saying so.

use std::collections::BTreeSet;

use regorus::{
    Value,
    unstable::{Expr, Ref, Rule, RuleHead},
};

use super::{super::paths, Proof, Scope, Subset, is_function, outside};

impl<'a> Subset<'a> {
    pub(super) fn expression(&mut self, expr: &Expr, scope: &mut Scope<'a>) -> Proof {
        match expr {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => Ok(()),
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => self.reference(expr, scope),
            Expr::Array { items, .. } | Expr::Set { items, .. } => self.all(items, scope),
            Expr::Object { fields, .. } => {
                let mut keys = BTreeSet::new();
                for (span, key, value) in fields {
                    let Expr::String { value: key, .. } = &**key else {
                        return Err(outside(span, "a key is no constant text"));
                    };
                    if !keys.insert(key.clone()) {
                        return Err(outside(span, "a key stands twice in an object"));
                    }
                    self.expression(value, scope)?;
                }
                Ok(())
            }
            Expr::Call { fcn, params, .. } => self.call(fcn, params, scope),
            Expr::UnaryExpr { expr: inner, span, .. } => match &**inner {
                Expr::Number { .. } => Ok(()),
                _ => Err(outside(span, "`-` of what is no number is not in the subset")),
            },
            Expr::BoolExpr { lhs, rhs, .. } => {
                self.expression(lhs, scope)?;
                self.expression(rhs, scope)
            }
            Expr::Membership { key: None, value, collection, .. } => {
                self.expression(value, scope)?;
                self.expression(collection, scope)
            }
            Expr::Membership { span, .. } => Err(outside(span, "`in` with a key is not in the subset")),
            // Over an empty collection the machine may forget what stands after it.
            Expr::ArrayCompr { span, .. } | Expr::SetCompr { span, .. } | Expr::ObjectCompr { span, .. } => {
                Err(outside(span, "a comprehension is not in the subset"))
            }
            Expr::BinExpr { span, .. } => Err(outside(span, "`|` and `&` can fail unseen")),
            Expr::ArithExpr { span, .. } => Err(outside(span, "arithmetic can fail unseen")),
            Expr::AssignExpr { span, .. } => {
                Err(outside(span, "an assignment inside an expression is not in the subset"))
            }
        }
    }

    fn all(&mut self, items: &[Ref<Expr>], scope: &mut Scope<'a>) -> Proof {
        items.iter().try_for_each(|item| self.expression(item, scope))
    }

    fn call(&mut self, function: &Expr, params: &[Ref<Expr>], scope: &mut Scope<'a>) -> Proof {
        self.all(params, scope)?;
        let names = paths::names(function);
        let own = [scope.package.as_slice(), &names].concat();
        let rules = self.rules(&own);
        let root = names.first().map_or("", String::as_str);
        let hosted = self.calls.iter().find(|call| call.name == names.join("."));
        // The machine would call the builtin, and the interpreter the function.
        if (hosted.is_some() && !rules.is_empty()) || scope.locals.contains(root) || scope.imports.contains_key(root) {
            return Err(outside(function.span(), "a function's name means something else too"));
        }
        if names.len() == 1 && !rules.is_empty() {
            if !rules.iter().all(|place| is_function(place.rule)) || !takes(&rules, params.len()) {
                return Err(outside(function.span(), "a function takes another number of arguments"));
            }
            self.lead_to(own);
            return Ok(());
        }
        match hosted {
            Some(call) if usize::from(call.arity) == params.len() => Ok(()),
            Some(_) => Err(outside(function.span(), "a builtin's result is an argument")),
            None => Err(outside(function.span(), "a function of another package is not in the subset")),
        }
    }

    /// A name, and constant or known ways down from there.
    fn reference(&mut self, expr: &Expr, scope: &mut Scope<'a>) -> Proof {
        let mut dynamic = false;
        self.indices(expr, scope, &mut dynamic)?;
        let names = paths::names(expr);
        let Some((root, rest)) = names.split_first() else {
            return Err(outside(expr.span(), "a reference begins with no name"));
        };
        let target = match scope.imports.get(root) {
            _ if scope.locals.contains(root) || root == "input" => return Ok(()),
            _ if root == "data" => rest.to_vec(),
            Some(path) => match path.split_first() {
                Some((first, _)) if first == "input" => return Ok(()),
                Some((first, path)) if first == "data" => [path, rest].concat(),
                _ => return Err(outside(expr.span(), "an import is not in the subset")),
            },
            None => [scope.package.as_slice(), &names].concat(),
        };
        self.document_at(&target, dynamic, expr)
    }

    /// A read of `data`: of one rule and what is in it, or of data beside all rules.
    fn document_at(&mut self, target: &[String], dynamic: bool, expr: &Expr) -> Proof {
        let rule =
            (1..=target.len()).filter_map(|length| target.get(..length)).find(|path| !self.rules(path).is_empty());
        if let Some(path) = rule {
            let path = path.to_vec();
            if self.rules(&path).iter().any(|place| is_function(place.rule))
                || self.places.iter().any(|place| place.path.starts_with(&path) && place.path.len() > path.len())
            {
                return Err(outside(expr.span(), "a reference is not of one rule"));
            }
            self.lead_to(path);
            return Ok(());
        }
        let touches = |place: &paths::Place<'_>| {
            let package = paths::names(&place.module.package.refr);
            place.path.starts_with(target) || package.starts_with(target)
        };
        if target.is_empty() || self.places.iter().any(touches) {
            return Err(outside(expr.span(), "a reference is of a whole package"));
        }
        if dynamic && paths::at(self.data, target).is_some_and(has_numbers_for_keys) {
            return Err(outside(expr.span(), "data has keys that look like numbers"));
        }
        Ok(())
    }

    /// The brackets of a reference: constants, or what has a value before the reference is looked up.
    fn indices(&mut self, expr: &Expr, scope: &mut Scope<'a>, dynamic: &mut bool) -> Proof {
        match expr {
            Expr::Var { span, value: Value::String(name), .. } => match name.as_ref() {
                "_" => Err(outside(span, "`_` loops without saying so")),
                _ => Ok(()),
            },
            Expr::RefDot { refr, .. } => self.indices(refr, scope, dynamic),
            Expr::RefBrack { refr, index, span, .. } => {
                match &**index {
                    Expr::String { .. } => {}
                    Expr::Number { .. } => *dynamic = true,
                    Expr::Var { value: Value::String(name), .. } if !scope.locals.contains(name.as_ref()) => {
                        return Err(outside(span, "a bracket loops without saying so"));
                    }
                    Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                        *dynamic = true;
                        self.reference(index, scope)?;
                    }
                    _ => return Err(outside(span, "a bracket holds no name")),
                }
                self.indices(refr, scope, dynamic)
            }
            _ => Err(outside(expr.span(), "a reference begins with no name")),
        }
    }
}

fn takes(rules: &[&paths::Place<'_>], count: usize) -> bool {
    rules.iter().all(|place| match place.rule {
        Rule::Spec { head: RuleHead::Func { args, .. }, .. } => args.len() == count,
        Rule::Spec { .. } | Rule::Default { .. } => false,
    })
}

/// Whether a field below is called as a number is written: the interpreter finds it by the number too.
fn has_numbers_for_keys(data: &Value) -> bool {
    match data {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            matches!(key, Value::String(key) if key.parse::<f64>().is_ok()) || has_numbers_for_keys(value)
        }),
        Value::Array(items) => items.iter().any(has_numbers_for_keys),
        _ => false,
    }
}
