//! The package of a module is known before the module is compiled, or the module is refused.

/// Reads the package of a Rego module, without `data`: names divided by dots, or in brackets and quotes.
pub(crate) fn of(text: &str) -> Option<Vec<String>> {
    let rest = blank(text).strip_prefix("package")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start_matches([' ', '\t']);
    let (first, mut rest) = name(rest)?;
    let mut path = vec![first.to_owned()];
    loop {
        if let Some(after) = rest.strip_prefix('.') {
            let (part, after) = name(after)?;
            path.push(part.to_owned());
            rest = after;
        } else if let Some(after) = rest.strip_prefix("[\"") {
            let (part, after) = after.split_once('"')?;
            // An escape would need the engine's reading of it.
            if part.contains(['\\', '\n', '\r']) {
                return None;
            }
            path.push(part.to_owned());
            rest = after.strip_prefix(']')?;
        } else {
            break;
        }
    }
    // Whatever could be taken as the path's next part must not be in doubt.
    let ends = rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n', '#', ';']);
    let goes_on = blank(rest).starts_with(['.', '[']);
    (ends && !goes_on).then_some(path)
}

/// Leaves out white space and comments in front.
fn blank(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches([' ', '\t', '\r', '\n']);
        let Some(comment) = text.strip_prefix('#') else { return text };
        text = comment.split_once('\n').map_or("", |(_, rest)| rest);
    }
}

fn name(text: &str) -> Option<(&str, &str)> {
    let end =
        text.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    (!name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit())).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use super::of;

    fn path(text: &str) -> Option<String> {
        of(text).map(|path| path.join("/"))
    }

    #[test]
    fn reads_every_form_of_a_package() {
        for (text, package) in [
            ("package a", "a"),
            ("package a.b_1.c\n\nallow if true", "a/b_1/c"),
            ("# METADATA\n# title: x\n\n\tpackage  a # why\n", "a"),
            ("package a[\"com.foo\"].b\r\n", "a/com.foo/b"),
            ("package a[\"b/c\"]", "a/b/c"),
            ("package a\nimport rego.v1", "a"),
        ] {
            assert_eq!(path(text).as_deref(), Some(package), "{text:?}");
        }
    }

    #[test]
    fn what_could_be_read_otherwise_is_no_package() {
        for text in [
            "",
            "# package a",
            "allow if true",
            "package",
            "package\na",
            "packagea",
            "package 1a",
            "package a.",
            "package a[b]",
            "package a[\"b\\n\"]",
            "package a[\"b\"",
            "package a\n.b",
            "package a # x\n[\"b\"]",
            "package a .b",
            "package a-b",
            "package \"a\"",
            "package a[`b`]",
            "\u{feff}package a",
        ] {
            assert_eq!(path(text), None, "{text:?}");
        }
    }
}
