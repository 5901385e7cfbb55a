//! Numbers: made, rounded, shifted and written.

use serde_json::{Value, json};

use super::{alike, json_list, numbers};

#[test]
fn numbers_are_made_alike() {
    // OPA rounds what is larger than 2^53 to the nearest that 64 bits of a fraction hold.
    alike("round", vec![json_list(json!([0, 1, -1, 0.5, 1.5, -2.5, -0.5, 100, 9007199254740993i64]))]);
    for function in ["abs", "ceil", "floor", "bits.negate"] {
        alike(function, vec![numbers()]);
    }
    for function in ["bits.and", "bits.or", "bits.xor", "bits.rsh", "format_int"] {
        alike(function, vec![numbers(), numbers()]);
    }
    // What OPA does not end is not asked.
    let few = || json_list(json!([0, 1, -1, 7, 30, 1.5, -2.5]));
    alike("bits.lsh", vec![few(), few()]);
    alike("numbers.range", vec![few(), few()]);
    alike("numbers.range_step", vec![few(), few(), few()]);
    let lists =
        json_list(json!(
            [[], [1], [1, 2], [1.5, 2], [-1, 3, 0.25], ["a"], [1, null], [[1]], [9007199254740993i64, 1],]
        ));
    for function in ["sum", "product", "max", "min", "sort"] {
        alike(function, vec![lists.clone()]);
    }
    let written = [
        "",
        "0",
        "1",
        "-1",
        "1.5",
        "1e3",
        "1E-3",
        "1e400",
        "-1e400",
        "1e-400",
        "007",
        "+5",
        ".5",
        "5.",
        "0x10",
        "1_000",
        " 1",
        "1 ",
        "inf",
        "NaN",
        "a",
        "1e",
        "12345678901234567890123",
        "0.1",
        "--1",
        "1e5",
        "--inf",
        "+-1",
        "infinity",
        "-.5e1",
        "1e+5",
        "0e0",
    ];
    alike("to_number", vec![written.iter().map(|text| json!(text)).collect()]);
    let amounts = [
        "",
        "1",
        "10K",
        "10k",
        "1.5Ki",
        "100m",
        "100M",
        "1e3",
        "e",
        "1e999999Ki",
        "1e9999999",
        "0.1",
        "-5K",
        "1.2.3",
        "5 K",
        "\"5\"",
        "5kb",
        "5KB",
        "5KiB",
        "2E",
        "2e",
        "1e3k",
        "+3",
        "1ei",
        "1Ei",
        ".5G",
        "5.",
        "0.0001m",
        "1MiX",
        "9999999999T",
        "-0.5",
        "1e-3",
        "--5",
        "e5",
        "1.5",
        "2PI",
        "3mI",
        "0.29kb",
        "1.1kib",
    ];
    let amounts: Vec<Value> = amounts.iter().map(|text| json!(text)).collect();
    alike("units.parse", vec![amounts.clone()]);
    alike("units.parse_bytes", vec![amounts]);
}
