//! `hopguard revoke`: takes something back at once, and lifts what was taken back.

use std::io::Write;

use clap::{ArgGroup, Args};

use super::{
    documents::{Desk, Failure, Found, Manner, Proposal, Where, command, effect, fields},
    exit::Exit,
    grant::Until,
};
use crate::{
    clock::Timestamp,
    revocation::Revocation,
    store::write::render::{mapping, plain, string},
    yaml::{Kind, Node},
};

/// Refuse from now on a grant, a workload, a certificate, a token, a key, a person or a purpose
///
/// It wins over every grant, there or yet to come, until its end or until it is lifted.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("target").required(true).multiple(false))]
pub struct RevokeArgs {
    /// The grant of this name, and any later one of this name
    #[arg(long, value_name = "NAME", group = "target")]
    grant: Option<String>,
    /// A workload, in whichever part it appears
    #[arg(long, value_name = "SPIFFE_ID", group = "target")]
    spiffe_id: Option<String>,
    /// Every workload below this
    #[arg(long, value_name = "SPIFFE_ID", group = "target")]
    prefix: Option<String>,
    /// Every workload of a trust domain
    #[arg(long, value_name = "NAME", group = "target")]
    trust_domain: Option<String>,
    /// Somebody on whose behalf workloads act
    #[arg(long, value_name = "issuer=ISSUER,subject=SUBJECT", value_parser = subject, group = "target")]
    subject: Option<(String, String)>,
    /// A certificate, by its serial number in lower-case hex
    #[arg(long, value_name = "HEX", group = "target")]
    serial: Option<String>,
    /// A certificate, by the SHA-256 of its DER in lower-case hex
    #[arg(long, value_name = "HEX", group = "target")]
    fingerprint: Option<String>,
    /// A token
    #[arg(long, value_name = "JTI", group = "target")]
    jti: Option<String>,
    /// A transaction
    #[arg(long, value_name = "TXN", group = "target")]
    txn: Option<String>,
    /// A key that signs tokens
    #[arg(long, value_name = "KID", group = "target")]
    kid: Option<String>,
    /// Whoever acts in a delegation under this name
    #[arg(long, value_name = "NAME", group = "target")]
    actor: Option<String>,
    /// A purpose, and what is below it
    #[arg(long, value_name = "PURPOSE", group = "target")]
    purpose: Option<String>,
    /// Lift the revocation of this name
    #[arg(long, value_name = "NAME", group = "target", conflicts_with_all = ["reason", "span", "until"])]
    lift: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", required_unless_present = "lift")]
    reason: Option<String>,
    #[command(flatten)]
    end: Until,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    manner: Manner,
}

/// What is to be revoked.
#[derive(Debug)]
pub(super) struct Revoking<'a> {
    /// The field of the target, and its value.
    pub(super) target: (&'static str, Node),
    /// What names it in a file's name.
    pub(super) slug: &'a str,
    pub(super) reason: &'a str,
    pub(super) at: Timestamp,
    pub(super) until: Option<Timestamp>,
}

impl RevokeArgs {
    /// Revokes, or lifts.
    ///
    /// # Errors
    /// The world is in the way.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        self.carry_out(out).or_else(Failure::told)
    }

    fn carry_out(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::open(self.place.place()?, self.manner.now())?;
        let proposal = match (&self.lift, self.target()) {
            (Some(name), _) => lift(&desk, name)?,
            (None, Some((key, value, slug))) => {
                let reason = self.reason.as_deref().unwrap_or_default();
                let until = self.end.after(desk.now);
                propose(&desk, &Revoking { target: (key, value), slug: &slug, reason, at: desk.now, until })?
            }
            (None, None) => return Err(Failure::Usage("say what to revoke".to_owned())),
        };
        proposal.carry_out(&desk, &self.manner, out)
    }

    fn target(&self) -> Option<(&'static str, Node, String)> {
        if let Some((issuer, subject)) = &self.subject {
            let value = mapping([("issuer", string(issuer)), ("subject", string(subject))]);
            return Some(("subject", value, subject.clone()));
        }
        let (key, text) = [
            ("grant", &self.grant),
            ("spiffeId", &self.spiffe_id),
            ("prefix", &self.prefix),
            ("trustDomain", &self.trust_domain),
            ("serial", &self.serial),
            ("fingerprint", &self.fingerprint),
            ("jti", &self.jti),
            ("txn", &self.txn),
            ("kid", &self.kid),
            ("actor", &self.actor),
            ("purpose", &self.purpose),
        ]
        .into_iter()
        .find_map(|(key, text)| Some((key, text.as_ref()?)))?;
        Some((key, string(text), text.clone()))
    }
}

/// Proposes to revoke something.
///
/// # Errors
/// It would not load.
pub(super) fn propose(desk: &Desk, revoking: &Revoking<'_>) -> Result<Proposal, Failure> {
    let (key, value) = &revoking.target;
    let target = mapping([(*key, value.clone())]);
    let name = free_name(desk, key, revoking.slug)?;
    let mut spec = vec![("target", target), ("reason", string(revoking.reason)), ("at", plain(&revoking.at))];
    spec.extend(revoking.until.map(|until| ("until", plain(&until))));
    let change = desk.create(format!("{name}.yaml"), &fields::document("Revocation", &name, spec));
    let documents = desk.check(std::slice::from_ref(&change))?;
    let revocation = documents.revocations.iter().find(|revocation| revocation.name == name);
    let Some(revocation) = revocation else {
        return Err(Failure::Refused(format!("the revocation `{name}` would not count")));
    };
    let (effect, mut details) = effect::closing(revocation, &desk.documents, desk.now);
    let same = |other: &&std::sync::Arc<Revocation>| {
        other.name != name && other.target == revocation.target && other.until.is_none_or(|until| desk.now < until)
    };
    let already = documents.revocations.iter().filter(same);
    details.extend(already.map(|other| format!("already   revoked by {}", other.name)));
    if revoking.at > desk.now {
        details.push(format!("from      {}", revoking.at));
    }
    let undo = command(["revoke", "--lift", &name], &desk.place.named);
    Ok(Proposal { effect, details, changes: vec![change], as_if: None, next: Vec::new(), undo })
}

/// Proposes to let again what a revocation refuses.
fn lift(desk: &Desk, name: &str) -> Result<Proposal, Failure> {
    let (Some(found), Some(revocation)) = (desk.find("Revocation", name)?, revocation(desk, name)) else {
        return Err(Failure::Refused(format!("there is no revocation `{name}`")));
    };
    let (closing, mut details) = effect::closing(revocation, &desk.documents, desk.now);
    let acts = revocation.until.is_none_or(|until| desk.now < until);
    details.push(format!("reason    {}", revocation.reason));
    details.push(format!("since     {}", revocation.at));
    let change = desk.remove(&found)?;
    Ok(Proposal {
        effect: if acts { format!("lifts {name}, which {closing}") } else { format!("removes {name}, which is over") },
        details,
        changes: vec![change],
        as_if: None,
        next: Vec::new(),
        undo: again(desk, &found, revocation),
    })
}

fn revocation<'a>(desk: &'a Desk, name: &str) -> Option<&'a Revocation> {
    desk.documents.revocations.iter().find(|revocation| revocation.name == name).map(|revocation| &**revocation)
}

/// The command that makes a revocation again.
fn again(desk: &Desk, found: &Found, revocation: &Revocation) -> String {
    let mut words = vec!["revoke".to_owned()];
    if let Some(Kind::Mapping(entries)) = fields::at(&found.node, &["spec", "target"]).map(|node| &node.kind)
        && let Some(entry) = entries.first()
    {
        let option = match entry.key.as_str() {
            "spiffeId" => "--spiffe-id".to_owned(),
            "trustDomain" => "--trust-domain".to_owned(),
            key => format!("--{key}"),
        };
        let text = |path: &[&str]| fields::text(&entry.value, path).unwrap_or_default();
        let value = match entry.key.as_str() {
            "subject" => format!("issuer={},subject={}", text(&["issuer"]), text(&["subject"])),
            _ => text(&[]).to_owned(),
        };
        words.extend([option, value]);
    }
    words.extend(["--reason".to_owned(), revocation.reason.clone()]);
    words.extend(revocation.until.into_iter().flat_map(|until| ["--until".to_owned(), until.to_string()]));
    command(words.iter().map(String::as_str), &desk.place.named)
}

/// A name that is not taken, and says what is revoked.
fn free_name(desk: &Desk, key: &str, slug: &str) -> Result<String, Failure> {
    let slug: String =
        slug.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<_> = slug.split('-').filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").chars().take(MAX_SLUG).collect();
    let base = format!("revoked-{}-{}", key.to_lowercase(), slug.trim_matches('-'));
    let base = base.trim_matches('-');
    for number in 1..MAX_SAME {
        let name = if number == 1 { base.to_owned() } else { format!("{base}-{number}") };
        if desk.content(&format!("{name}.yaml")).is_none() && desk.find("Revocation", &name)?.is_none() {
            return Ok(name);
        }
    }
    Err(Failure::Refused(format!("there are too many revocations named `{base}`: lift what is over")))
}

fn subject(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("`{text}` is not `issuer=ISSUER,subject=SUBJECT`");
    let rest = text.strip_prefix("issuer=").ok_or_else(wrong)?;
    let (issuer, subject) = rest.split_once(",subject=").ok_or_else(wrong)?;
    Ok((issuer.to_owned(), subject.to_owned()))
}

const MAX_SLUG: usize = 80;
const MAX_SAME: usize = 1000;
