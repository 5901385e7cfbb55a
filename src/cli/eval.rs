//! `hopguard eval`: what one request would be answered, and why. Nothing is served, spent or recorded.

mod report;
mod request;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{ArgGroup, Args};

use self::{report::Report, request::Request};
use super::{
    argument::{Output, time},
    asking::{self, Asking, Told},
    complain,
    exit::Exit,
    loading,
    test::{ENTRYPOINT, GateArg},
};
use crate::{
    clock::{Clock, Timestamp},
    config::Config,
    decision::{Decision, DecisionIds},
    policy::{self, Entrypoint, Policy, Value, answer::Pairs},
    reload::once,
    response,
    yaml::{Problems, quote},
};

/// Say what one request would be answered, and why
///
/// With --config everything is real: proofs, grants and policy, from what the configuration names in files. With --policy the policy alone is
/// asked, and what only Hopguard can prove is given with --set, --input and --as. Exits with 1 if the answer is no.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("by").required(true).multiple(false))]
pub struct EvalArgs {
    /// The request: a CheckRequest in a file, proto JSON or binary (`-` is standard input), or `[METHOD] URL`
    #[arg(value_name = "REQUEST", num_args = 0..=2)]
    request: Vec<String>,
    /// Decide as this configuration does
    #[arg(long, value_name = "FILE", group = "by")]
    config: Option<PathBuf>,
    /// Ask this policy alone: Rego files, a directory or a bundle; repeatable
    #[arg(long, value_name = "PATH", group = "by")]
    policy: Vec<PathBuf>,
    /// A header of the request; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body of the request, as UTF-8
    #[arg(short = 'd', long = "data", value_name = "BODY")]
    body: Option<String>,
    /// The certificate that the caller presents, PEM
    #[arg(long, value_name = "FILE", conflicts_with_all = ["policy", "caller"])]
    cert: Option<PathBuf>,
    /// Whom this request is taken to come from: short for --set peer.spiffe_id=…
    #[arg(long = "as", value_name = "SPIFFE_ID", id = "caller", conflicts_with = "config")]
    caller: Option<String>,
    /// A field of the policy's input, taken as given: `grant.name=x`; JSON, or else text; repeatable
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field, conflicts_with = "config")]
    set: Vec<(String, String)>,
    /// A JSON file of the policy's input, taken as given; alone, it is all of it
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    input: Option<PathBuf>,
    /// What is asked for
    #[arg(long, value_name = "RULE", default_value = ENTRYPOINT, value_parser = Entrypoint::parse, conflicts_with = "config")]
    entrypoint: Entrypoint,
    /// What a policy must be to load
    #[arg(long, value_enum, default_value_t = GateArg::Strict, conflicts_with = "config")]
    gate: GateArg,
    /// When it is decided
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<Timestamp>,
    /// Show each rule that was evaluated, with its place and its value
    #[arg(long)]
    explain: bool,
    /// Show what the policy was asked, without credentials
    #[arg(long)]
    show_input: bool,
    /// How to answer
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Why nothing was decided.
#[derive(Debug)]
enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// Something does not load.
    Problems(Problems),
    /// The world is in the way.
    World(anyhow::Error),
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Problems(problems)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::World(error)
    }
}

impl EvalArgs {
    /// Decides, and writes the decision and why.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let now = self.now.unwrap_or_else(|| Clock::default().now());
        let decided = match &self.config {
            Some(file) => self.decide(file, now),
            None => self.ask(now),
        };
        match decided {
            Ok(report) => {
                match report.write(self.output, out).and_then(|()| out.flush()) {
                    // Whoever reads may stop to.
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
                    _ => {}
                }
                Ok(if report.is_allow { Exit::Yes } else { Exit::Failed })
            }
            Err(Failure::Usage(why)) => {
                complain(&why);
                Ok(Exit::Usage)
            }
            Err(Failure::Problems(Problems(problems))) => {
                problems.iter().for_each(|problem| complain(&format!("{problem:#}")));
                Ok(Exit::DoesNotLoad)
            }
            Err(Failure::World(error)) => Err(error),
        }
    }

    /// All of the road.
    fn decide(&self, file: &std::path::Path, now: Timestamp) -> Result<Report, Failure> {
        let config = Config::load(file)?;
        let Some(request) = self.request(now)? else {
            return Err(Failure::Usage("there is no request: name a file with one, or `[METHOD] URL`".to_owned()));
        };
        let check = request.check;
        let source = loading::configured(&config)?;
        let once = once(&config, source.as_ref())?;
        let authorizer = once.snapshot.authorizer;
        let answers = once.snapshot.answers;
        let decision = authorizer.decide(&check, now);
        let decision = answers.style.dry_run().into_iter().fold(decision, Decision::dry_run);
        let id = DecisionIds::new().map_err(|error| Failure::World(error.into()))?.next();
        let keep = |name: &str| config.hop.keep_headers.iter().any(|kept| kept == name);
        let response = response::encode(&decision, id, &check, answers, keep);
        let document = decision.findings.input.as_ref().map(|document| document.value().clone());
        let mut report = Report::of(&decision, &response);
        report.missing = once.missing;
        report.id = Some(id.to_string());
        if let (Some(policy), Some(document)) = (&authorizer.policy, &document) {
            report.trace = self.explain.then(|| policy.explain(document, now));
        }
        report.hide = config.tokens.headers();
        report.input = document.filter(|_| self.show_input);
        Ok(report)
    }

    /// The policy alone.
    fn ask(&self, now: Timestamp) -> Result<Report, Failure> {
        let source = loading::source(&self.policy)?;
        let options = asking::options(&self.entrypoint, self.gate.into());
        let policy = Policy::compile(&source, &options)?;
        let asking = Asking { policy, options, rules: asking::rules(), answers: response::Rules::default() };
        let request = self.request(now)?;
        let given = self.given()?;
        if request.is_none() && self.input.is_none() && self.set.is_empty() && self.caller.is_none() {
            let why = "there is nothing to ask: name a file with a request, `[METHOD] URL`, or `--input FILE`";
            return Err(Failure::Usage(why.to_owned()));
        }
        let document = asking.document(request.as_ref().map(|request| &request.check), &given, now);
        let (document, verdict) = match document {
            Ok(document) => {
                let verdict = asking.answer(&document, now);
                (Some(document), verdict)
            }
            Err(denial) => (None, Err(denial)),
        };
        let told: Told = asking.told(&verdict, now)?;
        let trace = document.as_ref().filter(|_| self.explain).map(|document| asking.policy.explain(document, now));
        let input = document.filter(|_| self.show_input);
        let mut report = Report::asked(&verdict, told);
        (report.trace, report.input) = (trace, input);
        Ok(report)
    }

    fn request(&self, now: Timestamp) -> Result<Option<Request>, Failure> {
        let headers: &Pairs = &self.headers;
        let request = request::read(&self.request, headers, self.body.as_deref(), now).map_err(Failure::Usage)?;
        match (request, &self.cert) {
            (Some(request), Some(file)) => request.with_certificate(file).map(Some).map_err(Failure::Usage),
            (request, _) => Ok(request),
        }
    }

    /// What is taken as given.
    fn given(&self) -> Result<Value, Failure> {
        let usage = |why: String| Failure::Usage(why);
        let mut given = match &self.input {
            Some(file) => {
                let text = request::text(file).map_err(usage)?;
                let value =
                    policy::document(&text).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
                if !matches!(value, Value::Object(_)) {
                    return Err(Failure::Usage(format!("{}: an input is an object", file.display())));
                }
                value
            }
            None => Value::new_object(),
        };
        let caller = self.caller.as_ref().map(|caller| ("peer.spiffe_id".to_owned(), caller.clone()));
        for (path, text) in caller.iter().chain(&self.set) {
            let value: serde_json::Value =
                serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text.as_str()));
            let nested = path.rsplit('.').fold(value, |value, name| serde_json::json!({ name: value }));
            let nested = policy::document(&nested.to_string())
                .map_err(|error| Failure::Usage(format!("--set {}: {error}", quote(path))))?;
            asking::lay(&mut given, &nested);
        }
        Ok(given)
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("`{text}` is not `name: value`"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn field(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not `field=value`"))?;
    if path.split('.').any(str::is_empty) || path.split('.').count() > MAX_DEPTH {
        return Err(format!("`{path}` is not the path of a field, such as `grant.name`"));
    }
    Ok((path.to_owned(), value.to_owned()))
}

const MAX_DEPTH: usize = 32;
