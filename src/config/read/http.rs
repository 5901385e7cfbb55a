//! Reads addresses of what is served over TLS.

use crate::yaml::quote;

/// Reads an `https` address: a host, no user, no fragment (SPIFFE Federation §5.2).
pub(in crate::config) fn url(text: &str) -> Result<http::Uri, String> {
    let wrong = |why: &str| format!("{} {why}: write `https://host[:port]/path`", quote(text));
    let url: http::Uri = text.parse().map_err(|_| wrong("is not an address"))?;
    if url.scheme_str() != Some("https") {
        return Err(wrong("is not an `https` address"));
    }
    let authority = url.authority().ok_or_else(|| wrong("names no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("names a user, who would be shown to the server and in logs"));
    }
    if text.contains('#') {
        return Err(wrong("has a fragment, which no server sees"));
    }
    Ok(url)
}
