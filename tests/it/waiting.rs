//! Waiting for something to become so. Nothing here waits for a time to have passed.

use std::process::{Child, ExitStatus};
use std::time::Duration;

/// How long anything may take before a test gives up. All of it takes milliseconds, unless the machine is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            match ask().await {
                Some(answer) => return answer,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("{what}: that did not happen in time"))
}

/// Waits for the end of a process; one that does not end is killed.
pub(crate) fn end_of(child: &mut Child) -> ExitStatus {
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            return status;
        }
        std::thread::sleep(PAUSE);
    }
    child.kill().expect("it runs");
    panic!("a process did not end in time");
}
