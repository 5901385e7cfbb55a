//! The log's file: one writer, whole lines only.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::Deserialize;

use super::Sink;

/// Where lines are appended.
#[derive(Debug)]
pub(super) enum Log {
    Stdout(io::Stdout),
    File {
        file: File,
        /// Up to the end of its last whole line.
        length: u64,
        /// Whether something may stand behind that.
        torn: bool,
    },
}

impl Log {
    /// Opens the log and gives the number of the next record.
    pub(super) fn open(sink: &Sink) -> io::Result<(Self, u64)> {
        let path = match sink {
            Sink::Stdout => return Ok((Self::Stdout(io::stdout()), 1)),
            Sink::File(path) => path,
        };
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "is not a regular file: use `-` for standard output",
            ));
        }
        file.try_lock().map_err(|_| io::Error::new(io::ErrorKind::ResourceBusy, "another process writes this log"))?;
        let last = last_line(&mut file, path)?;
        let length = file.seek(SeekFrom::End(0))?;
        let log = Self::File { file, length, torn: false };
        let Some(last) = last else { return Ok((log, 1)) };
        let number = serde_json::from_slice::<Numbered>(&last)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "does not end in a record: move the file away"))?;
        Ok((log, number.seq.saturating_add(1)))
    }

    /// Puts whole lines on disk, or none: what was written of a failed attempt is taken back.
    ///
    /// A failed sync too takes everything back, because the kernel forgets what it could not write and calls the next sync a success.
    pub(super) fn commit(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
            Self::File { file, length, torn } => {
                if *torn {
                    file.set_len(*length)?;
                }
                *torn = true;
                file.write_all(lines).and_then(|()| file.sync_data()).or_else(|error| {
                    file.set_len(*length)?;
                    *torn = false;
                    Err(error)
                })?;
                *torn = false;
                *length = length.saturating_add(lines.len() as u64);
                Ok(())
            }
        }
    }
}

#[derive(Deserialize)]
struct Numbered {
    seq: u64,
}

/// The last whole line. A crash can leave a piece of a line behind: it is ended where it is, so that nothing is glued to it.
fn last_line(file: &mut File, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(MAX_LINE)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if tail.last().is_some_and(|byte| *byte != b'\n') {
        tracing::warn!(audit.file = %path.display(), "Audit log ends in a torn record");
        file.write_all(b"\n")?;
        // Only its end may be missing: then it is a record, and its number is taken.
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end.saturating_add(1));
        if tail.get(whole..).is_none_or(|piece| serde_json::from_slice::<Numbered>(piece).is_err()) {
            tail.truncate(whole);
        }
    }
    let mut lines = tail.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty());
    // An earlier torn line was ended in the same way, and holds no number.
    let numbered = |line: &&[u8]| serde_json::from_slice::<Numbered>(line).is_ok();
    let last = lines.next().map(<[u8]>::to_vec);
    match last {
        Some(line) if numbered(&line.as_slice()) => Ok(Some(line)),
        Some(line) => Ok(Some(lines.find(numbered).map_or(line, <[u8]>::to_vec))),
        None => Ok(None),
    }
}

/// Longer than any record.
const MAX_LINE: u64 = 1024 * 1024;
