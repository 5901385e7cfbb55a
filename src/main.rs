//! hopguard: see `hopguard --help`.

fn main() {}
