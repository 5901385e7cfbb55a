//! `hopguard grant request`: writes what is asked for as a grant that does not act yet.

use std::{fs, io::Write, path::PathBuf};

use clap::{Args, ValueEnum};

use super::time::Until;
use crate::{
    cli::{
        argument::time,
        documents::{Desk, Failure, Manner, Where, approving::Candidate, fields},
        exit::Exit,
    },
    clock::Timestamp,
    store::write::render::{json, mapping, plain, sequence, string},
    yaml::{self, Node, Problem},
};

/// Ask for a grant; it does nothing before somebody else approves it
#[derive(Args, Clone, Debug)]
pub(crate) struct RequestArgs {
    /// The name of the grant
    #[arg(value_name = "NAME")]
    name: String,
    /// A file with the whole document, in place of the fields here
    #[arg(long, value_name = "FILE", conflicts_with_all = FIELDS)]
    document: Option<PathBuf>,
    /// What kind of approval it is
    #[arg(long = "type", value_enum, default_value_t = KindArg::Jit)]
    kind: KindArg,
    /// Who may call: a workload
    #[arg(long, value_name = "SPIFFE_ID", group = "caller")]
    subject: Option<String>,
    /// Who may call: every workload below this
    #[arg(long, value_name = "SPIFFE_ID", group = "caller")]
    prefix: Option<String>,
    /// Who may call: every workload in this role
    #[arg(long, value_name = "ROLE", group = "caller")]
    role: Option<String>,
    /// Who may be called; repeatable
    #[arg(long, value_name = "SPIFFE_ID")]
    audience: Vec<String>,
    /// A method that may be used on every path; repeatable
    #[arg(long, value_name = "METHOD")]
    method: Vec<String>,
    /// A path that may be called, such as /v1/ledgers/*; repeatable
    #[arg(long, value_name = "PATTERN")]
    path: Vec<String>,
    /// A gRPC method that may be called, such as ledger.v1.Ledger/Read; repeatable
    #[arg(long, value_name = "SERVICE/METHOD")]
    grpc: Vec<String>,
    /// A port that may be connected to; repeatable
    #[arg(long, value_name = "PORT")]
    tcp: Vec<u16>,
    /// A host that requests are for, if not for any; repeatable
    #[arg(long, value_name = "HOST")]
    host: Vec<String>,
    /// A resource, in place of audiences and actions; repeatable
    #[arg(long, value_name = "NAME", conflicts_with_all = ["audience", "method", "path", "grpc", "tcp", "host"])]
    resource: Vec<String>,
    /// What for; repeatable
    #[arg(long, value_name = "PURPOSE")]
    purpose: Vec<String>,
    /// How firmly a hop's purpose is bound to it
    #[arg(long, value_name = "declared|signed")]
    purpose_binding: Option<String>,
    /// On whose behalf only; repeatable
    #[arg(long, value_name = "ISSUER=SUBJECT", value_parser = pair)]
    on_behalf_of: Vec<(String, String)>,
    /// How many may have acted one after the other
    #[arg(long, value_name = "NUMBER", requires = "on_behalf_of")]
    max_depth: Option<u8>,
    /// Who may present tokens that another workload holds; repeatable
    #[arg(long, value_name = "SPIFFE_ID")]
    relay: Vec<String>,
    /// What has to be so all the while: a fact and its value, as JSON or else text; repeatable
    #[arg(long = "while", value_name = "FACT=VALUE", value_parser = pair)]
    conditions: Vec<(String, String)>,
    /// Who may open it; repeatable, for eligible ones
    #[arg(long, value_name = "NAME")]
    activator: Vec<String>,
    /// When it begins; now, if it is not said
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    #[command(flatten)]
    end: Until,
    /// When somebody looks at it again
    #[arg(long, value_name = "TIME", value_parser = time)]
    review_by: Option<Timestamp>,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Who asks
    #[arg(long, value_name = "NAME")]
    requested_by: Option<String>,
    /// Who is asked to approve it: somebody else
    #[arg(long, value_name = "NAME")]
    approver: Option<String>,
    /// The ticket behind it
    #[arg(long, value_name = "TICKET")]
    ticket: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    justification: Option<String>,
    /// What has to happen before an exception ends, and who sees to it; repeatable
    #[arg(long, value_name = "OWNER=WHAT", value_parser = pair)]
    exit: Vec<(String, String)>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    manner: Manner,
}

/// The fields that a document in a file says itself.
const FIELDS: [&str; 27] = [
    "subject",
    "prefix",
    "role",
    "audience",
    "method",
    "path",
    "grpc",
    "tcp",
    "host",
    "resource",
    "purpose",
    "purpose_binding",
    "on_behalf_of",
    "max_depth",
    "relay",
    "conditions",
    "activator",
    "from",
    "span",
    "until",
    "review_by",
    "owner",
    "requested_by",
    "approver",
    "ticket",
    "justification",
    "exit",
];

/// What documents call `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum KindArg {
    Standing,
    Eligible,
    Jit,
    Exception,
    BreakGlass,
}

impl RequestArgs {
    pub(crate) fn run(&self, out: &mut impl Write) -> Result<Exit, Failure> {
        let desk = Desk::open(self.place.place()?, self.manner.now())?;
        let node = match &self.document {
            Some(file) => self.written(file)?,
            None => self.document(desk.now)?,
        };
        let candidate = Candidate::new(&desk, node)?;
        if desk.request(&self.name)?.is_some() {
            let why = "is asked for already: approve that, or remove its file first";
            return Err(Failure::Refused(format!("`{}` {why}", self.name)));
        }
        let (_, documents) = candidate.verdict()?;
        let (sentence, mut details) = candidate.opening(&documents);
        if desk.grant(&self.name).is_some() {
            details.push("instead   of the grant of this name, which acts until then".to_owned());
        }
        candidate.waiting(format!("once it is approved: {sentence}"), details)?.carry_out(&desk, &self.manner, out)
    }

    /// The document in a file.
    fn written(&self, file: &std::path::Path) -> Result<Node, Failure> {
        let label = file.display().to_string();
        let text =
            fs::read_to_string(file).map_err(|error| Problem::of_file(&label, format!("cannot be read: {error}")))?;
        let mut nodes = yaml::parse(&label, &text)?;
        let (node, rest) = (nodes.pop(), nodes);
        let is_meant = |node: &Node| {
            fields::text(node, &["kind"]) == Some("Grant")
                && fields::text(node, &["metadata", "name"]) == Some(&self.name)
        };
        node.filter(|node| rest.is_empty() && is_meant(node)).ok_or_else(|| {
            Problem::of_file(&label, format!("is not one document of kind `Grant` and name `{}`", self.name)).into()
        })
    }

    /// The document that the fields make; what is missing in it is found when it is read.
    fn document(&self, now: Timestamp) -> Result<Node, Failure> {
        let strings = |texts: &[String]| sequence(texts.iter().map(string));
        let kind = self.kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let mut spec = vec![("type", string(kind))];
        let callers = [("spiffeId", &self.subject), ("prefix", &self.prefix), ("role", &self.role)];
        let callers = callers.into_iter().filter_map(|(key, value)| Some((key, string(value.as_ref()?))));
        spec.push(("subject", mapping(callers)));
        if !self.on_behalf_of.is_empty() {
            let from = self.on_behalf_of.iter().map(|(issuer, subject)| {
                mapping([("issuer", string(issuer)), ("subjects", sequence([string(subject)]))])
            });
            let depth = self.max_depth.map(|depth| ("maxDepth", plain(&depth)));
            spec.push(("onBehalfOf", mapping([("from", sequence(from))].into_iter().chain(depth))));
        }
        if self.resource.is_empty() {
            match self.audience.as_slice() {
                [] => {}
                [one] => spec.push(("audience", string(one))),
                many => spec.push(("audience", strings(many))),
            }
            let actions = self.actions();
            if !actions.is_empty() {
                spec.push(("actions", sequence(actions)));
            }
        } else {
            spec.push(("resources", strings(&self.resource)));
        }
        for (key, list) in [("purposes", &self.purpose), ("relays", &self.relay), ("activators", &self.activator)] {
            if !list.is_empty() {
                spec.push((key, strings(list)));
            }
        }
        spec.extend(self.purpose_binding.as_ref().map(|binding| ("purposeBinding", string(binding))));
        if !self.conditions.is_empty() {
            let condition = |(fact, value): &(String, String)| {
                let value = serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into());
                mapping([("fact", string(fact)), ("equals", json(&value))])
            };
            spec.push(("while", sequence(self.conditions.iter().map(condition))));
        }
        for (key, text) in [
            ("owner", &self.owner),
            ("requestedBy", &self.requested_by),
            ("approver", &self.approver),
            ("ticket", &self.ticket),
            ("justification", &self.justification),
        ] {
            spec.extend(text.as_ref().map(|text| (key, string(text))));
        }
        let from = self.from.unwrap_or(now);
        spec.push(("notBefore", plain(&from)));
        spec.push(("expiresAt", plain(&self.end.required_after(from)?)));
        spec.extend(self.review_by.map(|time| ("reviewBy", plain(&time))));
        if !self.exit.is_empty() {
            let criterion =
                |(owner, what): &(String, String)| mapping([("what", string(what)), ("owner", string(owner))]);
            spec.push(("exitCriteria", sequence(self.exit.iter().map(criterion))));
        }
        Ok(fields::document("Grant", &self.name, spec))
    }

    fn actions(&self) -> Vec<Node> {
        let strings = |texts: &[String]| sequence(texts.iter().map(string));
        let hosts = || (!self.host.is_empty()).then(|| ("hosts", strings(&self.host)));
        let mut actions = Vec::new();
        if !self.method.is_empty() || !self.path.is_empty() {
            let lists = [("methods", &self.method), ("paths", &self.path)];
            let lists = lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(key, list)| (key, strings(list)));
            actions.push(mapping(lists.chain(hosts())));
        }
        if !self.grpc.is_empty() {
            actions.push(mapping([("grpc", strings(&self.grpc))].into_iter().chain(hosts())));
        }
        if !self.tcp.is_empty() {
            actions.push(mapping([("tcp", mapping([("ports", sequence(self.tcp.iter().map(plain)))]))]));
        }
        actions
    }
}

/// Two texts with the first `=` between them; in a URL that has one itself, it is the last.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let parts = if text.contains("://") { text.rsplit_once('=') } else { text.split_once('=') };
    let (key, value) = parts.ok_or_else(|| format!("`{text}` is not two texts with `=` between them"))?;
    Ok((key.to_owned(), value.to_owned()))
}
