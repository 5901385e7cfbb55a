//! What OPA's users write, as sentences.

use std::time::Duration;

use super::*;

fn read(text: &str) -> Result<Settings, Problems> {
    Settings::read(&Tree::parse("opa.yaml", text, |_| None)?)
}

fn problems(text: &str) -> Vec<String> {
    read(text).err().map(|problems| problems.0.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

#[test]
fn nothing_at_all_is_the_plugin_as_it_comes() {
    for text in ["", "plugins: {}", "plugins: {envoy_ext_authz_grpc: {}}", "plugins: {envoy_ext_authz_grpc: null}"] {
        let settings = read(text).unwrap();
        assert_eq!(settings.plugin.addr, ":9191", "{text}");
        assert_eq!(settings.plugin.entrypoint.to_string(), "data.envoy.authz.allow", "{text}");
        assert!(!settings.plugin.dry_run && !settings.plugin.skip_body, "{text}");
        assert_eq!((settings.plugin.max_message, settings.bundles.len()), (4 << 20, 0), "{text}");
    }
}

#[test]
fn the_quick_starts_are_read_whole() {
    let settings = read(
        "
services:
  controller:
    url: https://www.example.com
    credentials: {bearer: {token_path: /var/token}}
    headers: {x-team: mesh}
    tls: {ca_cert: ca.pem}
bundles:
  istio/authz:
    service: controller
    resource: bundles/istio.tar.gz
    persist: true
    polling: {min_delay_seconds: 10, max_delay_seconds: 20, long_polling_timeout_seconds: 30}
    signing: {keyid: global, scope: write}
  local: {resource: 'file:///etc/bundle.tar.gz'}
keys:
  global: {key: '-----BEGIN PUBLIC KEY-----', algorithm: ES256, scope: read}
plugins:
  envoy_ext_authz_grpc:
    addr: unix:///run/opa.sock
    path: istio/authz/allow
    dry-run: true
    skip-request-body-parse: true
    proto-descriptor: /etc/all.pb
    grpc-max-recv-msg-size: 1048576
decision_logs: {console: true}
persistence_directory: /var/opa
",
    )
    .unwrap();
    let plugin = &settings.plugin;
    assert_eq!((plugin.addr.as_str(), plugin.max_message), ("unix:///run/opa.sock", 1 << 20));
    assert_eq!(plugin.entrypoint.to_string(), "data.istio.authz.allow");
    assert!(plugin.dry_run && plugin.skip_body && plugin.descriptor.is_some());
    let service = &settings.services["controller"];
    assert_eq!(service.credentials, Some(Credentials::BearerFile("/var/token".into())));
    assert_eq!((service.headers["x-team"].as_str(), service.ca.as_deref().unwrap().to_str()), ("mesh", Some("ca.pem")));
    let [far, near] = &settings.bundles[..] else { panic!("{:?}", settings.bundles) };
    assert_eq!((far.name.as_str(), far.service.as_deref(), far.persist), ("istio/authz", Some("controller"), true));
    assert_eq!((far.polling.min, far.polling.long), (Duration::from_secs(10), Some(Duration::from_secs(30))));
    assert_eq!(far.signing.as_ref().unwrap().key.as_deref(), Some("global"));
    assert_eq!((near.service.as_ref(), near.resource.as_str()), (None, "file:///etc/bundle.tar.gz"));
    assert_eq!(settings.keys["global"].algorithm, "ES256");
}

#[test]
fn services_may_be_a_list_and_the_only_one_goes_without_saying() {
    let settings = read("services: [{name: one, url: 'https://one.example'}]\nbundles: {authz: {}}").unwrap();
    assert_eq!(settings.bundles[0].service.as_deref(), Some("one"));
    assert_eq!(settings.bundles[0].resource, "bundles/authz");
}

#[test]
fn the_old_query_is_understood_if_it_is_a_document() {
    let plugin = |text: &str| read(&format!("plugins: {{envoy.ext_authz.grpc: {{{text}}}}}"));
    assert_eq!(plugin("query: data.a.b").unwrap().plugin.entrypoint.to_string(), "data.a.b");
    assert_eq!(plugin("path: a/com.b/c").unwrap().plugin.entrypoint.to_string(), r#"data.a["com.b"].c"#);
    assert!(plugin("query: 'data.a.b; input.x'").is_err());
    assert!(plugin("query: data.a.b, path: a/b").is_err());
}

#[test]
fn what_has_no_effect_is_named() {
    let settings = read(
        "labels: {app: x}\nstatus: {service: s}\ntypo: 1\nplugins: {envoy_ext_authz_grpc: {enabled: true, dryrun: true, enable-reflection: false, enable-performance-metrics: true}}\ndecision_logs: {service: x}",
    )
    .unwrap();
    let names: Vec<_> = settings.notices.iter().map(|notice| notice.name.as_str()).collect();
    let plugin = "plugins.envoy_ext_authz_grpc";
    let expected = [
        &format!("{plugin}.enable-performance-metrics"),
        &format!("{plugin}.enabled"),
        &format!("{plugin}.dryrun"),
        "decision_logs.service",
        "labels",
        "status",
        "typo",
    ];
    assert_eq!(names, expected);
    assert!(settings.notices[2].why.contains("did you mean `dry-run`?"));
}

#[test]
fn what_would_change_answers_is_refused_with_its_place() {
    let rows = [
        ("discovery: {resource: x}", "opa.yaml:1:12: discovery: "),
        ("plugins: {other: {}}", "plugins: `plugins.other` is a plugin that is not there"),
        ("bundles: {a: {service: x}}", "bundles.a.service: there is no service `x`"),
        ("bundles: {a: {}}", "bundles.a: needs a `service`"),
        ("services: {a: {url: 'https://a', allow_insecure_tls: true}}", "services.a.allow_insecure_tls: "),
        (
            "services: {a: {url: 'https://a', credentials: {oauth2: {}}}}",
            "`services.a.credentials.oauth2` is not supported",
        ),
        ("services: {a: {url: 'https://a', credentials: {bearer: {}}}}", "needs one of `token` and `token_path`"),
        ("services: {a: {}}", "services.a.url: is required"),
        (
            "services: {a: {url: 'https://a'}}\nbundles: {b: {signing: {keyid: k}}}",
            "bundles.b.signing.keyid: there is no key `k`",
        ),
        ("services: {a: {url: 'https://a'}}\nbundles: {b: {trigger: manual}}", "bundles.b.trigger: only `periodic`"),
        ("plugins: {envoy_ext_authz_grpc: {dry-run: 'yes'}}", "dry-run: expected `true` or `false`"),
        ("a: 1\na: 2", "opa.yaml:2:1: "),
    ];
    for (text, problem) in rows {
        let found = problems(text);
        assert!(found.len() == 1 && found[0].contains(problem), "{text}: {found:?}");
    }
}
