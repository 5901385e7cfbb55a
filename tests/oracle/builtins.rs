//! Every builtin over the edges of what it takes, one argument of a wrong type at a time.

mod documents;
mod networks;
mod numbers;
mod patterns;
mod texts;
mod times;

use serde_json::{Value, json};

use crate::question::Question;

fn texts() -> Vec<Value> {
    json_list(json!([
        "",
        "a",
        "aa",
        "aaa",
        "abc",
        "a,b",
        ",",
        "aéb",
        "é",
        "AΣß İ",
        " \t x\u{a0}\u{85} ",
        "ab ab",
        "日本",
        "ŉᾳᾀᾈ",
        "xxaxx",
        "x",
        "\n",
        "a b&c/?~*'%"
    ]))
}

fn numbers() -> Vec<Value> {
    json_list(json!([
        0,
        1,
        -1,
        2,
        3,
        8,
        10,
        16,
        64,
        1.5,
        -2.5,
        0.5,
        100,
        9007199254740993i64,
        9223372036854775807i64,
        18446744073709551615u64,
        -9223372036854775808i64
    ]))
}

fn json_list(list: Value) -> Vec<Value> {
    list.as_array().unwrap().clone()
}

/// Asks for a function with every combination of what its arguments may be.
fn alike(function: &str, pools: Vec<Vec<Value>>) {
    ask(Question::call(function, pools.len()), pools);
}

fn ask(mut question: Question, pools: Vec<Vec<Value>>) {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for pool in &pools {
        rows = rows
            .iter()
            .flat_map(|row| pool.iter().map(move |value| [row.clone(), vec![value.clone()]].concat()))
            .collect();
    }
    // A spread of them where there are many.
    let step = rows.len().div_ceil(MOST);
    let mut asked: Vec<Vec<Value>> = rows.iter().step_by(step).cloned().collect();
    for place in 0..pools.len() {
        for wrong in [json!(null), json!(true), json!(3), json!("x"), json!([]), json!({}), json!([1]), json!({"a": 1})]
        {
            let mut row = rows[0].clone();
            row[place] = wrong;
            asked.push(row);
        }
    }
    for row in asked {
        question.ask_or_bound(&json!(row));
    }
    question.done();
}

/// How many combinations are asked.
const MOST: usize = 700;
