//! Which lines of a policy its tests went through; a file that none of them reached counts with all its lines.

use std::collections::BTreeSet;

use super::super::{Policy, Value, engine::Covered, gate::tree::Module, trace::lines};
use crate::clock::Timestamp;

/// The lines of a policy that say something, and which of them were evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// One for each file of the policy, tests left out.
    pub files: Vec<FileCoverage>,
}

/// The lines of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCoverage {
    /// Its name.
    pub file: String,
    /// The lines that some test went through.
    pub covered: BTreeSet<usize>,
    /// Those that none did.
    pub missed: BTreeSet<usize>,
}

impl Coverage {
    pub(super) fn of<'a>(modules: impl Iterator<Item = &'a Module>, evaluated: &Covered) -> Self {
        let file = |module: &Module| {
            let evaluated = evaluated.get(&*module.file);
            let all = module.rules.iter().flat_map(lines);
            let (covered, missed) = all.partition(|line| evaluated.is_some_and(|lines| lines.contains(line)));
            FileCoverage { file: module.file.to_string(), covered, missed }
        };
        Self { files: modules.map(file).collect() }
    }

    /// Adds the lines that `policy` goes through for `input`.
    pub fn add(&mut self, policy: &Policy, input: &Value, now: Timestamp) {
        let evaluated = policy.lines(input, now);
        for file in &mut self.files {
            let Some(lines) = evaluated.get(&file.file) else { continue };
            let (covered, missed) = file.missed.iter().partition(|line| lines.contains(line));
            file.missed = missed;
            file.covered.extend::<BTreeSet<usize>>(covered);
        }
    }

    /// Of a hundred lines, those that were covered.
    pub fn percent(&self) -> f64 {
        let covered = self.files.iter().map(|file| file.covered.len()).sum();
        let missed = self.files.iter().map(|file| file.missed.len()).sum();
        percent(covered, missed)
    }
}

impl FileCoverage {
    /// Of a hundred lines, those that were covered.
    pub fn percent(&self) -> f64 {
        percent(self.covered.len(), self.missed.len())
    }
}

/// Of a hundred, to two places and never rounded up: what is not all of them is less than a hundred.
fn percent(covered: usize, missed: usize) -> f64 {
    let all = covered.saturating_add(missed);
    let hundredths = covered.saturating_mul(10_000).checked_div(all).unwrap_or(10_000);
    u32::try_from(hundredths).map_or(0.0, |hundredths| f64::from(hundredths) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_all_is_not_all() {
        let shown = |covered, missed| percent(covered, missed).to_string();
        assert_eq!([shown(1, 2), shown(29_999, 1), shown(3, 0), shown(0, 0)], ["33.33", "99.99", "100", "100"]);
    }
}
