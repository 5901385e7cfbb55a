//! What both have always had, so that a difference elsewhere is not the harness's.

use serde_json::json;

use crate::question::Question;

#[test]
fn an_expression_is_the_same_for_both() {
    let mut question = Question::call("base64url.decode", 1);
    for text in ["", "YQ", "YWI", "%%", "é"] {
        question.ask(&json!([text]));
    }
    assert_eq!(question.done(), 5);
}
