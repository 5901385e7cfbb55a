//! A relationship names trust domain, URL and profile: none of them is inferred from another (SPIFFE Federation §5.1, §7.2).

use spiffe::{SpiffeId, TrustDomain};

use crate::{
    feed::https::{HttpsUrl, UrlError},
    trust::{Profile, Source, SourceKind},
};

/// Where a trust domain publishes its bundle, and how the endpoint there proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relationship {
    /// The trust domain: whatever the endpoint says is about it and no other.
    pub trust_domain: TrustDomain,
    /// The endpoint.
    pub url: HttpsUrl,
    /// How it proves itself.
    pub profile: Profile,
}

impl Relationship {
    /// The relationship that `source` stands for; `None`: it is a source of another kind.
    ///
    /// # Errors
    /// If its URL is not the address of an endpoint.
    pub fn of(source: &Source) -> Option<Result<Self, UrlError>> {
        let SourceKind::Federation { url, profile } = &source.kind else { return None };
        let relationship = |url| Self { trust_domain: source.trust_domain.clone(), url, profile: profile.clone() };
        Some(url.parse().map(relationship))
    }

    /// Whether the endpoint is a workload of the very trust domain whose bundle it gives.
    pub fn is_self_serving(&self) -> bool {
        self.endpoint().is_some_and(|id| *id.trust_domain() == self.trust_domain)
    }

    /// The workload that the endpoint has to be, if it proves itself as one.
    pub const fn endpoint(&self) -> Option<&SpiffeId> {
        match &self.profile {
            Profile::HttpsWeb { .. } => None,
            Profile::HttpsSpiffe { endpoint_spiffe_id, .. } => Some(endpoint_spiffe_id),
        }
    }

    /// Whether it can work where `is_listed` says which trust domains have a source of their own.
    ///
    /// # Errors
    /// If its endpoint could never be verified, or would be in another way than the configuration looks like.
    pub fn check(&self, is_listed: impl FnOnce(&TrustDomain) -> bool) -> Result<(), RelationshipError> {
        let Profile::HttpsSpiffe { endpoint_spiffe_id: id, bootstrap } = &self.profile else { return Ok(()) };
        if id.path().is_empty() {
            return Err(RelationshipError::NoWorkload);
        }
        match (self.is_self_serving(), bootstrap) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(RelationshipError::Bootstrap { trust_domain: id.trust_domain().clone() }),
            (false, None) if is_listed(id.trust_domain()) => Ok(()),
            (false, None) => Err(RelationshipError::NotListed { trust_domain: id.trust_domain().clone() }),
        }
    }
}

/// Why a relationship cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelationshipError {
    /// A bootstrap bundle where it would not be used.
    #[error(
        "`bootstrap` is for an endpoint of its own trust domain; this one is held against the bundle of `{trust_domain}`: remove it"
    )]
    Bootstrap {
        /// The trust domain of the endpoint.
        trust_domain: TrustDomain,
    },
    /// The ID is that of a trust domain.
    #[error("`endpoint_spiffe_id` names a trust domain, which no server is: add its path")]
    NoWorkload,
    /// The bundle that the endpoint would be held against has no source.
    #[error("the endpoint is of `{trust_domain}`, which `trust` does not list: add it")]
    NotListed {
        /// The trust domain of the endpoint.
        trust_domain: TrustDomain,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(profile: Profile) -> Result<(), String> {
        let trust_domain = TrustDomain::new("td.test").unwrap();
        let relationship = Relationship { trust_domain, url: "https://td.test".parse().unwrap(), profile };
        relationship.check(|trust_domain| trust_domain.as_str() == "listed.test").map_err(|error| error.to_string())
    }

    fn spiffe(id: &str, bootstrap: Option<&str>) -> Profile {
        Profile::HttpsSpiffe { endpoint_spiffe_id: id.parse().unwrap(), bootstrap: bootstrap.map(Into::into) }
    }

    #[test]
    fn an_endpoint_can_be_verified_or_is_refused() {
        assert_eq!(check(Profile::HttpsWeb { ca: None }), Ok(()));
        assert_eq!(check(spiffe("spiffe://td.test/server", Some("td.json"))), Ok(()));
        // After a first start with a bootstrap bundle it is no longer needed.
        assert_eq!(check(spiffe("spiffe://td.test/server", None)), Ok(()));
        assert_eq!(check(spiffe("spiffe://listed.test/server", None)), Ok(()));
        for (profile, expected) in [
            (spiffe("spiffe://other.test/server", None), "which `trust` does not list"),
            (spiffe("spiffe://listed.test/server", Some("td.json")), "`bootstrap` is for an endpoint of its own"),
            (spiffe("spiffe://td.test", None), "names a trust domain"),
        ] {
            let error = check(profile).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
