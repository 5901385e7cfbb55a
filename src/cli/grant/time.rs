//! Until when: a time, or a span from now.

use std::time::Duration;

use clap::Args;

use crate::{
    cli::{
        argument::{span, time},
        documents::Failure,
    },
    clock::Timestamp,
};

/// Until when: one of both.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Until {
    /// For how long, such as 2h
    #[arg(long = "for", value_name = "DURATION", value_parser = span, group = "end")]
    pub(crate) span: Option<Duration>,
    /// Until when, such as 2026-11-20T13:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time, group = "end")]
    pub(crate) until: Option<Timestamp>,
}

impl Until {
    /// The end, of what begins at `from`.
    pub(crate) fn after(&self, from: Timestamp) -> Option<Timestamp> {
        self.until.or_else(|| self.span.map(|span| from.after(span)))
    }

    /// The end, which has to be said.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn required_after(&self, from: Timestamp) -> Result<Timestamp, Failure> {
        self.after(from).ok_or_else(|| Failure::Usage("say until when, with `--for` or `--until`".to_owned()))
    }
}
