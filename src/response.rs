//! Turns a decision into what Envoy is told.
