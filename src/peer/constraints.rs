//! Name constraints that path building cannot evaluate are told apart from those that a name violates (RFC 5280 §4.2.1.10).
//!
//! Path building evaluates constraints on DNS names and IP addresses. On any other kind of name it takes every constraint for violated: a leaf
//! below a constraint on URIs or directory names is refused, whatever it is called.

use rustls_pki_types::TrustAnchor;
use x509_parser::{
    asn1_rs::{Sequence, ToDer},
    extensions::{GeneralName, NameConstraints},
    oid_registry::OID_X509_EXT_NAME_CONSTRAINTS,
    prelude::FromDer,
};

use crate::trust::certificate::Certificate;

/// Whether an anchor has constraints on other names than DNS names and IP addresses.
pub(super) fn of_anchor(anchor: &TrustAnchor<'_>) -> bool {
    // An anchor keeps the content of the extension without the sequence around it.
    let content = anchor.name_constraints.as_ref().map(AsRef::as_ref);
    let whole = content.and_then(|content: &[u8]| Sequence::new(content.into()).to_der_vec().ok());
    whole.is_some_and(|der| NameConstraints::from_der(&der).is_ok_and(|(_, constraints)| on_other_names(&constraints)))
}

/// Whether an intermediate has.
pub(super) fn of_intermediate(der: &[u8]) -> bool {
    let constraints = Certificate::read(der).and_then(|read| read.extension(&OID_X509_EXT_NAME_CONSTRAINTS));
    matches!(constraints, Ok(Some(constraints)) if on_other_names(&constraints))
}

fn on_other_names(constraints: &NameConstraints<'_>) -> bool {
    let subtrees = constraints.permitted_subtrees.iter().chain(&constraints.excluded_subtrees).flatten();
    subtrees
        .map(|subtree| &subtree.base)
        .any(|name| !matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_)))
}
