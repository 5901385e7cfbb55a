//! `hopguard grant activate`: opens an eligible or a break-glass grant, for a task and for a while.

use std::{io::Write, path::PathBuf};

use clap::Args;

use super::{request::pair, time::Until};
use crate::{
    cli::{
        documents::{Desk, Failure, Manner, Where, approving::Candidate, fields, signing},
        exit::Exit,
    },
    grant::Kind,
    store::write::render::{plain, string},
};

/// Open an eligible or a break-glass grant for a task
///
/// What has to be signed waits as a request until everybody has signed who has to: see `hopguard grant approve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ActivateArgs {
    /// The name of the grant
    #[arg(value_name = "NAME")]
    name: String,
    /// Who opens it; of an eligible grant, one of its activators
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// For which ticket
    #[arg(long, value_name = "TICKET")]
    ticket: String,
    #[command(flatten)]
    end: Until,
    /// A key that signs it, and whose that is; repeatable
    #[arg(long, value_name = "SIGNER=FILE", value_parser = pair)]
    key: Vec<(String, String)>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    manner: Manner,
}

impl ActivateArgs {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::open(self.place.place()?, self.manner.now())?;
        let Some(grant) = desk.grant(&self.name) else {
            return Err(Failure::Refused(format!("there is no grant `{}` that counts", self.name)));
        };
        if !matches!(grant.kind(), Kind::Eligible | Kind::BreakGlass) {
            let why = format!("`{}` is of type `{}` and needs no activation", self.name, grant.kind().as_str());
            return Err(Failure::Refused(why));
        }
        if grant.expires_at() <= desk.now {
            return Err(Failure::Refused(format!("`{}` is over since {}", self.name, grant.expires_at())));
        }
        let until = self.end.required_after(desk.now)?;
        // The time is part of the name, so that each opening is a document of its own.
        let stamp: String = desk.now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let name = format!("{}-{}", self.name, stamp.to_lowercase());
        let spec = [
            ("grant", string(&self.name)),
            ("requestedBy", string(&self.by)),
            ("reason", string(&self.reason)),
            ("ticket", string(&self.ticket)),
            ("from", plain(&desk.now)),
            ("until", plain(&until)),
        ];
        let mut candidate = Candidate::new(&desk, fields::document("Activation", &name, spec))?;
        for (by, key) in &self.key {
            let signature = signing::sign(&PathBuf::from(key), &candidate.signed_bytes()?)?;
            let node = signing::with_signature(&candidate.node, by, &signature);
            candidate = candidate.written(node);
        }
        let (_, documents) = candidate.verdict()?;
        let effect = candidate.opening(&documents);
        candidate.settle(|_| effect)?.carry_out(&desk, &self.manner, out)
    }
}
