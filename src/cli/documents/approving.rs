//! The way of a document from a request to what acts: it acts once everybody has signed who has to, and stays a request before that.

use super::{
    Desk, Failure, Found, Proposal, REQUEST, diff, effect, fields,
    proposal::{command, removal, shell},
    signing,
};
use crate::{
    approval::{NAMESPACE, Verdict, canonical, signed_part},
    grant::{Approval, Grant, field::document_name},
    store::{
        Documents,
        write::{Change, render},
    },
    yaml::{Node, Problem},
};

/// A document that is to act, with what it comes from.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) desk: &'a Desk,
    /// As it is to act.
    pub(crate) node: Node,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// The request that it comes from.
    request: Option<Found>,
    /// The document that it takes the place of.
    old: Option<Found>,
}

impl<'a> Candidate<'a> {
    /// A document that is to act.
    ///
    /// # Errors
    /// Something of its name cannot be read.
    pub(crate) fn new(desk: &'a Desk, node: Node) -> Result<Self, Failure> {
        let text = |path: &[&str]| fields::text(&node, path).unwrap_or_default().to_owned();
        let (kind, name) = (text(&["kind"]), text(&["metadata", "name"]));
        // It becomes the name of a file.
        document_name(&name).map_err(|why| {
            let label = desk.directory.display().to_string();
            Problem { field: "metadata.name".to_owned(), ..Problem::of_file(&label, why) }
        })?;
        let request = desk.request(&name)?;
        let old = desk.find(&kind, &name)?;
        Ok(Self { desk, node, kind, name, request, old })
    }

    /// The same, differently written.
    pub(crate) fn written(self, node: Node) -> Self {
        Self { node, ..self }
    }

    /// What is to be signed.
    pub(crate) fn signed_bytes(&self) -> Result<Vec<u8>, Failure> {
        signing::signed_bytes(&self.label(), &self.node)
    }

    fn label(&self) -> String {
        let file = self.request.as_ref().or(self.old.as_ref()).map(|found| found.file.clone());
        self.desk.directory.join(file.unwrap_or_else(|| format!("{}.yaml", self.name))).display().to_string()
    }

    /// What the directory has to change for it to act.
    pub(crate) fn acting(&self) -> Result<Vec<Change>, Failure> {
        let target = match &self.old {
            Some(old) => self.desk.replace(old, &self.node)?,
            None => self.desk.create(self.desk.free_file(&self.name), &self.node),
        };
        Ok(vec![target])
    }

    /// What the directory has to change for it to be asked for.
    fn asking(&self) -> Change {
        self.desk.create(format!("{}{REQUEST}", self.name), &self.node)
    }

    /// What its signatures are worth, were it to act.
    ///
    /// # Errors
    /// It would not load.
    pub(crate) fn verdict(&self) -> Result<(Verdict, Documents), Failure> {
        let documents = self.desk.check_but_signatures(&self.acting()?)?;
        let part = signed_part(&self.node).map_err(|why| Failure::Refused(why.to_string()))?;
        let (bytes, now, approvals) = (canonical(&part), self.desk.now, &self.desk.place.rules.approvals);
        let missing = || Failure::Refused(format!("`{}` would not count: see `hopguard check`", self.name));
        let grant = |name: &str| documents.grants.iter().find(|grant| grant.name() == name);
        let verdict = match self.kind.as_str() {
            "Grant" => approvals.grant(grant(&self.name).ok_or_else(missing)?, &bytes, now),
            "Activation" => {
                let activation = documents.activations.iter().find(|activation| activation.name == self.name);
                let activation = activation.ok_or_else(missing)?;
                approvals.activation(activation, grant(&activation.grant).ok_or_else(missing)?, &bytes, now)
            }
            _ => {
                let signatures = self.signatures();
                approvals.anyone(&signatures, &bytes, now)
            }
        };
        Ok((verdict, documents))
    }

    fn signatures(&self) -> Vec<crate::grant::Signature> {
        let items = match fields::at(&self.node, &["spec", "signatures"]).map(|node| &node.kind) {
            Some(crate::yaml::Kind::Sequence(items)) => items.as_slice(),
            _ => &[],
        };
        let signature = |item: &Node| {
            let text = |key| fields::text(item, &[key]).map(str::to_owned);
            Some(crate::grant::Signature { by: text("by")?, armoured: text("signature")? })
        };
        items.iter().filter_map(signature).collect()
    }

    /// Proposes that it acts, or, as long as signatures are missing, that it waits for them.
    ///
    /// # Errors
    /// It would not load.
    pub(crate) fn settle(self, effect: impl FnOnce(&Documents) -> (String, Vec<String>)) -> Result<Proposal, Failure> {
        let (verdict, documents) = self.verdict()?;
        let (sentence, mut details) = effect(&documents);
        details.extend(verdict.signed_by.iter().map(|by| format!("signed by {by}")));
        details.extend(verdict.problems.iter().map(|problem| format!("signature {problem}")));
        if verdict.approval == Approval::Lacking {
            let lacks = verdict.lacks.unwrap_or_else(|| "signatures are missing".to_owned());
            details.push(format!("it waits: {lacks}"));
            return self.waiting(format!("once it is approved: {sentence}"), details);
        }
        let acting = self.acting()?;
        // Signatures are said above by whom; here it is what they are for.
        let said = |node: &Node| render::document(&fields::without(node, "signatures"));
        let before = self.old.as_ref().map(|old| said(&old.node)).unwrap_or_default();
        details.extend(diff(&before, &said(&self.node)));
        let place = &self.desk.place.named;
        let mut changes = acting.clone();
        let mut undo = command(["grant", "expire", &self.name], place);
        if let (Some(old), Some(_)) = (&self.old, &self.request) {
            // What was approved before stays approved: its signatures are with it.
            let by = fields::text(&old.node, &["spec", "approver"]).unwrap_or_default();
            let (kept, back) = self.desk.keep(old, by);
            undo = back;
            changes.insert(0, kept);
        }
        if let Some(request) = &self.request {
            changes.push(self.desk.remove(request)?);
        }
        Ok(Proposal { effect: sentence, details, changes, as_if: Some(acting), next: Vec::new(), undo })
    }

    /// Proposes that it waits for its approval.
    ///
    /// # Errors
    /// It would not load.
    pub(crate) fn waiting(self, effect: String, details: Vec<String>) -> Result<Proposal, Failure> {
        self.desk.check_but_signatures(&self.acting()?)?;
        let asking = self.asking();
        let (name, place) = (self.name.as_str(), &self.desk.place.named);
        let show = command(["grant", "show", name, "--canonical"], place);
        let by = fields::text(&self.node, &["spec", "approver"]).unwrap_or("SIGNER");
        let next = vec![
            format!("sign:    {show} | ssh-keygen -Y sign -n {NAMESPACE} -f KEY > {}", shell(&format!("{name}.sig"))),
            format!("approve: {}", command(["grant", "approve", name, "--by", by], place)),
        ];
        let undo = removal(&self.desk.directory.join(&asking.name));
        // It is no document yet, and nothing that is one changes.
        Ok(Proposal { effect, details, changes: vec![asking], as_if: Some(Vec::new()), next, undo })
    }

    /// What it would open, if it is a grant.
    pub(crate) fn opening(&self, documents: &Documents) -> (String, Vec<String>) {
        let now = self.desk.now;
        let of = |grant: &Grant| (effect::opening(grant, documents, now), effect::details(grant, documents));
        match self.kind.as_str() {
            "Grant" => match documents.grants.iter().find(|grant| grant.name() == self.name) {
                Some(grant) => of(grant),
                None => (format!("the grant {} would not count", self.name), Vec::new()),
            },
            "Activation" => {
                let activation = documents.activations.iter().find(|activation| activation.name == self.name);
                let Some(activation) = activation else {
                    return (format!("the activation {} would not count", self.name), Vec::new());
                };
                let grant = documents.grants.iter().find(|grant| grant.name() == activation.grant);
                let Some(grant) = grant else {
                    return (format!("there is no grant {}", activation.grant), Vec::new());
                };
                let from = activation.from.max(now);
                let sentence = format!(
                    "opens {} of {} to {} for {}",
                    effect::routes(grant),
                    effect::audiences(grant),
                    effect::callers(grant, documents),
                    effect::span(activation.until.since(from))
                );
                let mut lines = vec![
                    format!("opened by {} for {}: {}", activation.requested_by, activation.ticket, activation.reason),
                    format!("until     {}", activation.until),
                ];
                lines.extend(effect::details(grant, documents));
                (sentence, lines)
            }
            kind => (format!("lets the {kind} {} count", self.name), Vec::new()),
        }
    }
}
