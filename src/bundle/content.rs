//! Every file of a bundle is a policy, a test, data, the manifest, the signature, or nothing to a policy; what it is, its name says.

use super::{
    Bundle, Entry, Limits, Module, Signed,
    document::{Conflict, Tree, merge},
    manifest::Manifest,
    package,
};
use crate::{
    policy::Value,
    yaml::{Problem, Problems, quote},
};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Module,
    Test,
    Json,
    Yaml,
    Manifest,
    Signatures,
    /// What would change the meaning of the bundle, and is not done here.
    Refused(&'static str),
    /// Nothing to a policy.
    Other,
}

impl Kind {
    /// What the file at `path` is.
    pub(crate) fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name {
            "data.json" => Self::Json,
            "data.yaml" | "data.yml" => Self::Yaml,
            _ if path == MANIFEST => Self::Manifest,
            _ if path == SIGNATURES => Self::Signatures,
            "patch.json" => Self::Refused("is a delta bundle's: serve snapshots"),
            "policy.wasm" => Self::Refused("is WebAssembly: build with `--target rego`"),
            SIGNATURES => Self::Refused("is not at the top of the bundle"),
            _ if name.ends_with(".manifest.pb") => {
                Self::Refused("is a manifest in protobuf: write `.manifest`, in JSON")
            }
            _ if name.ends_with(MANIFEST) => Self::Refused("would be a second manifest: write one, at the top"),
            _ if name.ends_with("_test.rego") => Self::Test,
            _ if name.ends_with(".rego") => Self::Module,
            _ => Self::Other,
        }
    }
}

/// Puts a bundle together, or says everything that is wrong with it.
pub(super) fn assemble(
    name: &str,
    digest: String,
    entries: Vec<Entry>,
    limits: &Limits,
    signed: Option<Signed>,
) -> Result<Bundle, Problems> {
    let mut problems = Vec::new();
    let mut manifest = Manifest::default();
    let (mut modules, mut tests) = (Vec::new(), Vec::new());
    let (mut files, mut ignored) = (Vec::new(), Vec::new());
    let mut data = Value::new_object();
    for Entry { path, bytes } in entries {
        let file = format!("{name}/{path}");
        match Kind::of(&path) {
            Kind::Manifest => match Manifest::read(&file, &bytes, limits) {
                Ok(read) => manifest = read,
                Err(problem) => problems.push(problem),
            },
            Kind::Signatures => {}
            kind @ (Kind::Module | Kind::Test) => match module(&file, path, bytes) {
                Ok(module) if kind == Kind::Test => tests.push(module),
                Ok(module) => modules.push(module),
                Err(problem) => problems.push(problem),
            },
            kind @ (Kind::Json | Kind::Yaml) => {
                let tree = match kind {
                    Kind::Json => Tree::json(&file, &bytes, limits).map_err(Problems::from),
                    _ => Tree::yaml(&file, &bytes),
                };
                match tree.and_then(|tree| Ok(place(&mut data, &file, &path, tree.into_value())?)) {
                    Ok(()) => files.push(path),
                    Err(found) => problems.extend(found.0),
                }
            }
            Kind::Refused(why) => problems.push(Problem::of_file(&file, format!("bundle.unsupported: it {why}"))),
            Kind::Other => ignored.push(path),
        }
    }
    let roots = &manifest.roots;
    for module in modules.iter().chain(&tests) {
        if !roots.contain(&module.package) {
            let (file, package) = (format!("{name}/{}", module.path), quote(&module.package.join(".")));
            let message = format!("bundle.roots: the package {package} is outside of the bundle's roots, {roots}");
            problems.push(Problem::of_file(&file, message));
        }
    }
    if let Some(path) = roots.first_outside(&data) {
        let message = format!("bundle.roots: data at {path} is outside of the bundle's roots, {roots}");
        problems.push(Problem::of_file(name, message));
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    // An archive's order is its packer's: the same files are the same bundle.
    modules.sort_by(|one, other| one.path.cmp(&other.path));
    tests.sort_by(|one, other| one.path.cmp(&other.path));
    let Manifest { revision, roots, metadata } = manifest;
    Ok(Bundle {
        name: name.to_owned(),
        digest,
        revision,
        metadata,
        roots,
        modules,
        tests,
        data,
        files,
        ignored,
        signed,
    })
}

fn module(file: &str, path: String, bytes: Vec<u8>) -> Result<Module, Problem> {
    let text = String::from_utf8(bytes).map_err(|_| Problem::of_file(file, "bundle.policy: it is not UTF-8"))?;
    let package = package::of(&text).ok_or_else(|| {
        Problem::at(file, 1, 1, "bundle.policy: it does not begin with a plain `package`, such as `package a.b`")
    })?;
    Ok(Module { path, package, text })
}

/// Puts a document where its directory says.
fn place(data: &mut Value, file: &str, path: &str, value: Value) -> Result<(), Problem> {
    let directory: Vec<&str> =
        path.rsplit_once('/').map(|(directory, _)| directory.split('/').collect()).unwrap_or_default();
    // OPA takes dots off there, and so finds the document elsewhere.
    if directory.first().is_some_and(|first| first.starts_with('.')) {
        return Err(Problem::of_file(file, "bundle.data: its directory begins with a dot"));
    }
    if directory.is_empty() && value.as_object().is_err() {
        return Err(Problem::of_file(file, "bundle.data: the document at the top is not an object"));
    }
    merge(data, &directory, value).map_err(|Conflict(path)| {
        let path = quote(&path.join("/"));
        Problem::of_file(file, format!("bundle.data: another data file says something about {path} already"))
    })
}

pub(super) const MANIFEST: &str = ".manifest";
pub(super) const SIGNATURES: &str = ".signatures.json";
