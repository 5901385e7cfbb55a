//! `--set` and `--set-file`: keys of the configuration file, given on the command line.

/// One key, and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub(super) path: Vec<Step>,
    pub(super) value: Given,
}

/// One step towards a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// What a key is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Null,
    /// A number or a boolean.
    Plain(String),
    Text(String),
    List(Vec<Self>),
}

/// Why an override cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {why}: write `services.acme.url=https://acme.example`")]
pub struct OverrideError {
    text: String,
    why: &'static str,
}

impl Override {
    /// Reads `--set a.b=c,d[0]=e`: pairs apart by commas, `\` before a character that is meant as such, `{a,b}` for a list.
    ///
    /// # Errors
    /// [`OverrideError`] for what is no key and value.
    pub fn parse(text: &str) -> Result<Vec<Self>, OverrideError> {
        let refuse = |why| OverrideError { text: text.to_owned(), why };
        pairs(text).into_iter().map(|pair| Self::pair(&pair, given).map_err(refuse)).collect()
    }

    /// Reads `--set-file a.b=FILE`; `read` gives what is in the file.
    ///
    /// # Errors
    /// [`OverrideError`] for what is no key and file.
    pub fn parse_file(
        text: &str,
        read: impl Fn(&str) -> Result<String, &'static str>,
    ) -> Result<Vec<Self>, OverrideError> {
        let refuse = |why| OverrideError { text: text.to_owned(), why };
        let value = |file: &str| read(&unescaped(file)).map(|text| Given::Text(text.trim().to_owned()));
        pairs(text).into_iter().map(|pair| Self::pair(&pair, value).map_err(refuse)).collect()
    }

    fn pair(pair: &str, value: impl Fn(&str) -> Result<Given, &'static str>) -> Result<Self, &'static str> {
        let (path, text) = split_once(pair, '=').ok_or("there is no `=`")?;
        let mut steps = Vec::new();
        for part in split(&path, '.', false) {
            let (name, indices) = part.split_once('[').map_or((part.as_str(), None), |(name, rest)| (name, Some(rest)));
            if name.is_empty() {
                return Err("a name is missing");
            }
            steps.push(Step::Key(unescaped(name)));
            for index in indices.into_iter().flat_map(|indices| indices.split('[')) {
                let number = index.strip_suffix(']').and_then(|digits| digits.parse().ok());
                steps.push(Step::Index(number.filter(|number| *number < MAX_INDEX).ok_or("an index is no number")?));
            }
        }
        if steps.len() > MAX_STEPS {
            return Err("it goes too deep");
        }
        Ok(Self { path: steps, value: value(&text)? })
    }
}

/// A value: a list in braces, or a scalar.
fn given(text: &str) -> Result<Given, &'static str> {
    match text.strip_prefix('{') {
        Some(list) => {
            let list = list.strip_suffix('}').ok_or("a list is not closed")?;
            Ok(Given::List(if list.is_empty() {
                Vec::new()
            } else {
                split(list, ',', false).iter().map(|it| scalar(it)).collect()
            }))
        }
        None => Ok(scalar(text)),
    }
}

fn scalar(text: &str) -> Given {
    match text {
        "null" => Given::Null,
        "true" | "false" => Given::Plain(text.to_owned()),
        // What begins with a zero is a name, as `0660` is.
        _ if text == "0" || (!text.starts_with('0') && text.parse::<i64>().is_ok() && !text.starts_with('+')) => {
            Given::Plain(text.to_owned())
        }
        _ => Given::Text(unescaped(text)),
    }
}

/// Cuts at commas that are neither escaped nor in braces.
fn pairs(text: &str) -> Vec<String> {
    split(text, ',', true)
}

fn split(text: &str, at: char, braces: bool) -> Vec<String> {
    let (mut parts, mut part, mut escaped, mut depth) = (Vec::new(), String::new(), false, 0_usize);
    for char in text.chars() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' if braces => depth = depth.saturating_add(1),
            '}' if braces => depth = depth.saturating_sub(1),
            _ if char == at && depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(char);
    }
    parts.push(part);
    parts
}

/// Cuts at the first `at` that is not escaped.
fn split_once(text: &str, at: char) -> Option<(String, String)> {
    let mut parts = split(text, at, false).into_iter();
    let first = parts.next()?;
    let rest: Vec<String> = parts.collect();
    (!rest.is_empty()).then(|| (first, rest.join(&at.to_string())))
}

fn unescaped(text: &str) -> String {
    let mut chars = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    plain
}

const MAX_STEPS: usize = 16;
const MAX_INDEX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &[&str]) -> Vec<Step> {
        path.iter().map(|name| Step::Key((*name).to_owned())).collect()
    }

    #[test]
    fn an_override_is_a_path_and_a_value() {
        let rows = [
            (
                "plugins.envoy_ext_authz_grpc.addr=:9191",
                key(&["plugins", "envoy_ext_authz_grpc", "addr"]),
                Given::Text(":9191".into()),
            ),
            ("a.dry-run=true", key(&["a", "dry-run"]), Given::Plain("true".into())),
            ("a=12", key(&["a"]), Given::Plain("12".into())),
            ("a=0660", key(&["a"]), Given::Text("0660".into())),
            ("a=null", key(&["a"]), Given::Null),
            (r"a\.b=x=y", key(&["a.b"]), Given::Text("x=y".into())),
            (r"a=x\,y", key(&["a"]), Given::Text("x,y".into())),
            ("a={x,1}", key(&["a"]), Given::List(vec![Given::Text("x".into()), Given::Plain("1".into())])),
            ("a[1]=x", vec![Step::Key("a".into()), Step::Index(1)], Given::Text("x".into())),
        ];
        for (text, path, value) in rows {
            assert_eq!(Override::parse(text).unwrap(), [Override { path, value }], "{text}");
        }
        assert_eq!(Override::parse("a=1,b={x,y},c=2").unwrap().len(), 3);
    }

    #[test]
    fn what_is_no_path_and_value_is_refused() {
        for text in ["a", "", "=x", "a..b=1", "a[x]=1", "a[99999]=1", "a={x", "a[0=1"] {
            assert!(Override::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_is_a_value_without_the_space_around_it() {
        let read = |name: &str| if name == "token" { Ok(" s3cret\n".to_owned()) } else { Err("cannot be read") };
        let given = Override::parse_file("services.a.token=token", read).unwrap();
        assert_eq!(given[0].value, Given::Text("s3cret".into()));
        assert!(Override::parse_file("services.a.token=other", read).is_err());
    }
}
