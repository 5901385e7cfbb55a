//! Follows references: to what is read of the input, to the rules that are evaluated, and to data that must be there.

use std::sync::Arc;

use super::{
    RULES,
    names::Place,
    schema::{Shape, Step},
    scope::Known,
    tree::{Expr, Name, Node, Position, dotted},
    types,
    walk::Walk,
};
use crate::{policy::engine::Value, yaml::quote};

impl<'a> Walk<'_, 'a> {
    pub(super) fn reference(&mut self, expr: &'a Expr) {
        let (root, indices) = expr.reference();
        if let Some(first) = indices.first() {
            types::indexed(self, root, first);
        }
        for index in &indices {
            self.bind(index);
            if !matches!(index.node, Node::Constant(_)) {
                self.expr(index);
            }
        }
        let Node::Var(name) = &root.node else {
            if !indices.is_empty() {
                self.expr(root);
            }
            return;
        };
        if let Some(local) = self.local(name) {
            local.is_used = true;
            match local.known.clone() {
                Some(Known { path: Some(path), .. }) => self.input(expr.at, &path, &indices),
                Some(Known { shape, path: None }) => {
                    self.follow(shape, dotted(std::slice::from_ref(name)), &indices);
                }
                None => {}
            }
            return;
        }
        if &**name == "input" {
            return self.input(expr.at, &[], &indices);
        }
        if &**name == "data" {
            return self.data(expr.at, &[], &indices, true);
        }
        // The engine reads a name as one of the package where it finds no import that fits, so both readings count.
        let import = self.gate.import(self.module, name);
        let own = [self.module.package.as_slice(), std::slice::from_ref(name)].concat();
        let is_own = self.gate.names.at(&own).is_some();
        if import.is_none() && !is_own && &**name != "_" {
            self.free.entry(name.clone()).or_insert(root.at);
        }
        if let Some(path) = import {
            self.imports.insert(name.clone());
            match path.split_first() {
                Some((root, path)) if &**root == "input" => self.input(expr.at, path, &indices),
                Some((root, path)) if &**root == "data" => self.data(expr.at, path, &indices, true),
                _ => {}
            }
        }
        if is_own {
            self.data(expr.at, &own, &indices, false);
        }
    }

    /// The path below the input of `root` and the constant names in `indices` is read.
    fn input(&mut self, at: Position, root: &[Name], indices: &[&'a Expr]) {
        let names = indices.iter().map_while(|index| index.text()).cloned();
        let path: Vec<Name> = root.iter().cloned().chain(names).collect();
        self.gate.reads.add(&path);
        let Some(shape) = self.shape(at, root) else { return };
        let shown = std::iter::once(Name::from("input")).chain(root.iter().cloned()).collect::<Vec<_>>();
        self.follow(shape, dotted(&shown), indices);
    }

    /// What stands in the input at a path that an import or an alias wrote.
    fn shape(&mut self, at: Position, path: &[Name]) -> Option<&'static Shape> {
        let mut shape = Shape::input();
        let mut shown = "input".to_owned();
        for name in path {
            match shape.below(Step::Field(name)) {
                Ok(below) => shape = below,
                Err(hint) => {
                    self.unknown(at, &shown, name, &hint);
                    return None;
                }
            }
            shown = format!("{shown}.{name}");
        }
        Some(shape)
    }

    /// Holds indices against what stands there.
    fn follow(&mut self, mut shape: &'static Shape, mut shown: String, indices: &[&'a Expr]) {
        for index in indices {
            let step = step(index);
            match shape.below(step) {
                Ok(below) => shape = below,
                Err(hint) => {
                    let name = index.text().map_or("[_]", |name| &**name);
                    return self.unknown(index.at, &shown, name, &hint);
                }
            }
            shown = match index.text() {
                Some(name) => format!("{shown}.{name}"),
                None => format!("{shown}[_]"),
            };
        }
    }

    fn unknown(&mut self, at: Position, above: &str, name: &str, hint: &str) {
        if !self.is_mocked {
            let message = format!("there is no {}: {hint}", quote(&format!("{above}.{name}")));
            self.tell(at, "policy.unknown_input", &message);
        }
    }

    /// What a path below `data` may evaluate.
    fn data(&mut self, at: Position, root: &[Name], indices: &[&'a Expr], must_exist: bool) {
        let names = indices.iter().map_while(|index| index.text()).cloned();
        let path: Vec<Name> = root.iter().cloned().chain(names).collect();
        let (mut place, mut defined) = (Some(Place::ROOT), false);
        for (depth, name) in path.iter().enumerate() {
            let Some(below) = place.and_then(|place| self.gate.names.below(place, name)) else {
                place = None;
                break;
            };
            place = Some(below);
            if self.gate.names.rules(below).is_empty() {
                continue;
            }
            defined = true;
            self.gate.graph.connect(self.rule, self.gate.graph.rule(below));
            let rest = path.get(depth.saturating_add(1)..).unwrap_or_default();
            if let Some(alias) = self.gate.aliases.get(&below).cloned()
                && !rest.is_empty()
            {
                // Names of the path that the root of an import wrote are not among the indices.
                let written = indices.get(depth.saturating_add(1).saturating_sub(root.len())..).unwrap_or_default();
                let imported = root.get(depth.saturating_add(1)..).unwrap_or_default();
                self.input(at, &[&alias, imported].concat(), written);
            }
        }
        if let Some(place) = place {
            if self.gate.names.function(place).is_some() {
                let message = format!("{} is a function: call it", quote(&dotted(&path)));
                self.tell(at, "policy.arity", &message);
            }
            self.gate.graph.connect(self.rule, self.gate.graph.subtree(place));
            self.gate.touched.insert(place);
        } else if !defined
            && must_exist
            && !path.starts_with(&RULES.map(Name::from))
            && !is_there(self.gate.data, &path)
        {
            let message = format!(
                "there is no rule and no document at {}: add the data, or write a rule",
                quote(&format!("data.{}", dotted(&path)))
            );
            self.tell(at, "policy.missing_data", &message);
        }
    }

    /// What is known of an expression's value.
    pub(super) fn known(&self, expr: &Expr) -> Option<Known> {
        let (root, indices) = expr.reference();
        let name = root.var()?;
        let local = self.scopes.iter().rev().find_map(|scope| scope.locals.get(name));
        let from = match local {
            Some(local) => local.known.clone()?,
            None => self.root(name)?,
        };
        let steps = indices.iter().map(|index| step(index));
        let shape = steps.into_iter().try_fold(from.shape, |shape, step| shape.below(step).ok())?;
        let is_open = self.is_mocked || matches!(shape, Shape::Any);
        // Only what always is an object of known fields: whatever else stands there is read as a whole.
        let path = from
            .path
            .filter(|_| matches!(shape, Shape::Object(_)) && indices.iter().all(|index| index.text().is_some()));
        let path =
            path.map(|path| path.into_iter().chain(indices.iter().filter_map(|index| index.text()).cloned()).collect());
        (!is_open).then_some(Known { shape, path })
    }

    /// What is known of a name that no scope declares.
    fn root(&self, name: &Name) -> Option<Known> {
        let path = if &**name == "input" {
            Vec::new()
        } else if let Some(path) = self.gate.import(self.module, name) {
            let (root, path) = path.split_first().filter(|(root, _)| &***root == "input")?;
            debug_assert_eq!(&**root, "input");
            path.to_vec()
        } else {
            let own = [self.module.package.as_slice(), std::slice::from_ref(name)].concat();
            self.gate.aliases.get(&self.gate.names.at(&own)?)?.clone()
        };
        let shape = path.iter().try_fold(Shape::input(), |shape, name| shape.below(Step::Field(name)).ok())?;
        Some(Known { shape, path: Some(path) })
    }

    /// Reads one field by `object.get`, if the object is the input's as it is and the field one of it.
    pub(super) fn get(&mut self, object: &'a Expr, key: &'a Expr) -> bool {
        let (Some(Known { shape, path: Some(path) }), Some(field)) = (self.known(object), key.text()) else {
            return false;
        };
        if let Err(hint) = shape.below(Step::Field(field)) {
            let shown = std::iter::once(Name::from("input")).chain(path).collect::<Vec<_>>();
            self.unknown(key.at, &dotted(&shown), field, &hint);
            return false;
        }
        let Some(root) = object.reference().0.var() else { return false };
        match self.local(root) {
            Some(local) => local.is_used = true,
            None => {
                self.imports.insert(root.clone());
            }
        }
        let own = [self.module.package.as_slice(), std::slice::from_ref(root)].concat();
        if let Some(place) = self.gate.names.at(&own) {
            self.gate.graph.connect(self.rule, self.gate.graph.rule(place));
        }
        self.gate.reads.add(&[path, vec![Arc::clone(field)]].concat());
        true
    }
}

fn step(index: &Expr) -> Step<'_> {
    match &index.node {
        Node::Constant(Value::String(name)) => Step::Field(name),
        Node::Constant(Value::Number(_)) => Step::Index,
        _ => Step::Any,
    }
}

/// Whether the data documents have something at `path`.
fn is_there(data: &Value, path: &[Name]) -> bool {
    let mut place = data;
    for name in path {
        let Value::Object(fields) = place else { return false };
        let Some(below) = fields.get(&Value::from(&**name)) else { return false };
        place = below;
    }
    true
}
