//! `hopguard grant expire`: an end before the one that was approved, without touching what was approved.
//!
//! A grant is ended by a `Revocation` that lasts as long as the grant would have: its document stays as people have approved and signed it, and
//! who ended it and why is a document of its own. An activation, which nobody can revoke alone, gets an earlier end.

use std::io::Write;

use clap::Args;

use crate::{
    cli::{
        argument::time,
        documents::{Desk, Failure, Manner, Proposal, Where, effect, fields},
        exit::Exit,
        revoke::{self, Revoking},
    },
    clock::Timestamp,
    store::write::render::{plain, string},
};

/// End a grant, or what opens one, before its time
#[derive(Args, Clone, Debug)]
pub(crate) struct ExpireArgs {
    /// The name of the grant or the activation
    #[arg(value_name = "NAME")]
    name: String,
    /// When it ends; now, if it is not said
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "no longer needed")]
    reason: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    manner: Manner,
}

impl ExpireArgs {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::open(self.place.place()?, self.manner.now())?;
        let at = self.at.unwrap_or(desk.now).max(desk.now);
        let is_over = |end: Timestamp| Failure::Refused(format!("`{}` ends at {end} anyway", self.name));
        let proposal = match (desk.grant(&self.name), desk.activation(&self.name)) {
            (Some(_), Some(_)) => {
                let why = format!("a grant and an activation are named `{}`: rename one of them", self.name);
                return Err(Failure::Refused(why));
            }
            (Some(grant), None) if grant.expires_at() <= at => return Err(is_over(grant.expires_at())),
            (Some(grant), None) => {
                let target = ("grant", string(&self.name));
                let until = Some(grant.expires_at());
                revoke::propose(&desk, &Revoking { target, slug: &self.name, reason: &self.reason, at, until })?
            }
            (None, Some(activation)) if activation.until <= at => return Err(is_over(activation.until)),
            (None, Some(activation)) => self.activation(&desk, activation, at)?,
            (None, None) => {
                return Err(Failure::Refused(format!(
                    "there is no grant and no activation `{}` that counts",
                    self.name
                )));
            }
        };
        proposal.carry_out(&desk, &self.manner, out)
    }

    fn activation(
        &self,
        desk: &Desk,
        activation: &crate::grant::Activation,
        at: Timestamp,
    ) -> Result<Proposal, Failure> {
        let Some(found) = desk.find("Activation", &self.name)? else {
            return Err(Failure::Refused(format!("there is no activation `{}`", self.name)));
        };
        let left = activation.until.since(at);
        let effect = format!("closes {} {} early", activation.grant, effect::span(left));
        // What people have signed is kept, beside what it has become: that is signed by nobody, and opens nothing.
        let (kept, undo) = desk.keep(&found, &activation.requested_by);
        let change = if at > activation.from {
            desk.replace(&found, &fields::without(&fields::with(&found.node, "until", plain(&at)), "signatures"))?
        } else {
            desk.remove(&found)?
        };
        Ok(Proposal {
            effect,
            details: vec![format!(
                "opened by {} for {}: {}",
                activation.requested_by, activation.ticket, activation.reason
            )],
            changes: vec![kept, change],
            as_if: None,
            next: Vec::new(),
            undo,
        })
    }
}
