//! Which policies the virtual machine and the interpreter cannot read differently. What is not listed here is the interpreter's.
//!
//! The machine forgets errors inside bodies, conflicts and what it cannot compare; facts about it are in the tests. So a policy is in the
//! subset only if nothing in it can fail but builtins, which are ours to call, and no rule can have two values.

mod collections;
mod definedness;
mod expressions;

use std::collections::{BTreeMap, BTreeSet};

use regorus::{
    Value,
    unstable::{Expr, Import, Literal, Module, Query, Ref, Rule, RuleAssign, RuleBody, RuleHead, Span},
};

pub(super) use self::collections::COLLECTIONS;
use super::{
    calls::Call,
    paths::{self, Place},
};

/// What keeps a policy from the virtual machine, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outside {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) why: &'static str,
}

/// Proves that `entry`, a path below `data`, and all that it leads to are in the subset.
pub(super) fn prove(modules: &[Ref<Module>], data: &Value, calls: &[Call], entry: &[String]) -> Result<(), Outside> {
    let places = paths::places(modules);
    let nowhere = Outside { file: "policy".to_owned(), line: 1, column: 1, why: "its entry point is not one rule" };
    let mut subset = Subset { places: &places, data, calls, ahead: Vec::new(), seen: BTreeSet::new() };
    subset.lead_to(entry.to_vec());
    if subset.rules(entry).iter().any(|place| is_function(place.rule)) {
        return Err(nowhere);
    }
    while let Some(path) = subset.ahead.pop() {
        let rules = subset.rules(&path);
        if rules.is_empty() {
            return Err(nowhere);
        }
        subset.document(&rules)?;
    }
    Ok(())
}

type Proof = Result<(), Outside>;

struct Subset<'a> {
    places: &'a [Place<'a>],
    data: &'a Value,
    calls: &'a [Call],
    /// Paths that are still to be looked at.
    ahead: Vec<Vec<String>>,
    seen: BTreeSet<Vec<String>>,
}

/// What one rule can name.
struct Scope<'a> {
    module: &'a Module,
    package: Vec<String>,
    imports: BTreeMap<String, Vec<String>>,
    /// Variables: each is declared once in the whole rule, so it never matters which scope it is of.
    locals: BTreeSet<String>,
    loops: bool,
}

impl<'a> Subset<'a> {
    fn rules(&self, path: &[String]) -> Vec<&'a Place<'a>> {
        self.places.iter().filter(|place| place.path == path).collect()
    }

    fn lead_to(&mut self, path: Vec<String>) {
        if self.seen.insert(path.clone()) {
            self.ahead.push(path);
        }
    }

    /// All rules of one path together.
    fn document(&mut self, rules: &[&'a Place<'a>]) -> Proof {
        let definitions: Vec<(&Place<'_>, &RuleHead, &[RuleBody])> = rules
            .iter()
            .filter_map(|place| match place.rule {
                Rule::Spec { head, bodies, .. } => Some((*place, head, bodies.as_slice())),
                Rule::Default { .. } => None,
            })
            .collect();
        for place in rules {
            let package = paths::names(&place.module.package.refr);
            if place.path.len() != package.len().saturating_add(1) || !is_plain(paths::head(place.rule)) {
                return Err(outside(place.rule.span(), "a rule has more than one name"));
            }
            if let Rule::Default { args, value, span, .. } = place.rule
                && (!args.is_empty() || !is_constant(value) || definitions.iter().any(|(_, head, _)| is_callable(head)))
            {
                return Err(outside(span, "a default is no constant of a rule"));
            }
        }
        let several = definitions.len() > 1;
        let mut only: Option<Value> = None;
        for (place, head, bodies) in &definitions {
            let mut scope = Scope::new(place)?;
            match head {
                RuleHead::Set { key: Some(key), .. } => {
                    if bodies.len() > 1 || definitions.iter().any(|(_, head, _)| !matches!(head, RuleHead::Set { .. }))
                    {
                        return Err(outside(place.rule.span(), "a set has an `else`"));
                    }
                    bodies.iter().try_for_each(|body| self.query(&body.query, Some(key), &mut scope))?;
                    self.expression(key, &mut scope)?;
                    if !definedness::is_defined(key, &scope.locals) {
                        return Err(outside(key.span(), "what a set contains may be undefined: assign it first"));
                    }
                }
                RuleHead::Compr { assign, .. } | RuleHead::Func { assign, .. } => {
                    if let RuleHead::Func { args, .. } = head {
                        scope.parameters(args)?;
                    }
                    let values = values(assign.as_ref(), bodies);
                    if several || bodies.len() > 1 {
                        for value in values {
                            let value = value.map_or_else(|| Some(Value::from(true)), scalar);
                            let Some(value) = value else {
                                return Err(outside(
                                    place.rule.span(),
                                    "several definitions have values that are no constants",
                                ));
                            };
                            let same = only.get_or_insert_with(|| value.clone()) == &value;
                            if several && !same {
                                return Err(outside(place.rule.span(), "several definitions have different values"));
                            }
                        }
                        bodies.iter().try_for_each(|body| self.query(&body.query, None, &mut scope))?;
                        // Behind a loop that comes to nothing, the machine forgets the bodies behind the next one.
                        if bodies.len() > 1 && scope.loops {
                            return Err(outside(place.rule.span(), "a loop has an `else`"));
                        }
                    } else {
                        let value = assign.as_ref().map(|assign| &assign.value);
                        let needed = value.map(|value| &**value);
                        bodies.iter().try_for_each(|body| self.query(&body.query, needed, &mut scope))?;
                        if let Some(value) = value {
                            if scope.loops && scalar(value).is_none() {
                                return Err(outside(value.span(), "a loop chooses the value of a rule"));
                            }
                            self.expression(value, &mut scope)?;
                        }
                    }
                }
                RuleHead::Set { key: None, .. } => {
                    return Err(outside(place.rule.span(), "a set is written in the old way"));
                }
            }
        }
        Ok(())
    }

    /// A body that leads to `value`.
    fn query(&mut self, query: &Query, value: Option<&Expr>, scope: &mut Scope<'a>) -> Proof {
        definedness::prove(query, value, self.calls, &scope.locals)?;
        // All names first: statements are run in the order of what they need, not of how they are written.
        for statement in &query.stmts {
            match &statement.literal {
                Literal::Expr { expr, .. } => {
                    if let Expr::AssignExpr { lhs, .. } = &**expr {
                        scope.declare(lhs)?;
                    }
                }
                Literal::SomeIn { key, value, .. } => {
                    scope.loops = true;
                    key.iter().chain([value]).try_for_each(|name| scope.declare(name))?;
                }
                Literal::NotExpr { .. } => {}
                Literal::Every { span, .. } => return Err(outside(span, "`every` is not in the subset")),
                Literal::SomeVars { span, .. } => {
                    return Err(outside(span, "`some` without `in` is not in the subset"));
                }
            }
        }
        for statement in &query.stmts {
            if !statement.with_mods.is_empty() {
                return Err(outside(&statement.span, "`with` is not in the subset"));
            }
            match &statement.literal {
                Literal::Expr { expr, .. } => match &**expr {
                    Expr::AssignExpr { op, rhs, span, .. } => {
                        if !matches!(op, regorus::unstable::AssignOp::ColEq) {
                            return Err(outside(span, "`=` is not in the subset: write `==` or `:=`"));
                        }
                        self.expression(rhs, scope)?;
                    }
                    _ => self.expression(expr, scope)?,
                },
                Literal::NotExpr { expr, .. } => self.expression(expr, scope)?,
                Literal::SomeIn { collection, .. } => {
                    self.expression(collection, scope)?;
                    self.collection(collection, scope)?;
                }
                Literal::Every { span, .. } | Literal::SomeVars { span, .. } => {
                    return Err(outside(span, "this statement is not in the subset"));
                }
            }
        }
        Ok(())
    }
}

impl<'a> Scope<'a> {
    fn new(place: &Place<'a>) -> Result<Self, Outside> {
        let module = place.module;
        let mut imports = BTreeMap::new();
        for import in &module.imports {
            let path = paths::names(&import.refr);
            if let Some(name) = alias(import, &path) {
                imports.insert(name, path);
            }
        }
        let package = paths::names(&module.package.refr);
        Ok(Self { module, package, imports, locals: BTreeSet::new(), loops: false })
    }

    fn parameters(&mut self, args: &[Ref<Expr>]) -> Proof {
        if args.is_empty() || args.len() > 8 {
            let span = self.module.package.span.clone();
            return Err(outside(
                args.first().map_or(&span, |arg| arg.span()),
                "a function takes none or more than 8 arguments",
            ));
        }
        args.iter().try_for_each(|arg| self.declare(arg))
    }

    fn declare(&mut self, name: &Expr) -> Proof {
        let Expr::Var { span, value: Value::String(text), .. } = name else {
            return Err(outside(name.span(), "a pattern is not in the subset"));
        };
        if text.as_ref() == "_" || text.as_ref() == "input" || text.as_ref() == "data" {
            return Err(outside(span, "a variable has no name of its own"));
        }
        let is_rule = |rule: &Ref<Rule>| paths::names(paths::head(rule)).first().is_some_and(|name| **name == **text);
        if self.imports.contains_key(text.as_ref())
            || self.module.policy.iter().any(is_rule)
            || !self.locals.insert(text.to_string())
        {
            return Err(outside(span, "a variable's name is used twice"));
        }
        Ok(())
    }
}

fn alias(import: &Import, path: &[String]) -> Option<String> {
    import.r#as.as_ref().map(|span| span.text().to_owned()).or_else(|| path.last().cloned())
}

/// The value of each body, where it says one.
fn values<'a>(assign: Option<&'a RuleAssign>, bodies: &'a [RuleBody]) -> Vec<Option<&'a Ref<Expr>>> {
    let head = assign.map(|assign| &assign.value);
    let rest = bodies.iter().skip(1).map(|body| body.assign.as_ref().map(|assign| &assign.value));
    [head].into_iter().chain(rest).collect()
}

fn is_callable(head: &RuleHead) -> bool {
    matches!(head, RuleHead::Func { .. })
}

fn is_function(rule: &Rule) -> bool {
    matches!(rule, Rule::Spec { head, .. } if is_callable(head))
}

fn is_plain(head: &Expr) -> bool {
    matches!(head, Expr::Var { .. })
}

fn scalar(value: &Ref<Expr>) -> Option<Value> {
    match &**value {
        Expr::String { value, .. }
        | Expr::RawString { value, .. }
        | Expr::Number { value, .. }
        | Expr::Bool { value, .. } => Some(value.clone()),
        Expr::Null { .. } => Some(Value::Null),
        _ => None,
    }
}

fn is_constant(value: &Ref<Expr>) -> bool {
    match &**value {
        Expr::Array { items, .. } => items.iter().all(is_constant),
        Expr::Object { fields, .. } => fields.iter().all(|(_, key, value)| scalar(key).is_some() && is_constant(value)),
        _ => scalar(value).is_some(),
    }
}

fn outside(span: &Span, why: &'static str) -> Outside {
    let number = |number: u32| usize::try_from(number).unwrap_or(1);
    Outside { file: span.source.file().clone(), line: number(span.line), column: number(span.col), why }
}
