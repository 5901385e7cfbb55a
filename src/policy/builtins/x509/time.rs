//! The two forms of time in a certificate, in UTC (RFC 5280 §4.1.2.5).

use time::{Date, Month};

use super::der::Der;

/// Reads a time, in RFC 3339.
pub(super) fn read(der: &mut Der<'_>) -> Option<String> {
    let time = der.any()?;
    let text = std::str::from_utf8(time.content).ok()?;
    let text = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (century, rest) = match time.tag {
        UTC_TIME => {
            // Seconds are left out by some, and OPA bears with them.
            let century: i32 = if text.get(..2)?.parse::<u8>().ok()? >= 50 { 19 } else { 20 };
            (century, if text.len() == 10 { format!("{text}00") } else { text.to_owned() })
        }
        GENERALIZED_TIME => (text.get(..2)?.parse().ok()?, text.get(2..)?.to_owned()),
        _ => return None,
    };
    if rest.len() != 12 {
        return None;
    }
    let number = |from: usize| rest.get(from..from.checked_add(2)?)?.parse::<u8>().ok();
    let year = century.checked_mul(100)?.checked_add(i32::from(number(0)?))?;
    let date = Date::from_calendar_date(year, Month::try_from(number(2)?).ok()?, number(4)?).ok()?;
    let (hour, minute, second) = (number(6)?, number(8)?, number(10)?);
    date.with_hms(hour, minute, second).ok()?;
    Some(format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", u8::from(date.month()), date.day()))
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms() {
        let time = |tag: u8, text: &str| {
            read(&mut Der(&[&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()))
        };
        assert_eq!(time(UTC_TIME, "491231235959Z").as_deref(), Some("2049-12-31T23:59:59Z"));
        assert_eq!(time(UTC_TIME, "5001010000Z").as_deref(), Some("1950-01-01T00:00:00Z"));
        assert_eq!(time(GENERALIZED_TIME, "99991231235959Z").as_deref(), Some("9999-12-31T23:59:59Z"));
        for (tag, text) in [
            (UTC_TIME, "490231235959Z"),
            (UTC_TIME, "491231235959"),
            (UTC_TIME, "491231235959+0000"),
            (UTC_TIME, "491231245959Z"),
            (UTC_TIME, "491231235960Z"),
            (GENERALIZED_TIME, "491231235959Z"),
            (GENERALIZED_TIME, "20491231235959.5Z"),
            (0x0c, "491231235959Z"),
        ] {
            assert_eq!(time(tag, text), None, "{text}");
        }
    }
}
