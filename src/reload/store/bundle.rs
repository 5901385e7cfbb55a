//! Documents in a signed bundle: it counts from when it was signed, whoever serves it, and none that is older ever replaces it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use crate::{
    approval::Approvals,
    bundle::Bundle,
    clock::Timestamp,
    feed::{
        Feeds,
        bundle::{Offer, Stage, Subscription},
    },
    policy::Value,
    store::{Documents, Rules, Texts},
    yaml::quote,
};

/// A bundle that is followed, and what was last taken from it.
#[derive(Debug)]
pub(super) struct Followed {
    name: String,
    texts: Texts,
    taken: Option<Arc<Offer>>,
    /// Whether others may sign documents since.
    is_resigned: bool,
    /// The digest of what is of no use.
    refused: Option<String>,
    problem: Option<String>,
}

impl Followed {
    /// A bundle of which nothing has come yet.
    pub(super) fn new(subscription: Subscription, rules: Rules) -> Self {
        Self {
            name: subscription.name,
            texts: Texts::new(rules),
            taken: None,
            is_resigned: false,
            refused: None,
            problem: None,
        }
    }

    /// When what counts was signed.
    pub(super) fn issued(&self) -> Option<Timestamp> {
        self.taken.as_deref().and_then(issued)
    }

    /// Why what counts is not what is there.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.clone()
    }

    /// Takes up who may sign documents: what they signed is looked at again.
    pub(super) fn approve_by(&mut self, approvals: Approvals) {
        self.texts.approve_by(approvals);
        self.is_resigned = true;
    }

    /// Takes what came last, if that is another one, or others sign documents. Gives when it was signed, too.
    pub(super) fn read(&mut self, forced: bool, feeds: &Feeds, now: Timestamp) -> Option<(Documents, Timestamp)> {
        let standing = feeds.bundles().into_iter().find(|standing| standing.name == self.name)?;
        self.problem = standing.problem;
        let Some(offer) = standing.offered.or(standing.good) else {
            let nothing = || format!("bundle `{}` has not come yet", self.name);
            self.problem.get_or_insert_with(nothing);
            return None;
        };
        let is_taken = self.taken.as_ref().is_some_and(|taken| taken.digest() == offer.digest());
        if is_taken && !self.is_resigned && !forced {
            return None;
        }
        if self.refused.as_deref() == Some(offer.digest()) {
            return None;
        }
        match (texts(offer.bundle()), issued(&offer)) {
            (Ok(texts), Some(issued)) => {
                let documents = self.texts.read(texts, now);
                feeds.activate(&[(self.name.clone(), Arc::clone(&offer))]);
                self.taken = Some(offer);
                self.is_resigned = false;
                Some((documents, issued))
            }
            (texts, _) => {
                let why = texts.err().unwrap_or_else(|| UNTIMED.to_owned());
                feeds.reject(&self.name, &offer, Stage::Documents, why.clone());
                self.refused = Some(offer.digest().to_owned());
                self.problem = Some(format!("bundle `{}`: {why}", self.name));
                None
            }
        }
    }
}

fn issued(offer: &Offer) -> Option<Timestamp> {
    offer.order().issued.map(Timestamp::from_nanos)
}

/// The texts at `hopguard.documents`, by name; a bundle with anything else in it is not one of documents.
pub(in crate::reload) fn texts(bundle: &Bundle) -> Result<BTreeMap<String, String>, String> {
    if !bundle.modules().is_empty() || !bundle.tests().is_empty() {
        return Err("it holds Rego, which is a policy's: build a bundle of `hopguard/data.json` alone".to_owned());
    }
    let documents = only(only(bundle.data(), "hopguard")?, "documents")?;
    let documents = documents.as_object().map_err(|_| "`hopguard.documents` is not an object".to_owned())?;
    let mut texts = BTreeMap::new();
    for (name, text) in documents.iter() {
        let (Ok(name), Ok(text)) = (name.as_string(), text.as_string()) else {
            return Err("`hopguard.documents` holds something that is not text".to_owned());
        };
        if !is_name(name) {
            return Err(format!("{} is not the name of a file of documents, such as `grants.yaml`", quote(name)));
        }
        texts.insert(name.to_string(), text.to_string());
    }
    Ok(texts)
}

/// The one field of an object.
fn only<'a>(value: &'a Value, name: &str) -> Result<&'a Value, String> {
    let other =
        || format!("its data is not `{{\"hopguard\": {{\"documents\": {{…}}}}}}`: `{name}` is not all there is");
    let object = value.as_object().map_err(|_| other())?;
    match object.iter().next() {
        Some((key, value)) if object.len() == 1 && key.as_string().is_ok_and(|key| &**key == name) => Ok(value),
        _ => Err(other()),
    }
}

fn is_name(name: &str) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default();
    let is_document = ["yaml", "yml"].iter().any(|other| extension.eq_ignore_ascii_case(other));
    is_document && !name.starts_with('.') && !name.chars().any(|c| c == '/' || c == '\\' || c.is_control())
}

const UNTIMED: &str =
    "its signature does not say when it was made, so its age cannot be known: sign it with the claim `iat`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_file_of_documents_and_of_nothing_elsewhere() {
        for name in ["a.yaml", "a.yml", "A.YAML", "a b.yaml", "a..yaml", "\u{e4}.yml"] {
            assert!(is_name(name), "{name}");
        }
        for name in
            ["", "yaml", ".yaml", ".a.yaml", "a.json", "../a.yaml", "a/b.yaml", "a\\b.yaml", "a\n.yaml", "a.yaml/"]
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
