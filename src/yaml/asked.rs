//! For tests: which fields a decoder asks for, so that what describes them elsewhere can be held against it.

use std::{cell::RefCell, collections::BTreeSet};

thread_local! {
    static ASKED: RefCell<Option<BTreeSet<String>>> = const { RefCell::new(None) };
}

/// The paths of the fields that are asked for while `decode` runs, with `[]` for whichever item of a list.
pub(crate) fn asked_during(decode: impl FnOnce()) -> BTreeSet<String> {
    ASKED.with_borrow_mut(|asked| *asked = Some(BTreeSet::new()));
    decode();
    ASKED.take().unwrap_or_default()
}

/// Notes a field.
pub(super) fn note(path: &str) {
    ASKED.with_borrow_mut(|asked| {
        if let Some(asked) = asked {
            let parts = path.split('[').enumerate();
            let any =
                parts.map(|(index, part)| if index == 0 { part } else { part.split_once(']').map_or(part, |it| it.1) });
            asked.insert(any.collect::<Vec<_>>().join("[]"));
        }
    });
}
