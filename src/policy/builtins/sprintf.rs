//! `sprintf` as OPA formats (Go's `fmt`), within bounds: a verb, flag or form whose output would not be the same is refused.

mod shown;
mod verb;

pub(super) use self::shown::shown;
use self::verb::{Directive, Number};
use super::{
    super::{engine::Value, number},
    arguments::{array, bound, fits, text},
    native::{Failure, Native},
};

pub(super) const SPRINTF: &[Native] = &[Native { name: "sprintf", arity: 2, call: sprintf }];

/// An argument, as OPA gives it to Go.
enum Argument {
    Number(Number),
    Text(String),
}

impl Argument {
    fn of(value: &Value) -> Result<Self, Failure> {
        Ok(match value {
            Value::String(text) => Self::Text(text.to_string()),
            // OPA goes by the spelling: `1.0` is of no integer.
            Value::Number(number) if number::is_fraction(value) => match number.as_f64() {
                Some(0.0) => return bound("how the number was written is not known"),
                Some(number) => Self::Number(Number::Float(number)),
                None => return bound("the number cannot be written"),
            },
            Value::Number(number) => Self::Number(match (number.as_i64(), number.as_big()) {
                (Some(number), _) => Number::Word(number),
                (None, Some(_)) if number.as_u64().is_none() => {
                    return bound("how the number was written is not known");
                }
                (None, Some(_)) => Number::Big(Value::from(number.clone())),
                (None, None) => return bound("the number cannot be written"),
            }),
            other => Self::Text(shown(other)?),
        })
    }

    /// What Go calls its type.
    const fn kind(&self) -> &'static str {
        match self {
            Self::Number(Number::Word(_)) => "int64",
            Self::Number(Number::Big(_)) => "*big.Int",
            Self::Number(Number::Float(_)) => "float64",
            Self::Text(_) => "string",
        }
    }

    fn plain(&self) -> Result<String, Failure> {
        Directive::plain('v').write(self)
    }
}

fn sprintf(arguments: &[Value]) -> Result<Value, Failure> {
    let (format, values) = (text(arguments, 0)?, array(arguments, 1)?);
    let mut values = values.iter();
    let (mut out, mut rest) = (String::new(), format);
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let (directive, after) = Directive::parse(after)?;
        match directive {
            None => out.push_str("%!(NOVERB)"),
            Some(Directive { verb: '%', .. }) => out.push('%'),
            Some(directive) => match values.next() {
                Some(value) => out.push_str(&directive.write(&Argument::of(value)?)?),
                None => out.push_str(&format!("%!{}(MISSING)", directive.verb)),
            },
        }
        fits(out.len())?;
        rest = after;
    }
    out.push_str(rest);
    let extra = values.map(|value| Argument::of(value).and_then(|it| Ok(format!("{}={}", it.kind(), it.plain()?))));
    let extra = extra.collect::<Result<Vec<_>, _>>()?;
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    fits(out.len())?;
    Ok(Value::from(out))
}
