//! `hopguard grant list`: which grants there are, and where each stands.

use std::{io::Write, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use super::standing::{Standings, Stands};
use crate::{
    cli::{
        argument::{Output, span},
        complain,
        documents::{Desk, Failure, Telling, Where, effect, fields, shown},
        exit::Exit,
    },
    clock::Timestamp,
};

/// List the grants: who may do what until when, and where each stands now
#[derive(Args, Clone, Debug)]
pub(crate) struct ListArgs {
    /// Also those that are over
    #[arg(long)]
    all: bool,
    /// Only those that end within this time
    #[arg(long, value_name = "DURATION", value_parser = span, conflicts_with_all = ["all", "pending"])]
    expiring: Option<Duration>,
    /// Only those that wait: for an approval, for signatures, for their beginning
    #[arg(long, conflicts_with = "all")]
    pending: bool,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    telling: Telling,
}

/// One line of the list.
#[derive(Debug)]
struct Row {
    name: String,
    kind: String,
    state: &'static str,
    who: String,
    what: String,
    until: Option<Timestamp>,
    why: String,
}

impl ListArgs {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::open(self.place.place()?, self.telling.now())?;
        let standings = Standings::new(&desk)?;
        let mut rows = Vec::new();
        for grant in &desk.documents.grants {
            let standing = standings.of(grant);
            let soon = self.expiring.map(|within| desk.now.after(within));
            let is_meant = match (soon, self.pending) {
                (Some(soon), _) => standing.state != Stands::Expired && grant.expires_at() <= soon,
                (None, true) => standing.state == Stands::Pending,
                (None, false) => self.all || standing.state != Stands::Expired,
            };
            if is_meant {
                rows.push(Row {
                    name: grant.name().to_owned(),
                    kind: grant.kind().as_str().to_owned(),
                    state: standing.state.as_str(),
                    who: effect::subject(grant),
                    what: format!("{} of {}", effect::routes(grant), effect::audiences(grant)),
                    until: Some(grant.expires_at()),
                    why: standing.why,
                });
            }
        }
        if self.expiring.is_none() {
            rows.extend(desk.requests().iter().map(|request| {
                let text = |path: &[&str]| fields::text(&request.node, path).unwrap_or("?").to_owned();
                let is_grant = text(&["kind"]) == "Grant";
                Row {
                    name: text(&["metadata", "name"]),
                    kind: if is_grant { text(&["spec", "type"]) } else { text(&["kind"]).to_lowercase() },
                    state: "requested",
                    who: text(&["spec", "requestedBy"]),
                    what: if is_grant { "a grant".to_owned() } else { format!("opens {}", text(&["spec", "grant"])) },
                    until: Timestamp::parse(&text(&["spec", if is_grant { "expiresAt" } else { "until" }])),
                    why: "nobody has approved it".to_owned(),
                }
            }));
        }
        if self.telling.output == Output::Json {
            writeln!(out, "{:#}", Value::from_iter(rows.iter().map(Row::to_json)))?;
        } else {
            table(&rows, out)?;
        }
        desk.documents.problems.iter().for_each(|problem| complain(&format!("{problem:#}")));
        Ok(if desk.documents.problems.is_empty() { Exit::Yes } else { Exit::DoesNotLoad })
    }
}

impl Row {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "state": self.state,
            "who": self.who,
            "what": self.what,
            "until": self.until.map(|until| until.to_string()),
            "why": self.why,
        })
    }

    fn cells(&self) -> [String; 7] {
        let until = self.until.map_or_else(|| "?".to_owned(), |until| until.to_string());
        let Self { name, kind, who, what, why, .. } = self;
        [name.clone(), kind.clone(), self.state.to_owned(), who.clone(), what.clone(), until, why.clone()]
    }
}

fn table(rows: &[Row], out: &mut impl Write) -> Result<(), Failure> {
    let heading = ["NAME", "TYPE", "STATE", "WHO", "WHAT", "UNTIL", "WHY"].map(str::to_owned);
    let lines: Vec<_> = [heading].into_iter().chain(rows.iter().map(Row::cells)).collect();
    let mut widths = [0; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for line in &lines {
        let padded: Vec<_> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(out, "{}", shown(padded.join("  ").trim_end()))?;
    }
    Ok(())
}
