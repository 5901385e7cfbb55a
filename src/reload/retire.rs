//! What nobody decides by any more is freed, a large document in a thread of its own and bit by bit: that takes longer than many Checks.

use std::sync::Arc;

use rustix::process::nice;

use crate::{
    pause::{self, pause},
    policy::Value,
    server::Snapshot,
};

/// Snapshots that Checks under way may still hold.
#[derive(Debug, Default)]
pub(super) struct Retired(Vec<Arc<Snapshot>>);

impl Retired {
    /// Takes the snapshot that was replaced.
    pub(super) fn take(&mut self, snapshot: Option<Arc<Snapshot>>) {
        self.0.extend(snapshot);
    }

    /// Frees those that nobody else holds. Whoever dropped the last reference would free all of it.
    pub(super) fn sweep(&mut self) {
        for snapshot in self.0.extract_if(.., |snapshot| Arc::strong_count(snapshot) == 1) {
            // A policy that is still in use is freed by whoever lets go of it last.
            let policy = snapshot.authorizer.policy.as_ref().filter(|policy| Arc::strong_count(policy) == 1);
            let data = policy.map(|policy| policy.data()).filter(|data| is_large(data)).cloned();
            let Some(data) = data else { continue };
            let thread = std::thread::Builder::new().name("retire".to_owned()).spawn(move || {
                // Without it the memory is free no later.
                let _ = nice(YIELDING);
                let _freeing = pause::while_freeing();
                pause::begin();
                drop(snapshot);
                free(data);
            });
            if let Err(error) = thread {
                tracing::warn!(%error, "Replaced documents are freed while others wait");
            }
        }
    }
}

/// Whether a document has so many entries that freeing it takes a while.
fn is_large(data: &Value) -> bool {
    fn size(value: &Value, left: usize) -> usize {
        match value {
            Value::Object(object) => object.iter().fold(left, |left, (_, value)| size(value, left.saturating_sub(1))),
            Value::Array(items) => items.iter().fold(left, |left, value| size(value, left.saturating_sub(1))),
            _ => left,
        }
    }
    size(data, LARGE) == 0
}

/// Frees a document that nobody else holds; of one that somebody does, nothing.
fn free(data: Value) {
    let mut ahead = vec![data];
    let mut freed = 0_usize;
    while let Some(value) = ahead.pop() {
        match value {
            Value::Object(object) => {
                let Ok(object) = Arc::try_unwrap(object) else { continue };
                for (key, value) in object {
                    drop(key);
                    ahead.push(value);
                    freed = freed.wrapping_add(1);
                    if freed.is_multiple_of(STRETCH) {
                        pause();
                    }
                }
            }
            Value::Array(items) => ahead.extend(Arc::try_unwrap(items).into_iter().flatten()),
            _ => {}
        }
        freed = freed.wrapping_add(1);
        if freed.is_multiple_of(STRETCH) {
            pause();
        }
    }
}

/// Entries that are freed in a moment.
const LARGE: usize = 10_000;
/// Entries that are freed before there may be a pause.
const STRETCH: usize = 128;
/// As much as whoever makes such a document.
const YIELDING: i32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Value {
        Value::from_json_str(text).unwrap()
    }

    #[test]
    fn a_document_is_freed_whole_and_what_is_shared_stays() {
        let shared = document(r#"{"a": [1, {"b": "c"}]}"#);
        let Value::Object(object) = &shared else { panic!() };
        let weak = Arc::downgrade(object);
        let whole = Value::from(vec![shared.clone(), document("[[[]], {}]"), Value::from(1)]);
        let Value::Array(items) = &whole else { panic!() };
        let items = Arc::downgrade(items);
        free(whole);
        assert!(items.upgrade().is_none());
        assert_eq!(shared, document(r#"{"a": [1, {"b": "c"}]}"#));
        free(shared);
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn only_what_has_many_entries_is_large() {
        let entries = |count: usize| (0..count).map(Value::from).collect::<Vec<_>>();
        assert!(is_large(&Value::from(entries(LARGE))));
        assert!(!is_large(&Value::from(entries(LARGE - 1))));
        assert!(is_large(&Value::from(vec![Value::from(entries(LARGE / 2)), Value::from(entries(LARGE / 2))])));
        assert!(!is_large(&Value::from("x".repeat(LARGE))));
    }
}
