//! A path has one spelling, names something below the archive's top, and shows all that it says.

use crate::{bundle::Limits, yaml::quote};

/// The path of a file.
pub(super) fn file(name: &[u8], limits: &Limits) -> Result<String, String> {
    let path = text(name, limits)?;
    parts(path, limits)?;
    Ok(path.to_owned())
}

/// The path of a directory; none for the archive's top.
pub(super) fn directory(name: &[u8], limits: &Limits) -> Result<Option<String>, String> {
    if name == b"." {
        return Ok(None);
    }
    let path = text(name, limits)?;
    if path.is_empty() {
        return Ok(None);
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    parts(path, limits)?;
    Ok(Some(path.to_owned()))
}

/// Takes off what stands in front: OPA writes one slash there, `tar` of a directory writes `./`.
fn text<'a>(name: &'a [u8], limits: &Limits) -> Result<&'a str, String> {
    if name.len() > limits.path {
        return Err(format!("bundle.limit: a path has {} bytes, more than {}", name.len(), limits.path));
    }
    let text = std::str::from_utf8(name).map_err(|_| "bundle.path: a path is not UTF-8".to_owned())?;
    Ok(text.strip_prefix("./").or_else(|| text.strip_prefix('/')).unwrap_or(text))
}

fn parts(path: &str, limits: &Limits) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("bundle.path: {} {why}", quote(path)));
    if path.split('/').count() > limits.depth {
        return Err(format!("bundle.limit: {} has more than {} parts", quote(path), limits.depth));
    }
    if path.contains('\\') || path.chars().any(char::is_control) {
        return refuse("holds a backslash or a control character");
    }
    for part in path.split('/') {
        match part {
            "" => return refuse("is empty, begins with more than one slash, ends with one, or has two in a row"),
            "." | ".." => return refuse("has a part `.` or `..`"),
            _ if part.len() >= MAX_PART => return refuse("has a part of 255 or more bytes"),
            _ => {}
        }
    }
    Ok(())
}

/// No file system holds longer ones.
const MAX_PART: usize = 255;
