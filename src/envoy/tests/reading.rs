//! What a file may look like, and which files are refused at once.

use std::time::Instant;

use super::*;

#[test]
fn reads_json_resources_and_dumps() {
    let json = "{\n\t\"static_resources\": {\"listeners\": [{\"name\": \"a\"}]}}";
    assert_eq!(codes(json), ["ext_authz.missing"]);
    let listener = "{\"@type\": \"a/envoy.config.listener.v3.Listener\", \"name\": \"a\"}";
    assert_eq!(codes(&format!("resources: [{listener}]")), ["ext_authz.missing"]);
    let wrapped = format!("{{\"@type\": \"a/envoy.service.discovery.v3.Resource\", \"resource\": {listener}}}");
    assert_eq!(codes(&format!("resources: [{wrapped}]")), ["ext_authz.missing"]);
    let dump =
        format!("{{\"configs\": [{{\"dynamic_listeners\": [{{\"active_state\": {{\"listener\": {listener}}}}}]}}]}}");
    assert_eq!(codes(&dump), ["ext_authz.missing"]);
    assert_eq!(codes("dynamic_resources: {lds_config: {path_config_source: {path: a}}}"), ["listener.unseen"]);
}

#[test]
fn a_file_that_can_be_read_in_two_ways_is_refused() {
    let listener = "static_resources: {listeners: [{name: a}]}\n";
    let rows = [
        ("", None, "the file is empty"),
        ("a: [", None, "not valid YAML"),
        ("a: b", Some(1), "nothing listens here"),
        ("- a", Some(1), "nothing listens here"),
        (&format!("{listener}admin: {{a: 1, a: 2}}"), Some(2), "`a` is there twice"),
        (&format!("{listener}admin: {{aB: 1, a_b: 2}}"), Some(2), "`a_b` is there twice"),
        (&format!("{listener}---\n{listener}"), None, "a second document"),
        (&format!("{listener}admin: {{<<: {{a: 1}}}}"), Some(2), "does not merge"),
        (&format!("{listener}admin: {{[a]: 1}}"), Some(2), "a key that is no name"),
        (&format!("{listener}admin: &a [*a]"), Some(2), "an alias inside"),
    ];
    for (source, line, message) in rows {
        let refused = lint(source, &Expect::default()).unwrap_err();
        assert!(refused.message.contains(message), "{source}: {refused}");
        assert!(line.is_none() || refused.line == line, "{source}: {refused:?}");
    }
}

#[test]
fn a_hostile_file_is_refused_at_once() {
    let bomb = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        let aliases = format!("*a{}, ", n - 1).repeat(9);
        format!("{text}a{n}: &a{n} [{aliases}]\n")
    });
    let files = [
        bomb,
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        format!("a: {}", "x".repeat(10 << 20)),
        "- - ".repeat(50_000),
    ];
    for file in files {
        let started = Instant::now();
        assert!(lint(&file, &Expect::default()).is_err());
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
