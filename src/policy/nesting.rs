//! How deep brackets stand in a policy: the engine's parser takes twice as long for each level.

/// The line on which brackets stand deeper than [`MOST`], outside of strings and comments.
pub(super) fn too_deep(source: &str) -> Option<usize> {
    let (mut line, mut depth, mut within) = (1_usize, 0_usize, Within::Code);
    let mut chars = source.chars();
    while let Some(char) = chars.next() {
        if char == '\n' {
            line = line.saturating_add(1);
        }
        within = match (within, char) {
            (Within::Code, '"') => Within::Text,
            (Within::Code, '`') => Within::Raw,
            (Within::Code, '#') => Within::Comment,
            (Within::Text, '\\') => {
                chars.next();
                Within::Text
            }
            (Within::Text, '"' | '\n') | (Within::Raw, '`') | (Within::Comment, '\n') => Within::Code,
            (within, _) => within,
        };
        match (within, char) {
            (Within::Code, '[' | '{' | '(') => depth = depth.saturating_add(1),
            (Within::Code, ']' | '}' | ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MOST {
            return Some(line);
        }
    }
    None
}

#[derive(Clone, Copy)]
enum Within {
    Code,
    Comment,
    Raw,
    Text,
}

/// The deepest that brackets may stand.
pub(super) const MOST: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_outside_of_texts_and_comments() {
        let deep = |levels: usize| format!("x := {}1{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(too_deep(&deep(12)), None);
        assert_eq!(too_deep(&deep(13)), Some(1));
        assert_eq!(
            too_deep(&format!("# {}\ny := \"{}\\\"\"\nz := `{}`", deep(20), "[".repeat(20), "[".repeat(20))),
            None
        );
        assert_eq!(too_deep(&format!("a\n\"\\\"\"\n{}", deep(13))), Some(3));
    }
}
