//! The local playground.
