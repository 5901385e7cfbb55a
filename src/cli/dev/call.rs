//! `hopguard dev call`: one real call, and what would change its answer.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use http::Method;

use super::DEFAULT_DIR;
use crate::{
    cli::{complain, exit::Exit},
    dev::{Answer, Call, Error, Folder, Verdict, hint, spiffe_id},
};

/// Make one real call from workload to workload, and say what would change its answer
#[derive(Debug, Args)]
pub(super) struct CallArgs {
    /// The workload that calls: web, orders or payments
    from: String,
    /// The path, with its query
    path: String,
    /// The workload that is called
    #[arg(long)]
    to: String,
    /// What the call is for
    #[arg(long)]
    purpose: Option<String>,
    /// The method [default: GET, or POST with a body]
    #[arg(long)]
    method: Option<Method>,
    /// A further header, as `name: value`; may be given several times
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body
    #[arg(long)]
    body: Option<String>,
    /// Go in by the port of payments' Envoy that asks orders' Hopguard
    #[arg(long)]
    miswired: bool,
    /// The folder of the running playground
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
    dir: PathBuf,
}

impl CallArgs {
    /// Makes the call and prints what came back.
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let method = if self.body.is_some() { Method::POST } else { Method::GET };
        let call = Call {
            method: self.method.unwrap_or(method),
            from: self.from,
            to: self.to,
            path: self.path,
            purpose: self.purpose,
            headers: self.headers,
            body: self.body.unwrap_or_default().into(),
        };
        match send(&call, self.miswired, &self.dir).await {
            Ok(answer) => Ok(explain(&call, &answer)),
            Err(error @ (Error::Unreachable { .. } | Error::NotRunning(_))) => {
                complain(&error.to_string());
                Ok(Exit::Unreachable.into())
            }
            Err(error @ (Error::UnknownWorkload(_) | Error::NotMiswired(_) | Error::Request(_))) => {
                complain(&format!("{:#}", anyhow::Error::from(error)));
                Ok(Exit::Usage.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

async fn send(call: &Call, miswired: bool, dir: &Path) -> Result<Answer, Error> {
    let to = spiffe_id(&call.to)?;
    let folder = Folder::open(dir)?;
    let record = folder.record()?;
    let place = record.place(&call.to)?;
    let address = match (miswired, place.miswired) {
        (false, _) => place.inbound,
        (true, Some(address)) => address,
        (true, None) => return Err(Error::NotMiswired(call.to.clone())),
    };
    let mut connection = folder.caller(&call.from)?.connect(address, &to).await?;
    call.send(&mut connection).await
}

fn explain(call: &Call, answer: &Answer) -> ExitCode {
    let line = |name: &str, value: &str| println!("{name:<13}{value}");
    line("status", &answer.status.to_string());
    let code = match &answer.verdict {
        Verdict::Allowed { decision, grant, .. } => {
            line("reason", answer.outcome());
            line("decision", decision);
            line("grant", grant.as_deref().unwrap_or("none"));
            Exit::Yes.into()
        }
        Verdict::Denied(denied) => {
            line("reason", answer.outcome());
            line("decision", &denied.decision);
            for (name, value) in [("detail", &denied.detail), ("message", &denied.message)] {
                if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                    line(name, value);
                }
            }
            Exit::Failed.into()
        }
        Verdict::Undecided(said) => {
            line("undecided", said);
            if answer.status.is_client_error() { Exit::Failed.into() } else { Exit::Unreachable.into() }
        }
    };
    line("to change it", &hint(call, answer));
    code
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("`{text}` is not `name: value`"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        call: CallArgs,
    }

    #[test]
    fn reads_a_call() {
        let line = "call web /charge --to payments --purpose checkout --header a:b --header c:d:e";
        let call = Line::try_parse_from(line.split(' ')).unwrap().call;
        assert_eq!((call.from.as_str(), call.path.as_str(), call.to.as_str()), ("web", "/charge", "payments"));
        assert_eq!(call.headers, [("a".into(), "b".into()), ("c".into(), "d:e".into())]);
    }

    #[tokio::test]
    async fn a_call_without_a_playground_is_unreachable() {
        let call = Call::new("web", "payments", "/");
        let error = send(&call, false, Path::new("/nowhere/at/all")).await.unwrap_err();
        assert!(error.to_string().contains("no `hopguard dev` is running"), "{error}");
    }
}
