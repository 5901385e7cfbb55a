//! The report on grants: how much each is used, and what about them is due.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{
    clock::Timestamp,
    governance::{Usage, UsedGrant, counted, shown},
};

/// One line for each grant, then what is due.
pub(super) fn write_text(usage: &Usage<'_>, now: Timestamp, out: &mut impl Write) -> io::Result<()> {
    let grants = usage.grants(now);
    for UsedGrant { name, kind, owner, state, ends, hops, last_used, .. } in &grants {
        let ends = ends.map(|end| end.to_string()).unwrap_or_default();
        let used = last_used
            .map_or_else(|| "never used".to_owned(), |last| format!("last used {last}, {}", counted(*hops, "hop")));
        writeln!(out, "{}", shown(&format!("{name}: {kind}, {state}, until {ends}, of {owner}; {used}")))?;
    }
    let names = |wanted: fn(&UsedGrant) -> bool| {
        grants.iter().filter(|grant| wanted(grant)).map(|grant| grant.name.as_str()).collect::<Vec<_>>()
    };
    line(out, "never used", &names(|grant| grant.last_used.is_none() && grant.state == "active"))?;
    line(out, "ends within 14 days", &names(|grant| grant.ends_soon))?;
    for grant in &grants {
        for (what, owner) in &grant.exit_criteria {
            let what = crate::yaml::quote(what);
            writeln!(out, "{}", shown(&format!("to clean up: {}: {what} ({owner})", grant.name)))?;
        }
    }
    for it in usage.unreviewed(now) {
        let opened = format!("{}, by which {} had opened {} until {}", it.name, it.requested_by, it.grant, it.until);
        writeln!(out, "to review: {}", shown(&opened))?;
    }
    if usage.elsewhere() > 0 {
        writeln!(out, "under grants that are no longer there: {}", counted(usage.elsewhere(), "hop"))?;
    }
    let log = usage.log();
    if log.lost > 0 {
        writeln!(out, "missing from the log, as it says itself: {}", counted(log.lost, "record"))?;
    }
    log.skipped.iter().try_for_each(|skipped| writeln!(out, "{skipped}"))?;
    writeln!(out, "{}, {}", counted(grants.len() as u64, "grant"), counted(log.records, "record"))
}

fn line(out: &mut impl Write, what: &str, names: &[&str]) -> io::Result<()> {
    if names.is_empty() { Ok(()) } else { writeln!(out, "{what}: {}", shown(&names.join(", "))) }
}

/// The same for programs.
pub(super) fn to_json(usage: &Usage<'_>, now: Timestamp) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let grant = |grant: UsedGrant| {
        let criteria = grant.exit_criteria.iter().map(|(what, owner)| json!({"what": what, "owner": owner}));
        json!({
            "name": grant.name,
            "type": grant.kind,
            "owner": grant.owner,
            "state": grant.state,
            "expires": time(grant.ends),
            "ends_soon": grant.ends_soon,
            "hops": grant.hops,
            "last_used": time(grant.last_used),
            "exit_criteria": criteria.collect::<Vec<_>>(),
        })
    };
    let log = usage.log();
    json!({
        "grants": usage.grants(now).into_iter().map(grant).collect::<Vec<_>>(),
        "to_review": usage.unreviewed(now).iter().map(|it| json!({
            "activation": it.name,
            "grant": it.grant,
            "requested_by": it.requested_by,
            "until": it.until.to_string(),
        })).collect::<Vec<_>>(),
        "elsewhere": usage.elsewhere(),
        "records": log.records,
        "lost": log.lost,
        "broken": log.broken,
    })
}
