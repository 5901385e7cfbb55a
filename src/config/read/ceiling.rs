//! Reads where the documents come from, and which of them count.

use std::path::{Path, PathBuf};

use super::{super::section::Section, bundle::bundle};
use crate::{
    config::Ceiling,
    feed::bundle::Subscription,
    grant::{MaxTtl, Overdue},
};

/// Reads `store`, `facts` and `grants`; no source of documents only if no grant is asked for.
pub(super) fn ceiling(root: &mut Section<'_>, base: &Path, needed: bool) -> Option<(Option<PathBuf>, Ceiling)> {
    let mut store = root.section("store");
    let source = source(&mut store, base, needed);
    let max_stale = store.duration("max_stale");
    let inventory_required = store.word("inventory", OPTIONAL);
    let facts = root.section("facts").text("directory").map(|directory| base.join(directory));
    let mut grants = root.section("grants");
    let approvals_required = grants.word("approvals", OPTIONAL);
    let allowed_signers = grants.text("allowed_signers").map(|file| base.join(file));
    if approvals_required == Some(true) && !grants.has("allowed_signers") {
        grants.problem(
            "allowed_signers",
            "nobody could sign, and approvals are required: name who may in `allowed_signers`",
        );
    }
    let overdue = grants.word("overdue", &[("report", Overdue::Report), ("deny", Overdue::Deny)]);
    let max_activation = grants.duration("max_activation");
    let max_ttl = max_ttl(grants.section("max_ttl"));
    let (documents, bundle) = source?;
    let ceiling = Ceiling {
        bundle,
        max_stale: max_stale?,
        inventory_required: inventory_required?,
        facts,
        approvals_required: approvals_required?,
        allowed_signers,
        overdue: overdue?,
        max_activation: max_activation?,
        max_ttl: max_ttl?,
    };
    Some((documents, ceiling))
}

/// A directory or a bundle.
type Source = (Option<PathBuf>, Option<Subscription>);

fn source(store: &mut Section<'_>, base: &Path, needed: bool) -> Option<Source> {
    let directory = store.text("directory").map(|directory| base.join(directory));
    let bundle = store.maybe("bundle").map(|mut section| bundle(&mut section, NAME, base, true));
    match (directory, bundle) {
        (Some(_), Some(_)) => {
            store.problem("bundle", "is a second source: documents come from `directory` or from `bundle`");
            None
        }
        (None, Some(bundle)) => Some((None, Some(bundle?))),
        (None, None) if needed => {
            store.require("directory");
            None
        }
        (directory, None) => Some((directory, None)),
    }
}

fn max_ttl(mut section: Section<'_>) -> Option<MaxTtl> {
    let standing = section.duration("standing");
    let eligible = section.duration("eligible");
    let jit = section.duration("jit");
    let exception = section.duration("exception");
    let break_glass = section.duration("break_glass");
    Some(MaxTtl {
        standing: standing?,
        eligible: eligible?,
        jit: jit?,
        exception: exception?,
        break_glass: break_glass?,
    })
}

/// What the bundle of documents is called in logs, metrics and `state`.
const NAME: &str = "store";

/// Whether it is required.
const OPTIONAL: &[(&str, bool)] = &[("optional", false), ("required", true)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        feed::bundle::{Origin, Signing},
    };

    fn parse(more: &str) -> Result<Config, Vec<String>> {
        let source = format!(
            "self: spiffe://prod.example/api\ntrust: [{{trust_domain: prod.example, pem: roots.pem}}]\n\
             policy: {{directory: policy}}\n{more}\n"
        );
        Config::parse(Path::new("/etc/hopguard.yaml"), &source).map_err(|problems| {
            problems.0.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
        })
    }

    fn bundle(keys: &str) -> Result<Subscription, Vec<String>> {
        let config = parse(&format!("store: {{bundle: {{{keys}}}}}"))?;
        assert_eq!(config.documents, None);
        Ok(config.ceiling.bundle.unwrap())
    }

    #[test]
    fn documents_come_from_one_place() {
        let here = parse("store: {directory: documents}").unwrap();
        assert_eq!((here.documents, here.ceiling.bundle), (Some("/etc/documents".into()), None));
        assert_eq!(parse("").unwrap_err(), ["store.directory: is required"]);
        assert_eq!(parse("store: {directory: null, bundle: null}").unwrap_err().len(), 1);
        let keys = "keys: [{id: k, algorithm: ES256, file: k.pem}]";
        assert_eq!(
            parse(&format!("store: {{directory: documents, bundle: {{file: d.tar.gz, {keys}}}}}")).unwrap_err(),
            ["store.bundle: is a second source: documents come from `directory` or from `bundle`"]
        );
        assert!(parse("mode: {ceiling: skip}").unwrap().documents.is_none());
    }

    #[test]
    fn a_bundle_of_documents_is_always_signed_and_never_rolled_back() {
        let keys = "keys: [{id: k, algorithm: ES256, file: k.pem}]";
        let subscription = bundle(&format!("file: d.tar.gz, {keys}")).unwrap();
        assert_eq!((subscription.name.as_str(), subscription.allow_rollback), ("store", false));
        assert_eq!(subscription.origin, Origin::File("/etc/d.tar.gz".into()));
        assert!(matches!(subscription.signing, Some(Signing::Keys { keys, .. }) if keys.len() == 1));
        let url = "url: \"https://bundles.example/d.tar.gz\"";
        for (keys, problem) in [
            (url.to_owned(), "store.bundle.keys: is required"),
            (format!("{url}, keys: null"), "store.bundle.keys: is empty: give it a value or leave it out"),
            (format!("{url}, keys: []"), "store.bundle.keys: must not be empty"),
            (keys.to_owned(), "store.bundle: name where the bundle is: `url` or `file`"),
        ] {
            assert_eq!(bundle(&keys).unwrap_err(), [problem], "{keys}");
        }
        let back = bundle(&format!("{url}, {keys}, allow_rollback: true")).unwrap_err();
        assert!(back.len() == 1 && back[0].contains("unknown field `allow_rollback`"), "{back:?}");
    }

    #[test]
    fn which_documents_count_is_bounded() {
        let config = parse(
            "store: {directory: d, inventory: required, max_stale: 10m}\nfacts: {directory: facts}\n\
             grants: {approvals: required, allowed_signers: signers, overdue: deny, max_activation: 15m, max_ttl: {jit: 1h}}",
        );
        let ceiling = config.unwrap().ceiling;
        assert_eq!(ceiling.facts, Some("/etc/facts".into()));
        assert_eq!(ceiling.allowed_signers, Some("/etc/signers".into()));
        assert!(ceiling.inventory_required && ceiling.approvals_required && ceiling.overdue == Overdue::Deny);
        assert_eq!((ceiling.max_activation.as_secs(), ceiling.max_stale.as_secs()), (900, 600));
        assert_eq!(ceiling.max_ttl.of(crate::grant::Kind::Jit).as_secs(), 3600);
        for kind in [crate::grant::Kind::Standing, crate::grant::Kind::Exception, crate::grant::Kind::BreakGlass] {
            assert_eq!(ceiling.max_ttl.of(kind), kind.max_ttl());
        }
        for (grants, problem) in [
            ("max_ttl: {jit: 25h}", "grants.max_ttl.jit: must be between 1s and 1d"),
            ("max_ttl: {exception: 91d}", "grants.max_ttl.exception: must be between 1s and 90d"),
            ("max_activation: 25h", "grants.max_activation: must be between 1s and 1d"),
            (
                "approvals: required",
                "grants: nobody could sign, and approvals are required: name who may in `allowed_signers`",
            ),
        ] {
            let found = parse(&format!("store: {{directory: d}}\ngrants: {{{grants}}}")).unwrap_err();
            assert_eq!(found, [problem], "{grants}");
        }
    }
}
