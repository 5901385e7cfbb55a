//! What a policy reads of its input: a tree of names, so that no more is built than is looked at.

use std::collections::BTreeMap;

/// What is read below one place of the input.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Everything below, because the policy names it whole or chooses a field while it runs.
    whole: bool,
    /// What is named, besides.
    fields: BTreeMap<String, Self>,
}

impl Reads {
    /// Everything.
    pub fn all() -> Self {
        Self { whole: true, fields: BTreeMap::new() }
    }

    /// Adds one path that is read, with everything below its end.
    pub fn add<S: AsRef<str>>(&mut self, path: &[S]) {
        match path.split_first() {
            Some((first, rest)) => self.fields.entry(first.as_ref().to_owned()).or_default().add(rest),
            None => self.whole = true,
        }
    }

    /// Whether the field `name` is named, and not only read with everything else.
    pub fn names(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// What is read below the field `name`; nothing, if it is not read.
    pub fn below(&self, name: &str) -> Option<&Self> {
        if self.whole { Some(self) } else { self.fields.get(name) }
    }

    /// What is read at the end of `path`; nothing, if it is not read.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |reads, name| reads.below(name))
    }

    /// Whether all of it is read.
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// The fields that are read, unless all of it [is](Self::is_whole).
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.fields.iter().map(|(name, below)| (name.as_str(), below))
    }
}

/// The same is read, whatever of it is named.
impl PartialEq for Reads {
    fn eq(&self, other: &Self) -> bool {
        self.whole == other.whole && (self.whole || self.fields == other.fields)
    }
}

impl Eq for Reads {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_with_all_that_is_below_it() {
        let mut reads = Reads::default();
        reads.add(&["hop", "path"]);
        reads.add(&["peer"]);
        assert!(reads.at(&["peer", "spiffe_id"]).is_some());
        assert!(reads.at(&["hop", "path"]).is_some_and(Reads::is_whole));
        assert!(reads.at(&["hop"]).is_some_and(|hop| !hop.is_whole()));
        assert_eq!(reads.at(&["hop", "method"]), None);
        assert_eq!(reads.at(&["attributes"]), None);
    }

    #[test]
    fn the_wider_of_two_reads_counts() {
        let mut reads = Reads::default();
        reads.add(&["hop", "path"]);
        reads.add(&["hop"]);
        reads.add(&["hop", "method"]);
        assert!(reads.at(&["hop"]).is_some_and(Reads::is_whole));
        reads.add::<&str>(&[]);
        reads.add(&["peer"]);
        assert_eq!(reads, Reads::all());
        assert!(reads.names("hop") && reads.names("peer") && !reads.names("actor"));
    }
}
