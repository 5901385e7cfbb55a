//! Decides one hop.
