//! What of `data` a bundle may define: paths of which none holds another.

use std::fmt;

use crate::{policy::Value, yaml::quote};

/// Paths below `data`, each with everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots(Vec<Vec<String>>);

impl Roots {
    /// All of `data`: what a bundle has that names no roots.
    pub fn everything() -> Self {
        Self(vec![Vec::new()])
    }

    /// Reads paths such as `roles/admin`; the empty one is all of `data`.
    ///
    /// # Errors
    /// Paths of which one holds another, or that have an empty part.
    pub(crate) fn parse<'a>(paths: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut roots = Self(Vec::new());
        for path in paths {
            let parts: Vec<String> = match path.trim_matches('/') {
                "" => Vec::new(),
                path => path.split('/').map(str::to_owned).collect(),
            };
            if parts.iter().any(String::is_empty) {
                return Err(format!("the root {} has an empty part", quote(path)));
            }
            let root = Self(vec![parts]);
            if let Some((one, other)) = roots.overlap(&root) {
                return Err(format!("the roots {one} and {other} overlap: leave one of them out"));
            }
            roots.0.extend(root.0);
        }
        Ok(roots)
    }

    /// Whether a path below `data` is among them, or below one.
    pub fn contain<T: AsRef<str>>(&self, path: &[T]) -> bool {
        self.0.iter().any(|root| holds(root, path))
    }

    /// A root of each that hold the same path.
    pub(crate) fn overlap(&self, other: &Self) -> Option<(String, String)> {
        let pairs = self.0.iter().flat_map(|one| other.0.iter().map(move |other| (one, other)));
        let mut overlapping = pairs.filter(|(one, other)| holds(one, other) || holds(other, one));
        overlapping.next().map(|(one, other)| (show(one), show(other)))
    }

    /// The first path of `data` that is outside of them.
    pub(crate) fn first_outside(&self, data: &Value) -> Option<String> {
        let mut path = Vec::new();
        self.outside(&mut path, data).then(|| show(&path))
    }

    /// Leaves in `path` what is outside.
    fn outside(&self, path: &mut Vec<String>, value: &Value) -> bool {
        if self.contain(path) {
            return false;
        }
        // An object above a root may hold what leads there.
        let Value::Object(members) = value else { return true };
        if !self.0.iter().any(|root| holds(path, root)) {
            return true;
        }
        for (key, value) in members.iter() {
            path.push(key.as_string().map(|key| key.to_string()).unwrap_or_default());
            if self.outside(path, value) {
                return true;
            }
            path.pop();
        }
        false
    }
}

impl fmt::Display for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roots: Vec<String> = self.0.iter().map(|root| show(root)).collect();
        f.write_str(&roots.join(", "))
    }
}

/// Whether `path` is `root` or below it.
fn holds<T: AsRef<str>>(root: &[String], path: &[T]) -> bool {
    root.len() <= path.len() && root.iter().zip(path).all(|(one, other)| one == other.as_ref())
}

fn show(path: &[String]) -> String {
    quote(&path.join("/"))
}
