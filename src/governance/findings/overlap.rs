//! Whether two lists of actions have a hop in common, asked of what is written; in doubt they have.

use crate::{
    governance::written::{get, items_of, text_of},
    yaml::Node,
};

/// Whether a hop could be one of both.
pub(super) fn overlaps(some: &[Node], others: &[Node]) -> bool {
    let others: Vec<_> = others.iter().flat_map(calls).collect();
    some.iter().flat_map(calls).any(|call| others.iter().any(|other| call.meets(other)))
}

/// One method on one pattern of paths, or one port.
enum Call<'a> {
    Http { method: &'a str, path: String },
    Tcp(&'a str),
}

fn calls(action: &Node) -> Vec<Call<'_>> {
    let texts = |key: &str| get(action, key).map(items_of).unwrap_or_default().iter().filter_map(text_of);
    let mut calls: Vec<_> = texts("methods")
        .flat_map(|method| texts("paths").map(move |path| Call::Http { method, path: path.to_owned() }))
        .collect();
    calls.extend(texts("grpc").map(|name| Call::Http { method: "POST", path: format!("/{name}") }));
    let ports = get(action, "tcp").and_then(|tcp| get(tcp, "ports")).map(items_of).unwrap_or_default();
    calls.extend(ports.iter().filter_map(text_of).map(Call::Tcp));
    calls
}

impl Call<'_> {
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Http { method, path }, Self::Http { method: other, path: pattern }) => {
                method == other && meet(path, pattern)
            }
            (Self::Tcp(port), Self::Tcp(other)) => port == other,
            (Self::Http { .. }, Self::Tcp(_)) | (Self::Tcp(_), Self::Http { .. }) => false,
        }
    }
}

/// Whether some path matches both patterns.
fn meet(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some("**"), Some(_)) | (Some(_), Some("**")) => return true,
            (Some("*"), Some(segment)) | (Some(segment), Some("*")) if !segment.is_empty() => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_where_a_path_matches_both() {
        for (one, other) in
            [("/a", "/a"), ("/a/*", "/a/b"), ("/a/*", "/*/b"), ("/**", "/a/b"), ("/a/**", "/a/b/c"), ("/a/**", "/**")]
        {
            assert!(meet(one, other) && meet(other, one), "{one} {other}");
        }
        for (one, other) in [("/a", "/b"), ("/a/*", "/a"), ("/a/*", "/a/"), ("/a/*", "/a/b/c"), ("/a/**", "/a")] {
            assert!(!meet(one, other) && !meet(other, one), "{one} {other}");
        }
    }

    #[test]
    fn actions_meet_by_method_path_or_port() {
        let actions = |text: &str| match crate::yaml::parse("a", text).unwrap().remove(0).kind {
            crate::yaml::Kind::Sequence(items) => items,
            _ => panic!(),
        };
        let meet = |one: &str, other: &str| overlaps(&actions(one), &actions(other));
        assert!(meet("[{methods: [GET], paths: [/a, /b]}]", "[{methods: [PUT, GET], paths: [\"/*\"]}]"));
        assert!(!meet("[{methods: [GET], paths: [/a]}]", "[{methods: [PUT], paths: [/a]}]"));
        assert!(meet("[{grpc: [a.B/C]}]", "[{methods: [POST], paths: [\"/a.B/*\"]}]"));
        assert!(meet("[{tcp: {ports: [1, 2]}}]", "[{tcp: {ports: [2]}}]"));
        assert!(!meet("[{tcp: {ports: [1]}}]", "[{tcp: {ports: [2]}}]"));
        assert!(!meet("[{tcp: {ports: [1]}}]", "[{methods: [GET], paths: [/a]}]"));
    }
}
