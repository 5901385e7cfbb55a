//! `hopguard grant show`: one grant as it is written, and what it does.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::standing::Standings;
use crate::{
    approval::signed_part,
    cli::{
        argument::Output,
        documents::{Desk, Failure, Telling, Where, approving::Candidate, fields, shown, signing},
        exit::Exit,
    },
    store::write::render,
};

/// Show a grant or an activation, or what is asked for
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Print the bytes that people sign, and nothing else
    #[arg(long)]
    canonical: bool,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    telling: Telling,
}

impl ShowArgs {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::open(self.place.place()?, self.telling.now())?;
        let mut found = desk.request(&self.name)?;
        let is_asked_for = found.is_some();
        for kind in ["Grant", "Activation", "Resource", "Workload", "Revocation"] {
            if found.is_none() {
                found = desk.find(kind, &self.name)?;
            }
        }
        let Some(found) = found else {
            return Err(Failure::Refused(format!("there is nothing of the name `{}`", self.name)));
        };
        if self.canonical {
            let label = desk.directory.join(&found.file).display().to_string();
            out.write_all(&signing::signed_bytes(&label, &found.node)?)?;
            return Ok(Exit::Yes);
        }
        let kind = fields::text(&found.node, &["kind"]).unwrap_or_default().to_owned();
        let path = desk.directory.join(&found.file).display().to_string();
        let state = match (is_asked_for, desk.grant(&self.name)) {
            (true, _) => Some(("requested".to_owned(), String::new())),
            (false, Some(grant)) if kind == "Grant" => {
                let standing = Standings::new(&desk)?.of(grant);
                Some((standing.state.as_str().to_owned(), standing.why))
            }
            _ => None,
        };
        let candidate = Candidate::new(&desk, found.node.clone())?;
        let effect = if is_asked_for {
            candidate.verdict().ok().map(|(_, documents)| candidate.opening(&documents))
        } else {
            Some(candidate.opening(&desk.documents))
        };
        let (effect, details) = effect.unwrap_or_else(|| ("it does not load: approve says why".to_owned(), Vec::new()));
        if self.telling.output == Output::Json {
            let document = signed_part(&found.node).map_err(|why| Failure::Refused(why.to_string()))?;
            let state = state.map(|(state, why)| json!({"state": state, "why": why}));
            let value =
                json!({"file": path, "document": document, "state": state, "effect": effect, "details": details});
            writeln!(out, "{value:#}")?;
            return Ok(Exit::Yes);
        }
        writeln!(out, "# {path}")?;
        out.write_all(render::document(&found.node).as_bytes())?;
        if let Some((state, why)) = state {
            let colon = if why.is_empty() { "" } else { ": " };
            writeln!(out, "# state: {state}{colon}{}", shown(&why))?;
        }
        writeln!(out, "# {}", shown(&effect))?;
        Ok(Exit::Yes)
    }
}
