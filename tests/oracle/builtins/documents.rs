//! Documents: read, written, merged, filtered and patched.

use serde_json::json;

use super::{alike, ask, json_list, numbers};
use crate::question::Question;

#[test]
fn documents_are_changed_alike() {
    let documents = json_list(
        json!([{}, {"a": 1}, {"a": {"b": 1, "c": 2}, "d": 3}, {"a": [1, 2, 3]}, {"a/b": 1, "m~n": 2}, {"a": {"b": {"c": [1, {"d": 2}]}}}, [1, 2], []]),
    );
    let paths = json_list(json!([
        [],
        ["a"],
        ["/a"],
        ["a/b"],
        ["a/b", "a"],
        ["a", "a/b"],
        ["a/1"],
        [["a", 1]],
        [["a", "1"]],
        [""],
        ["a~1b", "m~0n"],
        ["x/y"],
        [1],
        "a",
        ["a/b/c/1/d"],
        ["//a"],
        ["a/"]
    ]));
    alike("json.filter", vec![documents.clone(), paths.clone()]);
    alike("json.remove", vec![documents.clone(), paths]);
    let path = [
        "",
        "/",
        "/a",
        "a",
        "/a/b",
        "/a/1",
        "/a/-",
        "/a/3",
        "/a/4",
        "/a/01",
        "/a/-1",
        "/x",
        "/x/y",
        "/a~1b",
        "/0",
        "/2",
        "/a/b/c/0",
        "/a/b/c/1/d",
        "/a/b/c",
    ];
    let mut operations = vec![
        json!([]),
        json!([1]),
        json!([{}]),
        json!([{"op": "add"}]),
        json!([{"path": "/a"}]),
        json!([{"op": 1, "path": "/a"}]),
        json!({}),
    ];
    for path in path {
        for op in ["add", "remove", "replace", "test", "move", "copy", "what"] {
            operations.push(json!([{"op": op, "path": path, "value": 9, "from": "/a"}]));
        }
        operations.push(json!([{"op": "add", "path": path}]));
        operations.push(json!([{"op": "add", "path": path, "value": {"b": [1]}}, {"op": "remove", "path": "/a"}]));
        operations
            .push(json!([{"op": "copy", "path": "/new", "from": path}, {"op": "add", "path": "/new/z", "value": 1}]));
        operations.push(json!([{"op": "test", "path": path, "value": 1}]));
    }
    // OPA itself ends when the whole document is removed.
    operations.retain(|it| it.pointer("/0/op") != Some(&json!("remove")) || it.pointer("/0/path") != Some(&json!("")));
    alike("json.patch", vec![documents.clone(), operations]);
    let keys = json_list(json!([
        "a",
        "x",
        ["a"],
        ["a", "b"],
        ["a", 1],
        ["a", 9],
        ["a", "b", "c", 0],
        [],
        ["a", "b", "x"],
        1,
        null
    ]));
    alike("object.get", vec![documents.clone(), keys.clone(), json_list(json!([null, 7]))]);
    alike("object.filter", vec![documents.clone(), keys.clone()]);
    alike("object.remove", vec![documents.clone(), keys]);
    alike("object.keys", vec![documents.clone()]);
    let more = json_list(
        json!([{"a": 1}, {"a": {"b": 1}}, {"a": {"c": 5}}, {"a": [2]}, {"a": [1, 2, 3]}, [2], [1], [1, 2], [], {}, {"a": {"b": {}}}, 1]),
    );
    alike("object.subset", vec![[documents.clone(), more.clone()].concat(), more.clone()]);
    alike("object.union", vec![[documents.clone(), more.clone()].concat(), more]);
    let lists = json_list(
        json!([[], [1], [{}], [{"a": {"b": 2}}, {"a": 4}, {"a": {"c": 3}}], [{"a": {"b": 2}}, {"a": {"c": 3}}, {"a": {"b": 9}}], [{"a": 1}, {"b": {"c": 1}}, {"b": {"c": {"d": 1}}}]]),
    );
    alike("object.union_n", vec![lists.clone()]);
    alike("array.flatten", vec![json_list(json!([[], [1], [1, [2, [3]]], [[]], [[1], [2]]]))]);
    alike("array.concat", vec![lists.clone(), lists.clone()]);
    alike("array.reverse", vec![lists]);
    alike("array.slice", vec![json_list(json!([[], [1, 2, 3, 4]])), numbers(), numbers()]);
    alike(
        "graph.reachable",
        vec![
            json_list(json!([{}, {"a": ["b"], "b": ["a", "c"], "c": []}, {"a": null, "b": "x"}])),
            json_list(json!([[], ["a"], ["z", "b"]])),
        ],
    );
    ask(Question::new("[x | walk(input.parsed_body[0], x)]"), vec![documents.clone()]);
    ask(Question::new("[v | walk(input.parsed_body[0], [[\"a\", _], v])]"), vec![documents.clone()]);
    ask(Question::new("[p | walk(input.parsed_body[0], [p, v]); v == 1]"), vec![documents.clone()]);
    for function in
        ["type_name", "is_array", "is_string", "is_number", "is_boolean", "is_null", "is_object", "is_set", "count"]
    {
        alike(function, vec![documents.clone()]);
    }
    for expression in [
        "object.subset({x | some x in input.parsed_body[0]}, {x | some x in input.parsed_body[1]})",
        "object.subset(input.parsed_body[0], {x | some x in input.parsed_body[1]})",
    ] {
        let sets = json_list(json!([[], [1], [1, 2], [1, 1, 2], [3, 1], ["a"]]));
        ask(Question::new(expression), vec![sets.clone(), sets]);
    }
}
