//! `hopguard grant`: the life of an approval, from the request to its end.

mod activate;
mod approve;
mod expire;
mod extend;
mod list;
mod request;
mod show;
mod standing;
mod time;

use std::io::Write;

use clap::{Args, Subcommand};

pub(super) use self::time::Until;
use super::exit::Exit;

/// Ask for grants, approve, show, list, extend, end and open them
///
/// Grants are documents in a directory. Every change says what it does before it does it, is written whole and never over somebody else's, and
/// comes with the command that undoes it.
#[derive(Args, Clone, Debug)]
pub struct GrantArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Request(Box<request::RequestArgs>),
    Approve(approve::ApproveArgs),
    Show(show::ShowArgs),
    List(list::ListArgs),
    Extend(extend::ExtendArgs),
    Expire(expire::ExpireArgs),
    Activate(activate::ActivateArgs),
}

impl GrantArgs {
    /// Does what is asked for.
    ///
    /// # Errors
    /// The world is in the way.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let ended = match &self.verb {
            Verb::Request(args) => args.run(out),
            Verb::Approve(args) => args.run(out),
            Verb::Show(args) => args.run(out),
            Verb::List(args) => args.run(out),
            Verb::Extend(args) => args.run(out),
            Verb::Expire(args) => args.run(out),
            Verb::Activate(args) => args.run(out),
        };
        ended.or_else(super::documents::Failure::told)
    }
}
