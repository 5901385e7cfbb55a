//! `crypto`: digests and codes.

use serde_json::json;

use crate::question::Question;

#[test]
fn digests_and_codes_are_the_same() {
    let texts = ["", "a", "é\u{0}😀", &"x".repeat(63), &"y".repeat(64), &"z".repeat(200)];
    let others = [json!(null), json!(1), json!(["a"]), json!({})];
    for name in ["md5", "sha1", "sha256"] {
        let mut question = Question::call(&format!("crypto.{name}"), 1);
        texts.iter().for_each(|text| question.ask(&json!([text])));
        others.iter().for_each(|other| question.ask(&json!([other])));
        question.done();
    }
    for name in ["md5", "sha1", "sha256", "sha512", "equal"] {
        let mut question = Question::call(&format!("crypto.hmac.{name}"), 2);
        for text in texts {
            texts.iter().for_each(|key| question.ask(&json!([text, key])));
            others.iter().for_each(|other| question.ask(&json!([text, other])));
            others.iter().for_each(|other| question.ask(&json!([other, text])));
        }
        question.done();
    }
}
