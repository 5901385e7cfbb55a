//! The parts of regorus' syntax tree that the gate looks at, read from its JSON form.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::yaml::{Problem, Problems};

/// One Rego file.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) file: String,
    pub(super) package: Vec<String>,
    pub(super) rules: Vec<Rule>,
    pub(super) imports: BTreeMap<String, Import>,
}

/// What a name stands for in one file.
#[derive(Debug)]
pub(super) struct Import {
    path: Vec<String>,
    pub(super) at: Position,
}

/// A rule, a function or a default.
#[derive(Debug)]
pub(super) struct Rule {
    /// Where it stands below `data`.
    pub(super) path: Vec<String>,
    pub(super) at: Position,
    /// Whether it is a set of what its bodies say.
    pub(super) is_set: bool,
    /// Whether it can be called.
    pub(super) is_function: bool,
    /// The value, if this is a default.
    pub(super) default: Option<Value>,
    /// All expressions in it but its own name.
    pub(super) tree: Value,
}

/// Line and column, from one.
pub(super) type Position = (usize, usize);

/// Reads what the engine wrote.
pub(super) fn modules(ast: &str) -> Result<Vec<Module>, Problems> {
    // Only another version of the engine writes what cannot be read here; such a policy must not become active unseen.
    let unreadable = || Problems(vec![Problem::of_file("policy", "the policy's syntax tree cannot be read")]);
    let Ok(Value::Array(modules)) = serde_json::from_str(ast) else { return Err(unreadable()) };
    modules.iter().map(|module| Module::read(module).ok_or_else(unreadable)).collect()
}

impl Module {
    fn read(value: &Value) -> Option<Self> {
        let source = value.pointer("/source/contents")?.as_str()?;
        let tree = value.get("ast")?;
        let package = Path::of(tree.pointer("/package/refr")?).names;
        let mut imports = BTreeMap::new();
        for import in tree.get("imports")?.as_array()? {
            let path = Path::of(import.get("refr")?).names;
            let name = match import.get("as") {
                Some(span) => source.get(offset(span, "start")?..offset(span, "end")?)?.to_owned(),
                None => path.last()?.clone(),
            };
            imports.insert(name, Import { path, at: position(import)? });
        }
        let rules =
            tree.get("rules")?.as_array()?.iter().map(|rule| Rule::read(rule, &package)).collect::<Option<_>>()?;
        Some(Self { file: value.pointer("/source/file")?.as_str()?.to_owned(), package, rules, imports })
    }

    /// A reference with its import, if its root is one, written out.
    pub(super) fn resolve(&self, path: &[String]) -> Vec<String> {
        match path.split_first().and_then(|(root, rest)| Some((self.imports.get(root)?, rest))) {
            Some((import, rest)) => [import.path.as_slice(), rest].concat(),
            None => path.to_vec(),
        }
    }
}

impl Rule {
    fn read(value: &Value, package: &[String]) -> Option<Self> {
        if let Some(rule) = value.get("Default") {
            let path = [package, &Path::of(rule.get("refr")?).names].concat();
            let default = rule.get("value")?.clone();
            return Some(Self {
                path,
                at: position(rule)?,
                is_set: false,
                is_function: rule.get("args").and_then(Value::as_array).is_some_and(|args| !args.is_empty()),
                tree: default.clone(),
                default: Some(default),
            });
        }
        let rule = value.get("Spec")?;
        let (kind, head) = rule.get("head")?.as_object()?.iter().next()?;
        let (is_set, is_function, mut head) = (kind == "Set", kind == "Func", head.clone());
        let name = head.as_object_mut()?.remove("refr")?;
        let name = Path::of(&name);
        let tree = Value::Array(
            [head, rule.get("bodies")?.clone()].into_iter().chain(name.inner.into_iter().cloned()).collect(),
        );
        Some(Self {
            path: [package, &name.names].concat(),
            at: position(rule)?,
            is_set,
            is_function,
            default: None,
            tree,
        })
    }
}

impl Rule {
    /// The name that it goes by in its own package.
    pub(super) fn head(&self, module: &Module) -> Option<&String> {
        self.path.get(module.package.len())
    }
}

/// A reference: its names as far as they are constant, and the expressions inside its brackets.
struct Path<'a> {
    names: Vec<String>,
    inner: Vec<&'a Value>,
    constant: bool,
}

impl<'a> Path<'a> {
    fn of(value: &'a Value) -> Self {
        if let Some(var) = value.get("Var") {
            return Self { names: text(var.get("value")).into_iter().collect(), inner: Vec::new(), constant: true };
        }
        if let Some(dot) = value.get("RefDot") {
            return Self::of(dot.get("refr").unwrap_or(&Value::Null)).then(text(dot.pointer("/field/1")), None);
        }
        if let Some(bracket) = value.get("RefBrack") {
            let index = bracket.get("index").unwrap_or(&Value::Null);
            let path = Self::of(bracket.get("refr").unwrap_or(&Value::Null));
            return match text(index.pointer("/String/value")) {
                Some(name) => path.then(Some(name), None),
                None => path.then(None, Some(index)),
            };
        }
        Self { names: Vec::new(), inner: vec![value], constant: false }
    }

    fn then(mut self, name: Option<String>, inner: Option<&'a Value>) -> Self {
        match name {
            Some(name) if self.constant => self.names.push(name),
            _ => self.constant = false,
        }
        self.inner.extend(inner);
        self
    }
}

/// Collects what a rule refers to and calls.
#[derive(Debug, Default)]
pub(super) struct Visitor {
    pub(super) references: Vec<Vec<String>>,
    pub(super) calls: Vec<Call>,
    /// Where `with` replaces something.
    pub(super) overrides: Vec<Position>,
}

/// A function call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: Vec<String>,
    pub(super) params: Vec<Value>,
    pub(super) at: Position,
}

impl Visitor {
    pub(super) fn visit(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.visit(item)),
            Value::Object(fields) => {
                if let Some(call) = fields.get("Call") {
                    self.call(call);
                } else if ["Var", "RefDot", "RefBrack"].iter().any(|kind| fields.contains_key(*kind)) {
                    self.reference(value);
                } else {
                    if let Some(Value::Array(mods)) = fields.get("with_mods")
                        && !mods.is_empty()
                    {
                        self.overrides.push(position(value).unwrap_or((1, 1)));
                    }
                    fields.values().for_each(|field| self.visit(field));
                }
            }
            Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn call(&mut self, call: &Value) {
        let function = call.get("fcn").unwrap_or(&Value::Null);
        let params = call.get("params").and_then(Value::as_array).cloned().unwrap_or_default();
        params.iter().for_each(|param| self.visit(param));
        self.reference(function);
        self.calls.push(Call { name: Path::of(function).names, params, at: position(call).unwrap_or((1, 1)) });
    }

    fn reference(&mut self, value: &Value) {
        let path = Path::of(value);
        path.inner.iter().for_each(|inner| self.visit(inner));
        self.references.push(path.names);
    }
}

/// Whether a constant could be an allow. What cannot be told could.
pub(super) fn may_allow(value: &Value) -> bool {
    if let Some(constant) = value.pointer("/Bool/value") {
        return constant != &Value::Bool(false);
    }
    let Some(fields) = value.pointer("/Object/fields").and_then(Value::as_array) else { return true };
    // A key that is not plainly another one could be the one, and of two the last counts.
    let Some(names) = fields.iter().map(|field| text(field.pointer("/1/String/value"))).collect::<Option<Vec<_>>>()
    else {
        return true;
    };
    let mut allowed = fields.iter().zip(&names).filter(|(_, name)| *name == "allowed").map(|(field, _)| field);
    match (allowed.next(), allowed.next()) {
        (Some(field), None) => field.pointer("/2/Bool/value") != Some(&Value::Bool(false)),
        _ => true,
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn position(value: &Value) -> Option<Position> {
    let span = value.get("span")?;
    Some((offset(span, "line")?, offset(span, "col")?))
}

fn offset(span: &Value, field: &str) -> Option<usize> {
    span.get(field)?.as_u64().and_then(|number| usize::try_from(number).ok())
}
