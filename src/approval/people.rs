//! Two spellings of one person are one person, so nobody approves their own request under another.

/// Says whether both names are of one person: letter case, spaces around them, characters without width and the `+tag` of an e-mail address
/// make no other person.
pub(crate) fn same_person(a: &str, b: &str) -> bool {
    fold(a) == fold(b)
}

/// The one spelling of all that are the same person's.
pub(super) fn fold(name: &str) -> String {
    let seen: String = without_case(name).chars().filter(|character| !is_invisible(*character)).collect();
    let Some((local, domain)) = seen.trim().rsplit_once('@') else {
        return seen.trim().to_owned();
    };
    let person = local.split_once('+').map_or(local, |(person, _)| person);
    format!("{}@{}", if person.is_empty() { local } else { person }, domain.trim_end_matches('.'))
}

/// A name in lower case, by way of upper case: letters that have the same one (`s` and `ſ`) are spelled alike only then.
pub(super) fn without_case(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}

fn is_invisible(character: char) -> bool {
    let has_no_width = matches!(
        character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    );
    has_no_width || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_spelling_is_the_same_person() {
        for other in [
            "Alice@Example.COM",
            " alice@example.com ",
            "alice+work@example.com",
            "ALICE+a+b@example.com",
            "alice\u{200b}@example.com",
            "alice@example.com.",
        ] {
            assert!(same_person("alice@example.com", other), "{other}");
        }
        assert!(same_person("team-Straße", "TEAM-STRASSE"));
        assert!(same_person("\u{212a}im", "kim"));
    }

    #[test]
    fn another_name_is_another_person() {
        for other in
            ["bob@example.com", "alice@other.example", "alice", "alice.b@example.com", "", "+alice@example.com"]
        {
            assert!(!same_person("alice@example.com", other), "{other}");
        }
        assert!(!same_person("alice+a", "alice+b"));
        assert!(!same_person("+a@example.com", "+b@example.com"));
    }
}
