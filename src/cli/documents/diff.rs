//! What changes in a text, line by line, as people review it.

/// The lines of both texts: those that go begin with `-`, those that come with `+`; of what stays only what is near.
pub(crate) fn diff(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let mut lines = Vec::new();
    let (mut a, mut b) = (&old[..], &new[..]);
    while let (Some((first, rest)), Some((other, others))) = (a.split_first(), b.split_first()) {
        if first == other {
            lines.push((' ', *first));
            (a, b) = (rest, others);
        } else if common(rest, b) >= common(a, others) {
            lines.push(('-', *first));
            a = rest;
        } else {
            lines.push(('+', *other));
            b = others;
        }
    }
    lines.extend(a.iter().map(|line| ('-', *line)));
    lines.extend(b.iter().map(|line| ('+', *line)));
    let changes: Vec<_> = lines.iter().enumerate().filter(|(_, (sign, _))| *sign != ' ').map(|(at, _)| at).collect();
    let is_near = |at: usize| changes.iter().any(|change| change.abs_diff(at) <= CONTEXT);
    lines.iter().enumerate().filter(|(at, _)| is_near(*at)).map(|(_, (sign, line))| format!("{sign} {line}")).collect()
}

/// How many lines both have in common, in their order.
fn common(a: &[&str], b: &[&str]) -> usize {
    if a.len().saturating_mul(b.len()) > MAX_CELLS {
        return 0;
    }
    let mut row = vec![0_usize; b.len().saturating_add(1)];
    for line in a {
        let mut corner = 0;
        let mut left = 0;
        for (cell, other) in row.iter_mut().skip(1).zip(b) {
            let above = *cell;
            *cell = if line == other { corner + 1 } else { above.max(left) };
            (corner, left) = (above, *cell);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// How many lines around a change are shown.
const CONTEXT: usize = 3;
/// Beyond this texts are not compared, and one is shown after the other.
const MAX_CELLS: usize = 40_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_goes_and_what_comes() {
        let old = "a\nb\nc\nd\ne\nf\ng\n";
        let new = "a\nb\nc\nD\ne\nf\ng\nh\n";
        assert_eq!(diff(old, new), ["  a", "  b", "  c", "- d", "+ D", "  e", "  f", "  g", "+ h"]);
        assert_eq!(diff("", "a\nb"), ["+ a", "+ b"]);
        assert_eq!(diff("a\nb", ""), ["- a", "- b"]);
        assert!(diff(old, old).is_empty());
    }

    #[test]
    fn what_is_far_from_a_change_is_left_out() {
        let old: Vec<_> = (0..50).map(|line| line.to_string()).collect();
        let new = old.join("\n").replace("25", "x");
        assert_eq!(diff(&old.join("\n"), &new).len(), 8);
    }
}
