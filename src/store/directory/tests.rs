//! What a directory gives as its files change, break, vanish and contradict each other.

use std::os::unix::fs::symlink;

use super::*;

const PURPOSES: &str = "
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: shop}
spec: {name: shop, owner: team-shop}
---
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: shop.checkout}
spec: {name: shop.checkout, owner: team-shop}
";

const REVOCATION: &str = "
apiVersion: hopguard.dev/v1alpha1
kind: Revocation
metadata: {name: stop}
spec: {target: {grant: a}}
";

fn grant(name: &str, purpose: &str) -> String {
    format!(
        "
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {{name: {name}}}
spec:
  type: jit
  subject: {{spiffeId: spiffe://prod.example/web}}
  audience: spiffe://prod.example/orders
  actions: [{{methods: [GET], paths: [/**]}}]
  purposes: [{purpose}]
  owner: team-shop
  requestedBy: bob@example.com
  approver: alice@example.com
  ticket: CHG-1
  notBefore: 2026-11-20T09:00:00Z
  expiresAt: 2026-11-21T09:00:00Z
"
    )
}

fn purpose(document: &str, name: &str) -> String {
    PURPOSES
        .split("---")
        .next()
        .unwrap()
        .replace("{name: shop}", &format!("{{name: {document}}}"))
        .replace("name: shop,", &format!("name: {name},"))
}

/// A directory on disk and its reader.
struct Store {
    disk: tempfile::TempDir,
    directory: Directory,
}

impl Store {
    fn new(files: &[(&str, &str)]) -> Self {
        let disk = tempfile::tempdir().unwrap();
        let directory = Directory::new(disk.path());
        let store = Self { disk, directory };
        files.iter().for_each(|(name, content)| store.write(name, content));
        store
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.disk.path().join(name)
    }

    fn read(&mut self) -> Documents {
        self.directory.read().unwrap()
    }

    /// The problems, one on each line, without the directory's own name.
    fn outage(&mut self) -> Vec<String> {
        let problems = self.directory.read().unwrap_err();
        self.lines(&problems.0)
    }

    fn problems(&mut self) -> Vec<String> {
        let documents = self.read();
        self.lines(&documents.problems)
    }

    fn lines(&self, problems: &[Problem]) -> Vec<String> {
        let prefix = format!("{}/", self.disk.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
    }
}

fn names(documents: &Documents) -> Vec<&str> {
    documents.grants.iter().map(|grant| grant.name()).collect()
}

#[test]
fn an_empty_directory_loads_with_nothing_in_it() {
    let documents = Store::new(&[]).read();
    assert!(documents.grants.is_empty() && documents.problems.is_empty());
    assert!(documents.vocabulary.resolve("shop").is_err());
}

#[test]
fn reads_the_documents_of_all_files() {
    let mut store =
        Store::new(&[("b.yaml", &grant("b", "shop")), ("a.yml", &grant("a", "shop.checkout")), ("p.yaml", PURPOSES)]);
    let documents = store.read();
    assert_eq!(names(&documents), ["a", "b"]);
    assert_eq!(documents.problems, []);
    assert!(documents.vocabulary.resolve("shop.checkout").is_ok());
}

#[test]
fn reads_neither_hidden_files_nor_other_kinds_nor_directories_below() {
    let mut store =
        Store::new(&[("p.yaml", PURPOSES), (".a.yaml", &grant("a", "shop")), ("README.md", "{"), ("b.yaml.bak", "{")]);
    fs::create_dir(store.path("below")).unwrap();
    store.write("below/c.yaml", &grant("c", "shop"));
    let documents = store.read();
    assert!(names(&documents).is_empty());
    assert_eq!(documents.problems, []);
}

#[test]
fn what_is_no_file_is_reported_and_not_opened() {
    let mut store = Store::new(&[("p.yaml", PURPOSES)]);
    fs::create_dir(store.path("d.yaml")).unwrap();
    symlink("nowhere", store.path("l.yaml")).unwrap();
    let problems = store.problems();
    assert_eq!(problems[0], "d.yaml: is not a regular file");
    assert!(problems[2].starts_with("l.yaml: cannot be read:"), "{problems:?}");
    assert_eq!(problems.len(), 4);
}

#[test]
fn a_file_that_never_loaded_adds_nothing_and_says_so() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &grant("a", "shop")), ("b.yaml", "kind: [")]);
    assert_eq!(names(&store.read()), ["a"]);
    let problems = store.problems();
    assert!(problems[0].starts_with("b.yaml:2:1: not valid YAML"), "{problems:?}");
    assert_eq!(problems[1], "b.yaml: does not load, so its documents do not count");
}

#[test]
fn a_file_that_no_longer_loads_keeps_its_own_last_good_documents() {
    let mut store =
        Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &grant("a", "shop")), ("b.yaml", &grant("b", "shop"))]);
    let before = store.read();
    store.write("a.yaml", &grant("a", "shop").replace("type: jit", "type: none"));
    store.write("b.yaml", &grant("c", "shop"));
    let documents = store.read();
    assert_eq!(names(&documents), ["a", "c"]);
    assert!(std::sync::Arc::ptr_eq(&before.grants[0], &documents.grants[0]));
    let problems = store.problems();
    assert!(problems[0].starts_with("a.yaml:6:9: spec.type: `none` is not one of"), "{problems:?}");
    assert_eq!(problems[1], "a.yaml: does not load, so the documents that it held before go on counting");
    store.write("a.yaml", &grant("d", "shop"));
    let documents = store.read();
    assert_eq!((names(&documents), &documents.problems), (vec!["c", "d"], &vec![]));
}

#[test]
fn a_file_that_cannot_be_read_as_text_keeps_its_last_good_documents() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &grant("a", "shop"))]);
    store.read();
    fs::write(store.path("a.yaml"), [0xff]).unwrap();
    assert_eq!(store.problems()[0], "a.yaml: is not UTF-8");
    fs::write(store.path("a.yaml"), vec![b'#'; yaml::MAX_BYTES + 1]).unwrap();
    assert_eq!(store.problems()[0], "a.yaml: has more than 1048576 bytes: split it");
    assert_eq!(names(&store.read()), ["a"]);
}

#[test]
fn the_problem_of_an_unchanged_file_is_reported_each_time() {
    let mut store = Store::new(&[("a.yaml", "kind: [")]);
    assert_eq!(store.problems(), store.problems());
}

#[test]
fn a_removed_file_is_removed_with_its_documents() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &grant("a", "shop"))]);
    store.read();
    store.write("a.yaml", "kind: [");
    store.read();
    store.remove("a.yaml");
    let documents = store.read();
    assert_eq!((names(&documents).len(), documents.problems), (0, vec![]));
}

#[test]
fn an_emptied_file_has_no_documents() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &grant("a", "shop"))]);
    store.read();
    store.write("a.yaml", "");
    assert!(names(&store.read()).is_empty());
}

#[test]
fn a_directory_that_cannot_be_read_is_an_outage_and_not_a_removal() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &grant("a", "shop"))]);
    store.read();
    let (here, away) = (store.path("").canonicalize().unwrap(), store.disk.path().with_extension("away"));
    fs::rename(&here, &away).unwrap();
    assert!(store.outage()[0].contains(": cannot be read: "));
    fs::rename(&away, &here).unwrap();
    store.write("a.yaml", "kind: [");
    assert_eq!(names(&store.read()), ["a"]);
}

#[test]
fn a_grant_of_an_undefined_purpose_is_refused_alone() {
    let mut store = Store::new(&[
        ("p.yaml", PURPOSES),
        ("a.yaml", &(grant("a", "shop, shop.refund, x") + "---" + &grant("b", "shop"))),
    ]);
    assert_eq!(names(&store.read()), ["b"]);
    let message =
        |name| format!("no document that counts defines the purpose `{name}`, so the grant does not count: add one");
    assert_eq!(
        store.problems(),
        [
            format!("a.yaml:10:20: spec.purposes[1]: {}", message("shop.refund")),
            format!("a.yaml:10:33: spec.purposes[2]: {}", message("x")),
        ]
    );
    store.write("x.yaml", &(purpose("x", "x") + "---" + &purpose("shop.refund", "shop.refund")));
    assert_eq!(names(&store.read()), ["a", "b"]);
}

#[test]
fn a_purpose_without_its_parent_is_refused_with_what_rests_on_it() {
    let mut store = Store::new(&[("p.yaml", &purpose("eu", "refund.eu")), ("a.yaml", &grant("a", "refund.eu"))]);
    let documents = store.read();
    assert!(documents.vocabulary.resolve("refund.eu").is_err() && documents.grants.is_empty());
    let problems = store.problems();
    assert_eq!(problems[0], "p.yaml:5:14: spec.name: no document that counts defines its parent `refund`: add one");
    assert!(problems[1].starts_with("a.yaml:10:14: spec.purposes[0]:"), "{problems:?}");
}

#[test]
fn of_two_documents_of_one_name_none_counts() {
    let mut store = Store::new(&[
        ("p.yaml", PURPOSES),
        ("a.yaml", &grant("a", "shop")),
        ("b.yaml", &(grant("a", "shop") + "---" + &grant("b", "shop"))),
    ]);
    assert_eq!(names(&store.read()), ["b"]);
    let message = "2 documents of kind `Grant` are named `a`, so none of them counts: keep one";
    let expected = ["a", "b"].map(|file| format!("{file}.yaml:4:18: metadata.name: {message}"));
    assert_eq!(store.problems(), expected);
    store.remove("a.yaml");
    assert_eq!(names(&store.read()), ["a", "b"]);
}

#[test]
fn documents_of_different_kinds_may_share_a_name() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &grant("shop", "shop"))]);
    assert_eq!(names(&store.read()), ["shop"]);
}

#[test]
fn a_purpose_defined_twice_is_not_defined() {
    let mut store = Store::new(&[
        ("p.yaml", PURPOSES),
        ("q.yaml", &purpose("other", "shop")),
        ("a.yaml", &grant("a", "shop.checkout")),
    ]);
    let documents = store.read();
    assert!(documents.vocabulary.resolve("shop.checkout").is_err() && documents.grants.is_empty());
    let problems = store.problems();
    let message = "spec.name: 2 documents of kind `Purpose` are named `shop`, so none of them counts: keep one";
    assert_eq!(problems[..2], ["p.yaml", "q.yaml"].map(|file| format!("{file}:5:14: {message}")));
    assert_eq!(problems.len(), 4);
}

#[test]
fn a_kind_that_takes_access_away_keeps_the_directory_from_loading() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("r.yaml", REVOCATION)]);
    let outage = store.outage();
    assert!(outage[0].starts_with("r.yaml:3:7: kind: the kind `Revocation` is not built yet"), "{outage:?}");
    assert!(outage[1].starts_with("r.yaml: holds a document that takes access away"), "{outage:?}");
    store.write("r.yaml", &REVOCATION.replace("Revocation", "Workload"));
    assert!(store.outage()[0].contains("the kind `Workload` is not built yet"));
    store.remove("r.yaml");
    assert_eq!(store.problems(), [""; 0]);
}

#[test]
fn what_was_to_take_access_away_is_not_forgotten_when_its_file_breaks() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("r.yaml", REVOCATION)]);
    store.outage();
    store.write("r.yaml", "kind: [");
    store.outage();
    fs::write(store.path("r.yaml"), [0xff]).unwrap();
    store.outage();
    fs::remove_file(store.path("r.yaml")).unwrap();
    symlink("nowhere", store.path("r.yaml")).unwrap();
    store.outage();
    store.remove("r.yaml");
    store.write("r.yaml", &grant("a", "shop"));
    assert_eq!(names(&store.read()), ["a"]);
}

#[test]
fn a_kind_that_gives_access_only_keeps_its_own_file_from_loading() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &REVOCATION.replace("Revocation", "Activation"))]);
    assert!(store.problems()[0].starts_with("a.yaml:3:7: kind: the kind `Activation` is not built yet"));
    assert!(store.read().vocabulary.resolve("shop").is_ok());
}

#[test]
fn the_revision_tells_what_the_documents_were_read_from() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &grant("a", "shop"))]);
    let first = store.read().revision;
    assert!(first.len() == 64 && first.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    fs::rename(store.path("a.yaml"), store.path("z.yaml")).unwrap();
    assert_eq!(store.read().revision, first);
    store.write("z.yaml", &grant("b", "shop"));
    let second = store.read().revision;
    assert_ne!(second, first);
    store.write("z.yaml", "kind: [");
    assert_eq!(store.read().revision, second);
    store.write("z.yaml", &grant("a", "shop"));
    assert_eq!(store.read().revision, first);
}

#[test]
fn follows_the_links_of_a_mounted_volume() {
    let mut store = Store::new(&[]);
    let publish = |version: &str, content: &str| {
        fs::create_dir(store.path(version)).unwrap();
        store.write(&format!("{version}/all.yaml"), content);
        symlink(version, store.path("..new")).unwrap();
        fs::rename(store.path("..new"), store.path("..data")).unwrap();
    };
    publish("..2026_1", &format!("{PURPOSES}---{}", grant("a", "shop")));
    symlink("..data/all.yaml", store.path("all.yaml")).unwrap();
    publish("..2026_2", &format!("{PURPOSES}---{}", grant("b", "shop")));
    let documents = store.read();
    assert_eq!((names(&documents), &documents.problems), (vec!["b"], &vec![]));
}

#[test]
fn a_directory_with_too_much_in_it_does_not_load() {
    let mut store = Store::new(&[]);
    for index in 0..=MAX_ENTRIES {
        store.write(&index.to_string(), "");
    }
    assert!(store.outage()[0].ends_with(": has more than 4096 entries"));
}
