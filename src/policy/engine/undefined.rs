//! What is undefined to OPA is undefined to the engine, which takes some of it for `false`, or for nothing below a `not`.
//!
//! `not startswith(input.path, "/a")` has no answer in OPA where there is no path, and is no reason to allow; `not f(g(xs[_]))` asks for one
//! that is not, rather than for none that is. The engine evaluates all of it below the negation, where what is not there makes it true. So
//! `path := input.path; not startswith(path, "/a")` is what the engine is given. And `(input.user in input.blocked) == false` has no answer
//! where either is missing: `in` is given to the engine beside its operands, and a list of which one is undefined is undefined. And a rule
//! that goes through items in its head, `blocked contains input.items[_].user`, goes through them in its body: the head has nothing where
//! the last item has nothing.

mod heads;
mod membership;
mod negation;

use std::collections::BTreeSet;

use regorus::unstable::{Expr, Literal, Module, Query, Ref, Rule, RuleAssign, RuleHead};

use super::{
    super::{Gate, source},
    Value, paths, template,
};
use crate::yaml::{Problem, Problems};

/// The engine that comes to what OPA comes to, for the modules of `engine`.
///
/// # Errors
/// If negations stand in negations without end.
pub(in crate::policy) fn settle(
    mut engine: regorus::Engine,
    data: &Value,
    gate: Gate,
) -> Result<regorus::Engine, Problems> {
    for _ in 0..MOST {
        let modules = engine.get_modules();
        let texts: Vec<String> = modules.iter().map(|module| contents(module).to_owned()).collect();
        let mut stem = STEM.to_owned();
        while texts.iter().any(|text| text.contains(&stem)) && stem.len() < LONGEST {
            stem.push('_');
        }
        let globals: Vec<BTreeSet<String>> = modules.iter().map(|module| globals(module, modules)).collect();
        let mut is_settled = true;
        let mut settled = Vec::new();
        for ((module, text), globals) in modules.iter().zip(&texts).zip(&globals) {
            let mut rewriting =
                Rewriting { text, stem: &stem, globals, gate, edits: Vec::new(), count: 0, refused: None };
            rewriting.module(module);
            if let Some((line, column)) = rewriting.refused {
                let file = module.package.span.source.file();
                let message = "policy.membership: `in` as a value goes through items with `[_]`: name the item before, as in `some item in items`";
                return Err(Problems(vec![Problem::at(file, line, column, message)]));
            }
            is_settled &= rewriting.edits.is_empty();
            let file = module.package.span.source.file().to_owned();
            settled.push(source::Module { file, source: rewriting.apply()? });
        }
        if is_settled {
            return Ok(engine);
        }
        engine = template(&settled, data, gate)?;
    }
    Err(refuse("policy.nesting: negations stand too deep in each other: give parts of them names"))
}

/// One module on its way to another text.
struct Rewriting<'a> {
    text: &'a str,
    /// What new names begin with.
    stem: &'a str,
    /// Names that are no variables.
    globals: &'a BTreeSet<String>,
    gate: Gate,
    /// From where, to where, and what comes there; none reaches into another.
    edits: Vec<(usize, usize, String)>,
    count: usize,
    /// Where a membership stands that cannot be given beside its operands.
    refused: Option<(usize, usize)>,
}

impl Rewriting<'_> {
    fn module(&mut self, module: &Module) {
        for rule in &module.policy {
            self.heads(rule);
        }
        // What has moved is read anew before anything else is changed.
        if !self.edits.is_empty() {
            return;
        }
        for rule in &module.policy {
            match &**rule {
                Rule::Spec { head, bodies, .. } => {
                    let (RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. }) =
                        head;
                    self.expression(refr);
                    match head {
                        RuleHead::Compr { assign, .. } => self.assignment(assign.as_ref()),
                        RuleHead::Set { key, .. } => key.iter().for_each(|key| self.expression(key)),
                        RuleHead::Func { args, assign, .. } => {
                            args.iter().for_each(|argument| self.expression(argument));
                            self.assignment(assign.as_ref());
                        }
                    }
                    for body in bodies {
                        self.assignment(body.assign.as_ref());
                        // `if not ...` without braces has room for one condition only.
                        let is_bare =
                            body.query.stmts.first().is_some_and(|first| first.span.start == body.query.span.start);
                        self.query(&body.query, is_bare);
                    }
                }
                Rule::Default { args, value, .. } => args.iter().chain([value]).for_each(|part| self.expression(part)),
            }
        }
    }

    /// A new name for what stands there, and the statements that give it that value, `with` what it is seen.
    fn named(&mut self, start: u32, end: u32, with: &str) -> (String, String) {
        self.count = self.count.saturating_add(1);
        let name = format!("{}{}", self.stem, self.count);
        let text = self.text.get(self.start(start)..self.end(end)).unwrap_or_default();
        let mut statements = format!("{name} := {text}{with}; ");
        // The virtual machine, which only strict policies come to, goes on after an assignment of nothing, and not after this.
        if self.gate == Gate::Strict {
            statements.push_str(&format!("{name} == {name}; "));
        }
        (name, statements)
    }

    fn assignment(&mut self, assign: Option<&RuleAssign>) {
        if let Some(assign) = assign {
            self.expression(&assign.value);
        }
    }

    fn query(&mut self, query: &Query, is_bare: bool) {
        for statement in &query.stmts {
            for with in &statement.with_mods {
                self.expression(&with.r#as);
            }
            match &statement.literal {
                Literal::SomeVars { .. } => {}
                Literal::SomeIn { key, value, collection, .. } => {
                    key.iter().chain([value, collection]).for_each(|part| self.expression(part));
                }
                // As a condition of its own, false is as good as undefined.
                Literal::Expr { expr, .. } if matches!(&**expr, Expr::Membership { .. }) => self.parts(expr, &[]),
                Literal::Expr { expr, .. } => self.expression(expr),
                Literal::NotExpr { expr, .. } => self.negation(statement, expr, is_bare),
                Literal::Every { domain, query, .. } => {
                    self.expression(domain);
                    self.query(query, false);
                }
            }
        }
    }

    /// Looks for negations where nothing got a name.
    fn unnamed(&mut self, part: &Expr, named: &[(u32, u32)]) {
        if !named.contains(&(part.span().start, part.span().end)) {
            self.below(part, named);
        }
    }

    fn expression(&mut self, part: &Expr) {
        self.below(part, &[]);
    }

    fn below(&mut self, part: &Expr, named: &[(u32, u32)]) {
        if let Expr::Membership { span, .. } = part {
            if membership::is_unsettled(part, self.globals) && self.refused.is_none() {
                self.refused = Some((place(span.line), place(span.col)));
            }
            let operands = membership::operands(part, self.globals);
            if !operands.is_empty() {
                let (start, end) = (self.start(span.start), self.end(span.end));
                let texts = operands.iter().map(|operand| {
                    let span = operand.span();
                    self.text.get(self.start(span.start)..self.end(span.end)).unwrap_or_default()
                });
                let list = membership::list(texts, self.text.get(start..end).unwrap_or_default());
                self.edits.push((start, end, list));
                return;
            }
        }
        if let Some((operands, inner)) = membership::settled(part, self.globals) {
            operands.iter().for_each(|operand| self.unnamed(operand, named));
            return self.parts(inner, named);
        }
        self.parts(part, named);
    }

    fn parts(&mut self, part: &Expr, named: &[(u32, u32)]) {
        match part {
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                items.iter().for_each(|item| self.unnamed(item, named))
            }
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.unnamed(key, named);
                    self.unnamed(value, named);
                }
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.unnamed(term, named);
                self.query(query, false);
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.unnamed(key, named);
                self.unnamed(value, named);
                self.query(query, false);
            }
            Expr::Call { params, .. } => params.iter().for_each(|param| self.unnamed(param, named)),
            Expr::UnaryExpr { expr, .. } => self.unnamed(expr, named),
            Expr::RefDot { refr, .. } => self.unnamed(refr, named),
            Expr::RefBrack { refr, index, .. } => {
                self.unnamed(refr, named);
                self.unnamed(index, named);
            }
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => {
                self.unnamed(lhs, named);
                self.unnamed(rhs, named);
            }
            Expr::Membership { key, value, collection, .. } => {
                key.iter().chain([value, collection]).for_each(|part| self.unnamed(part, named));
            }
            _ => {}
        }
    }

    /// Where an expression begins: what begins with a text begins behind its quotation mark, as far as the engine knows.
    fn start(&self, offset: u32) -> usize {
        let offset = place(offset);
        let before = offset.checked_sub(1).filter(|before| self.is_quote(*before));
        before.unwrap_or(offset)
    }

    /// Where an expression ends.
    fn end(&self, offset: u32) -> usize {
        let offset = place(offset);
        offset.saturating_add(usize::from(self.is_quote(offset)))
    }

    fn is_quote(&self, offset: usize) -> bool {
        matches!(self.text.as_bytes().get(offset), Some(b'"' | b'`'))
    }

    /// The text with every edit in it.
    fn apply(mut self) -> Result<String, Problems> {
        // What is put in stands before what replaces the text from there on.
        self.edits.sort_by_key(|(start, end, _)| (*start, *end));
        let (mut settled, mut at) = (String::new(), 0);
        for (start, end, new) in &self.edits {
            let Some(kept) = self.text.get(at..*start) else {
                return Err(refuse(
                    "policy.nesting: a negation is written in a way that cannot be read twice: give parts of it names",
                ));
            };
            settled.push_str(kept);
            settled.push_str(new);
            at = *end;
        }
        settled.push_str(self.text.get(at..).unwrap_or_default());
        Ok(settled)
    }
}

fn contents(module: &Ref<Module>) -> &str {
    module.package.span.source.contents()
}

/// The names that mean something outside of every rule of a module.
fn globals(module: &Module, modules: &[Ref<Module>]) -> BTreeSet<String> {
    let package = paths::names(&module.package.refr);
    let mut globals: BTreeSet<String> = ["input".to_owned(), "data".to_owned()].into();
    for import in &module.imports {
        let name = import.r#as.as_ref().map(|alias| alias.text().to_owned());
        globals.extend(name.or_else(|| paths::names(&import.refr).pop()));
    }
    for other in modules.iter().filter(|other| paths::names(&other.package.refr) == package) {
        globals.extend(other.policy.iter().filter_map(|rule| paths::names(paths::head(rule)).into_iter().next()));
    }
    globals
}

fn place(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn refuse(message: &str) -> Problems {
    Problems(vec![Problem::of_file("policy", message)])
}

/// What new names begin with.
const STEM: &str = "given__";
/// The longest beginning of a new name.
const LONGEST: usize = 64;
/// No policy has more negations in each other: brackets do not stand deeper.
const MOST: usize = 32;

#[cfg(test)]
mod tests;
