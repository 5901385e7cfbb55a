//! Packs documents as the bundle that `store.bundle` follows once it is signed: the same documents always make the same bytes.

use std::{collections::BTreeMap, io};

use flate2::{Compression, GzBuilder};
use serde_json::json;
use tar::{Builder, Header};

/// A bundle of texts by the names of their files, under the root `hopguard`. Who publishes it signs it, as OPA's bundles are signed.
///
/// # Errors
/// It cannot be packed.
pub(crate) fn bundle(texts: &BTreeMap<String, String>, revision: &str) -> io::Result<Vec<u8>> {
    let manifest = json!({"revision": revision, "roots": ["hopguard"]});
    let data = json!({"hopguard": {"documents": texts}});
    // Without a time in its head, it says nothing of when it was packed.
    let mut tar = Builder::new(GzBuilder::new().mtime(0).write(Vec::new(), Compression::default()));
    for (name, value) in [(".manifest", manifest), ("data.json", data)] {
        let content = value.to_string();
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        tar.append_data(&mut header, name, content.as_bytes())?;
    }
    tar.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bundle::{Bundle, Limits},
        clock::Timestamp,
    };

    #[test]
    fn a_bundle_holds_the_texts_and_always_the_same_bytes() {
        let texts =
            BTreeMap::from([("a.yaml".to_owned(), "kind: A\n".to_owned()), ("b.yaml".to_owned(), String::new())]);
        let bytes = bundle(&texts, "abc").unwrap();
        assert_eq!(bundle(&texts, "abc").unwrap(), bytes);
        let read = Bundle::read("b", &bytes, &Limits::default(), None, Timestamp::from_seconds(0)).unwrap();
        assert_eq!(read.revision(), Some("abc"));
        let data = serde_json::to_value(read.data()).unwrap();
        assert_eq!(data, json!({"hopguard": {"documents": {"a.yaml": "kind: A\n", "b.yaml": ""}}}));
    }
}
