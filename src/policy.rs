//! The runtime policy, which can only narrow.
