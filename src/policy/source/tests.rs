use std::{fs, os::unix::fs::symlink, path::Path};

use super::*;
use crate::{
    bundle::{Limits, Verification},
    clock::Timestamp,
};

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| write(folder.path(), name, text));
    folder
}

fn json(text: &str) -> Value {
    Value::from_json_str(text).unwrap()
}

fn read(folder: &Path) -> Result<Source, String> {
    Source::read(folder, 1 << 20).map_err(|problems| problems.to_string())
}

fn names(modules: &[Module]) -> Vec<&str> {
    modules.iter().map(|module| module.file.rsplit('/').next().unwrap()).collect()
}

#[test]
fn a_directory_is_read_with_its_tests_and_data() {
    let folder = folder(&[
        ("b.rego", "package b"),
        ("a.rego", "package a"),
        ("a_test.rego", "package a_test"),
        ("more/c.rego", "package c"),
        ("data.json", r#"{"x": 1}"#),
        ("roles/eu/data.yaml", "admin: [alice]\n"),
        (".hidden.rego", "not Rego"),
        (".git/x.rego", "not Rego"),
        ("README.md", ""),
    ]);
    let source = read(folder.path()).unwrap();
    assert_eq!(names(&source.modules), ["a.rego", "b.rego", "c.rego"]);
    assert_eq!(names(&source.tests), ["a_test.rego"]);
    assert_eq!(source.data(), &json(r#"{"x": 1, "roles": {"eu": {"admin": ["alice"]}}}"#));
    assert_eq!(source.data_files().len(), 2);
    let revision = source.revision().to_owned();
    for (name, text) in
        [("a_test.rego", "package a_test2"), ("roles/eu/data.yaml", "admin: [bob]\n"), ("z/data.json", "1")]
    {
        write(folder.path(), name, text);
        assert_ne!(read(folder.path()).unwrap().revision(), revision, "{name}");
    }
}

#[test]
fn a_mounted_config_map_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let version = "..2026_11_21_12_00_00.1";
    write(folder.path(), &format!("{version}/a.rego"), "package a");
    write(folder.path(), &format!("{version}/data.json"), r#"{"x": 1}"#);
    symlink(version, folder.path().join("..data")).unwrap();
    symlink("..data/a.rego", folder.path().join("a.rego")).unwrap();
    symlink("..data/data.json", folder.path().join("data.json")).unwrap();
    let source = read(folder.path()).unwrap();
    assert_eq!((names(&source.modules), source.data()), (vec!["a.rego"], &json(r#"{"x": 1}"#)));
    symlink("a.rego", folder.path().join("b.rego")).unwrap();
    assert_eq!(names(&read(folder.path()).unwrap().modules), ["a.rego"]);
}

#[test]
fn a_directory_that_is_no_policy_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let read = || Source::read(folder.path(), 16).unwrap_err().to_string();
    assert!(read().contains("no `*.rego` file"));
    write(folder.path(), "a.rego", "package a\n# a long line");
    assert!(read().contains("larger than `limits.policy_bytes`"));
    fs::remove_file(folder.path().join("a.rego")).unwrap();
    for (endless, said) in [("/dev/zero", "is not a file"), ("/proc/self/limits", "larger than `limits.policy_bytes`")]
    {
        symlink(endless, folder.path().join("a.rego")).unwrap();
        assert!(read().contains(said), "{endless}");
        fs::remove_file(folder.path().join("a.rego")).unwrap();
    }
    symlink("/proc/self", folder.path().join("process")).unwrap();
    assert!(read().contains("is a link to a directory"));
}

#[test]
fn every_problem_of_a_directory_is_told_at_once() {
    let folder = folder(&[
        ("a.rego", "package a"),
        ("grants.json", "{}"),
        ("more/roles.yaml", "a: 1"),
        ("data.json", r#"{"x": {"y": 1}}"#),
        ("x/data.json", r#"{"y": 2}"#),
        ("y/data.json", r#"{"k": 1, "k": 2}"#),
    ]);
    symlink("missing", folder.path().join("b.rego")).unwrap();
    let error = read(folder.path()).unwrap_err();
    for said in [
        "grants.json: policy.data: a data document is named",
        "more/roles.yaml: policy.data: a data document is named",
        "x/data.json: policy.data: another data file says something about `x/y` already",
        "y/data.json:1:10: bundle.data: this key occurs twice",
        "b.rego: policy.source: cannot read",
    ] {
        assert!(error.contains(said), "{said} in\n{error}");
    }
}

fn bundle(name: &str, files: &[(&str, &str)]) -> Bundle {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    Bundle::read(name, &archive.into_inner().unwrap(), &Limits::default(), None, Timestamp::from_seconds(0)).unwrap()
}

#[test]
fn bundles_make_one_policy_if_each_has_its_own_roots() {
    let policy = |roots: &str| {
        let manifest = format!(r#"{{"roots": {roots}}}"#);
        bundle("policy", &[(".manifest", &manifest), ("a.rego", "package a.b"), ("a_test.rego", "package a.c")])
    };
    let data = bundle("data", &[(".manifest", r#"{"roots": ["x"]}"#), ("x/data.json", "[1]")]);
    let both = Source::of_bundles(&[policy(r#"["a"]"#), data.clone()]).unwrap();
    assert_eq!(both.modules, [Module { file: "policy/a.rego".to_owned(), source: "package a.b".to_owned() }]);
    assert_eq!(names(&both.tests), ["a_test.rego"]);
    assert_eq!(both.data(), &json(r#"{"x": [1]}"#));
    assert_eq!(both.data_files(), ["data/x/data.json"]);
    let alone = Source::of_bundles(&[policy(r#"["a"]"#)]).unwrap();
    assert_ne!(alone.revision(), both.revision());
    let refuse = |bundles: &[Bundle]| Source::of_bundles(bundles).unwrap_err().to_string();
    assert!(
        refuse(&[policy(r#"["a", "x/y"]"#), data.clone()])
            .contains("its root `x/y` and the root `x` of `data` overlap")
    );
    assert!(refuse(&[policy(r#"[""]"#), data.clone()]).contains("overlap"));
    assert!(refuse(&[data.clone(), data.clone()]).contains("two bundles have this name"));
    assert!(refuse(&[data]).contains("no `*.rego` file"));
    assert!(refuse(&[]).contains("no `*.rego` file"));
}

fn of_paths(paths: &[String], ignore: &[&str], as_bundles: bool) -> Result<Source, String> {
    let ignore: Vec<String> = ignore.iter().map(|name| (*name).to_owned()).collect();
    let skip = Verification::dangerous_skip();
    let loading = Loading {
        ignore: &ignore,
        as_bundles,
        limits: &Limits::default(),
        verification: as_bundles.then_some(&skip),
        now: Timestamp::from_seconds(0),
    };
    let paths: Vec<_> = paths.iter().map(Into::into).collect();
    Source::of_paths(&paths, &loading).map_err(|problems| problems.to_string())
}

#[test]
fn paths_are_read_as_opa_reads_them() {
    let folder = folder(&[
        ("p/a.rego", "package a"),
        ("p/a_test.rego", "package a_test"),
        ("p/top.json", r#"{"top": 1}"#),
        ("p/roles/any.yaml", "admin: alice\n"),
        ("p/roles/eu/x.json", "[1]"),
        ("p/notes.txt", "not read"),
        ("other", "package other"),
        ("facts", "a: 1\n"),
    ]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let source = of_paths(&[path("p")], &[], false).unwrap();
    assert_eq!((names(&source.modules), names(&source.tests)), (vec!["a.rego"], vec!["a_test.rego"]));
    assert_eq!(source.data(), &json(r#"{"top": 1, "roles": {"admin": "alice", "eu": [1]}}"#));
    let prefixed =
        [path("p"), format!("m.n:{}", path("p/roles")), format!("file://{}", path("other")), path("p/top.json")];
    let source = of_paths(&prefixed, &["eu"], false).unwrap();
    assert_eq!(names(&source.modules), ["a.rego", "other"]);
    assert_eq!(source.data(), &json(r#"{"top": 1, "roles": {"admin": "alice"}, "m": {"n": {"admin": "alice"}}}"#));
    let source = of_paths(&[path("other"), format!("f:{}", path("facts")), path("facts")], &[], false).unwrap();
    assert_eq!(source.data(), &json(r#"{"a": 1, "f": {"a": 1}}"#));
    assert!(
        of_paths(&[path("p"), format!("roles:{}", path("facts")), format!("roles.a:{}", path("facts"))], &[], false)
            .unwrap_err()
            .contains("says something about `roles/a` already")
    );
    assert!(of_paths(&[path("missing")], &[], false).unwrap_err().contains("cannot read"));
    assert!(of_paths(&[path("p")], &["["], false).unwrap_err().contains("`[` is no pattern"));
    assert!(of_paths(&[path("p")], &["*.rego"], false).unwrap_err().contains("no `*.rego` file"));
}

#[test]
fn paths_are_bundles_if_that_is_said_or_shown() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/bundles/plain.tar.gz").display().to_string();
    let packed = of_paths(std::slice::from_ref(&corpus), &[], false).unwrap();
    assert_eq!(packed.modules[0].file, format!("{corpus}/src/policy/a.rego"));
    assert_eq!(of_paths(&[corpus.clone(), corpus.clone()], &[], true).unwrap(), packed);
    let folder = folder(&[
        (".manifest", r#"{"revision": "1", "roots": ["a", "x"]}"#),
        (".signatures.json", "{}"),
        ("a/p.rego", "package a"),
        ("x/data.json", "1"),
        ("x/other.json", "not JSON"),
    ]);
    let path = folder.path().display().to_string();
    let tree = of_paths(std::slice::from_ref(&path), &[], true).unwrap();
    assert_eq!(tree.data(), &json(r#"{"x": 1}"#));
    assert!(of_paths(std::slice::from_ref(&path), &[], false).is_err(), "loose documents are all read");
    write(folder.path(), "b/p.rego", "package b");
    assert!(of_paths(std::slice::from_ref(&path), &[], true).unwrap_err().contains("outside of the bundle's roots"));
    assert!(of_paths(std::slice::from_ref(&path), &["b"], true).is_ok());
    fs::copy(&corpus, folder.path().join("inner.tar.gz")).unwrap();
    assert!(of_paths(&[path], &["*.json"], false).unwrap_err().contains("name a bundle by itself"));
}
