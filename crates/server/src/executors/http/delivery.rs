//! One operation on its way to a receiver, until it is the receiver's or has an end.

use super::HttpExecutor;
use super::receiver::Answer;
use crate::executors::{Hold, Host};
use crate::native::{RefusedPart, Told, refusal_word};
use bytes::Bytes;
use longrun_model::{
    Failure, Finish, FinishStatus, Operation, Phase, Progress, RefusedResult, Report,
};
use longrun_worker::Backoff;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::sleep;

/// An operation that was leased for a receiver.
pub(super) struct Delivery {
    executor: Arc<HttpExecutor>,
    host: Host,
    operation: Arc<Operation>,
}

/// How a delivery ends, for the operation.
enum End {
    /// The receiver reports, now or later.
    Told(Bytes),
    Later,
    /// It could not be delivered.
    Failed(Failure),
    /// It is to be cancelled, and no receiver has it.
    Cancelled,
    /// The server ends, and no receiver has it.
    HandedBack,
}

impl Delivery {
    pub(super) const fn new(
        executor: Arc<HttpExecutor>,
        host: Host,
        operation: Arc<Operation>,
    ) -> Self {
        Self {
            executor,
            host,
            operation,
        }
    }

    /// Delivers it. The lease is kept meanwhile; from when the receiver has it, keeping it is the receiver's part.
    pub(super) async fn run(self, lease_millis: i64) {
        let Operation { key, fence, .. } = *self.operation;
        let (standing, stands) = watch::channel(Hold::Held);
        let body = self.host.lease_json(&self.operation, lease_millis).into();
        let end = tokio::select! {
            end = self.deliver(body, stands) => end,
            () = self.host.keep(key, fence, lease_millis, &standing) => {
                tracing::info!(operation.id = key.get(), fence, "the lease is lost: not delivered");
                return;
            }
        };
        match end {
            End::Later => {
                // It has the whole lease for its first heartbeat.
                self.host.heartbeat(key, fence).await;
            }
            End::Told(text) => self.pass_on(&text).await,
            End::Failed(failure) => {
                self.finish(FinishStatus::Failed, Some(failure)).await;
            }
            End::Cancelled => self.finish(FinishStatus::Cancelled, None).await,
            End::HandedBack => {
                let release = true;
                self.report(Report {
                    release,
                    ..self.empty()
                })
                .await;
            }
        }
    }

    async fn deliver(&self, body: Bytes, mut stands: watch::Receiver<Hold>) -> End {
        let settings = &self.executor.settings;
        let mut backoff = Backoff::new(settings.pause_first, settings.pause_max);
        for number in 1.. {
            if *stands.borrow() == Hold::Cancel {
                return End::Cancelled;
            }
            let now = self.host.now();
            let (reason, asked) = match self.executor.receiver.hand_over(body.clone(), now).await {
                Answer::Report(text) => return End::Told(text),
                Answer::Later => return End::Later,
                Answer::Refused { status } => {
                    let message = format!("the receiver answered {status}");
                    return End::Failed(failure("http-refused", message));
                }
                Answer::Again { reason, pause } => (reason, pause),
            };
            if number == settings.tries_max {
                let failure = failure("http-undelivered", reason);
                return End::Failed(Failure {
                    retryable: true,
                    ..failure
                });
            }
            let pause = asked.unwrap_or_default().max(backoff.pause());
            let pause_ms = pause.as_millis();
            tracing::warn!(
                operation.id = self.operation.key.get(),
                reason,
                pause_ms,
                "not delivered"
            );
            tokio::select! {
                () = sleep(pause) => {}
                () = cancelled(&mut stands) => return End::Cancelled,
                () = self.host.stopping() => return End::HandedBack,
            }
        }
        unreachable!("numbers do not end before the tries do")
    }

    /// Tells the engine what the receiver has answered.
    async fn pass_on(&self, text: &[u8]) {
        let id = self.host.id(self.operation.key);
        let told = Told::answer(text, &id, self.operation.fence);
        let (report, mut refused) = match told.map(|told| (told.report, told.refused)) {
            Ok((Ok(report), refused)) => (report, refused),
            Ok((Err(problem), _)) | Err(problem) => {
                let message = format!("the receiver's answer is no report: {problem}");
                let failure = failure("http-bad-report", message);
                return self.finish(FinishStatus::Failed, Some(failure)).await;
            }
        };
        let Ok(commanded) = self.host.report(self.operation.key, report).await else {
            return;
        };
        refused.extend(commanded.refused.into_iter().map(part));
        let is_open = matches!(
            commanded.operation.phase,
            Phase::Running | Phase::Cancelling
        );
        // What it left out it may report later; what it told wrongly it will not tell again.
        if let (true, Some(first)) = (is_open, refused.first()) {
            let of = first.resource.as_deref().unwrap_or("the whole");
            let message = format!(
                "the receiver's report on {of} was refused: {}",
                first.reason
            );
            let failure = failure("http-bad-report", message);
            self.finish(FinishStatus::Failed, Some(failure)).await;
        }
    }

    async fn finish(&self, status: FinishStatus, error: Option<Failure>) {
        let finish = Some(Finish {
            status,
            output: None,
            error,
        });
        self.report(Report {
            finish,
            ..self.empty()
        })
        .await;
    }

    async fn report(&self, report: Report) {
        if let Err(lost) = self.host.report(self.operation.key, report).await {
            tracing::info!(
                operation.id = self.operation.key.get(),
                reason = lost.reason,
                "too late"
            );
        }
    }

    fn empty(&self) -> Report {
        Report {
            fence: self.operation.fence,
            found: Vec::new(),
            results: Vec::new(),
            progress: Progress::default(),
            finish: None,
            release: false,
            chance: 0,
        }
    }
}

fn part(refused: RefusedResult) -> RefusedPart {
    RefusedPart {
        resource: refused.resource.map(|id| id.as_str().into()),
        reason: refusal_word(refused.reason),
    }
}

/// Ends when the operation is to be cancelled.
async fn cancelled(stands: &mut watch::Receiver<Hold>) {
    if stands.wait_for(|hold| *hold == Hold::Cancel).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn failure(code: &str, message: String) -> Failure {
    Failure {
        code: code.into(),
        message: message.into(),
        retryable: false,
    }
}
