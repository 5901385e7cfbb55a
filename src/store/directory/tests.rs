//! What a directory gives as its files change, break, vanish and contradict each other.

use std::{fs, os::unix::fs::symlink};

use super::*;
use crate::{store::scan::MAX_ENTRIES, yaml};

const NOW: &str = "2026-11-20T10:00:00Z";

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

fn revocation(name: &str, grant: &str) -> String {
    format!(
        "
apiVersion: hopguard.dev/v1alpha1
kind: Revocation
metadata: {{name: {name}}}
spec: {{target: {{grant: {grant}}}, reason: lost, at: 2026-11-20T09:00:00Z}}
"
    )
}

fn workload(name: &str, state: &str) -> String {
    format!(
        "
apiVersion: hopguard.dev/v1alpha1
kind: Workload
metadata: {{name: {name}}}
spec: {{spiffeId: spiffe://prod.example/web, kind: job, owner: team-web, roles: [reader], state: {state}}}
"
    )
}

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
        let directory = Directory::new(disk.path(), Rules::default());
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
        self.directory.read(Timestamp::parse(NOW).unwrap()).unwrap()
    }

    /// The problems, one on each line, without the directory's own name.
    fn outage(&mut self) -> Vec<String> {
        let problems = self.directory.read(Timestamp::parse(NOW).unwrap()).unwrap_err();
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

fn revoked(documents: &Documents) -> Vec<&str> {
    documents.revocations.iter().map(|revocation| revocation.name.as_str()).collect()
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
fn a_revocation_acts_whatever_is_wrong_beside_it() {
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &grant("a", "shop"))]);
    store.read();
    // In its own file, in a file that holds something else and in one that has loaded before.
    store.write("b.yaml", &format!("}}\n---{}", revocation("one", "a")));
    store.write("c.yaml", &(revocation("two", "a") + "---" + &grant("c", "shop").replace("type: jit", "type: none")));
    store.write("a.yaml", &(revocation("three", "a") + "---\nkind: ["));
    let documents = store.read();
    assert_eq!((names(&documents), revoked(&documents)), (vec!["a"], vec!["one", "three", "two"]));
    assert!(!documents.unread_revocations);
    let nevertheless = "takes access away nevertheless, as far as it can be read";
    let problems = store.problems();
    for file in ["a", "b", "c"] {
        assert!(problems.contains(&format!("{file}.yaml: {nevertheless}")), "{problems:#?}");
    }
}

#[test]
fn what_a_file_has_taken_away_stays_so_until_it_loads() {
    let mut store =
        Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &(grant("a", "shop") + "---" + &revocation("old", "x")))]);
    let before = store.read();
    let first = before.revision;
    store.write("a.yaml", &format!("}}\n---{}", revocation("one", "a")));
    let documents = store.read();
    assert_eq!((names(&documents), revoked(&documents)), (vec!["a"], vec!["old", "one"]));
    assert_ne!(documents.revision, first);
    store.write("a.yaml", &format!("}}\n---{}", revocation("two", "a")));
    assert_eq!(revoked(&store.read()), ["old", "one", "two"]);
    fs::write(store.path("a.yaml"), [0xff]).unwrap();
    assert_eq!(revoked(&store.read()), ["old", "one", "two"]);
    fs::remove_file(store.path("a.yaml")).unwrap();
    symlink("nowhere", store.path("a.yaml")).unwrap();
    assert_eq!(revoked(&store.read()), ["old", "one", "two"]);
    store.remove("a.yaml");
    store.write("a.yaml", &grant("a", "shop"));
    let documents = store.read();
    assert_eq!((names(&documents), revoked(&documents), &documents.problems), (vec!["a"], vec![], &vec![]));
}

#[test]
fn a_revocation_ends_with_its_document_and_its_file() {
    let both = revocation("one", "a") + "---" + &revocation("two", "b");
    let mut store = Store::new(&[("r.yaml", &both)]);
    assert_eq!(revoked(&store.read()), ["one", "two"]);
    store.write("r.yaml", &revocation("two", "b"));
    assert_eq!(revoked(&store.read()), ["two"]);
    store.remove("r.yaml");
    assert!(revoked(&store.read()).is_empty());
}

#[test]
fn a_revocation_that_could_never_be_read_is_told_apart() {
    let broken = revocation("one", "a").replace("reason: lost, ", "");
    let mut store = Store::new(&[("r.yaml", &broken)]);
    assert!(store.read().unread_revocations);
    let warning = "r.yaml: has a `Revocation` that could never be read: repair it before the documents count as stale";
    assert!(store.problems().contains(&warning.to_owned()));
    // Nobody can know that it is gone while the file does not load.
    store.write("r.yaml", "kind: [");
    assert!(store.read().unread_revocations);
    store.write("r.yaml", &revocation("one", "a"));
    assert!(!store.read().unread_revocations);
    // What it says is known from before.
    store.write("r.yaml", &broken);
    let documents = store.read();
    assert_eq!((revoked(&documents), documents.unread_revocations), (vec!["one"], false));
    store.write("r.yaml", &format!("{broken}---{}", revocation("two", "b").replace("grant: b", "")));
    assert!(store.read().unread_revocations);
    store.remove("r.yaml");
    assert!(!store.read().unread_revocations);
}

#[test]
fn one_that_is_repaired_beside_another_mistake_is_read() {
    let mut store = Store::new(&[("r.yaml", &format!("{}---\n}}", revocation("one", "a").replace("lost", "")))]);
    assert!(store.read().unread_revocations);
    store.write("r.yaml", &format!("{}---\n}}", revocation("one", "a")));
    let documents = store.read();
    assert_eq!((revoked(&documents), documents.unread_revocations), (vec!["one"], false));
}

#[test]
fn a_suspension_acts_beside_a_mistake_and_ends_with_it_only() {
    let mut store = Store::new(&[("w.yaml", &workload("web", "active"))]);
    let state = |store: &mut Store| {
        let documents = store.read();
        let [workload] = &documents.workloads[..] else { panic!("{:?}", documents.workloads) };
        (workload.state, workload.roles.len())
    };
    use crate::inventory::WorkloadState::{Active, Suspended};
    assert_eq!(state(&mut store), (Active, 1));
    store.write("w.yaml", &format!("{}---\n[", workload("web", "suspended")));
    assert_eq!(state(&mut store).0, Suspended);
    store.write("w.yaml", &format!("{}---\n[", workload("web", "active")));
    assert_eq!(state(&mut store).0, Suspended);
    store.write("w.yaml", &workload("web", "active"));
    assert_eq!(state(&mut store), (Active, 1));
    store.write("w.yaml", &workload("web", "suspended"));
    store.read();
    store.write("w.yaml", &format!("{}---\n[", workload("web", "active")));
    assert_eq!(state(&mut store).0, Suspended);
}

/// B-7, row 102.
#[test]
fn what_two_readers_of_yaml_would_read_differently_is_refused_with_its_place() {
    let good = grant("a", "shop");
    for (from, to, place) in [
        ("  owner: team-shop", "  owner: team-shop\n  owner: team-shop", ":12:"),
        ("owner: team-shop", "owner: &a team-shop", ":11:"),
        ("owner: team-shop", "owner: *a", ":11:"),
        ("  owner: team-shop", "  <<: {owner: team-shop}", ":11:"),
        ("owner: team-shop", "owner: no", ":11:"),
        ("ticket: CHG-1", "ticket: 0o17", ":14:"),
        ("ticket: CHG-1", "ticket: 1_000", ":14:"),
        ("ticket: CHG-1", "ticket: 12:30", ":14:"),
        ("  owner: team-shop", "\towner: team-shop", ":11:"),
        ("\napiVersion", "\u{feff}apiVersion", ":1:"),
        ("owner: team-shop", "owner: \u{85}team-shop", ":11:"),
        ("expiresAt: 2026-11-21T09:00:00Z", "expiresAt: .nan", ":16:"),
        ("owner: team-shop", "while: [{fact: a, equals: 1, maxAge: -5m}]\n  owner: team-shop", ":11:"),
        ("owner: team-shop", "while: [{fact: a, equals: 1, maxAge: 30}]\n  owner: team-shop", ":11:"),
        (
            "owner: team-shop",
            "while: [{fact: a, equals: 1, maxAge: 99999999999999999999s}]\n  owner: team-shop",
            ":11:",
        ),
        ("owner: team-shop", "while: [{fact: a, equals: .inf}]\n  owner: team-shop", ":11:"),
    ] {
        assert!(good.contains(from), "{from}");
        let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &good.replacen(from, to, 1))]);
        let documents = store.read();
        assert!(names(&documents).is_empty(), "{to}");
        let problems = store.problems();
        assert!(problems.iter().any(|problem| problem.starts_with(&format!("a.yaml{place}"))), "{to}: {problems:#?}");
    }
}

/// B-7, row 103.
#[test]
fn a_file_that_is_mistaken_or_no_file_any_more_leaves_what_it_held() {
    let good = grant("a", "shop");
    for (from, to) in [
        ("  owner: team-shop", "  owner: team-shop\n  comment: x"),
        ("requestedBy", "requestdBy"),
        ("hopguard.dev/v1alpha1", "hopguard.dev/v1beta1"),
        ("hopguard.dev/v1alpha1", "v1"),
        ("kind: Grant", "kind: Grants"),
    ] {
        let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &good)]);
        store.read();
        store.write("a.yaml", &good.replacen(from, to, 1));
        let documents = store.read();
        assert_eq!((names(&documents), documents.problems.is_empty()), (vec!["a"], false), "{to}");
        let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &good.replacen(from, to, 1))]);
        assert!(names(&store.read()).is_empty(), "{to}");
    }
    let mut store = Store::new(&[("p.yaml", PURPOSES), ("a.yaml", &good)]);
    store.read();
    store.remove("a.yaml");
    fs::create_dir(store.path("a.yaml")).unwrap();
    assert_eq!(names(&store.read()), ["a"]);
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
    assert!(store.outage()[0].ends_with(": has more than 16384 entries"));
}
