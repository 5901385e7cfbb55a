//! Who may sign documents: the last good ones stay while their file cannot be read.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use super::fingerprint::Look;
use crate::{
    approval::{AllowedSigners, Approvals},
    clock::Timestamp,
    config::Ceiling,
    yaml::{Problem, Problems},
};

/// The last good signers.
#[derive(Clone, Debug, Default)]
pub(super) struct Signers {
    seen: Option<Look>,
    /// The text and what it says.
    held: Option<(String, Arc<AllowedSigners>)>,
    problems: Vec<Problem>,
    /// When one of their keys next begins or ends to count.
    changes: Option<Timestamp>,
    /// When what they say was last another than before.
    changed: Option<Timestamp>,
}

impl Signers {
    /// Reads the file if it has changed. `true`: what was signed has to be looked at again.
    pub(super) fn load(&mut self, file: Option<&Path>, now: Timestamp) -> bool {
        let Some(file) = file else {
            self.problems.clear();
            return self.held.take().is_some();
        };
        let look = Look::at([file]);
        let is_over = self.changes.is_some_and(|changes| changes <= now);
        let mut has_changed = is_over;
        if self.seen != Some(look) {
            self.seen = Some(look).filter(|look| !look.is_too_fresh());
            match read(file) {
                Ok((text, signers)) => {
                    self.problems.clear();
                    has_changed |= self.held.as_ref().is_none_or(|(before, _)| *before != text);
                    self.changed = Some(look.newest());
                    self.held = Some((text, Arc::new(signers)));
                }
                Err(Problems(problems)) => {
                    self.problems = problems;
                    self.seen = None;
                }
            }
        }
        if is_over {
            self.changed = self.changes;
        }
        if has_changed {
            self.changes = self.held.as_ref().and_then(|(_, signers)| signers.changes_after(now));
        }
        has_changed
    }

    /// Whether there is something to do although no file has changed.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.changes.is_some_and(|changes| changes <= now)
    }

    /// When what they say was last another than before.
    pub(super) const fn changed(&self) -> Option<Timestamp> {
        self.changed
    }

    /// Whether anybody ever could be read.
    pub(super) const fn is_there(&self) -> bool {
        self.held.is_some()
    }

    /// What is wrong with the file as it is now.
    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Who has to sign what.
    pub(super) fn approvals(&self, ceiling: &Ceiling) -> Approvals {
        Approvals {
            required: ceiling.approvals_required,
            signers: self.held.as_ref().map(|(_, signers)| Arc::clone(signers)),
        }
    }
}

/// Reads who may sign, once.
///
/// # Errors
/// What is wrong with the file.
pub fn read_approvals(ceiling: &Ceiling) -> Result<Approvals, Problems> {
    let signers = ceiling.allowed_signers.as_deref().map(read).transpose()?.map(|(_, signers)| Arc::new(signers));
    Ok(Approvals { required: ceiling.approvals_required, signers })
}

fn read(file: &Path) -> Result<(String, AllowedSigners), Problems> {
    let name = file.display().to_string();
    let text = text(file).map_err(|message| Problem::of_file(&name, message))?;
    let signers = AllowedSigners::parse(&name, &text)?;
    Ok((text, signers))
}

fn text(file: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    // Asked before it is opened, because opening a pipe waits for a writer.
    if !fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut text = Vec::new();
    File::open(file).map_err(unreadable)?.take(MAX_TEXT + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_TEXT {
        return Err(format!("has more than {MAX_TEXT} bytes"));
    }
    String::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())
}

const MAX_TEXT: u64 = 1024 * 1024;
