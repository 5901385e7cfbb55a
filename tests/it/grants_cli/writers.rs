//! Several who write at once.

use std::{fs, thread};

use super::Desk;

#[test]
fn of_many_who_change_one_file_none_is_lost() {
    let desk = Desk::new();
    let keys = ["a", "b", "c", "d", "e", "f"];
    let fact = |key: &&str| {
        format!(
            "apiVersion: hopguard.dev/v1alpha1\nkind: Fact\nmetadata: {{name: fact-{key}}}\n\
             spec: {{key: {key}, value: 0, source: ci, observedAt: 2026-11-21T00:00:00Z, maxAge: 24h}}\n"
        )
    };
    desk.write("documents/facts.yaml", &keys.iter().map(fact).collect::<Vec<_>>().join("---\n"));
    let set = |key: &str| {
        let words = ["fact", "set", key, "1", "--source", "ci", "--max-age", "24h", "--yes"];
        loop {
            let said = desk.run(&words);
            if said.code == 0 {
                return;
            }
            // Whoever was too late is told, and has written nothing.
            let late = "`facts.yaml` has changed since it was read: run the command again\n";
            assert_eq!((said.code, said.err.as_str()), (1, late), "{}", said.out);
        }
    };
    thread::scope(|scope| keys.iter().for_each(|key| drop(scope.spawn(|| set(key)))));
    let text = desk.read("documents/facts.yaml");
    assert_eq!((text.matches("value: 1").count(), text.matches("value: 0").count()), (keys.len(), 0), "{text}");
    let left: Vec<_> = fs::read_dir(desk.path().join("documents")).unwrap().collect();
    assert_eq!(left.len(), 2);
}

#[test]
fn of_many_who_revoke_the_same_each_does() {
    let desk = Desk::granted();
    let revoke = || loop {
        let said = desk.line("revoke --grant agent --reason gone --yes");
        if said.code == 0 {
            return said.undo();
        }
        assert!(said.err.contains("is there already"), "{}", said.err);
    };
    let mut undo = thread::scope(|scope| {
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(revoke)).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    undo.sort();
    undo.dedup();
    assert_eq!(undo.len(), 4, "{undo:?}");
    for (left, undo) in undo.iter().enumerate().rev() {
        assert_eq!(desk.state("agent"), "revoked");
        let said = desk.shell(undo);
        assert_eq!(said.code, 0, "{left}: {}", said.err);
    }
    assert_eq!(desk.state("agent"), "active");
}
