//! Workers against the real engine, over HTTP, in one process.

mod stage;

use longrun_worker::wire::{LeaseWish, Operation};
use longrun_worker::{CancellationToken, Failure, Halt, NotOpen, Unit, Whole};
use serde_json::{Value, json};
use stage::{PATIENCE, Stage, run, statuses, submission};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc};

/// A lease so short that a test can outlast it.
const SHORT: Duration = Duration::from_millis(200);

async fn all_sorts(unit: Unit) -> Result<Value, Failure> {
    match unit.id() {
        "bad" => Err(Failure::new("full", "no room").retryable()),
        "panics" => panic!("on purpose"),
        "long" => Ok(json!("x".repeat(70_000))),
        "strange" => Err(Failure::new("x".repeat(1_000), "y".repeat(70_000))),
        id => Ok(json!({ "id": id, "input": unit.read_input::<Value>()? })),
    }
}

#[tokio::test]
async fn each_resource_has_its_own_end() {
    let stage = Stage::set_up().await;
    let worker = stage.worker().each_resource("sorts", all_sorts);
    let running = run(worker);
    let resources = ["good", "bad", "panics", "long", "strange"];
    let id = stage.submit("sorts", &resources).await.id;
    let ended = stage.ended(&id).await;
    assert_eq!(ended.status, "partial");
    let told: Vec<_> = ended.resources.iter().map(in_short).collect();
    let expected = [
        r#"good: succeeded {"id":"good","input":{"of":"good"}}"#,
        "bad: failed full retryable",
        "panics: failed panicked",
        "long: failed output-too-large",
        &format!("strange: failed {}", "x".repeat(256)),
    ];
    assert_eq!(told, expected);
    running.stop().await;
}

fn in_short(resource: &longrun_worker::wire::Resource) -> String {
    let output = resource.output.as_ref().map(|it| it.get().to_owned());
    let code = resource.error.as_ref().map(|it| it.code.clone());
    let retryable = resource.error.as_ref().is_some_and(|it| it.retryable);
    let words = output.or(code).unwrap_or_default();
    let retryable = if retryable { " retryable" } else { "" };
    format!("{}: {} {words}{retryable}", resource.id, resource.status)
}

#[tokio::test]
async fn an_operation_without_resources_is_its_own_unit() {
    let stage = Stage::set_up().await;
    let worker = stage.worker().each_resource("sorts", all_sorts);
    let running = run(worker);
    let id = stage.submit("sorts", &[]).await.id;
    let ended = stage.ended(&id).await;
    assert_eq!(ended.status, "succeeded");
    let output: Value = ended.read_output().unwrap();
    assert_eq!(output, json!({ "id": id, "input": null }));
    running.stop().await;
}

async fn as_a_whole(whole: Whole) -> Result<Value, Failure> {
    whole.progress(30, "on the way");
    let ids: Vec<_> = whole.operation.resources.iter().map(|it| &it.id).collect();
    for id in &ids {
        let result = match id.as_str() {
            "left" => continue,
            "bad" => Err(Failure::new("full", "no room")),
            id => Ok(id.to_owned()),
        };
        whole.tell(id, result)?;
    }
    let again = whole.tell("a", Ok::<_, Failure>(()));
    assert_eq!(again, Err(NotOpen("a".to_owned())));
    if ids.iter().any(|id| *id == "fails") {
        return Err(Failure::new("late", "after all"));
    }
    Ok(json!(ids.len()))
}

#[tokio::test]
async fn a_whole_operation_ends_as_its_handler_says() {
    let stage = Stage::set_up().await;
    let worker = stage.worker().whole_operation("whole", as_a_whole);
    let running = run(worker);
    for (resources, status, told, output) in [
        (
            &["a", "b"][..],
            "succeeded",
            "a=succeeded b=succeeded",
            json!(2),
        ),
        (&["a", "bad"], "partial", "a=succeeded bad=failed", json!(2)),
        (
            &["a", "left"],
            "succeeded",
            "a=succeeded left=succeeded",
            json!(2),
        ),
        (
            &["a", "left", "fails"],
            "partial",
            "a=succeeded left=failed fails=succeeded",
            Value::Null,
        ),
    ] {
        let id = stage.submit("whole", resources).await.id;
        let ended = stage.ended(&id).await;
        assert_eq!(ended.status, status, "{resources:?}");
        assert_eq!(statuses(&ended), told, "{resources:?}");
        assert_eq!(
            ended.read_output::<Value>().unwrap(),
            output,
            "{resources:?}"
        );
    }
    running.stop().await;
}

/// Many operations are carried out at once, but never more calls than were allowed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrency_has_its_limit() {
    const CALLS_MAX: usize = 8;
    let stage = Stage::set_up().await;
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, top) = (Arc::clone(&running), Arc::clone(&most));
    let handler = move |_: Unit| {
        let (now, top) = (Arc::clone(&now), Arc::clone(&top));
        async move {
            top.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            tokio::task::yield_now().await;
            now.fetch_sub(1, SeqCst);
            Ok::<_, Failure>(())
        }
    };
    let worker = stage.worker().concurrency(CALLS_MAX);
    let worker = run(worker.each_resource("many", handler));
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(stage.submit("many", &["a", "b", "c", "d"]).await.id);
    }
    for id in &ids {
        assert_eq!(stage.ended(id).await.status, "succeeded");
    }
    assert!((2..=CALLS_MAX).contains(&most.load(SeqCst)), "{most:?}");
    assert_eq!(running.load(SeqCst), 0);
    worker.stop().await;
}

/// A handler may take many times as long as a lease: nobody else gets the operation meanwhile.
#[tokio::test]
async fn heartbeats_keep_a_lease() {
    let stage = Stage::set_up().await;
    let gate = Arc::new(Semaphore::new(0));
    let (begun, mut begins) = mpsc::unbounded_channel();
    let handler = behind(&gate, begun);
    let worker = run(stage.worker().lease(SHORT).each_resource("gate", handler));
    let id = stage.submit("gate", &["a"]).await.id;
    begins.recv().await.unwrap();
    let wish = LeaseWish {
        kinds: &["gate".to_owned()],
        max: 1,
        lease_ms: 1_000,
        wait_ms: 5 * 200,
        worker: "rival",
    };
    assert!(stage.client.lease(&wish).await.unwrap().is_empty());
    gate.add_permits(1);
    let ended = stage.ended(&id).await;
    assert_eq!((&*ended.status, ended.attempt), ("succeeded", 1));
    worker.stop().await;
}

/// A handler that says when it has begun, and goes on when it is let.
fn behind(
    gate: &Arc<Semaphore>,
    begun: mpsc::UnboundedSender<String>,
) -> impl Fn(Unit) -> futures_util::future::BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static
{
    let gate = Arc::clone(gate);
    move |unit| {
        let (gate, begun) = (Arc::clone(&gate), begun.clone());
        Box::pin(async move {
            begun.send(unit.id().to_owned())?;
            tokio::select! {
                permit = gate.acquire() => permit?.forget(),
                () = unit.cancel.cancelled() => return Err(Failure::new("stopped", "cancelled")),
            }
            Ok(())
        })
    }
}

/// At once: with such a lease no heartbeat is due in a test, only the one that waits.
#[tokio::test]
async fn a_cancelled_operation_cancels_the_token() {
    let stage = Stage::set_up().await;
    let gate = Arc::new(Semaphore::new(0));
    let (begun, mut begins) = mpsc::unbounded_channel();
    let worker = stage.worker().lease(Duration::from_secs(3_600));
    let worker = worker.each_resource("gate", behind(&gate, begun));
    let worker = run(worker.whole_operation("stubborn", async |whole: Whole| {
        whole.cancel.cancelled().await;
        Ok::<_, Failure>("done all the same")
    }));
    let id = stage.submit("gate", &["a", "b"]).await.id;
    begins.recv().await.unwrap();
    stage.client.cancel(&id).await.unwrap();
    let ended = stage.ended(&id).await;
    assert_eq!(statuses(&ended), "a=cancelled b=cancelled");
    let id = stage.submit("stubborn", &["a"]).await.id;
    stage
        .when(&id, |operation| operation.status == "running")
        .await;
    stage.client.cancel(&id).await.unwrap();
    let ended = stage.ended(&id).await;
    assert_eq!(statuses(&ended), "a=succeeded");
    worker.stop().await;
}

/// Tells when it is dropped.
struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_lost_lease_drops_the_handler() {
    let stage = Stage::set_up().await;
    let dropped = Arc::new(Notify::new());
    let guard = Arc::clone(&dropped);
    let handler = move |_: Unit| {
        let guard = Dropped(Arc::clone(&guard));
        async move {
            let _guard = guard;
            std::future::pending::<Result<(), Failure>>().await
        }
    };
    let worker = run(stage.worker().lease(SHORT).each_resource("stuck", handler));
    let mut wish = submission("stuck", &["a", "b"]);
    wish.deadline_ms = Some(300);
    let id = stage.client.submit(&wish, None).await.unwrap().id;
    assert_eq!(stage.ended(&id).await.status, "expired");
    tokio::time::timeout(PATIENCE, dropped.notified())
        .await
        .unwrap();
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_shall_end_finishes_what_runs_and_hands_back_the_rest() {
    let stage = Stage::set_up().await;
    let gate = Arc::new(Semaphore::new(0));
    let (begun, mut begins) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let worker = stage.worker().each_resource("gate", behind(&gate, begun));
    let working = tokio::spawn(worker.run_until(stop.clone().cancelled_owned()));
    let id = stage.submit("gate", &["a", "b", "c"]).await.id;
    begins.recv().await.unwrap();
    gate.add_permits(1);
    begins.recv().await.unwrap();
    stop.cancel();
    // Each look is a round trip through the one thread of this test: by then the stop has been heeded.
    stage
        .when(&id, |it| it.resources[0].status == "succeeded")
        .await;
    gate.add_permits(1);
    working.await.unwrap().unwrap();
    let left = stage.client.get(&id).await.unwrap();
    assert_eq!(left.status, "queued");
    assert_eq!(statuses(&left), "a=succeeded b=succeeded c=pending");
}

#[tokio::test]
async fn a_worker_that_shall_end_now_leaves_everything() {
    let stage = Stage::set_up().await;
    let gate = Arc::new(Semaphore::new(0));
    let (begun, mut begins) = mpsc::unbounded_channel();
    let worker = run(stage.worker().each_resource("gate", behind(&gate, begun)));
    let id = stage.submit("gate", &["a"]).await.id;
    begins.recv().await.unwrap();
    // That it has begun is told a moment later.
    stage
        .when(&id, |it| it.resources[0].status == "running")
        .await;
    worker.halt(Halt::Now).await;
    let left = stage.client.get(&id).await.unwrap();
    assert_eq!(statuses(&left), "a=running");
}

/// What was found out while the server was away is told when it is back.
#[tokio::test]
async fn a_restart_of_the_server_loses_nothing() {
    let mut stage = Stage::set_up().await;
    let gate = Arc::new(Semaphore::new(0));
    let (begun, mut begins) = mpsc::unbounded_channel();
    let worker = run(stage.worker().each_resource("gate", behind(&gate, begun)));
    let id = stage.submit("gate", &["a", "b"]).await.id;
    begins.recv().await.unwrap();
    stage.stop_server().await;
    gate.add_permits(1);
    begins.recv().await.unwrap();
    gate.add_permits(1);
    stage.start_server().await;
    let ended = stage.ended(&id).await;
    assert_eq!((&*ended.status, ended.attempt), ("succeeded", 1));
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_is_not_let_in_says_so() {
    let stage = Stage::set_up().await;
    let worker = stage
        .worker_with("NoSuchToken")
        .each_resource("sorts", all_sorts);
    let error = worker.run_until(std::future::pending()).await.unwrap_err();
    assert!(error.to_string().ends_with("(status 401)"), "{error}");
}

#[tokio::test]
async fn a_caller_submits_waits_and_lists() {
    let stage = Stage::set_up().await;
    let wish = submission("later", &["a"]);
    let first = stage.client.submit(&wish, Some("key")).await.unwrap();
    let again = stage.client.submit(&wish, Some("key")).await.unwrap();
    assert_eq!(first.id, again.id);
    let waited = stage.client.wait(&first.id, Duration::from_millis(1)).await;
    assert!(!waited.unwrap().has_ended());
    let mut filter = longrun_worker::wire::Filter {
        kind: Some("later".to_owned()),
        page_size: Some(1),
        ..Default::default()
    };
    filter.labels.insert("of".to_owned(), "later".to_owned());
    let page = stage.client.list(&filter).await.unwrap();
    let ids: Vec<_> = page
        .operations
        .iter()
        .map(|it: &Operation| &it.id)
        .collect();
    assert_eq!(ids, [&first.id]);
    let unknown = stage.client.get("op-0").await.unwrap_err();
    assert!(!unknown.is_transient(), "{unknown}");
}
