//! A request as somebody types it or Envoy sent it, within bounds.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use prost::Message as _;

use crate::{
    cli::asking::Line,
    clock::Timestamp,
    pb::{AttributeContext, CheckRequest, attribute_context::Peer, check_request_from_json},
    policy::answer::Pairs,
    yaml::quote,
};

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) check: CheckRequest,
}

impl Request {
    /// The same, from who presents the first certificate in `file`: as Envoy writes it down.
    pub(super) fn with_certificate(mut self, file: &Path) -> Result<Self, String> {
        let text = text(file)?;
        let begin = text.find(BEGIN).ok_or_else(|| format!("{}: there is no certificate in it", file.display()))?;
        let leaf = text.get(begin..).unwrap_or_default();
        let end = leaf.find(END).map(|end| end.saturating_add(END.len()));
        let leaf = end.and_then(|end| leaf.get(..end));
        let leaf = leaf.ok_or_else(|| format!("{}: the certificate in it does not end", file.display()))?;
        let attributes = self.check.attributes.get_or_insert_with(AttributeContext::default);
        attributes.source.get_or_insert_with(Peer::default).certificate = escaped(&format!("{leaf}\n"));
        Ok(self)
    }
}

/// Reads a request: a file, `-`, or a URL with or without a method. `None`: there is none.
pub(super) fn read(
    arguments: &[String],
    headers: &Pairs,
    body: Option<&str>,
    now: Timestamp,
) -> Result<Option<Request>, String> {
    let (method, url) = match arguments {
        [] if headers.is_empty() && body.is_none() => return Ok(None),
        [] => return Err("a header or a body is of a request: name its URL".to_owned()),
        [one] if !one.contains("://") => {
            if !headers.is_empty() || body.is_some() {
                return Err(format!("{} is a file, whose request has its own headers and body", quote(one)));
            }
            return file(Path::new(one)).map(|check| Some(Request { check }));
        }
        [url] => (if body.is_some() { "POST" } else { "GET" }, url),
        [method, url, ..] => (method.as_str(), url),
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("{} is no URL", quote(url)))?;
    if !matches!(scheme, "http" | "https") {
        return Err(format!("{} is neither `http://` nor `https://`", quote(url)));
    }
    let (host, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let line = Line {
        method: method.to_owned(),
        scheme: scheme.to_owned(),
        host: host.to_owned(),
        path,
        headers: headers.clone(),
        body: body.unwrap_or_default().to_owned(),
    };
    Ok(Some(Request { check: line.check(now) }))
}

/// Reads a `CheckRequest`: JSON, if it begins like an object, else the binary message.
fn file(path: &Path) -> Result<CheckRequest, String> {
    let bytes = bytes(path)?;
    let name = path.display();
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        let text = String::from_utf8(bytes).map_err(|_| format!("{name}: this is not UTF-8"))?;
        return check_request_from_json(&text).map_err(|error| format!("{name}: {error}"));
    }
    let check = CheckRequest::decode(bytes.as_slice()).map_err(|error| format!("{name}: no CheckRequest: {error}"))?;
    if check == CheckRequest::default() {
        return Err(format!("{name}: an empty CheckRequest"));
    }
    Ok(check)
}

/// The text of a file; `-` is standard input.
pub(super) fn text(path: &Path) -> Result<String, String> {
    String::from_utf8(bytes(path)?).map_err(|_| format!("{}: this is not UTF-8", path.display()))
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = |from: &mut dyn Read, bytes: &mut Vec<u8>| from.take(MAX.saturating_add(1)).read_to_end(bytes);
    let size = if path == Path::new("-") {
        read(&mut io::stdin(), &mut bytes)
    } else {
        fs::File::open(path).and_then(|mut file| read(&mut file, &mut bytes))
    };
    match size {
        Ok(size) if size as u64 <= MAX => Ok(bytes),
        Ok(_) => Err(format!("{}: larger than {MAX} bytes", path.display())),
        Err(error) => Err(format!("{}: cannot be read: {error}", path.display())),
    }
}

/// Percent-encoded as Envoy encodes a certificate.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// As Envoy's messages are by default.
const MAX: u64 = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str], body: Option<&str>) -> Result<(String, String, String), String> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let request = read(&arguments, &Pairs::new(), body, Timestamp::MIN)?.unwrap();
        let http = request.check.attributes.unwrap().request.unwrap().http.unwrap();
        Ok((http.method, http.host, http.path))
    }

    #[test]
    fn a_line_is_read_as_curl_reads_it() {
        let told = |method: &str, host: &str, path: &str| Ok((method.to_owned(), host.to_owned(), path.to_owned()));
        assert_eq!(asked(&["https://a.example/x?y=1"], None), told("GET", "a.example", "/x?y=1"));
        assert_eq!(asked(&["http://a.example:8080?y"], Some("{}")), told("POST", "a.example:8080", "/?y"));
        assert_eq!(asked(&["DELETE", "https://a.example"], None), told("DELETE", "a.example", "/"));
        for wrong in [&["GET", "/x"][..], &["ftp://a/b"], &["/nowhere/at/all.json"]] {
            assert!(asked(wrong, None).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_is_json_or_the_message_itself() {
        let folder = tempfile::tempdir().unwrap();
        let json = r#" {"attributes": {"request": {"http": {"method": "PUT", "host": "h", "path": "/"}}}}"#;
        let check = check_request_from_json(json).unwrap();
        for (name, bytes) in [("a.json", json.as_bytes().to_vec()), ("a.pb", check.encode_to_vec())] {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            assert_eq!(file(&path), Ok(check.clone()), "{name}");
        }
        for bytes in [&b""[..], b"{\"attribute\": {}}", b"\xff\xff"] {
            let path = folder.path().join("b");
            fs::write(&path, bytes).unwrap();
            assert!(file(&path).is_err(), "{bytes:?}");
        }
    }
}
