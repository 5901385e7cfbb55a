//! The folder of one scenario: gone when it went well, kept with every log when it did not.

use std::{path::Path, thread};

use tempfile::TempDir;

/// A folder to be dropped after everything that runs in it.
#[derive(Debug)]
pub(crate) struct Folder(Option<TempDir>);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(Some(tempfile::Builder::new().prefix("conformance-").tempdir().unwrap()))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.as_ref().expect("it is there until it is dropped").path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let Some(folder) = self.0.take() else { return };
        if thread::panicking() {
            eprintln!("the logs are in {}", folder.keep().display());
        }
    }
}
