//! Who is calling, proved.

pub mod id;

#[cfg(test)]
pub(crate) mod fixture;
