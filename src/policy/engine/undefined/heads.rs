//! Heads of rules that go through items, which the engine leaves at the first item that has nothing.

use std::collections::BTreeSet;

use regorus::unstable::{Expr, Ref, Rule, RuleBody, RuleHead};

use super::Rewriting;

impl Rewriting<'_> {
    /// Looks up at the end of a rule's bodies what its heads go through.
    pub(super) fn heads(&mut self, rule: &Rule) {
        let Rule::Spec { head, .. } = rule else { return };
        let (RuleHead::Compr { span, .. } | RuleHead::Set { span, .. } | RuleHead::Func { span, .. }) = head;
        for Move { parts, body } in moves(rule, self.globals) {
            let mut last = String::new();
            for part in parts {
                let part = part.span();
                let (name, text) = self.named(part.start, part.end, "");
                last.push_str(&text);
                self.edits.push((self.start(part.start), self.end(part.end), name));
            }
            let last = last.trim_end_matches([';', ' ']);
            let statements = body.map_or(&[][..], |body| &body.query.stmts);
            let (Some(body), Some(first), Some(end)) = (body, statements.first(), statements.last()) else {
                let end = self.end(body.filter(|body| body.is_else).map_or(span.end, |body| body.span.end));
                self.edits.push((end, end, format!(" if {{ {last} }}")));
                continue;
            };
            let with = end.with_mods.last().map_or(0, |with| with.span.end);
            let end = self.end(end.span.end.max(with));
            if first.span.start == body.query.span.start {
                let start = self.start(first.span.start);
                self.edits.push((start, start, "{ ".to_owned()));
                self.edits.push((end, end, format!("; {last} }}")));
            } else {
                self.edits.push((end, end, format!("; {last}")));
            }
        }
    }
}

/// Expressions that are looked up in the body instead, and the body; none where the rule has none.
struct Move<'a> {
    parts: Vec<&'a Expr>,
    body: Option<&'a RuleBody>,
}

/// What a rule's heads, those behind `else` too, have to leave to its bodies. What a function gives back is looked up item by item as it is.
fn moves<'a>(rule: &'a Rule, globals: &BTreeSet<String>) -> Vec<Move<'a>> {
    let Rule::Spec { head, bodies, .. } = rule else { return Vec::new() };
    let mut first: Vec<&Expr> = Vec::new();
    match head {
        RuleHead::Compr { refr, assign, .. } => {
            keys(refr, &mut first);
            first.extend(assign.as_ref().map(|assign| &*assign.value));
        }
        RuleHead::Set { refr, key, .. } => {
            keys(refr, &mut first);
            first.extend(key.as_deref());
        }
        RuleHead::Func { .. } => return Vec::new(),
    }
    let otherwise = bodies.iter().skip(1).map(|body| {
        let parts = body.assign.as_ref().map(|assign| &*assign.value).into_iter().collect();
        Move { parts, body: Some(body) }
    });
    let mut moves: Vec<_> = std::iter::once(Move { parts: first, body: bodies.first() }).chain(otherwise).collect();
    for step in &mut moves {
        step.parts =
            step.parts.iter().flat_map(|part| pieces(part)).filter(|part| goes_through(part, globals)).collect();
    }
    moves.retain(|step| !step.parts.is_empty());
    moves
}

/// The keys and values of an object, which the engine does not know the beginning of, or the expression itself.
fn pieces(part: &Expr) -> Vec<&Expr> {
    match part {
        Expr::Object { fields, .. } => {
            fields.iter().flat_map(|(_, key, value)| [pieces(key), pieces(value)].concat()).collect()
        }
        other => vec![other],
    }
}

/// The keys between the brackets of a rule's name.
fn keys<'a>(name: &'a Expr, keys_so_far: &mut Vec<&'a Expr>) {
    match name {
        Expr::RefBrack { refr, index, .. } => {
            keys(refr, keys_so_far);
            keys_so_far.push(index);
        }
        Expr::RefDot { refr, .. } => keys(refr, keys_so_far),
        _ => {}
    }
}

/// Whether it looks something up by a variable, which may stand for one item after another.
fn goes_through(part: &Expr, globals: &BTreeSet<String>) -> bool {
    let any = |parts: &[Ref<Expr>]| parts.iter().any(|part| goes_through(part, globals));
    match part {
        Expr::RefBrack { refr, index, .. } => {
            matches!(&**index, Expr::Var { span, .. } if !globals.contains(span.text()))
                || goes_through(refr, globals)
                || goes_through(index, globals)
        }
        Expr::RefDot { refr, .. } => goes_through(refr, globals),
        Expr::Array { items, .. } | Expr::Set { items, .. } => any(items),
        Expr::Object { fields, .. } => {
            fields.iter().any(|(_, key, value)| goes_through(key, globals) || goes_through(value, globals))
        }
        Expr::Call { params, .. } => any(params),
        Expr::UnaryExpr { expr, .. } => goes_through(expr, globals),
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => goes_through(lhs, globals) || goes_through(rhs, globals),
        Expr::Membership { key, value, collection, .. } => {
            key.iter().chain([value, collection]).any(|part| goes_through(part, globals))
        }
        // A comprehension goes through its items by itself.
        _ => false,
    }
}
