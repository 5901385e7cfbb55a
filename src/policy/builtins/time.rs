//! The `time` builtins as OPA answers them: what the engine reads too generously, or writes otherwise, is read here or refused.

mod duration;
mod instant;

use regorus::unstable::{BUILTINS, Expr, Ref, Source, Span};

use super::{
    super::engine::Value,
    arguments::{any, array, bound, error, integer, text},
    native::{Failure, Native},
};

pub(super) const TIME: &[Native] = &[
    Native { name: "time.add_date", arity: 4, call: add_date },
    Native { name: "time.diff", arity: 2, call: diff },
    Native { name: "time.format", arity: 1, call: format },
    Native { name: "time.parse_duration_ns", arity: 1, call: parse_duration },
    Native { name: "time.parse_ns", arity: 2, call: parse },
    Native { name: "time.parse_rfc3339_ns", arity: 1, call: |arguments| instant(text(arguments, 0)?) },
];

fn instant(text: &str) -> Result<Value, Failure> {
    match instant::parse(text) {
        Some(nanoseconds) => Ok(Value::from(nanoseconds)),
        None => error("the text is no time of RFC 3339, or none between 1678 and 2262"),
    }
}

fn parse_duration(arguments: &[Value]) -> Result<Value, Failure> {
    match duration::parse(text(arguments, 0)?) {
        Some(nanoseconds) => Ok(Value::from(nanoseconds)),
        None => error("the text is no duration"),
    }
}

fn add_date(arguments: &[Value]) -> Result<Value, Failure> {
    let mut added = [0; 3];
    for (place, added) in added.iter_mut().enumerate() {
        *added = integer(arguments, place.saturating_add(1))?;
        if added.unsigned_abs() > MOST_ADDED {
            return bound("more is added than a calendar holds");
        }
    }
    // That the time is one, in a zone that is one, is known to the engine.
    defined("time.date", arguments.get(..1).unwrap_or_default())?;
    let Some(moment) = moment(any(arguments, 0)?) else { return error("the time is no whole number of nanoseconds") };
    let [years, months, days] = added;
    if has_zone(arguments) {
        // Near the end of a month the engine adds otherwise.
        let (_, _, day) = instant::date(moment.div_euclid(instant::DAY));
        return if (2..28).contains(&day) {
            defined("time.add_date", arguments)
        } else {
            bound("the day may not be in that month: add in UTC")
        };
    }
    match instant::add(moment, years, months, days) {
        Some(later) => Ok(Value::from(later)),
        None => error("the time is not between 1678 and 2262"),
    }
}

fn diff(arguments: &[Value]) -> Result<Value, Failure> {
    for place in 0..2 {
        // Where clocks went by the sun, and where tables end, the engine's zones are not OPA's.
        if moment(any(arguments, place)?).is_some_and(|moment| !(0..=SURE_UNTIL).contains(&moment))
            && has_zone(arguments)
        {
            return bound("the time zone is not known for sure then");
        }
    }
    defined("time.diff", arguments)
}

fn has_zone(arguments: &[Value]) -> bool {
    let is_zone = |value: &Value| matches!(value, Value::String(zone) if !matches!(zone.as_ref(), "" | "UTC"));
    arguments.iter().any(|argument| argument.as_array().is_ok_and(|items| items.get(1).is_some_and(is_zone)))
}

fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::Array(items) => items.first()?.as_i64().ok(),
        value => value.as_i64().ok(),
    }
}

fn format(arguments: &[Value]) -> Result<Value, Failure> {
    if let Ok(items) = array(arguments, 0)
        && let Some(Value::String(layout)) = items.get(2)
    {
        if layout.len() > LONGEST {
            return bound("the layout is longer than a builtin may follow");
        }
        // The engine knows offsets and no names of zones, and not all forms of an offset.
        let odd = NAMED.contains(&layout.as_ref())
            || layout.contains("MST")
            || layout.contains("Z07") && !layout.contains("Z07:00");
        if odd {
            return bound("the names of time zones are not written here: use `RFC3339`");
        }
    }
    defined("time.format", arguments)
}

fn parse(arguments: &[Value]) -> Result<Value, Failure> {
    let (layout, value) = (text(arguments, 0)?, text(arguments, 1)?);
    if matches!(layout, "RFC3339" | "RFC3339Nano" | "2006-01-02T15:04:05Z07:00" | "2006-01-02T15:04:05.999999999Z07:00")
    {
        return instant(value);
    }
    if layout.len().max(value.len()) > LONGEST {
        return bound("the text is longer than a builtin may read");
    }
    let read = defined("time.parse_ns", arguments)?;
    // The engine does not mind what stands behind: only what is written again as it was counts as read.
    let zoned =
        ["MST", "07"].iter().any(|zone| layout.contains(zone)) || NAMED.contains(&layout) || layout.ends_with('Z');
    if !zoned {
        let again = Value::from(vec![read.clone(), Value::from("UTC"), Value::from(layout)]);
        if defined("time.format", &[again])? != Value::from(value) {
            return bound("the text is not written as the layout writes it");
        }
    }
    Ok(read)
}

/// What the engine's builtin says; that it says nothing is an error, as in OPA.
fn defined(name: &str, arguments: &[Value]) -> Result<Value, Failure> {
    let nothing = || Failure::Error("the engine cannot tell".to_owned());
    let (call, _) = BUILTINS.get(name).ok_or_else(nothing)?;
    NOWHERE.with(|nowhere| {
        let (span, params) = nowhere.as_ref().ok_or_else(nothing)?;
        let params = params.get(..arguments.len()).ok_or_else(nothing)?;
        match call(span, params, arguments, true) {
            Ok(Value::Undefined) | Err(_) => Err(nothing()),
            Ok(value) => Ok(value),
        }
    })
}

thread_local! {
    /// The engine's builtins want to know where they are called.
    static NOWHERE: Option<(Span, Vec<Ref<Expr>>)> = nowhere();
}

fn nowhere() -> Option<(Span, Vec<Ref<Expr>>)> {
    let source = Source::from_contents("time".to_owned(), String::new()).ok()?;
    let span = Span { source, line: 1, col: 1, start: 0, end: 0 };
    let param = |_| Ref::new(Expr::Null { span: span.clone(), value: Value::Null, eidx: 0 });
    let params = (0..4).map(param).collect();
    Some((span, params))
}

/// Layouts that name a zone or an offset.
const NAMED: [&str; 8] = ["UnixDate", "RubyDate", "RFC822", "RFC822Z", "RFC850", "RFC1123", "RFC1123Z", "Kitchen"];

/// The end of 2037, after which zones are a guess.
const SURE_UNTIL: i64 = 2_145_916_800_000_000_000;

const MOST_ADDED: u64 = 300_000;
const LONGEST: usize = 256;
