//! Reads how decisions are answered, and which headers they may touch.

use std::collections::BTreeSet;

use super::super::section::Section;
use crate::{
    decision::{Mode, Modes},
    policy::answer::{self, NameError, Style},
    response::{Reveal, Rules},
    yaml::quote,
};

/// What the section says.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) rules: Rules,
    protected: Vec<String>,
    free: Vec<String>,
}

impl Response {
    /// How decisions are read, where these headers speak for the caller.
    pub(super) fn answers(&self, tokens: &BTreeSet<String>, purpose: &str) -> answer::Rules {
        let credentials = tokens.iter().map(String::as_str).chain([purpose]);
        let (protected, free) = (self.protected.iter().map(String::as_str), self.free.iter().map(String::as_str));
        answer::Rules::new(self.rules.style, credentials, protected, free)
    }
}

/// Reads the section; the style of OPA's plugin is for callers and grants that nobody asks about.
pub(super) fn response(root: &mut Section<'_>, modes: Option<Modes>) -> Option<Response> {
    let mut section = root.section("response");
    let reveal = section.word("reveal", REVEALS);
    let style = section.word("style", STYLES);
    let protected = section.texts("protected_headers", named(answer::Rules::protect));
    let free = section.texts("allow_headers", named(answer::Rules::free));
    if style.is_some_and(|style| style != Style::Hopguard) {
        if reveal.is_some_and(|reveal| reveal != Reveal::None) {
            section
                .problem("reveal", "is for `style: hopguard`: a denial in OPA's style has the policy's body or none");
        }
        if section.has("allow_headers") && free.as_ref().is_some_and(|free| !free.is_empty()) {
            section.problem("allow_headers", "is for `style: hopguard`: OPA's style protects no header of its own");
        }
        let enforces = |modes: Modes| modes.proof == Mode::Enforce || modes.ceiling == Mode::Enforce;
        if modes.is_some_and(enforces) {
            root.problem(
                "mode",
                "answers in OPA's style tell the workload nothing of what was proved: write `response: {style: hopguard}`, or enforce neither proof nor ceiling",
            );
        }
    }
    let (protected, free) = (protected?, free?);
    let protects: BTreeSet<String> = protected.iter().map(|name| answer::alike(name)).collect();
    if let Some(both) = free.iter().find(|name| protects.contains(&answer::alike(name))) {
        let message = format!("{} is in `protected_headers` too: choose one", quote(both));
        section.problem("allow_headers", message);
    }
    Some(Response { rules: Rules { reveal: reveal?, style: style? }, protected, free })
}

fn named(read: impl Fn(&str) -> Result<String, NameError>) -> impl Fn(&str) -> Result<String, String> {
    move |text| read(text).map_err(|why| format!("{} {why}", quote(text)))
}

const REVEALS: &[(&str, Reveal)] = &[("none", Reveal::None), ("reason", Reveal::Reason), ("full", Reveal::Full)];
const STYLES: &[(&str, Style)] = &[("hopguard", Style::Hopguard), ("opa", Style::Opa { dry_run: false })];
