//! Workloads by the beginning of their names, in whole segments: `spiffe://prod.example/ns/billing/` is nothing of `/ns/billing-old`.

use std::fmt;

use spiffe::{SpiffeId, TrustDomain};

use super::id;

/// The beginning of SPIFFE IDs, with its last slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdPrefix {
    trust_domain: TrustDomain,
    /// From its first slash to its last, which may be the same.
    path: Box<str>,
}

impl IdPrefix {
    /// Reads a trust domain, and whole segments of a path, that end with a slash.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(before) = text.strip_suffix('/') else {
            return Err(
                "a prefix ends with `/`: name one workload with `spiffeId`, or end it after a whole segment".to_owned()
            );
        };
        let id = id::parse(before).map_err(|error| error.to_string())?;
        Ok(Self { trust_domain: id.trust_domain().clone(), path: format!("{}/", id.path()).into() })
    }

    /// Whether the ID begins with it, and goes on.
    pub fn includes(&self, id: &SpiffeId) -> bool {
        self.trust_domain == *id.trust_domain()
            && id.path().len() > self.path.len()
            && id.path().starts_with(&*self.path)
    }

    /// Where it applies.
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The path, from its first slash to its last.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}{}", self.trust_domain, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_whole_segments_and_canonical() {
        for good in ["spiffe://prod.example/", "spiffe://prod.example/ns/billing/"] {
            assert_eq!(IdPrefix::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "/",
            "spiffe://",
            "spiffe:///",
            "spiffe://prod.example",
            "spiffe://prod.example/ns",
            "spiffe://Prod.example/",
            "spiffe://prod.example//",
            "spiffe://prod.example/a/../",
            "spiffe://prod.example/*/",
        ] {
            assert!(IdPrefix::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn includes_what_is_below_it_only() {
        let prefix = IdPrefix::parse("spiffe://prod.example/ns/billing/").unwrap();
        let includes = |text: &str| prefix.includes(&id::parse(text).unwrap());
        assert!(includes("spiffe://prod.example/ns/billing/sa/renderer"));
        for other in [
            "spiffe://prod.example/ns/billing",
            "spiffe://prod.example/ns/billing-old/sa/a",
            "spiffe://prod.example.org/ns/billing/a",
            "spiffe://prod.example",
        ] {
            assert!(!includes(other), "{other}");
        }
    }
}
