//! The configuration, typed and already valid.
