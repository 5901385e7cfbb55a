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
    let source = span.source.get_contents();
    let lines = std::iter::once(0).chain(source.match_indices('\n').map(|(end, _)| end.saturating_add(1)));
    let reader = Reader { source, lines: lines.collect() };
    let package = reader.expr(&module.package.refr).path().map(|(names, _)| names).unwrap_or_default();
    Module {
        file: span.source.get_path().as_str().into(),
        at: reader.place(span),
        imports: module.imports.iter().filter_map(|it| reader.import(it)).collect(),
        rules: module.policy.iter().map(|it| reader.rule(it, &package)).collect(),
        package,
        source: source.as_str().into(),
    }
}

/// Reads one file.
struct Reader<'a> {
    source: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Reader<'_> {
    fn import(&self, import: &rego::Import) -> Option<Import> {
        let (path, _) = self.expr(&import.refr).path()?;
        let alias = match &import.r#as {
            Some(span) => name(span),
            None => path.last()?.clone(),
        };
        Some(Import { alias, path, at: self.place(&import.span) })
    }

    fn rule(&self, rule: &rego::Rule, package: &[Name]) -> Rule {
        let (span, refr, kind, args, key, bodies) = match rule {
            rego::Rule::Default { span, refr, args, value, .. } => {
                let kind = if args.is_empty() { RuleKind::Value } else { RuleKind::Function };
                let value = Some(self.expr(value));
                let body = Body { at: self.place(span), is_else: false, value, query: Query::default() };
                (span, refr, kind, self.exprs(args), None, vec![body])
            }
            rego::Rule::Spec { span, head, bodies } => {
                let (refr, kind, args, key, assign) = match head {
                    rego::RuleHead::Compr { refr, assign, .. } => {
                        (refr, RuleKind::Value, Vec::new(), None, assign.as_ref())
                    }
                    rego::RuleHead::Set { refr, key, .. } => {
                        (refr, RuleKind::Set, Vec::new(), key.as_ref().map(|key| self.expr(key)), None)
                    }
                    rego::RuleHead::Func { refr, args, assign, .. } => {
                        (refr, RuleKind::Function, self.exprs(args), None, assign.as_ref())
                    }
                };
                (span, refr, kind, args, key, self.bodies(span, assign, bodies))
            }
        };
        let name = self.expr(refr);
        let names = name.path().map(|(names, _)| names).unwrap_or_default();
        let path = [package, &names].concat();
        // The names are the root and the first indices.
        let tail = indices(name).into_iter().skip(names.len().saturating_sub(1)).collect();
        let is_default = matches!(rule, rego::Rule::Default { .. });
        Rule { path, tail, at: self.place(span), kind, is_default, args, key, bodies }
    }

    /// A head's value is its first body's, and that of every further one that is no `else`.
    fn bodies(&self, span: &rego::Span, head: Option<&rego::RuleAssign>, bodies: &[rego::RuleBody]) -> Vec<Body> {
        let value = |assign: Option<&rego::RuleAssign>| assign.map(|assign| self.expr(&assign.value));
        if bodies.is_empty() {
            return vec![Body { at: self.place(span), is_else: false, value: value(head), query: Query::default() }];
        }
        let body = |body: &rego::RuleBody| Body {
            at: self.place(&body.span),
            is_else: body.is_else,
            value: value(body.assign.as_ref().or_else(|| head.filter(|_| !body.is_else))),
            query: self.query(&body.query),
        };
        bodies.iter().map(body).collect()
    }

    fn query(&self, query: &rego::Query) -> Query {
        Query { stmts: query.stmts.iter().map(|it| self.stmt(it)).collect() }
    }

    fn stmt(&self, stmt: &rego::LiteralStmt) -> Stmt {
        let literal = match &stmt.literal {
            rego::Literal::SomeVars { vars, .. } => Literal::Some(vars.iter().map(|it| self.declared(it)).collect()),
            rego::Literal::SomeIn { key, value, collection, .. } => Literal::SomeIn {
                key: key.as_ref().map(|key| self.expr(key)),
                value: self.expr(value),
                collection: self.expr(collection),
            },
            rego::Literal::Expr { expr, .. } => Literal::Expr(self.expr(expr)),
            rego::Literal::NotExpr { expr, .. } => Literal::Not(self.expr(expr)),
            rego::Literal::Every { key, value, domain, query, .. } => Literal::Every {
                key: key.as_ref().map(|it| self.declared(it)),
                value: self.declared(value),
                domain: self.expr(domain),
                query: self.query(query),
            },
        };
        let with = |with: &rego::WithModifier| With {
            at: self.place(&with.span),
            target: self.expr(&with.refr),
            value: self.expr(&with.r#as),
        };
        Stmt { literal, with: stmt.with_mods.iter().map(with).collect() }
    }

    fn expr(&self, expr: &rego::Expr) -> Expr {
        use rego::Expr as E;
        let node = match expr {
            E::String { value, .. }
            | E::RawString { value, .. }
            | E::Number { value, .. }
            | E::Bool { value, .. }
            | E::Null { value, .. } => Node::Constant(value.clone()),
            E::Var { span, .. } => Node::Var(name(span)),
            E::Array { items, .. } => Node::Array(self.exprs(items)),
            E::Set { items, .. } => Node::Set(self.exprs(items)),
            E::Object { fields, .. } => {
                Node::Object(fields.iter().map(|(_, key, value)| (self.expr(key), self.expr(value))).collect())
            }
            E::ArrayCompr { term, query, .. } => self.comprehension(Comprehension::Array, &[term], query),
            E::SetCompr { term, query, .. } => self.comprehension(Comprehension::Set, &[term], query),
            E::ObjectCompr { key, value, query, .. } => self.comprehension(Comprehension::Object, &[key, value], query),
            E::Call { fcn, params, .. } => Node::Call { function: self.boxed(fcn), params: self.exprs(params) },
            E::UnaryExpr { expr, .. } => Node::Minus(self.boxed(expr)),
            E::RefDot { refr, field: (span, field), .. } => {
                let index = Expr { at: self.place(span), node: Node::Constant(field.clone()) };
                Node::Ref { base: self.boxed(refr), index: Box::new(index) }
            }
            E::RefBrack { refr, index, .. } => Node::Ref { base: self.boxed(refr), index: self.boxed(index) },
            E::BinExpr { lhs, rhs, .. } => Node::Sets(self.sides(lhs, rhs)),
            E::ArithExpr { lhs, rhs, .. } => Node::Arith(self.sides(lhs, rhs)),
            E::BoolExpr { op, lhs, rhs, .. } => Node::Compare { op: compare(op), sides: self.sides(lhs, rhs) },
            E::AssignExpr { op, lhs, rhs, .. } => {
                Node::Assign { declares: matches!(op, rego::AssignOp::ColEq), sides: self.sides(lhs, rhs) }
            }
            E::Membership { key, value, collection, .. } => Node::Member {
                key: key.as_ref().map(|key| self.boxed(key)),
                value: self.boxed(value),
                collection: self.boxed(collection),
            },
        };
        Expr { at: self.place(expr.span()), node }
    }

    fn comprehension(&self, kind: Comprehension, terms: &[&Ref<rego::Expr>], query: &rego::Query) -> Node {
        Node::Comprehension {
            kind,
            terms: terms.iter().map(|term| self.expr(term)).collect(),
            query: self.query(query),
        }
    }

    fn exprs(&self, items: &[Ref<rego::Expr>]) -> Vec<Expr> {
        items.iter().map(|item| self.expr(item)).collect()
    }

    fn boxed(&self, item: &Ref<rego::Expr>) -> Box<Expr> {
        Box::new(self.expr(item))
    }

    fn sides(&self, left: &Ref<rego::Expr>, right: &Ref<rego::Expr>) -> Box<(Expr, Expr)> {
        Box::new((self.expr(left), self.expr(right)))
    }

    fn declared(&self, span: &rego::Span) -> (Name, Position) {
        (name(span), self.place(span))
    }

    /// Where a span begins. The parser's own line and column are of the operator in it, and count a tab as four.
    fn place(&self, span: &rego::Span) -> Position {
        let start = usize::try_from(span.start).unwrap_or(usize::MAX);
        let line = self.lines.partition_point(|begin| *begin <= start);
        let begin = line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or_default();
        let before = self.source.get(begin..start).map_or(0, |before| before.chars().count());
        Position { line, column: before.saturating_add(1) }
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

fn name(span: &rego::Span) -> Name {
    Arc::from(span.text())
}
