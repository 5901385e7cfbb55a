//! What was called, as narrowly as patterns can say it: a place in a path varies only where enough different identifiers were seen at it.

use std::collections::{BTreeMap, BTreeSet};

use super::LeftOut;
use crate::hop::PathPattern;

/// The requests and connections of one grant.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes {
    http: BTreeMap<(String, Vec<Part>), Template>,
    grpc: BTreeSet<String>,
    ports: BTreeSet<u16>,
}

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// It reads as an identifier; the template knows which.
    Identifier,
    Word(String),
}

/// Paths that differ in their identifiers only.
#[derive(Clone, Debug, Default)]
struct Template {
    /// The identifiers at each place, until there are enough.
    seen: Vec<BTreeSet<String>>,
    /// What was seen together; nothing stands for an identifier that may be any.
    together: BTreeSet<Vec<Option<String>>>,
}

/// Actions as documents have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Actions {
    /// Paths by the methods that all of them were called with.
    pub(super) http: BTreeMap<Vec<String>, Vec<String>>,
    pub(super) grpc: Vec<String>,
    pub(super) ports: Vec<u16>,
}

impl Routes {
    /// Takes in a connection.
    pub(super) fn connection(&mut self, port: u16) {
        self.ports.insert(port);
    }

    /// Takes in a request.
    ///
    /// # Errors
    /// Why no pattern is made of it.
    pub(super) fn request(&mut self, method: &str, path: &str) -> Result<(), LeftOut> {
        if method.len() >= CUT_METHOD || path.len() >= CUT_PATH {
            return Err(LeftOut::Cut);
        }
        // Whoever calls `/**` must not be given everything.
        if path.contains('*') {
            return Err(LeftOut::Wildcard);
        }
        if !is_method(method) || PathPattern::parse(path).is_err() {
            return Err(LeftOut::Spelling);
        }
        if let Some(name) = path.strip_prefix('/').filter(|name| method == "POST" && is_grpc(name)) {
            self.room(self.grpc.contains(name))?;
            self.grpc.insert(name.to_owned());
            return Ok(());
        }
        let (mut parts, mut identifiers) = (Vec::new(), Vec::new());
        for segment in path.split('/').skip(1) {
            if is_identifier(segment) {
                parts.push(Part::Identifier);
                identifiers.push(segment);
            } else {
                parts.push(Part::Word(segment.to_owned()));
            }
        }
        let key = (method.to_owned(), parts);
        self.room(self.http.contains_key(&key))?;
        self.http.entry(key).or_default().add(&identifiers)
    }

    /// Whether there is room for one more, unless it is there already.
    fn room(&self, is_known: bool) -> Result<(), LeftOut> {
        let full = self.http.len() + self.grpc.len() >= MAX_ROUTES;
        if full && !is_known { Err(LeftOut::Full) } else { Ok(()) }
    }

    /// What would cover all of it, and as little else as patterns can.
    pub(super) fn actions(&self) -> Actions {
        let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for ((method, parts), template) in &self.http {
            for identifiers in &template.together {
                methods.entry(path(parts, identifiers)).or_default().insert(method.clone());
            }
        }
        let mut http: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        for (path, methods) in methods {
            http.entry(methods.into_iter().collect()).or_default().push(path);
        }
        Actions { http, grpc: self.grpc.iter().cloned().collect(), ports: self.ports.iter().copied().collect() }
    }
}

impl Template {
    fn add(&mut self, identifiers: &[&str]) -> Result<(), LeftOut> {
        self.seen.resize_with(identifiers.len(), BTreeSet::new);
        let mut more = false;
        for (seen, identifier) in self.seen.iter_mut().zip(identifiers) {
            if seen.len() < ENOUGH && seen.insert((*identifier).to_owned()) {
                more |= seen.len() == ENOUGH;
            }
        }
        let shown = self.together(identifiers.iter().map(|identifier| Some((*identifier).to_owned())));
        if more {
            let before = std::mem::take(&mut self.together);
            self.together = before.into_iter().map(|it| self.together(it)).collect();
        }
        if self.together.len() >= MAX_TOGETHER && !self.together.contains(&shown) {
            return Err(LeftOut::Full);
        }
        self.together.insert(shown);
        Ok(())
    }

    /// Identifiers, without those at places where any may stand.
    fn together(&self, identifiers: impl IntoIterator<Item = Option<String>>) -> Vec<Option<String>> {
        let places = self.seen.iter().zip(identifiers);
        places.map(|(seen, identifier)| identifier.filter(|_| seen.len() < ENOUGH)).collect()
    }
}

fn path(parts: &[Part], identifiers: &[Option<String>]) -> String {
    let mut identifiers = identifiers.iter();
    let segment = |part: &Part| match part {
        Part::Word(word) => word.clone(),
        Part::Identifier => identifiers.next().cloned().flatten().unwrap_or_else(|| "*".to_owned()),
    };
    let segments: Vec<_> = parts.iter().map(segment).collect();
    format!("/{}", segments.join("/"))
}

/// Whether a segment reads as the name of one thing among many: a number, a UUID, or hex with a digit in it.
fn is_identifier(segment: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_digit = segment.bytes().any(|byte| byte.is_ascii_digit());
    let is_number = has_digit && segment.bytes().all(|byte| byte.is_ascii_digit());
    let is_uuid = segment.len() == 36 && segment.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    is_number
        || (is_uuid && segment.split('-').all(is_hex))
        || (segment.len() >= SHORTEST_HEX && has_digit && is_hex(segment))
}

/// Whether a path is that of a gRPC method in a package.
fn is_grpc(name: &str) -> bool {
    let is_word = |word: &str| {
        word.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    name.split_once('/')
        .is_some_and(|(service, method)| service.contains('.') && service.split('.').all(is_word) && is_word(method))
}

/// Whether an action may name the method.
fn is_method(method: &str) -> bool {
    method != "CONNECT"
        && method.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
        && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}

/// So many different identifiers at a place make it vary.
const ENOUGH: usize = 3;
const SHORTEST_HEX: usize = 8;
/// So many different paths and methods are kept of one grant.
const MAX_ROUTES: usize = 1_000;
const MAX_TOGETHER: usize = 256;
/// Records hold this much of a method and of a path, up to three bytes less where it ends in a long character.
const CUT_METHOD: usize = 32;
const CUT_PATH: usize = 2_045;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn actions(requests: &[(&str, &str)]) -> Vec<String> {
        let mut routes = Routes::default();
        for (method, path) in requests {
            routes.request(method, path).unwrap();
        }
        let Actions { http, grpc, .. } = routes.actions();
        let http = http.iter().map(|(methods, paths)| format!("{} {}", methods.join(","), paths.join(" ")));
        http.chain(grpc).collect()
    }

    #[test]
    fn a_place_varies_once_three_identifiers_were_seen_at_it() {
        assert_eq!(actions(&[("GET", "/o/1"), ("GET", "/o/2")]), ["GET /o/1 /o/2"]);
        assert_eq!(actions(&[("GET", "/o/1"), ("GET", "/o/2"), ("GET", "/o/2"), ("GET", "/o/3")]), ["GET /o/*"]);
        let uuid = |end: u8| format!("/o/3f2504e0-4f89-11d3-9a0c-0305e82c33{end:02x}");
        let uuids = [uuid(1), uuid(2), uuid(3)];
        assert_eq!(actions(&uuids.each_ref().map(|path| ("GET", &**path))), ["GET /o/*"]);
        assert_eq!(actions(&[("GET", "/o/0af1b2c3"), ("GET", "/o/0af1b2c4"), ("GET", "/o/7")]), ["GET /o/*"]);
    }

    #[test]
    fn words_never_vary() {
        let words = ["/o/a", "/o/b", "/o/c", "/o/v1", "/o/v2", "/o/v3", "/o/deadbeef", "/o/feedface", "/o/cafebabe"];
        assert_eq!(actions(&words.map(|path| ("GET", path))).concat().matches('*').count(), 0);
    }

    #[test]
    fn what_varies_with_one_method_does_not_with_another() {
        let requests = [("GET", "/o/1"), ("GET", "/o/2"), ("GET", "/o/3"), ("DELETE", "/o/1")];
        assert_eq!(actions(&requests), ["DELETE /o/1", "GET /o/*"]);
        let requests = ["/o/1", "/o/2", "/o/3"].map(|path| [("GET", path), ("PUT", path)]).concat();
        assert_eq!(actions(&requests), ["GET,PUT /o/*"]);
    }

    #[test]
    fn each_place_varies_for_itself_and_only_what_was_seen_together_is_opened() {
        let requests = [("GET", "/o/1/i/7"), ("GET", "/o/2/i/7"), ("GET", "/o/3/i/8")];
        assert_eq!(actions(&requests), ["GET /o/*/i/7 /o/*/i/8"]);
        assert_eq!(actions(&[("GET", "/o/1/i/7"), ("GET", "/o/2/i/8")]), ["GET /o/1/i/7 /o/2/i/8"]);
    }

    #[test]
    fn a_grpc_call_is_named_as_one() {
        assert_eq!(actions(&[("POST", "/a.v1.B/Read"), ("POST", "/b/Read")]), ["POST /b/Read", "a.v1.B/Read"]);
        assert_eq!(actions(&[("GET", "/a.v1.B/Read")]), ["GET /a.v1.B/Read"]);
    }

    #[test]
    fn a_caller_cannot_write_a_pattern() {
        let mut routes = Routes::default();
        for path in ["/**", "/*", "/a/**", "/a/*/b", "/a*"] {
            assert_eq!(routes.request("GET", path), Err(LeftOut::Wildcard), "{path}");
        }
        for (method, path) in
            [("get", "/a"), ("GET, PUT", "/a"), ("CONNECT", "/a"), ("", "/a"), ("GET", "a"), ("GET", "/a//b")]
        {
            assert_eq!(routes.request(method, path), Err(LeftOut::Spelling), "{method} {path}");
        }
        assert_eq!(routes.request("GET", &format!("/{}", "a".repeat(2_047))), Err(LeftOut::Cut));
        assert_eq!(routes.request(&"A".repeat(32), "/"), Err(LeftOut::Cut));
        assert_eq!(routes.actions(), Actions::default());
    }

    #[test]
    fn a_flood_of_paths_is_bounded() {
        let mut routes = Routes::default();
        let full = (0..5_000).filter(|index| routes.request("GET", &format!("/x{index}")).is_err()).count();
        assert_eq!(full, 5_000 - MAX_ROUTES);
        assert!(routes.request("GET", "/x1").is_ok(), "what is there goes on counting");
        let deep = |number: usize| (0..9).map(|bit| format!("/{}", (number >> bit) & 1)).collect::<String>();
        let mut routes = Routes::default();
        let full = (0..512).filter(|number| routes.request("GET", &deep(*number)).is_err()).count();
        assert_eq!(full, 512 - MAX_TOGETHER);
    }

    proptest! {
        /// Whatever was called is covered, and nothing of another length, with another method or under another word is.
        #[test]
        fn everything_that_was_taken_in_is_covered(
            requests in proptest::collection::vec(("GET|PUT|POST", "(/(a|b|c|[0-9]|0a1b2c3[0-9])){1,4}"), 1..40),
        ) {
            let mut routes = Routes::default();
            for (method, path) in &requests {
                prop_assert!(routes.request(method, path).is_ok());
            }
            let actions = routes.actions();
            for (method, path) in &requests {
                let covers = |(methods, paths): (&Vec<String>, &Vec<String>)| {
                    methods.contains(method) && paths.iter().any(|it| PathPattern::parse(it).unwrap().matches(path))
                };
                prop_assert!(actions.http.iter().any(covers), "{method} {path}");
            }
            for (methods, paths) in &actions.http {
                for (method, pattern) in methods.iter().flat_map(|method| paths.iter().map(move |path| (method, path))) {
                    let pattern = PathPattern::parse(pattern).unwrap();
                    prop_assert!(requests.iter().any(|(other, path)| other == method && pattern.matches(path)));
                }
            }
        }
    }
}
