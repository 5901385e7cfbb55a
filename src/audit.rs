//! Writes down why: one JSON line for each decision.
