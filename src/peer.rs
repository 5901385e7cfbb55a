//! Who is calling, proved.

pub mod id;
