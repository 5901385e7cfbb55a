//! `hopguard grant extend`: a later end, which somebody has to approve as they approved the first one.

use std::{io::Write, path::PathBuf};

use clap::Args;

use super::time::Until;
use crate::{
    approval::same_person,
    cli::{
        documents::{Desk, Failure, Manner, Where, approving::Candidate, command, effect, fields, signing},
        exit::Exit,
    },
    store::write::render::{plain, string},
    yaml::show_duration,
};

/// Let a grant end later, but no later than its type allows
///
/// Who approved the grant has not approved this: without `--by` it is a request, and until that is approved the grant goes on as it is.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExtendArgs {
    /// The name of the grant
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    end: Until,
    /// Who approves the later end: not who asked for the grant
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// The approver's key, where approvals are signed
    #[arg(long, value_name = "FILE", requires = "by")]
    key: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    manner: Manner,
}

impl ExtendArgs {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::open(self.place.place()?, self.manner.now())?;
        let (found, grant) = match (desk.find("Grant", &self.name)?, desk.grant(&self.name)) {
            (Some(found), Some(grant)) => (found, grant),
            (Some(_), None) => {
                return Err(Failure::Refused(format!("the grant `{}` does not count: repair it first", self.name)));
            }
            (None, _) => return Err(Failure::Refused(format!("there is no grant `{}`", self.name))),
        };
        if desk.request(&self.name)?.is_some() {
            let why = "is asked for already: approve that, or remove its file first";
            return Err(Failure::Refused(format!("`{}` {why}", self.name)));
        }
        let end = self.end.required_after(grant.expires_at().max(desk.now))?;
        let old = grant.expires_at();
        if end <= old {
            let instead = command(["grant", "expire", &self.name, "--at", &end.to_string()], &desk.place.named);
            return Err(Failure::Refused(format!("it ends at {old} already; to end it earlier: {instead}")));
        }
        let longest = desk.place.rules.max_ttl.of(grant.kind());
        let last = grant.not_before().after(longest);
        if end > last {
            let kind = grant.kind().as_str();
            let why =
                format!("a grant of type `{kind}` lasts {} at most, so this one to {last}", show_duration(longest));
            return Err(Failure::Refused(format!("{why}: ask for a new one")));
        }
        if let Some(by) = self.by.as_ref().filter(|by| same_person(by, grant.requested_by())) {
            return Err(Failure::Refused(format!("`{by}` asked for it: somebody else has to approve the later end")));
        }
        let was_signed = signing::is_signed(&found.node);
        // What was signed is over with the end that was signed.
        let mut node = fields::without(&fields::with(&found.node, "expiresAt", plain(&end)), "signatures");
        let mut candidate;
        let lasts = format!("lets `{}` go on to {end}, {} longer", self.name, effect::span(end.since(old)));
        if let Some(by) = &self.by {
            node = fields::with(&node, "approver", string(by));
            candidate = Candidate::new(&desk, node)?;
            if let Some(key) = &self.key {
                let signature = signing::sign(key, &candidate.signed_bytes()?)?;
                let node = signing::with_signature(&candidate.node, by, &signature);
                candidate = candidate.written(node);
            }
        } else {
            candidate = Candidate::new(&desk, node)?;
        }
        let (verdict, documents) = candidate.verdict()?;
        let (opening, _) = candidate.opening(&documents);
        let undo = command(
            ["grant", "expire", &self.name, "--at", &old.to_string(), "--reason", "as approved before"],
            &desk.place.named,
        );
        if self.by.is_some() && verdict.lacks.is_none() {
            let mut proposal = candidate.settle(|_| (lasts, vec![opening]))?;
            proposal.undo = undo;
            return proposal.carry_out(&desk, &self.manner, out);
        }
        let mut details = vec![opening, format!("until it is approved the grant ends at {old}, as before")];
        if was_signed {
            details.push("the signature that it has is for that end: the later one has to be signed again".to_owned());
        }
        candidate.waiting(format!("once it is approved: {lasts}"), details)?.carry_out(&desk, &self.manner, out)
    }
}
