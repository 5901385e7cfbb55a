//! An archive is read to its last byte, within bounds, or refused: no link, no device, no name that another reader could take otherwise.
//!
//! The bounds hold while it is unpacked, so that what is refused was never in memory whole. The end must be there: an archive that is cut
//! anywhere is refused, and so is one that goes on behind its end.

mod decoded;
mod header;
mod path;

use std::collections::BTreeSet;

use self::{
    decoded::Decoded,
    header::{BLOCK, Header, Member},
};
use super::Limits;
use crate::yaml::quote;

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path, in its one spelling: parts divided by single slashes, none in front.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

/// Reads every file of an archive.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<Entry>, String> {
    if bytes.len() as u64 > limits.compressed {
        return Err(format!("bundle.limit: it has {} bytes, more than {}", bytes.len(), limits.compressed));
    }
    let mut archive =
        Archive { source: Decoded::new(bytes, limits)?, limits, entries: Vec::new(), seen: BTreeSet::new() };
    archive.members()?;
    archive.source.finish()?;
    nothing_below_a_file(&archive.entries)?;
    Ok(archive.entries)
}

struct Archive<'a> {
    source: Decoded<'a>,
    limits: &'a Limits,
    entries: Vec<Entry>,
    /// Every path, without its case.
    seen: BTreeSet<String>,
}

impl Archive<'_> {
    fn members(&mut self) -> Result<(), String> {
        let mut name = None;
        let mut count = 0_usize;
        loop {
            let mut block = [0; BLOCK];
            self.source.exactly(&mut block)?;
            let Some(header) = Header::read(&block)? else {
                // Two blocks of zeros end an archive: one is what is left of a cut one.
                self.source.exactly(&mut block)?;
                return match (block == [0; BLOCK], name) {
                    (true, None) => Ok(()),
                    (true, Some(_)) => Err("bundle.archive: a long name belongs to no file".to_owned()),
                    (false, _) => Err("bundle.archive: a single block of zeros stands within it".to_owned()),
                };
            };
            count += 1;
            if count > self.limits.entries {
                return Err(format!("bundle.limit: it has more than {} entries", self.limits.entries));
            }
            match header.member {
                Member::LongName => {
                    let text = self.text(header.size)?;
                    let text = text.strip_suffix(b"\0").unwrap_or(&text).to_vec();
                    set_once(&mut name, text)?;
                }
                Member::Extended => {
                    let text = self.text(header.size)?;
                    if let Some(path) = header::extended(&text)? {
                        set_once(&mut name, path)?;
                    }
                }
                Member::Global => {
                    let text = self.text(header.size)?;
                    if header::extended(&text)?.is_some() {
                        return Err("bundle.archive: a path is given for all files at once".to_owned());
                    }
                }
                Member::Directory => self.directory(&name.take().unwrap_or(header.name))?,
                Member::File => self.file(&name.take().unwrap_or(header.name), header.size)?,
            }
        }
    }

    fn directory(&mut self, name: &[u8]) -> Result<(), String> {
        match path::directory(name, self.limits)? {
            Some(path) => self.once(&path),
            None => Ok(()),
        }
    }

    fn file(&mut self, name: &[u8], size: u64) -> Result<(), String> {
        let path = path::file(name, self.limits)?;
        self.once(&path)?;
        if size > self.limits.file {
            let (path, limit) = (quote(&path), self.limits.file);
            return Err(format!("bundle.limit: {path} has {size} bytes, more than {limit}"));
        }
        let bytes = self.source.content(size)?;
        self.entries.push(Entry { path, bytes });
        Ok(())
    }

    /// What of a member's content is about another member, such as its name.
    fn text(&mut self, size: u64) -> Result<Vec<u8>, String> {
        if size > MAX_TEXT {
            return Err(format!("bundle.limit: a header has {size} bytes, more than {MAX_TEXT}"));
        }
        self.source.content(size)
    }

    fn once(&mut self, path: &str) -> Result<(), String> {
        // Both ways, so that letters whose case has several forms are one.
        if self.seen.insert(path.to_uppercase().to_lowercase()) {
            return Ok(());
        }
        Err(format!("bundle.path: {} is there twice, or differs from another path only in its case", quote(path)))
    }
}

fn set_once(name: &mut Option<Vec<u8>>, found: Vec<u8>) -> Result<(), String> {
    match name.replace(found) {
        None => Ok(()),
        Some(_) => Err("bundle.archive: one file is given two long names".to_owned()),
    }
}

fn nothing_below_a_file(entries: &[Entry]) -> Result<(), String> {
    let files: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    for entry in entries {
        let mut parent = entry.path.as_str();
        while let Some((above, _)) = parent.rsplit_once('/') {
            if files.contains(above) {
                return Err(format!("bundle.path: {} lies below a file", quote(&entry.path)));
            }
            parent = above;
        }
    }
    Ok(())
}

/// The most bytes of a header about another one.
const MAX_TEXT: u64 = 64 * 1024;
