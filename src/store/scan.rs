//! Reads the files of a directory as they are at one time, and no more of them than memory should hold.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    io::Read,
    path::Path,
};

use crate::yaml;

/// What each file holds, or why it cannot be read.
pub(crate) type Contents = BTreeMap<OsString, Result<Vec<u8>, String>>;

/// Reads all files as they are at one time: Kubernetes swaps the whole content of a mounted volume by its link `..data`.
pub(crate) fn contents(path: &Path) -> Result<Contents, String> {
    let generation = || fs::read_link(path.join("..data")).ok();
    for _ in 0..MAX_ATTEMPTS {
        let before = generation();
        let contents = scan(path)?;
        if generation() == before {
            return Ok(contents);
        }
    }
    Err("changes faster than it can be read".to_owned())
}

fn scan(path: &Path) -> Result<Contents, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    let mut contents = Contents::new();
    let mut total = 0;
    for (index, entry) in fs::read_dir(path).map_err(unreadable)?.enumerate() {
        let name = entry.map_err(unreadable)?.file_name();
        if index == MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} entries"));
        }
        if is_document(&name) {
            let content = content(&path.join(&name));
            total += content.as_ref().map_or(0, Vec::len);
            contents.insert(name, content);
        }
        if total > MAX_TOTAL {
            return Err(format!("holds more than {MAX_TOTAL} bytes of documents"));
        }
    }
    Ok(contents)
}

fn is_document(name: &OsStr) -> bool {
    let extension = Path::new(name).extension();
    !name.as_encoded_bytes().starts_with(b".")
        && extension
            .is_some_and(|extension| extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml"))
}

/// Reads one file, through links. What is no file is not opened: a pipe would never end.
fn content(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut content = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > MAX_FILE {
        return Err(format!("has more than {MAX_FILE} bytes: split it"));
    }
    Ok(content)
}

const MAX_ATTEMPTS: usize = 5;
/// Room for 10,000 files of documents, and others beside them.
pub(super) const MAX_ENTRIES: usize = 16_384;
const MAX_FILE: u64 = yaml::MAX_BYTES as u64;
/// Room for 100,000 documents of 2.5 KiB each, signatures included.
const MAX_TOTAL: usize = 256 << 20;
