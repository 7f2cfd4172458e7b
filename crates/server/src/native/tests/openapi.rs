//! The description of the API leads to the API.

use super::*;
use crate::native::openapi::DOCUMENT;

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
