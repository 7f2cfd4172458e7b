//! The description of the API leads to the API.

use super::*;
use crate::native::openapi::DOCUMENT;
use std::collections::HashSet;

/// Every call that is described exists, and lets nobody in without a token but to what needs none.
#[tokio::test]
async fn what_is_described_exists() {
    let bench = Bench::new().await;
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for (path, item) in paths {
        let path = path.replace("{id}", "x").replace("{shelf}", "tencent-vpc");
        let methods = item.as_object().unwrap();
        for (method, call) in methods.iter().filter(|(name, _)| *name != "parameters") {
            let method = match method.as_str() {
                "get" => "GET",
                "put" => "PUT",
                "post" => "POST",
                "delete" => "DELETE",
                other => panic!("{other}"),
            };
            let is_open = call.get("security").is_some();
            let answer = bench.call(method, &path).anonymous().send().await;
            let expected = if is_open { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{method} {path}: {answer:?}");
        }
    }
}

/// People read of everything that programs are told of.
#[test]
fn what_is_described_stands_in_the_pages() {
    let pages = [
        include_str!("../../../../../docs/native-api.md"),
        include_str!("../../../../../docs/kinds.md"),
        include_str!("../../../../../docs/operating.md"),
        include_str!("../../../../../docs/postgresql.md"),
    ]
    .concat();
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let words: HashSet<&str> = pages.split(|letter| !is_part(letter)).collect();
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut names = Vec::new();
    collect_names(&document, &mut names);
    assert!(names.len() > 100, "{names:?}");
    for name in names {
        let mut parts = name.split(|letter| !is_part(letter));
        assert!(parts.all(|part| words.contains(part)), "{name}");
    }
    for path in document["paths"].as_object().unwrap().keys() {
        let path = path.strip_prefix("/api/v1").unwrap_or(path);
        assert!(pages.contains(path), "{path}");
    }
}

/// The names of all fields and parameters, and all words that fields can have.
fn collect_names<'a>(part: &'a Value, names: &mut Vec<&'a str>) {
    match part {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("properties", Value::Object(fields)) => {
                        names.extend(fields.keys().map(String::as_str));
                    }
                    ("enum", Value::Array(words)) => {
                        names.extend(words.iter().filter_map(Value::as_str));
                    }
                    ("const", Value::String(word)) => names.push(word),
                    (_, _) => {}
                }
                collect_names(value, names);
            }
            if let (Some(name), Some(_)) = (members.get("name"), members.get("in")) {
                names.extend(name.as_str());
            }
        }
        Value::Array(parts) => parts.iter().for_each(|part| collect_names(part, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
