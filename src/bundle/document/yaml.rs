//! YAML becomes what OPA makes of it on its way to JSON: the same keys, texts and numbers, where readers agree about them.

use std::borrow::Cow;

use super::Tree;
use crate::yaml::{self, Kind, Node, Problem, Problems};

pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Tree<'static>, Problems> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::of_file(file, "bundle.data: this is not UTF-8"))?;
    let documents = yaml::parse(file, text).map_err(|Problems(mut problems)| {
        for problem in &mut problems {
            problem.message.insert_str(0, "bundle.data: ");
        }
        Problems(problems)
    })?;
    let mut documents = documents.iter();
    match (documents.next(), documents.next()) {
        (Some(document), None) => tree(file, document).map_err(Problems::from),
        (None, _) => Ok(Tree::Null),
        (_, Some(second)) => {
            let message = "bundle.data: a second document begins here: a data file holds one";
            Err(Problem::at(file, second.at.line, second.at.column, message).into())
        }
    }
}

fn tree(file: &str, node: &Node) -> Result<Tree<'static>, Problem> {
    let refuse =
        |message: &str| Err(Problem::at(file, node.at.line, node.at.column, &format!("bundle.data: {message}")));
    match &node.kind {
        Kind::Null => Ok(Tree::Null),
        Kind::Plain(text) => match text.as_str() {
            "true" | "True" | "TRUE" => Ok(Tree::Bool(true)),
            "false" | "False" | "FALSE" => Ok(Tree::Bool(false)),
            _ if yaml::is_string(text) => Ok(Tree::Text(Cow::Owned(text.clone()))),
            _ => match number(text) {
                Some(number) => Ok(Tree::Number(Cow::Owned(number))),
                None => refuse("this number cannot be kept exactly: quote it, or write it in a `data.json`"),
            },
        },
        Kind::Quoted(text) => Ok(Tree::Text(Cow::Owned(text.clone()))),
        Kind::Sequence(items) => items.iter().map(|item| tree(file, item)).collect::<Result<_, _>>().map(Tree::List),
        Kind::Mapping(entries) => {
            let mut members = Vec::new();
            for entry in entries {
                members.push((Cow::Owned(entry.key.clone()), tree(file, &entry.value)?));
            }
            members.sort_by(|(one, _): &(Cow<'_, str>, _), (other, _)| one.cmp(other));
            Ok(Tree::Object(members))
        }
        Kind::Refused => refuse("this cannot be read"),
    }
}

/// A number as Go writes it in JSON.
fn number(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if let Some(hex) = digits.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(|number| number.to_string());
    }
    let unsigned = digits.trim_start_matches('-');
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = digits.parse::<i64>().map(|number| number.to_string());
        return number.or_else(|_| digits.parse::<u64>().map(|number| number.to_string())).ok();
    }
    float(digits.parse().ok().filter(|number: &f64| number.is_finite())?)
}

/// The shortest text that is read back as the same number; beyond certain sizes with an exponent.
fn float(number: f64) -> Option<String> {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return Some(number.to_string());
    }
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    Some(match exponent.strip_prefix('-') {
        Some(exponent) => format!("{mantissa}e-{exponent}"),
        None => format!("{mantissa}e+{exponent}"),
    })
}
