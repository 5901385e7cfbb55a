//! Trust bundles, one for each trust domain.
