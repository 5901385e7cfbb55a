//! What a header says is taken literally, and what could make a member more than a plain file or directory is refused by its name.

use crate::yaml::quote;

/// The unit of an archive.
pub(super) const BLOCK: usize = 512;

/// What stands before a member's content.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) member: Member,
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    File,
    Directory,
    /// The name of the next member (GNU).
    LongName,
    /// More about the next member (POSIX).
    Extended,
    /// More about all members that follow (POSIX).
    Global,
}

impl Header {
    /// Reads a header; none is a block of zeros.
    pub(super) fn read(block: &[u8; BLOCK]) -> Result<Option<Self>, String> {
        if block == &[0; BLOCK] {
            return Ok(None);
        }
        let header = tar::Header::from_byte_slice(block);
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        // The sum is made as if its own eight bytes were spaces.
        let counted = sum(block).saturating_sub(sum(&header.as_old().cksum)).saturating_add(8 * u32::from(b' '));
        if header.cksum().ok() != Some(counted) {
            return Err("bundle.archive: a header's checksum is wrong: it is not a tar archive, or damaged".to_owned());
        }
        let name = header.path_bytes().into_owned();
        let refuse = |what: &str| Err(format!("bundle.archive: {} is {what}", quote(&String::from_utf8_lossy(&name))));
        let [kind] = header.as_old().linkflag;
        let member = match kind {
            b'0' | 0 => Member::File,
            b'1' => return refuse("a hard link: a bundle holds the files themselves"),
            b'2' => return refuse("a symbolic link: a bundle holds the files themselves"),
            b'3' | b'4' => return refuse("a device"),
            b'5' => Member::Directory,
            b'6' => return refuse("a pipe"),
            b'L' => Member::LongName,
            b'S' => return refuse("a sparse file"),
            b'g' => Member::Global,
            b'x' => Member::Extended,
            _ => return refuse("neither a file nor a directory"),
        };
        let is_real = matches!(member, Member::File | Member::Directory);
        match header.mode() {
            Ok(mode) if is_real && mode & 0o7000 != 0 => {
                return refuse("setuid, setgid or sticky: take these bits away");
            }
            Ok(_) => {}
            Err(_) => return refuse("a member whose mode is no number"),
        }
        let Ok(size) = header.entry_size() else { return refuse("a member whose size is no number") };
        if member == Member::Directory && size != 0 {
            return refuse("a directory with content");
        }
        Ok(Some(Self { member, name, size }))
    }
}

/// Reads the records of an extended header ([POSIX pax], "Extended Header"); gives the path, if one is there.
///
/// [POSIX pax]: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
pub(super) fn extended(text: &[u8]) -> Result<Option<Vec<u8>>, String> {
    const MALFORMED: &str = "bundle.archive: an extended header is malformed";
    let mut rest = text;
    let mut path = None;
    while !rest.is_empty() {
        let digits = rest.iter().position(|byte| *byte == b' ').ok_or(MALFORMED)?;
        let (length, _) = rest.split_at_checked(digits).ok_or(MALFORMED)?;
        let length: usize = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok()).ok_or(MALFORMED)?;
        let (record, behind) = rest.split_at_checked(length).ok_or(MALFORMED)?;
        let record =
            record.get(digits.saturating_add(1)..).and_then(|record| record.strip_suffix(b"\n")).ok_or(MALFORMED)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(MALFORMED)?;
        let (key, value) = record.split_at_checked(equals).ok_or(MALFORMED)?;
        let value = value.get(1..).unwrap_or_default();
        match key {
            b"path" => {
                if path.replace(value.to_vec()).is_some() {
                    return Err(MALFORMED.to_owned());
                }
            }
            b"atime" | b"ctime" | b"mtime" | b"uid" | b"gid" | b"uname" | b"gname" | b"comment" => {}
            _ if key.starts_with(b"SCHILY.") || key.starts_with(b"LIBARCHIVE.") => {}
            _ => {
                let key = quote(&String::from_utf8_lossy(key));
                return Err(format!("bundle.archive: the extended header {key} is refused"));
            }
        }
        rest = behind;
    }
    Ok(path)
}
