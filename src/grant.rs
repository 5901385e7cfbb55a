//! What an administrator approved.
