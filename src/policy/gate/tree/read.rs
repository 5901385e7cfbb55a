//! Reads the tree from the parser's own: the one place that names its types.

use std::sync::Arc;

use regorus::unstable::{self as rego, Ref};

use super::{
    Body, Compare, Comprehension, Expr, Import, Literal, Module, Name, Node, Position, Query, Rule, RuleKind, Stmt,
    With,
};

/// Reads parsed modules.
pub(in crate::policy::gate) fn modules(modules: &[Ref<rego::Module>]) -> Vec<Module> {
    modules.iter().map(|it| module(it)).collect()
}

fn module(module: &rego::Module) -> Module {
    let span = &module.package.span;
    let package = expr(&module.package.refr).path().map(|(names, _)| names).unwrap_or_default();
    let rules = module.policy.iter().map(|it| rule(it, &package)).collect();
    Module {
        file: span.source.get_path().as_str().into(),
        at: place(span),
        imports: module.imports.iter().filter_map(import).collect(),
        rules,
        package,
        source: span.source.get_contents().as_str().into(),
    }
}

fn import(import: &rego::Import) -> Option<Import> {
    let (path, _) = expr(&import.refr).path()?;
    let alias = match &import.r#as {
        Some(span) => name(span),
        None => path.last()?.clone(),
    };
    Some(Import { alias, path, at: place(&import.span) })
}

fn rule(rule: &rego::Rule, package: &[Name]) -> Rule {
    let (span, refr, kind, args, key, bodies) = match rule {
        rego::Rule::Default { span, refr, args, value, .. } => {
            let kind = if args.is_empty() { RuleKind::Value } else { RuleKind::Function };
            let body = Body { at: place(span), is_else: false, value: Some(expr(value)), query: Query::default() };
            (span, refr, kind, exprs(args), None, vec![body])
        }
        rego::Rule::Spec { span, head, bodies } => {
            let (refr, kind, args, key, assign) = match head {
                rego::RuleHead::Compr { refr, assign, .. } => {
                    (refr, RuleKind::Value, Vec::new(), None, assign.as_ref())
                }
                rego::RuleHead::Set { refr, key, .. } => {
                    (refr, RuleKind::Set, Vec::new(), key.as_ref().map(|key| expr(key)), None)
                }
                rego::RuleHead::Func { refr, args, assign, .. } => {
                    (refr, RuleKind::Function, exprs(args), None, assign.as_ref())
                }
            };
            (span, refr, kind, args, key, self::bodies(span, assign, bodies))
        }
    };
    let name = expr(refr);
    let (names, tail) = name.path().unwrap_or_default();
    let constant = names.len();
    let path = [package, &names].concat();
    // The rest of the name is taken, not borrowed: it outlives the name that it is a part of.
    let tail =
        if tail.is_empty() { Vec::new() } else { indices(name).into_iter().skip(constant.saturating_sub(1)).collect() };
    Rule {
        path,
        tail,
        at: place(span),
        kind,
        is_default: matches!(rule, rego::Rule::Default { .. }),
        args,
        key,
        bodies,
    }
}

/// The indices of a reference.
fn indices(reference: Expr) -> Vec<Expr> {
    let (mut rest, mut indices) = (reference, Vec::new());
    while let Node::Ref { base, index } = rest.node {
        indices.push(*index);
        rest = *base;
    }
    indices.reverse();
    indices
}

/// A head's value is its first body's, and that of every further one that is no `else`.
fn bodies(span: &rego::Span, head: Option<&rego::RuleAssign>, bodies: &[rego::RuleBody]) -> Vec<Body> {
    let value = |assign: Option<&rego::RuleAssign>| assign.map(|assign| expr(&assign.value));
    if bodies.is_empty() {
        return vec![Body { at: place(span), is_else: false, value: value(head), query: Query::default() }];
    }
    let body = |body: &rego::RuleBody| Body {
        at: place(&body.span),
        is_else: body.is_else,
        value: value(body.assign.as_ref().or(head.filter(|_| !body.is_else))),
        query: query(&body.query),
    };
    bodies.iter().map(body).collect()
}

fn query(query: &rego::Query) -> Query {
    Query { stmts: query.stmts.iter().map(stmt).collect() }
}

fn stmt(stmt: &rego::LiteralStmt) -> Stmt {
    let literal = match &stmt.literal {
        rego::Literal::SomeVars { vars, .. } => Literal::Some(vars.iter().map(declared).collect()),
        rego::Literal::SomeIn { key, value, collection, .. } => {
            Literal::SomeIn { key: key.as_ref().map(|key| expr(key)), value: expr(value), collection: expr(collection) }
        }
        rego::Literal::Expr { expr: it, .. } => Literal::Expr(expr(it)),
        rego::Literal::NotExpr { expr: it, .. } => Literal::Not(expr(it)),
        rego::Literal::Every { key, value, domain, query: it, .. } => Literal::Every {
            key: key.as_ref().map(declared),
            value: declared(value),
            domain: expr(domain),
            query: query(it),
        },
    };
    let with = stmt.with_mods.iter();
    let with = with.map(|it| With { at: place(&it.span), target: expr(&it.refr), value: expr(&it.r#as) }).collect();
    Stmt { at: place(&stmt.span), literal, with }
}

fn expr(expr: &rego::Expr) -> Expr {
    use rego::Expr as E;
    let node = match expr {
        E::String { value, .. }
        | E::RawString { value, .. }
        | E::Number { value, .. }
        | E::Bool { value, .. }
        | E::Null { value, .. } => Node::Constant(value.clone()),
        E::Var { span, .. } => Node::Var(name(span)),
        E::Array { items, .. } => Node::Array(exprs(items)),
        E::Set { items, .. } => Node::Set(exprs(items)),
        E::Object { fields, .. } => {
            Node::Object(fields.iter().map(|(_, key, value)| (self::expr(key), self::expr(value))).collect())
        }
        E::ArrayCompr { term, query: it, .. } => comprehension(Comprehension::Array, &[term], it),
        E::SetCompr { term, query: it, .. } => comprehension(Comprehension::Set, &[term], it),
        E::ObjectCompr { key, value, query: it, .. } => comprehension(Comprehension::Object, &[key, value], it),
        E::Call { fcn, params, .. } => Node::Call { function: boxed(fcn), params: exprs(params) },
        E::UnaryExpr { expr: it, .. } => Node::Minus(boxed(it)),
        E::RefDot { refr, field: (span, field), .. } => {
            let index = Expr { at: place(span), node: Node::Constant(field.clone()) };
            Node::Ref { base: boxed(refr), index: Box::new(index) }
        }
        E::RefBrack { refr, index, .. } => Node::Ref { base: boxed(refr), index: boxed(index) },
        E::BinExpr { lhs, rhs, .. } => Node::Sets(sides(lhs, rhs)),
        E::ArithExpr { lhs, rhs, .. } => Node::Arith(sides(lhs, rhs)),
        E::BoolExpr { op, lhs, rhs, .. } => Node::Compare { op: compare(op), sides: sides(lhs, rhs) },
        E::AssignExpr { op, lhs, rhs, .. } => {
            Node::Assign { declares: matches!(op, rego::AssignOp::ColEq), sides: sides(lhs, rhs) }
        }
        E::Membership { key, value, collection, .. } => {
            Node::Member { key: key.as_ref().map(boxed), value: boxed(value), collection: boxed(collection) }
        }
    };
    Expr { at: place(expr.span()), node }
}

fn comprehension(kind: Comprehension, terms: &[&Ref<rego::Expr>], it: &rego::Query) -> Node {
    Node::Comprehension { kind, terms: terms.iter().map(|term| expr(term)).collect(), query: query(it) }
}

const fn compare(op: &rego::BoolOp) -> Compare {
    match op {
        rego::BoolOp::Lt => Compare::Less,
        rego::BoolOp::Le => Compare::LessOrEqual,
        rego::BoolOp::Eq => Compare::Equal,
        rego::BoolOp::Ge => Compare::GreaterOrEqual,
        rego::BoolOp::Gt => Compare::Greater,
        rego::BoolOp::Ne => Compare::NotEqual,
    }
}

fn exprs(items: &[Ref<rego::Expr>]) -> Vec<Expr> {
    items.iter().map(|item| expr(item)).collect()
}

fn boxed(item: &Ref<rego::Expr>) -> Box<Expr> {
    Box::new(expr(item))
}

fn sides(left: &Ref<rego::Expr>, right: &Ref<rego::Expr>) -> Box<(Expr, Expr)> {
    Box::new((expr(left), expr(right)))
}

fn declared(span: &rego::Span) -> (Name, Position) {
    (name(span), place(span))
}

fn name(span: &rego::Span) -> Name {
    Arc::from(span.text())
}

fn place(span: &rego::Span) -> Position {
    let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Position { line: number(span.line), column: number(span.col) }
}
