//! What both policies and requests are made of, so that they meet.

/// Names of people, roles, fields and header names.
pub(crate) const NAMES: &[&str] =
    &["alice", "bob", "mallory", "admin", "reader", "x-user", "x-role", "x-tenant", "a", "b", "amount"];
pub(crate) const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE"];
pub(crate) const PATHS: &[&str] =
    &["/", "/admin", "/orders/17", "/orders/17/items?page=2", "/a/b/c?x=1&x=2&y", "/Public/é"];
pub(crate) const ADDRESSES: &[&str] =
    &["10.1.2.3", "192.168.1.77", "203.0.113.9", "2001:db8::17", "10.0.0.0/8", "nowhere"];
pub(crate) const TEXTS: &[&str] = &[
    "",
    " ",
    "a,b,,c",
    "10",
    "1e3",
    "007",
    "true",
    "null",
    "Bearer abc.def",
    "spiffe://example.org/shop/web",
    "2026-01-02T03:04:05Z",
    "90m",
    "{\"a\": [1, 2]}",
    "YWxpY2U6c2VjcmV0",
    "ÄÖ ß",
    "日本",
    "e\u{301}",
    "%2e%2e/",
    "1.2.3",
    "\"]; allow := true #",
    "nul\u{0}in it",
    "a\nb",
];
pub(crate) const GLOBS: &[&str] =
    &["/*", "/admin*", "/orders/*/items", "**", "{GET,P*}", "spiffe://*/shop/*", "[a-c]", "?"];
pub(crate) const REGEXES: &[&str] =
    &["^/orders/[0-9]+", "^a?b$", "[[:alpha:]]+", "(?i)bearer", "^$", "\\\\.[a-z]{2,3}", "."];
pub(crate) const NETWORKS: &[&str] = &["10.0.0.0/8", "192.168.1.0/24", "2001:db8::/32", "0.0.0.0/0"];

/// Numbers that policies write and requests send. How a policy writes a number is lost to the engine: none is written in two ways.
pub(crate) const NUMBERS: &[&str] = &["0", "1", "2", "3", "-1", "17", "100", "0.5", "10"];
/// Numbers that only requests send.
pub(crate) const ODD_NUMBERS: &[&str] = &[
    "9007199254740993",
    "18446744073709551616",
    "-9223372036854775809",
    "1.0",
    "-2.0",
    "1e3",
    "1e-7",
    "1e30",
    "0.1",
    "100.0000000000000000001",
    "123456789012345678901234567890",
    "-0",
    "1700000000000000000",
];

/// The documents below `data` of every policy.
pub(crate) const DATA: &str = r#"{
    "roles": {"alice": ["admin", "reader"], "bob": ["reader"], "mallory": []},
    "permissions": {
        "admin": [{"method": "GET", "path": "/admin"}, {"method": "POST", "path": "/orders/17"}],
        "reader": [{"method": "GET", "path": "/orders/17"}]
    },
    "networks": ["10.0.0.0/8", "192.168.1.0/24", "2001:db8::/32"],
    "limits": {"amount": 100, "ratio": 0.5, "big": 9007199254740993},
    "blocked": {"mallory": true, "bob": false},
    "odd": {"nothing": null, "false": false, "empty": "", "nested": {"a": {"b": [1, 2.0, "3"]}}, "\"]; allow := true #": 1}
}"#;
