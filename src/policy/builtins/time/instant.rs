//! An instant of RFC 3339, as Go reads one: the hour may be one digit, the fraction may follow a comma.

/// The nanoseconds since 1970, if they fit.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let rest = rest.strip_prefix('T')?;
    let (hour, rest) = digits(rest, 2).or_else(|| digits(rest, 1))?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = digits(rest.strip_prefix(':')?, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, rest) = fraction(rest)?;
    let offset = offset(rest)?;
    let seconds = days_before(year, month, day)
        .checked_mul(86_400)?
        .checked_add(hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?.checked_add(second)?)?
        .checked_sub(offset)?;
    i64::try_from(i128::from(seconds).checked_mul(1_000_000_000)?.checked_add(i128::from(nanos))?).ok()
}

/// The instant so many years, months and days later, in UTC: what no month has is a day of the next.
pub(super) fn add(nanoseconds: i64, years: i64, months: i64, days: i64) -> Option<i64> {
    let (day, within) = (nanoseconds.div_euclid(DAY), nanoseconds.rem_euclid(DAY));
    let (year, month, day) = date(day);
    let months = month.checked_sub(1)?.checked_add(months)?;
    let year = year.checked_add(years)?.checked_add(months.div_euclid(12))?;
    let later = days_before(year, months.rem_euclid(12).checked_add(1)?, 1).checked_add(day)?.checked_sub(1)?;
    let later = i128::from(later.checked_add(days)?).checked_mul(i128::from(DAY))?;
    i64::try_from(later.checked_add(i128::from(within))?).ok()
}

/// The date of a day since 1970.
pub(super) const fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + next, month, day)
}

fn digits(text: &str, number: usize) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(number)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten().map(|value| (value, rest))
}

/// Nine digits count; what follows them does not.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix(['.', ',']) else { return Some((0, text)) };
    let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at_checked(end)?;
    let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
    if digits.is_empty() { None } else { Some((nine.parse().ok()?, rest)) }
}

/// The seconds of an offset: a whole day and a whole hour are still ones.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = digits(rest, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?;
    (rest.is_empty() && hours <= 24 && minutes <= 60).then(|| seconds.saturating_mul(sign))
}

const fn days_in(year: i64, month: i64) -> i64 {
    let leap = year & 3 == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days since 1970, by the calendar that begins in March of the year 0.
const fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The nanoseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_a_month_does_not_have_is_one_of_the_next() {
        let at = |text| parse(text).unwrap();
        let rows = [
            ("2024-02-29T12:00:00Z", (1, 0, 0), "2025-03-01T12:00:00Z"),
            ("2024-01-31T00:00:00.5Z", (0, 1, 0), "2024-03-02T00:00:00.5Z"),
            ("2024-03-31T00:00:00Z", (0, -1, 0), "2024-03-02T00:00:00Z"),
            ("1969-12-31T23:59:59Z", (1, 1, -31), "1970-12-31T23:59:59Z"),
            ("2000-02-29T00:00:00Z", (-100, 12, 400), "1902-04-05T00:00:00Z"),
        ];
        for (from, (years, months, days), to) in rows {
            assert_eq!(add(at(from), years, months, days), Some(at(to)), "{from}");
        }
        assert_eq!(add(0, 300_000, 0, 0), None);
        for day in (-200_000..200_000).step_by(37) {
            let (year, month, date) = date(day);
            assert_eq!(days_before(year, month, date), day);
        }
    }

    #[test]
    fn an_instant_is_read_as_go_reads_it() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2024-02-29T12:00:00.123456789+05:30"), Some(1_709_188_200_123_456_789));
        assert_eq!(parse("2024-02-29T12:00:00,5Z"), Some(1_709_208_000_500_000_000));
        assert_eq!(parse("2024-02-29T12:00:00+24:00"), Some(1_709_121_600_000_000_000));
        assert_eq!(parse("1969-12-31T23:59:59.5Z"), Some(-500_000_000));
        assert_eq!(parse("2262-04-11T23:47:16.854775807Z"), Some(i64::MAX));
        for text in [
            "",
            "2024-02-29t12:00:00z",
            "2024-02-29 12:00:00Z",
            "2024-02-30T12:00:00Z",
            "2024-02-29T12:00:60Z",
            "2024-02-29T24:00:00Z",
            "2024-02-29T12:00:00",
            "2024-02-29T12:00:00Zx",
            "2262-04-11T23:47:16.854775808Z",
            "2024-02-29T12:00:00.Z",
            "2024-02-29T12:00:00+5:30",
            "0000-00-00T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
