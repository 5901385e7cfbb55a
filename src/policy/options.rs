//! How a policy is loaded and run.

use std::{fmt, time::Duration};

use super::{View, answer};

/// What makes one policy of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is asked for.
    pub entrypoint: Entrypoint,
    /// The longest that one evaluation may take.
    pub timeout: Duration,
    /// What a policy must be before it may become active.
    pub gate: Gate,
    /// What evaluates it.
    pub evaluator: Evaluator,
    /// How its decisions are read.
    pub answers: answer::Rules,
    /// What it is shown of a hop.
    pub view: View,
}

impl Options {
    /// A strict policy, evaluated in the fastest way that is safe.
    pub fn new(entrypoint: Entrypoint, timeout: Duration) -> Self {
        let (answers, view) = (answer::Rules::default(), View::default());
        Self { entrypoint, timeout, gate: Gate::Strict, evaluator: Evaluator::Auto, answers, view }
    }
}

/// What a policy must be before it may become active (`policy.gate`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// Whatever could surprise its author is refused, and an error in a builtin is an error.
    #[default]
    Strict,
    /// What OPA loads is loaded, unless it cannot be bounded or is not there; what could surprise is a warning, and an error in a builtin
    /// is undefined, as it is in OPA.
    Compatible,
}

impl Gate {
    /// Its word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Compatible => "compatible",
        }
    }
}

/// What evaluates a policy (`policy.evaluator`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evaluator {
    /// The virtual machine for policies that are proved to come to the same there, else the interpreter.
    #[default]
    Auto,
    /// The interpreter.
    Interpreter,
    /// The virtual machine; a policy that is not proved to come to the same there does not load.
    Vm,
}

/// The document below `data` that decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entrypoint(Vec<String>);

impl Entrypoint {
    /// Reads `data.hopguard.authz.decision`.
    ///
    /// # Errors
    /// Why it is no path of a rule.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let names = text.strip_prefix("data.").ok_or("is not the path of a rule")?;
        let names: Vec<String> = names.split('.').map(str::to_owned).collect();
        if text.len() > MAX_LENGTH || names.len() < 2 || !names.iter().all(|name| is_name(name)) {
            return Err("is not the path of a rule");
        }
        Ok(Self(names))
    }

    /// Reads `envoy/authz/allow`, as the OPA-Envoy plugin's `path` is read: empty segments are dropped, and dots stay inside a segment.
    ///
    /// # Errors
    /// If there is nothing in it.
    pub fn from_path(path: &str) -> Result<Self, &'static str> {
        let names: Vec<String> = path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if path.len() > MAX_LENGTH || names.is_empty() {
            return Err("is not the path of a rule");
        }
        Ok(Self(names))
    }

    /// The names below `data`.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Entrypoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data")?;
        for name in &self.0 {
            if is_name(name) {
                write!(f, ".{name}")?;
            } else {
                write!(f, "[{}]", serde_json::Value::from(name.as_str()))?;
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

const MAX_LENGTH: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_point_is_a_path_below_data() {
        assert_eq!(Entrypoint::parse("data.a.b").map(|it| it.to_string()), Ok("data.a.b".to_owned()));
        for text in ["a.b", "data.a", "data", "data.a.", "data.a.1b", "data.a.b[0]", ""] {
            assert!(Entrypoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_of_the_plugin_keeps_dots_inside_its_segments() {
        let shown = |path| Entrypoint::from_path(path).map(|entrypoint| entrypoint.to_string());
        assert_eq!(shown("/envoy/authz/allow/"), Ok("data.envoy.authz.allow".to_owned()));
        assert_eq!(shown("test/com.foo/x"), Ok(r#"data.test["com.foo"].x"#.to_owned()));
        assert!(shown("//").is_err());
    }
}
