//! Grants that are old, wide, approved by those whom they serve, or left without a review.

use super::{Document, Found, Written, day, is_over};
use crate::{
    approval::same_person,
    clock::Timestamp,
    governance::{
        SOON, days,
        written::{get, items_of, text_of},
    },
    hop::PathPattern,
    yaml::Node,
};

pub(super) fn find(written: &Written, now: Timestamp, found: &mut Found) {
    for grant in written.of_kind("Grant") {
        if is_over(grant, now) {
            over(grant, found);
            continue;
        }
        reviews(grant, now, found);
        people(grant, found);
        ends(grant, now, found);
        for action in grant.items("actions") {
            width(grant, action, found);
        }
    }
}

/// A grant whose time is over does nothing; an exception is still a debt.
fn over(grant: &Document, found: &mut Found) {
    let Some(end) = grant.time("expiresAt") else { return };
    let at = grant.place("expiresAt");
    if grant.text("type") == Some("exception") {
        let message = format!("the exception `{}` ended on {} with {}", grant.name, day(end), criteria(grant));
        found.add("exception.past_date", grant, at, message);
    } else {
        found.add("grant.expired", grant, at, format!("the grant `{}` ended on {}", grant.name, day(end)));
    }
}

fn criteria(grant: &Document) -> String {
    let count = grant.items("exitCriteria").len();
    let noun = if count == 1 { "criterion" } else { "criteria" };
    let what: Vec<_> = grant
        .items("exitCriteria")
        .iter()
        .filter_map(|criterion| {
            let (what, owner) = (text_of(get(criterion, "what")?)?, text_of(get(criterion, "owner")?)?);
            Some(format!("{} ({owner})", crate::yaml::quote(what)))
        })
        .collect();
    format!("{count} exit {noun} to meet: {}", what.join(", "))
}

fn reviews(grant: &Document, now: Timestamp, found: &mut Found) {
    let Some(review) = grant.time("reviewBy") else {
        // What is over within a week is reviewed by being requested again.
        if grant.time("notBefore").zip(grant.time("expiresAt")).is_some_and(|(from, end)| end.since(from) > days(7)) {
            let message = format!("nobody has to look at the grant `{}` again before it ends", grant.name);
            found.add("grant.no_review", grant, grant.at, message);
        }
        return;
    };
    let at = grant.place("reviewBy");
    if review <= now {
        let message = format!("the review of `{}` has been due since {}", grant.name, day(review));
        found.add("grant.review_overdue", grant, at, message);
    } else if review <= now.after(SOON) {
        let message = format!("the review of `{}` is due on {}", grant.name, day(review));
        found.add("grant.review_soon", grant, at, message);
    }
}

fn people(grant: &Document, found: &mut Found) {
    let Some(owner) = grant.text("owner") else { return };
    let is = |other: &str| grant.text(other).is_some_and(|other| same_person(owner, other));
    if is("approver") {
        let message = format!("who owns `{}` approved it, too", grant.name);
        found.add("grant.self_approved", grant, grant.place("approver"), message);
    }
    if is("requestedBy") {
        let message = format!("who asked for `{}` is the only one who answers for it", grant.name);
        found.add("grant.self_owned", grant, grant.place("owner"), message);
    }
}

fn ends(grant: &Document, now: Timestamp, found: &mut Found) {
    let Some((from, end)) = grant.time("notBefore").zip(grant.time("expiresAt")) else { return };
    let at = grant.place("expiresAt");
    match grant.text("type") {
        Some("exception") if end <= now.after(SOON) => {
            let message = format!("the exception `{}` ends on {} with {}", grant.name, day(end), criteria(grant));
            found.add("exception.ends_soon", grant, at, message);
        }
        Some("standing") if end.since(from) > days(180) => {
            let lasts = end.since(from).as_secs() / days(1).as_secs();
            found.add("grant.long_lived", grant, at, format!("the grant `{}` stands for {lasts} days", grant.name));
        }
        _ => {}
    }
}

/// A path that matches what nobody has thought of, close below the root.
fn width(grant: &Document, action: &Node, found: &mut Found) {
    let paths = get(action, "paths").map(items_of).unwrap_or_default();
    let root = |path: &&Node| {
        text_of(path).is_some_and(|path| path == "/**" && PathPattern::parse(path).is_ok_and(|it| it.is_open()))
    };
    let Some(path) = paths.iter().find(root) else { return };
    let methods = get(action, "methods").map(items_of).unwrap_or_default();
    let has = |wanted: &str| methods.iter().any(|method| text_of(method) == Some(wanted));
    if ["GET", "POST", "PUT", "DELETE"].into_iter().all(has) {
        let message = format!("the grant `{}` opens every path with every common method", grant.name);
        found.add("grant.everything", grant, path.at, message);
    } else {
        found.add("grant.wide_path", grant, path.at, format!("the grant `{}` opens every path", grant.name));
    }
}
