//! Paths, queries and bodies as the OPA-Envoy plugin reads them, before its policy is asked anything.

use super::{
    super::{
        body::{
            self,
            plugin::{Parsed, RequestError},
        },
        engine::Value,
        query,
    },
    View,
    names::Names,
    object::Object,
};
use crate::pb::attribute_context::HttpRequest;

/// What the plugin reads of a request. All of it is read whether or not a policy looks at it: what cannot be read is refused.
pub(super) struct Read {
    path: Vec<String>,
    query: query::Form,
    body: Option<Parsed>,
}

impl Read {
    /// Of a connection, nothing is there to read.
    pub(super) fn of(http: Option<&HttpRequest>, view: &View) -> Result<Self, RequestError> {
        let (path, query) = http
            .map_or("", |http| &http.path)
            .split_once('?')
            .unwrap_or_else(|| (http.map_or("", |http| &http.path), ""));
        let path = segments(path)?;
        let query = query::parse(query)?;
        let body = match http.filter(|_| !view.skip_body) {
            Some(http) => Some(body::plugin::parse(http, &path, view.descriptors.as_ref())?),
            None if view.skip_body => None,
            None => Some(Parsed::NOTHING),
        };
        Ok(Self { path, query, body })
    }

    pub(super) fn put(self, names: &Names, root: &mut Object<'_>) {
        let Self { path, query, body } = self;
        root.with(&names.parsed_path, |_| path.into_iter().map(Value::from).collect::<Vec<_>>().into());
        root.with(&names.parsed_query, |_| body::lists(query));
        if let Some(Parsed { body, truncated }) = body {
            root.put(&names.parsed_body, body);
            root.put(&names.truncated_body, truncated);
        }
    }
}

/// Decoded first and split then, so that an escaped slash separates; all slashes at the beginning count for one. Never empty.
fn segments(path: &str) -> Result<Vec<String>, RequestError> {
    let decoded = query::decode(path, false)?;
    Ok(decoded.trim_start_matches('/').split('/').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_before_it_is_split() {
        let rows: [(&str, &[&str]); 11] = [
            ("", &[""]),
            ("/", &[""]),
            ("///", &[""]),
            ("a", &["a"]),
            ("/a/b/", &["a", "b", ""]),
            ("/a//b", &["a", "", "b"]),
            ("//admin/x", &["admin", "x"]),
            ("/files/a%2Fb", &["files", "a", "b"]),
            ("/%2fa", &["a"]),
            ("/a/../b", &["a", "..", "b"]),
            ("/a+b%3Fc", &["a+b?c"]),
        ];
        for (path, expected) in rows {
            assert_eq!(segments(path).unwrap(), expected, "{path}");
        }
        for path in ["/100%", "/a/%zz", "/%c3"] {
            assert!(segments(path).is_err(), "{path}");
        }
    }
}
