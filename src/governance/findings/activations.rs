//! Activations of sealed grants: open ones, and those that nobody has looked at afterwards.

use super::{Found, Written, by_name, day};
use crate::{clock::Timestamp, yaml::quote};

pub(super) fn find(written: &Written, now: Timestamp, found: &mut Found) {
    let grants = by_name(written, "Grant");
    for activation in written.of_kind("Activation") {
        let Some((from, until)) = activation.time("from").zip(activation.time("until")) else { continue };
        let grant = activation.text("grant").unwrap_or_default();
        // Whether it opened a sealed grant that is no longer there cannot be known: then it did.
        let sealed = grants.get(grant).is_none_or(|grant| grant.text("type") == Some("break_glass"));
        let reviewed = activation.field(&["reviewedBy"]).is_some();
        let at = activation.place("until");
        let who = quote(activation.text("requestedBy").unwrap_or_default());
        if sealed && from <= now && now < until {
            let message = format!("{who} has opened the sealed grant {} until {until}", quote(grant));
            found.add("activation.open", activation, at, message);
        } else if sealed && until <= now && !reviewed {
            let message = format!(
                "{who} had opened the sealed grant {} until {}, and nobody has looked at it since",
                quote(grant),
                day(until)
            );
            found.add("activation.not_reviewed", activation, at, message);
        } else if until <= now {
            let message = format!("the activation `{}` ended on {}", activation.name, day(until));
            found.add("activation.over", activation, at, message);
        }
    }
}
