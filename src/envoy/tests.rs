//! Each finding, by the smallest change that makes it.
use super::*;

const PLAIN: &str = include_str!("../../deploy/envoy/plain.yaml");

fn codes(source: &str) -> Vec<&'static str> {
    lint(source, &Expect::default()).unwrap().iter().map(|finding| finding.code).collect()
}

#[test]
fn finds_nothing_in_what_is_shipped() {
    let shipped = [
        PLAIN,
        include_str!("../../deploy/envoy/spire-sds.yaml"),
        include_str!("../../deploy/envoy/tcp.yaml"),
        include_str!("../../deploy/envoy/edge.yaml"),
    ];
    for source in shipped {
        assert_eq!(lint(source, &Expect::default()).unwrap(), []);
    }
}
