//! What an archive unpacks to comes piece by piece, up to a bound that was fixed before the first one.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use super::header::BLOCK;
use crate::bundle::Limits;

pub(super) struct Decoded<'a> {
    source: Source<'a>,
    /// How many bytes may still come.
    left: u64,
    /// Why not more.
    bound: String,
}

enum Source<'a> {
    Plain(&'a [u8]),
    Gzip(Box<GzDecoder<&'a [u8]>>),
}

impl<'a> Decoded<'a> {
    pub(super) fn new(bytes: &'a [u8], limits: &Limits) -> Result<Self, String> {
        let source = match bytes {
            [0x1f, 0x8b, ..] => Source::Gzip(Box::new(GzDecoder::new(bytes))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(UNSUPPORTED.to_owned()),
            _ => Source::Plain(bytes),
        };
        let by_ratio = (bytes.len() as u64).saturating_mul(limits.ratio).max(limits.ratio_from);
        let bound = if by_ratio < limits.bytes {
            format!("bundle.limit: it unpacks to more than {} times its size", limits.ratio)
        } else {
            format!("bundle.limit: it unpacks to more than {} bytes", limits.bytes)
        };
        Ok(Self { source, left: by_ratio.min(limits.bytes), bound })
    }

    /// Fills `block`.
    pub(super) fn exactly(&mut self, block: &mut [u8; BLOCK]) -> Result<(), String> {
        self.take(BLOCK as u64)?;
        self.source.read_exact(block).map_err(|error| broken(&error))
    }

    /// So many bytes, and the zeros that fill their last block.
    pub(super) fn content(&mut self, size: u64) -> Result<Vec<u8>, String> {
        self.take(size)?;
        let mut bytes = Vec::new();
        let read = self.source.by_ref().take(size).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
        if read as u64 != size {
            return Err(CUT.to_owned());
        }
        let padding = size.next_multiple_of(BLOCK as u64).saturating_sub(size);
        self.take(padding)?;
        let mut zeros = Vec::new();
        self.source.by_ref().take(padding).read_to_end(&mut zeros).map_err(|error| broken(&error))?;
        if zeros.len() as u64 != padding {
            return Err(CUT.to_owned());
        }
        if zeros.iter().any(|byte| *byte != 0) { Err(GARBAGE.to_owned()) } else { Ok(bytes) }
    }

    /// Reads the rest, which must be zeros, and the end of the compression, behind which nothing stands.
    pub(super) fn finish(mut self) -> Result<(), String> {
        let mut piece = [0; 4096];
        loop {
            let read = match self.source.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(&error)),
            };
            self.take(read as u64)?;
            if piece.iter().take(read).any(|byte| *byte != 0) {
                return Err(GARBAGE.to_owned());
            }
        }
        let behind = match self.source {
            Source::Plain(rest) => rest,
            Source::Gzip(decoder) => decoder.into_inner(),
        };
        if behind.is_empty() { Ok(()) } else { Err(GARBAGE.to_owned()) }
    }

    fn take(&mut self, count: u64) -> Result<(), String> {
        self.left = self.left.checked_sub(count).ok_or_else(|| self.bound.clone())?;
        Ok(())
    }
}

impl Read for Source<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(rest) => rest.read(piece),
            Self::Gzip(decoder) => decoder.read(piece),
        }
    }
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => CUT.to_owned(),
        _ => "bundle.archive: it is not gzip, or was damaged on its way".to_owned(),
    }
}

const CUT: &str = "bundle.archive: it is cut off, or not a tar archive";
const GARBAGE: &str = "bundle.archive: there are bytes that belong to no file, or stand behind the end";
const UNSUPPORTED: &str = "bundle.unsupported: it is compressed with zstd: use gzip, as `opa build` does";
