//! What a policy is shown of a hop: in which style, and which of the credentials.

use std::{borrow::Cow, collections::BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{hex, hop::XFCC, policy::Descriptors};

/// What a policy is shown of a hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// How it is read.
    pub style: Style,
    /// Whether bodies are left alone (the OPA-Envoy plugin's `skip-request-body-parse`).
    pub skip_body: bool,
    /// The credentials that stay in the copies of the headers.
    pub exposed: Exposed,
    /// What gRPC bodies are read by.
    pub descriptors: Option<Descriptors>,
}

/// How a hop is read for a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// In its canonical form, in which no two readers can find different values, and with what was proved and found.
    #[default]
    Hopguard,
    /// As the OPA-Envoy plugin reads it, and with what was proved and found if anything was.
    Opa,
}

/// The credentials that a policy may see (`policy.expose_credentials`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exposed {
    /// All of them.
    All,
    /// Those in headers of these names, in lower case.
    Named(BTreeSet<String>),
}

impl Default for Exposed {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Exposed {
    /// Header names in any case; `*` stands for all of them.
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let names: BTreeSet<String> = names.into_iter().map(|name| name.as_ref().to_ascii_lowercase()).collect();
        if names.contains("*") { Self::All } else { Self::Named(names) }
    }
}

impl View {
    /// The revision of a policy whose modules have the revision `source`, with what it reads gRPC bodies by.
    pub(in crate::policy) fn revision(&self, source: &str) -> String {
        match &self.descriptors {
            Some(descriptors) => {
                hex::encode(digest(&SHA256, format!("{source} {}", descriptors.revision()).as_bytes()).as_ref())
            }
            None => source.to_owned(),
        }
    }

    /// Whether a policy sees the header `name`, where the headers in `tokens` hold tokens.
    pub(super) fn shows(&self, name: &str, tokens: &BTreeSet<String>) -> bool {
        let Exposed::Named(exposed) = &self.exposed else { return true };
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        let is_credential = CREDENTIALS.contains(&&*name) || tokens.contains(&*name);
        !is_credential || exposed.contains(&*name)
    }
}

/// Headers that hold credentials wherever they are.
const CREDENTIALS: [&str; 3] = ["cookie", "proxy-authorization", XFCC];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_shown_only_where_it_is_named() {
        let tokens = BTreeSet::from(["authorization".to_owned()]);
        let seen = |names: &[&str]| {
            let view = View { exposed: names.iter().collect(), ..View::default() };
            ["cookie", "Cookie", "authorization", "x-forwarded-client-cert", "proxy-authorization", "accept"]
                .into_iter()
                .filter(|name| view.shows(name, &tokens))
                .collect::<Vec<_>>()
        };
        assert_eq!(seen(&[]), ["accept"]);
        assert_eq!(seen(&["Authorization"]), ["authorization", "accept"]);
        assert_eq!(seen(&["cookie"]), ["cookie", "Cookie", "accept"]);
        assert_eq!(seen(&["cookie", "*"]).len(), 6);
    }
}
