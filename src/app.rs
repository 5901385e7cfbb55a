//! Builds every part once, binds early, serves when ready, drains.
