//! Watching an operation.

use super::*;
use futures_util::FutureExt;
use std::sync::atomic::Ordering::SeqCst;

const STREAM: &str = "text/event-stream";

/// What was sent as events: each with its id and what it says.
fn told(answer: &Answer) -> Vec<(u64, Value)> {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some(STREAM));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let blocks = answer.text.split("\n\n");
    blocks
        .filter_map(|block| {
            let field = |name: &str| {
                let mut lines = block.lines();
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let data = serde_json::from_str(field("data")?).unwrap();
            Some((field("id")?.parse().unwrap(), data))
        })
        .collect()
}

impl Bench {
    fn watch(&self, id: &str) -> Call<'_> {
        self.get(format!("/api/v1/operations/{id}/events"))
            .header("accept", STREAM)
    }

    /// The history, as it is told page by page.
    async fn history(&self, id: &str) -> Vec<(u64, Value)> {
        let path = format!("/api/v1/operations/{id}/events");
        let page = self.get(path).send().await.json();
        let events = page["events"].as_array().unwrap().iter();
        events
            .map(|event| (event["number"].as_u64().unwrap(), event.clone()))
            .collect()
    }
}

#[tokio::test]
async fn what_happens_is_told_as_it_happens_and_the_stream_ends_with_the_operation() {
    let bench = Bench::new().await;
    let id = bench
        .submit(json!({"kind": "k", "resources": [{"id": "a"}, {"id": "b"}]}))
        .await;
    let watching = bench.watch(&id).send();
    let working = async {
        while bench.app.engine.watched() == 0 {
            tokio::task::yield_now().await;
        }
        let (_, fence) = bench.lease("k").await;
        for resource in ["a", "b"] {
            let results = json!([{"id": resource, "status": "succeeded"}]);
            bench
                .report(json!({"id": id, "fence": fence, "resources": results}))
                .await;
        }
    };
    let (answer, ()) = tokio::join!(watching, working);
    let events = told(&answer);
    assert_eq!(events, bench.history(&id).await);
    let types: Vec<_> = events
        .iter()
        .map(|(_, data)| data["type"].clone())
        .collect();
    assert_eq!(
        types,
        ["submitted", "leased", "reported", "reported", "ended"]
    );
    assert!(answer.text.starts_with("retry: 1000\n"), "{}", answer.text);
    assert_eq!(bench.app.engine.watched(), 0);
}

#[tokio::test]
async fn whoever_comes_back_hears_the_rest() {
    let bench = Bench::new().await;
    let id = bench.finished("k").await;
    let history = bench.history(&id).await;
    let rest = bench.watch(&id).header("last-event-id", "1").send().await;
    assert_eq!(told(&rest), history[1..]);
    let path = format!("/api/v1/operations/{id}/events?after=2");
    let rest = bench.get(path).header("accept", STREAM).send().await;
    assert_eq!(told(&rest), history[2..]);
    let last = history.last().unwrap().0.to_string();
    let over = bench.watch(&id).header("last-event-id", last).send().await;
    assert_eq!(over.status, StatusCode::NO_CONTENT, "there is no more");
}

#[tokio::test]
async fn a_long_history_is_told_whole() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let (_, fence) = bench.lease("k").await;
    for step in 0..250 {
        let message = format!("step {step}");
        bench
            .report(json!({"id": id, "fence": fence, "message": message}))
            .await;
    }
    bench
        .report(json!({"id": id, "fence": fence, "finish": {"status": "failed"}}))
        .await;
    let numbers: Vec<_> = told(&bench.watch(&id).send().await)
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    assert_eq!(numbers, (1..=253).collect::<Vec<_>>());
}

#[tokio::test]
async fn only_those_who_want_a_stream_get_one() {
    let bench = Bench::new().await;
    let id = bench.finished("k").await;
    let path = format!("/api/v1/operations/{id}/events");
    for (accept, expected) in [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/event-stream", STREAM),
        ("application/json, Text/Event-Stream;q=0.9", STREAM),
    ] {
        let answer = bench.get(&path).header("accept", accept).send().await;
        assert_eq!(answer.header("content-type"), Some(expected), "{accept}");
    }
}

#[tokio::test]
async fn a_watch_that_is_not_allowed_is_refused() {
    let bench = Bench::new().await;
    let id = bench.submit(json!({"kind": "k"})).await;
    let other = bench.key("other", &[], None).await;
    let answer = bench.watch(&id).token(&other).send().await;
    assert_eq!(answer.problem(), (404, "not-found".into()));
    for strange in ["x", "-1", "", "1 2"] {
        let call = bench.watch(&id).header("last-event-id", strange);
        assert_eq!(call.send().await.problem(), (400, "malformed".into()));
    }
    let path = format!("/api/v1/operations/{id}/events?page_size=5");
    let answer = bench.get(path).header("accept", STREAM).send().await;
    assert_eq!(answer.problem(), (400, "malformed".into()));
}

/// Neither a key that is switched off nor a server that ends keeps a stream open.
#[tokio::test]
async fn a_stream_ends_with_the_right_to_it_and_with_the_server() {
    for ends_server in [false, true] {
        let bench = Bench::new().await;
        let made = bench.post("/api/v1/keys", &json!({"id": "w"})).send().await;
        let token = made.text_at("/token");
        let id = bench.submit(json!({"kind": "k"})).await;
        let mut watching = Box::pin(bench.watch(&id).token(&token).send());
        while bench.app.engine.watched() == 0 {
            assert!((&mut watching).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        if ends_server {
            bench.app.draining.store(true, SeqCst);
            bench.app.engine.end_waits();
        } else {
            let path = "/api/v1/keys/w:disable";
            bench.call("POST", path).send().await;
            bench.lease("k").await;
        }
        let events = told(&watching.await);
        assert_eq!(events.len(), 1, "{events:?}");
    }
}
