//! The documents that people approve, read from a directory.
