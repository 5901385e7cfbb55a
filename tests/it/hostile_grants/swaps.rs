//! Documents that change again and again.

use std::sync::{Arc, Weak};

use hopguard::server::Snapshot;

use super::reason;
use crate::harness::{Grant, Setup, fact, revocation};

/// (106) Of all that was decided by once, nothing stays in memory but what is decided by now.
#[test]
fn what_was_decided_by_before_is_not_kept() {
    let setup = Setup::new().set("facts.directory", "facts");
    let now = setup.now();
    let mut loaded = setup.loader();
    let mut seen: Vec<Weak<Snapshot>> = vec![Arc::downgrade(&loaded.refresh(now))];
    for turn in 0..200 {
        match turn % 4 {
            0 => setup.grants(&[Grant::to("/charge", now), Grant::to(&format!("/turn/{turn}"), now)]),
            1 => setup.write("documents/revoked.yaml", &revocation("leak", &format!("{{jti: t-{turn}}}"), now)),
            2 => setup.write("facts/a.yaml", &fact("a", &turn.to_string(), now, "1h")),
            _ => setup.write("documents/grants.yaml", "spec: }\n"),
        }
        seen.push(Arc::downgrade(&loaded.refresh(now)));
        assert_eq!(reason(&mut loaded, &setup.hop(), now), None, "turn {turn}");
    }
    let mut current: Vec<_> = seen.iter().filter_map(Weak::upgrade).collect();
    current.dedup_by(|one, other| Arc::ptr_eq(one, other));
    assert_eq!(current.len(), 1, "of {} snapshots", seen.len());
    assert!(Arc::ptr_eq(&current[0], &loaded.refresh(now)));
}
