//! Answers Envoy.
