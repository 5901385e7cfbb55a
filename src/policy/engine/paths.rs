//! Where the rules of a policy stand below `data`.

use regorus::{
    Value,
    unstable::{Expr, Module, Ref, Rule, RuleHead},
};

/// One rule, function or default, and its path below `data` as far as it is constant.
pub(super) struct Place<'a> {
    pub(super) rule: &'a Rule,
    pub(super) module: &'a Module,
    pub(super) path: Vec<String>,
}

/// Every rule of `modules`.
pub(super) fn places(modules: &[Ref<Module>]) -> Vec<Place<'_>> {
    let of = |module: &'_ Ref<Module>, rule: &Rule| {
        let mut path = names(&module.package.refr);
        path.extend(names(head(rule)));
        path
    };
    modules
        .iter()
        .flat_map(|module| module.policy.iter().map(move |rule| Place { rule, module, path: of(module, rule) }))
        .collect()
}

/// The reference that names a rule.
pub(super) fn head(rule: &Rule) -> &Expr {
    match rule {
        Rule::Spec {
            head: RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. },
            ..
        }
        | Rule::Default { refr, .. } => refr,
    }
}

/// The names of a reference from its root on, as far as they are constant.
pub(super) fn names(refr: &Expr) -> Vec<String> {
    let mut names = Vec::new();
    collect(refr, &mut names);
    names
}

/// Whether all of the reference was constant.
fn collect(refr: &Expr, names: &mut Vec<String>) -> bool {
    let (constant, name) = match refr {
        Expr::Var { value, .. } => (true, Some(value)),
        Expr::RefDot { refr, field: (_, name), .. } => (collect(refr, names), Some(name)),
        Expr::RefBrack { refr, index, .. } => {
            let name = match &**index {
                Expr::String { value, .. } | Expr::RawString { value, .. } => Some(value),
                _ => None,
            };
            (collect(refr, names), name)
        }
        _ => (false, None),
    };
    match name {
        Some(Value::String(name)) if constant => {
            names.push(name.to_string());
            true
        }
        _ => false,
    }
}

/// What stands at `path` of `data`.
pub(super) fn at<'a>(data: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(data, |value, name| match value {
        Value::Object(fields) => fields.get(&Value::from(name.as_str())),
        _ => None,
    })
}
