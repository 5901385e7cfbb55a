//! Versions, instants and durations.

use serde_json::{Value, json};

use super::{alike, json_list};

#[test]
fn versions_and_times_are_read_alike() {
    let versions = [
        "",
        "1.0.0",
        "v1.0.0",
        "1.0",
        "01.0.0",
        "1.0.0-rc.1",
        "1.0.0-rc.10",
        "1.0.0-rc.2+b",
        "1.0.0+b",
        "1.0.0-",
        "1.0.0-01",
        "1.2.3.4",
        "a.b.c",
        "1.0.0-a.b",
        "1.0.0-a",
        "9223372036854775808.0.0",
        "2.0.0",
        "1.10.0",
        "1.9.0",
        "-1.0.0",
        "+1.0.0",
        "1.0.0-1",
        "1.0.0-a-b",
    ];
    let versions: Vec<Value> = versions.iter().map(|text| json!(text)).collect();
    alike("semver.is_valid", vec![versions.clone()]);
    alike("semver.compare", vec![versions.clone(), versions]);
    let times = [
        "",
        "2024-02-29T12:00:00Z",
        "2024-02-30T12:00:00Z",
        "2024-02-29T12:00:00.123456789+05:30",
        "2024-02-29t12:00:00z",
        "2024-02-29 12:00:00Z",
        "2024-2-9T1:00:00Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T12:00:60Z",
        "1600-01-01T00:00:00Z",
        "2300-01-01T00:00:00Z",
        "2024-02-29T12:00:00",
        "2024-02-29T12:00:00+24:00",
        "2024-02-29T12:00:00,5Z",
        "2024-02-29T12:00:00.1234567891Z",
        "2024-02-29T12:00:00-00:00",
        "2024-02-29T12:00:00Zx",
        "1970-01-01T00:00:00Z",
        "2262-04-11T23:47:16.854775807Z",
        "2262-04-11T23:47:16.854775808Z",
        "1677-09-21T00:12:43.145224192Z",
        "1677-09-21T00:12:43Z",
    ];
    alike("time.parse_rfc3339_ns", vec![times.iter().map(|text| json!(text)).collect()]);
    let layouts = json_list(json!([
        "2006-01-02",
        "RFC3339",
        "RFC1123",
        "RFC822Z",
        "ANSIC",
        "Jan 2, 2006",
        "2006-01-02T15:04:05Z07:00",
        "15:04",
        "Mon Jan _2 15:04:05 2006",
        "02/01/06 03:04PM MST",
        ""
    ]));
    let stamps = json_list(json!([
        "2024-02-29",
        "2024-02-29T12:00:00Z",
        "Thu, 29 Feb 2024 12:00:00 GMT",
        "29 Feb 24 12:00 +0100",
        "Thu Feb 29 12:00:00 2024",
        "Feb 29, 2024",
        "12:34",
        "29/02/24 03:04PM UTC",
        "",
        "x"
    ]));
    alike("time.parse_ns", vec![layouts, stamps]);
    let durations = [
        "",
        "1h",
        "1h30m",
        "-1.5h",
        "1d",
        "2w",
        "1y",
        "1d2h",
        "300ms",
        "1us",
        "1µs",
        "1",
        "h",
        "1x",
        "1h-30m",
        ".5s",
        "1.s",
        "106751d",
        "9223372036854775807ns",
        "9223372036854775808ns",
        "0",
        "+5s",
        "1.5d",
        "1 h",
        "3000000h",
        "-1d",
    ];
    alike("time.parse_duration_ns", vec![durations.iter().map(|text| json!(text)).collect()]);
    let moments = json_list(json!([
        0,
        1,
        -1,
        1709208000123456789i64,
        1.5,
        9223372036854775807i64,
        -9223372036854775808i64,
        1e30,
        [1709208000000000000i64],
        [1709208000000000000i64, "UTC"],
        [1709208000000000000i64, ""],
        [1709208000000000000i64, "Europe/Berlin"],
        [1709208000000000000i64, "America/New_York"],
        [1709208000000000000i64, "Nowhere/None"],
        [1709208000000000000i64, "UTC", "RFC1123"],
        [1709208000000000000i64, "Europe/Berlin", "2006-01-02 15:04:05 MST"],
        [1709208000000000000i64, "UTC", "Monday, 02-Jan-06 03:04:05.000 PM"],
        [],
        ["a"],
        [1, 2],
        [1, "UTC", 3],
        [1709208000000000000i64, "Asia/Kolkata", "RFC3339Nano"],
        [1709208000000000000i64, "UTC", "Jan _2 002 .999 Z07"]
    ]));
    for function in ["time.format", "time.date", "time.clock", "time.weekday"] {
        alike(function, vec![moments.clone()]);
    }
    alike("time.diff", vec![moments.clone(), moments.clone()]);
    let amounts = json_list(json!([0, 1, -1, 12, 13, 400, 1.5, 100000, 9223372036854775807i64]));
    alike("time.add_date", vec![moments, amounts.clone(), amounts, json_list(json!([0, -31, 100000000]))]);
}
