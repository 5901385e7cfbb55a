//! Routes that anybody may call: a hop is public only if it has one reading, and upgrades to nothing.

use super::{Hop, Line, PathPattern, Request, method};

/// The routes that need neither proof nor approval (`hop.public`); none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Public(Vec<Route>);

/// Some methods on some paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    methods: Vec<Box<str>>,
    paths: Vec<PathPattern>,
}

/// Why a route cannot be public: which of its fields is wrong, which of the field's items, and how it would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {message}")]
pub struct RouteError {
    /// `methods`, `paths` or `acknowledge_public`.
    pub field: &'static str,
    /// Counted from zero.
    pub item: usize,
    /// How it would be right.
    pub message: &'static str,
}

impl Public {
    /// These routes.
    pub const fn new(routes: Vec<Route>) -> Self {
        Self(routes)
    }

    /// Whether anybody may make this hop: a request, of which nothing is in doubt, that stays one.
    pub fn admits(&self, hop: &Hop<'_>) -> bool {
        let Request::Http(http) = &hop.request else { return false };
        let Some(line) = &http.line else { return false };
        self.0.iter().any(|route| route.matches(line))
            && hop.ambiguities.is_empty()
            && http.upgrade.is_none()
            && http.headers.entries(":protocol") == 0
    }
}

impl Route {
    /// Reads a route. A path with `**` is one only if that is acknowledged.
    ///
    /// # Errors
    /// The first item that is wrong.
    pub fn new<S: AsRef<str>>(methods: &[S], paths: &[S], acknowledged: bool) -> Result<Self, RouteError> {
        let error = |field, item, message| Err(RouteError { field, item, message });
        if methods.is_empty() {
            return error("methods", 0, "name the methods that are public");
        }
        if paths.is_empty() {
            return error("paths", 0, "name the paths that are public");
        }
        for (item, name) in methods.iter().map(AsRef::as_ref).enumerate() {
            match name {
                "CONNECT" => return error("methods", item, "a tunnel is never public"),
                _ if method(name).is_err() => {
                    return error("methods", item, "a method is an upper-case name; there is no wildcard");
                }
                _ => {}
            }
        }
        let mut patterns = Vec::with_capacity(paths.len());
        for (item, path) in paths.iter().enumerate() {
            let pattern =
                PathPattern::parse(path.as_ref()).map_err(|message| RouteError { field: "paths", item, message })?;
            if pattern.is_open() && !acknowledged {
                let message =
                    "`**` makes whatever is added below it public: say `acknowledge_public: true` if it shall";
                return error("acknowledge_public", item, message);
            }
            patterns.push(pattern);
        }
        Ok(Self { methods: methods.iter().map(|name| name.as_ref().into()).collect(), paths: patterns })
    }

    fn matches(&self, line: &Line<'_>) -> bool {
        self.methods.iter().any(|method| **method == *line.method)
            && self.paths.iter().any(|pattern| pattern.matches(&line.target.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hop::tests::{check, header, plain, rules};
    use crate::hop::{Rules, Strict};
    use crate::pb::{AttributeContext, CheckRequest, attribute_context::HttpRequest};

    fn healthz() -> Public {
        Public::new(vec![
            Route::new(&["GET"], &["/healthz"], false).unwrap(),
            Route::new(&["GET", "HEAD"], &["/static/**"], true).unwrap(),
        ])
    }

    fn admits(http: HttpRequest) -> bool {
        let rules = Rules { strict: Strict::Observe, ..rules() };
        healthz().admits(&Hop::decode(&check(http), &rules).unwrap())
    }

    fn get(path: &str) -> HttpRequest {
        HttpRequest { path: path.to_owned(), ..plain() }
    }

    #[test]
    fn a_public_route_is_exactly_its_methods_and_paths() {
        assert!(admits(get("/healthz")) && admits(get("/healthz?verbose")) && admits(get("/static/a/b")));
        assert!(admits(HttpRequest { method: "HEAD".to_owned(), ..get("/static/") }));
        for path in ["/healthz/", "/health", "/", "/static", "/a"] {
            assert!(!admits(get(path)), "{path}");
        }
        assert!(!admits(HttpRequest { method: "POST".to_owned(), ..get("/healthz") }));
        assert!(!Public::default().admits(&Hop::decode(&check(get("/healthz")), &rules()).unwrap()));
    }

    #[test]
    fn a_hop_of_which_anything_is_in_doubt_is_not_public() {
        for path in ["/static/../healthz", "//healthz", "/static/%2e%2e/admin", "/healthz;x", "/static/a%2fb", ""] {
            assert!(!admits(get(path)), "{path}");
        }
        assert!(!admits(HttpRequest { method: "get".to_owned(), ..get("/healthz") }));
        assert!(!admits(HttpRequest { host: "a,b".to_owned(), ..get("/healthz") }));
        for (name, value) in [("connection", "x-hopguard-peer"), (":path", "/admin"), ("content-length", "1,2")] {
            assert!(!admits(HttpRequest { headers: header(name, value), ..get("/healthz") }), "{name}");
        }
    }

    #[test]
    fn an_upgrade_and_a_connection_are_never_public() {
        for (name, value) in [("upgrade", "websocket"), (":protocol", "websocket")] {
            assert!(!admits(HttpRequest { headers: header(name, value), ..get("/healthz") }), "{name}");
        }
        let tcp = CheckRequest { attributes: Some(AttributeContext::default()) };
        let rules = Rules { strict: Strict::Observe, tcp: true, ..rules() };
        assert!(!healthz().admits(&Hop::decode(&tcp, &rules).unwrap()));
    }

    #[test]
    fn a_route_that_is_wider_than_it_looks_is_refused() {
        let error = |methods: &[&str], paths: &[&str]| {
            let error = Route::new(methods, paths, false).unwrap_err();
            (error.field, error.item)
        };
        assert_eq!(error(&[], &["/a"]), ("methods", 0));
        assert_eq!(error(&["GET"], &[]), ("paths", 0));
        assert_eq!(error(&["GET", "get"], &["/a"]), ("methods", 1));
        assert_eq!(error(&["*"], &["/a"]), ("methods", 0));
        assert_eq!(error(&["CONNECT"], &["/a"]), ("methods", 0));
        assert_eq!(error(&["GET"], &["/a", "a"]), ("paths", 1));
        assert_eq!(error(&["GET"], &["/a*"]), ("paths", 0));
        assert_eq!(error(&["GET"], &["/a/**"]), ("acknowledge_public", 0));
    }
}
