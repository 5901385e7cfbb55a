//! All that a Check says about its caller must agree: nothing in it may speak for another, or for more than one.

use spiffe::SpiffeId;

use crate::peer::{
    Conflict, EvidenceKind, InvalidSvid, PeerError, Rules, encoding, id,
    xfcc::{self, Element, XfccError, xfcc_elements},
};

/// What a Check says about its caller.
#[derive(Clone, Copy, Debug)]
pub struct PeerEvidence<'a> {
    /// `attributes.source.certificate`: the leaf, as percent-encoded PEM. Empty if Envoy sent none.
    pub certificate: &'a str,
    /// `attributes.source.principal`: what Envoy calls the caller. Empty if Envoy sent none.
    pub principal: &'a str,
    /// The header `x-forwarded-client-cert`, entries joined by commas.
    pub xfcc: Option<&'a str>,
}

/// The same, as far as rules let it be read.
pub(super) struct Evidence<'a> {
    shown: &'a PeerEvidence<'a>,
    /// `x-forwarded-client-cert`, if that is there and Envoy alone can have written it.
    element: Option<Result<Element<'a>, XfccError>>,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(shown: &'a PeerEvidence<'a>, rules: &Rules) -> Self {
        let xfcc = shown.xfcc.filter(|_| rules.sanitized);
        Self { shown, element: xfcc.map(|value| xfcc::read(value, rules.json)) }
    }

    /// Whether there is evidence of this kind, whatever it is worth.
    pub(super) const fn has(&self, kind: EvidenceKind) -> bool {
        match kind {
            EvidenceKind::Certificate => !self.shown.certificate.is_empty(),
            EvidenceKind::Xfcc | EvidenceKind::XfccUri => self.element.is_some(),
            EvidenceKind::Principal => !self.shown.principal.is_empty(),
        }
    }

    /// The texts that `source.certificate` is verified from: a sanitised header lends its chain.
    pub(super) fn certificate(&self) -> Texts<'_> {
        let element = self.element.as_ref().and_then(|element| element.as_ref().ok());
        Texts {
            leaf: Some(self.shown.certificate),
            cert: element.and_then(|element| element.cert.as_deref()),
            chain: element.and_then(|element| element.chain.as_deref()),
        }
    }

    /// The texts that the certificate in the header is verified from.
    pub(super) fn xfcc(&self) -> Result<Texts<'_>, PeerError> {
        let element = self.element()?;
        // Listed or not, what Envoy reports of the connection is of the same caller.
        let reported = Some(self.shown.certificate).filter(|certificate| !certificate.is_empty());
        let texts = Texts { leaf: element.cert.as_deref(), cert: reported, chain: element.chain.as_deref() };
        if texts.leaf.or(texts.chain).is_none() {
            return Err(InvalidSvid::NoXfccCertificate.into());
        }
        if element.hash.is_none() {
            return Err(InvalidSvid::NoXfccHash.into());
        }
        Ok(texts)
    }

    /// The one URI in the header.
    pub(super) fn xfcc_uri(&self) -> Result<&str, PeerError> {
        match self.element()?.uris.as_slice() {
            [uri] if !uri.is_empty() => Ok(uri),
            [] | [_] => Err(InvalidSvid::NoXfccUri.into()),
            _ => Err(InvalidSvid::SeveralUris.into()),
        }
    }

    /// Whether nothing here contradicts `id`, and the `fingerprint` of its certificate if that was verified.
    pub(super) fn agrees(&self, id: &SpiffeId, fingerprint: Option<&str>) -> Result<(), PeerError> {
        let principal = self.shown.principal;
        let contradicted = if !principal.is_empty() && !id::is_spelled(id, principal) {
            Err(Conflict::Principal)
        } else {
            match &self.element {
                Some(Ok(element)) => describes(element, id, fingerprint),
                Some(Err(error)) => Err(Conflict::Xfcc(*error)),
                None => self.shown.xfcc.map_or(Ok(()), speaks_for_one),
            }
        };
        contradicted.map_err(|conflict| PeerError::Conflict { id: Some(id.clone()), conflict })
    }

    fn element(&self) -> Result<&Element<'a>, PeerError> {
        match &self.element {
            Some(Ok(element)) => Ok(element),
            Some(Err(error)) => Err(PeerError::Conflict { id: None, conflict: Conflict::Xfcc(*error) }),
            None => Err(PeerError::Missing),
        }
    }
}

/// Whether an element says nothing of another certificate. What it leaves out it does not contradict.
fn describes(element: &Element<'_>, id: &SpiffeId, fingerprint: Option<&str>) -> Result<(), Conflict> {
    match element.uris.as_slice() {
        [] => {}
        [uri] if id::is_spelled(id, uri) => {}
        [_] => return Err(Conflict::Uri),
        _ => return Err(Conflict::SeveralUris),
    }
    match (element.hash.as_deref(), fingerprint) {
        (Some(hash), Some(fingerprint)) if hash != fingerprint => Err(Conflict::Hash),
        _ => Ok(()),
    }
}

/// Whether a header that anybody may have written has one element. It is not read: what it says counts neither for a caller nor against.
fn speaks_for_one(xfcc: &str) -> Result<(), Conflict> {
    match xfcc_elements(xfcc) {
        Some(1) => Ok(()),
        Some(_) => Err(XfccError::ElementCount.into()),
        None => Err(XfccError::Syntax.into()),
    }
}

/// The texts that a certificate and those above it are read from.
pub(super) struct Texts<'a> {
    /// The leaf. If it is absent, it is the first of the chain.
    pub(super) leaf: Option<&'a str>,
    /// The leaf once more.
    pub(super) cert: Option<&'a str>,
    /// The leaf, and what came with it.
    pub(super) chain: Option<&'a str>,
}

impl Texts<'_> {
    /// Decodes the leaf.
    pub(super) fn leaf(&self) -> Result<Vec<u8>, InvalidSvid> {
        match self.leaf {
            Some(text) => encoding::certificate(text),
            None => {
                let chain = encoding::chain(self.chain.unwrap_or_default())?;
                chain.into_iter().next().ok_or(InvalidSvid::Pem)
            }
        }
    }

    /// Decodes what came with `leaf`. None: one of the texts is about another.
    pub(super) fn intermediates(&self, leaf: &[u8]) -> Result<Option<Vec<Vec<u8>>>, InvalidSvid> {
        if let Some(cert) = self.cert
            && encoding::certificate(cert)? != leaf
        {
            return Ok(None);
        }
        let Some(chain) = self.chain else {
            return Ok(Some(Vec::new()));
        };
        let mut chain = encoding::chain(chain)?.into_iter();
        let first = chain.next().ok_or(InvalidSvid::Pem)?;
        Ok((first == leaf).then(|| chain.collect()))
    }
}
