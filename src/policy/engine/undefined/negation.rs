//! Negated conditions, for which whatever they are given has a name before them.

use regorus::unstable::{AssignOp, BoolOp, Expr, LiteralStmt};

use super::{Rewriting, place};

impl Rewriting<'_> {
    /// Gives names to what a negated condition is given.
    pub(super) fn negation(&mut self, statement: &LiteralStmt, negated: &Expr, is_bare: bool) {
        let mut parts = Vec::new();
        match negated {
            Expr::BoolExpr { op: BoolOp::Eq, lhs, rhs, .. } | Expr::AssignExpr { op: AssignOp::Eq, lhs, rhs, .. } => {
                self.operand(lhs, &mut parts);
                self.operand(rhs, &mut parts);
            }
            Expr::Call { params, .. } => params.iter().for_each(|param| self.given(param, &mut parts)),
            Expr::BoolExpr { lhs, rhs, .. } | Expr::ArithExpr { lhs, rhs, .. } | Expr::BinExpr { lhs, rhs, .. } => {
                self.given(lhs, &mut parts);
                self.given(rhs, &mut parts);
            }
            Expr::Membership { key, value, collection, .. } => {
                key.iter().chain([value, collection]).for_each(|part| self.given(part, &mut parts));
            }
            other => self.operand(other, &mut parts),
        }
        let with = match (statement.with_mods.first(), statement.with_mods.last()) {
            (Some(first), Some(last)) => {
                self.text.get(self.start(first.span.start)..self.end(last.span.end)).unwrap_or_default()
            }
            _ => "",
        };
        let mut before = String::new();
        for (start, end) in &parts {
            let (name, statements) = self.named(*start, *end, &format!(" {with}"));
            before.push_str(&statements);
            self.edits.push((self.start(*start), self.end(*end), name));
        }
        if !parts.is_empty() {
            let start = place(statement.span.start);
            let open = if is_bare { "{ " } else { "" };
            self.edits.push((start, start, format!("{open}{before}")));
            if is_bare {
                let end = self.end(statement.span.end);
                self.edits.push((end, end, " }".to_owned()));
            }
        }
        // The condition itself may be false.
        if !parts.contains(&(negated.span().start, negated.span().end)) {
            self.parts(negated, &parts);
        }
    }

    /// An argument: whatever has to be looked up or called gets a name.
    fn given(&self, part: &Expr, parts: &mut Vec<(u32, u32)>) {
        match part {
            Expr::Var { span, .. } if self.globals.contains(span.text()) => parts.push((span.start, span.end)),
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                items.iter().for_each(|item| self.given(item, parts))
            }
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.given(key, parts);
                    self.given(value, parts);
                }
            }
            Expr::RefDot { span, .. }
            | Expr::RefBrack { span, .. }
            | Expr::Call { span, .. }
            | Expr::UnaryExpr { span, .. }
            | Expr::BinExpr { span, .. }
            | Expr::BoolExpr { span, .. }
            | Expr::ArithExpr { span, .. }
            | Expr::AssignExpr { span, .. }
            | Expr::Membership { span, .. } => parts.push((span.start, span.end)),
            // A comprehension is always something.
            _ => {}
        }
    }

    /// One side of an equation, or a condition that is no call: it is looked up below the negation, and by what is looked up before.
    fn operand(&self, part: &Expr, parts: &mut Vec<(u32, u32)>) {
        match part {
            Expr::Var { .. } => {}
            Expr::RefDot { refr, .. } => self.operand(refr, parts),
            Expr::RefBrack { refr, index, .. } => {
                self.operand(refr, parts);
                self.given(index, parts);
            }
            other => self.given(other, parts),
        }
    }
}
