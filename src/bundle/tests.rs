mod archive;
mod content;
mod corpus;
mod document;
mod signature;

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::*;

/// 2026-11-21T12:00:00Z.
fn now() -> Timestamp {
    Timestamp::from_seconds(1_795_262_400)
}

fn read(bytes: &[u8]) -> Result<Bundle, String> {
    read_within(bytes, &Limits::default())
}

fn read_within(bytes: &[u8], limits: &Limits) -> Result<Bundle, String> {
    Bundle::read("b", bytes, limits, None, now()).map_err(|problems| problems.to_string())
}

/// One member of an archive, with its padding.
fn member(name: &str, kind: u8, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    let field = &mut header.as_old_mut().name;
    field[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkflag = [kind];
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, content: &str) -> Vec<u8> {
    member(name, b'0', 0o644, content.as_bytes())
}

/// An archive of members.
fn archive(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// An archive of files.
fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    archive(&files.iter().map(|(name, content)| file(name, content)).collect::<Vec<_>>())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn json(text: &str) -> Value {
    Value::from_json_str(text).unwrap()
}

const POLICY: &str = "package a\n\nallow if data.x.y == 1\n";
