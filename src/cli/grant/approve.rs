//! `hopguard grant approve`: lets act what was asked for, by somebody who has not asked.

use std::{fs, io::Write, path::PathBuf};

use clap::Args;

use crate::{
    approval::same_person,
    cli::{
        documents::{Desk, Failure, Manner, Where, approving::Candidate, fields, signing},
        exit::Exit,
    },
    store::write::render::string,
    yaml::Problem,
};

/// Approve what was asked for, with a signature where one is needed
///
/// Also adds a signature to an activation that waits for it, and signs a document that is there already.
#[derive(Args, Clone, Debug)]
pub(crate) struct ApproveArgs {
    /// The name of the grant or the activation
    #[arg(value_name = "NAME")]
    name: String,
    /// Who approves
    #[arg(long, value_name = "NAME")]
    by: String,
    /// The approver's signature, as `ssh-keygen -Y sign` writes it
    #[arg(long, value_name = "FILE", group = "signed")]
    signature: Option<PathBuf>,
    /// The approver's key: a file, or the public half of what an agent holds
    #[arg(long, value_name = "FILE", group = "signed")]
    key: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    manner: Manner,
}

impl ApproveArgs {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::open(self.place.place()?, self.manner.now())?;
        let mut found = desk.request(&self.name)?;
        let is_asked_for = found.is_some();
        for kind in ["Grant", "Activation", "Resource", "Workload"] {
            if found.is_none() {
                found = desk.find(kind, &self.name)?;
            }
        }
        let Some(found) = found else {
            return Err(Failure::Refused(format!("nothing of the name `{}` is asked for, or there", self.name)));
        };
        let is_grant = fields::text(&found.node, &["kind"]) == Some("Grant");
        let requester = fields::text(&found.node, &["spec", "requestedBy"]).unwrap_or_default().to_owned();
        if is_grant && same_person(&self.by, &requester) {
            let why = format!("`{}` asked for `{}`: somebody else has to approve it", requester, self.name);
            return Err(Failure::Refused(why));
        }
        if !is_asked_for && self.signature.is_none() && self.key.is_none() {
            let why = "is there already: sign it with `--signature` or `--key`, or ask for something else first";
            return Err(Failure::Refused(format!("`{}` {why}", self.name)));
        }
        let is_approver = fields::text(&found.node, &["spec", "approver"]) == Some(&self.by);
        let node = if is_grant && !is_approver {
            // What was signed named another approver, and is over.
            fields::without(&fields::with(&found.node, "approver", string(&self.by)), "signatures")
        } else {
            found.node
        };
        let mut candidate = Candidate::new(&desk, node)?;
        let signature =
            match (&self.signature, &self.key) {
                (Some(file), _) => Some(fs::read_to_string(file).map_err(|error| {
                    Problem::of_file(&file.display().to_string(), format!("cannot be read: {error}"))
                })?),
                (None, Some(key)) => Some(signing::sign(key, &candidate.signed_bytes()?)?),
                (None, None) => None,
            };
        let is_signed = signature.is_some();
        if let Some(signature) = signature {
            let node = signing::with_signature(&candidate.node, &self.by, &signature);
            candidate = candidate.written(node);
            let (verdict, _) = candidate.verdict()?;
            let signers = &desk.place.rules.approvals.signers;
            if signers.is_some() && !verdict.signed_by.iter().any(|by| same_person(by, &self.by)) {
                let why = if verdict.problems.is_empty() {
                    "it does not count".to_owned()
                } else {
                    verdict.problems.join("; ")
                };
                return Err(Failure::Refused(format!("the signature of `{}` is not one that counts: {why}", self.by)));
            }
        }
        let (verdict, documents) = candidate.verdict()?;
        if let (Some(lacks), false) = (&verdict.lacks, is_signed) {
            let next = candidate.waiting(String::new(), Vec::new())?.next;
            return Err(Failure::Refused(format!("`{}` has to be signed: {lacks}\n{}", self.name, next.join("\n"))));
        }
        let effect = candidate.opening(&documents);
        candidate.settle(|_| effect)?.carry_out(&desk, &self.manner, out)
    }
}
