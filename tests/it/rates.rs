//! Keys that call more often than they may, in every dialect and in the native API.

use crate::api::Api;
use crate::bad_input::wire::exchange;
use crate::bad_input::{now, poll};
use crate::program::{KEY_ID, Program, store_in};
use reqwest::{Method, StatusCode};

/// Calls that the key of the tests may make in an hour.
const CALLS: usize = 3;

fn program(folder: &std::path::Path) -> Program {
    let path = folder.join("longrun.toml");
    let text = format!("[key.{KEY_ID}]\ncalls_max = {CALLS}\nper_ms = 3_600_000\n");
    std::fs::write(&path, text).expect("it can be written to");
    let path = path.display().to_string();
    Program::start_with(&store_in(folder), &["--config", &path], "info")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_too_many_is_refused_in_each_clouds_words() {
    for (dialect, refusal) in [
        ("tencent-bm", r#""code":4400"#),
        ("tencent-vpc", r#""code":4400"#),
        ("tencent-bm3", r#""Code":"RequestLimitExceeded""#),
        ("tencent-vpc3", r#""Code":"RequestLimitExceeded""#),
        ("alibaba-bpstudio", "Throttling.User"),
        ("huawei-elb", "APIGW.0308"),
    ] {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let program = program(folder.path());
        for call in 0..=CALLS {
            let message = poll(dialect, &program.address.to_string(), "1", now());
            let answer = exchange(program.address, &message).await;
            let answer = answer.expect("the server answers");
            let refused = answer.body.contains(refusal);
            assert_eq!(refused, call == CALLS, "{dialect}, call {call}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_too_many_is_told_when_to_come_again() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let program = program(folder.path());
    let api = Api::new(&program);
    let stranger = api.with_token("nobody");
    let list = async |api: &Api| {
        let answer = api.send(Method::GET, "/api/v1/operations", None);
        answer.await.expect("the server answers")
    };
    for _ in 0..=CALLS {
        assert_eq!(list(&stranger).await.status(), StatusCode::UNAUTHORIZED);
    }
    for _ in 0..CALLS {
        assert_eq!(list(&api).await.status(), StatusCode::OK);
    }
    let refused = list(&api).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let after = refused.headers().get("retry-after");
    let after = after.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    assert!(
        after.is_some_and(|seconds| (1_800..=3_600).contains(&seconds)),
        "{after:?}"
    );
    let health = api.send(Method::GET, "/healthz", None).await;
    assert!(health.expect("the server answers").status().is_success());
}
