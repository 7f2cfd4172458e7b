//! The line to the server about one lease: what there is to tell is told, silence is filled with heartbeats, and what
//! the server says about the lease is passed on.

use crate::backoff::Backoff;
use crate::client::wire::{
    Failure, Finish, LeaseName, LeaseState, Refused, Report, Reported, ResourceReport,
};
use crate::client::{Client, ClientError};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

/// How many pieces of news one report carries, so that it stays below the server's limit of a body.
const NEWS_MAX: usize = 100;
/// The pauses between tries to reach the server.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// The least time that one try is given.
const PATIENCE_MIN: Duration = Duration::from_secs(1);

/// Something to tell.
#[derive(Debug)]
pub(super) enum News {
    /// What became of a resource.
    Resource(ResourceReport),
    /// The end of the operation as a whole.
    Finish(Finish),
    /// The operation is handed back.
    Release,
}

/// How the lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is ours.
    Held,
    /// It is ours, and the operation shall be cancelled.
    Cancel,
    /// It is not ours any more: nothing that we tell will be heard.
    Lost,
}

/// One lease.
pub(super) struct Line<'a> {
    client: &'a Client,
    id: &'a str,
    fence: u64,
    lease: Duration,
    held_until: Instant,
    standing: watch::Sender<Standing>,
}

impl<'a> Line<'a> {
    /// The line about a lease that was granted just now.
    pub(super) fn new(
        client: &'a Client,
        id: &'a str,
        fence: u64,
        lease: Duration,
        standing: watch::Sender<Standing>,
    ) -> Self {
        Self {
            client,
            id,
            fence,
            lease,
            held_until: Instant::now() + lease,
            standing,
        }
    }

    /// Tells `news` until there is no more, and keeps the lease meanwhile.
    pub(super) async fn keep(mut self, mut news: mpsc::UnboundedReceiver<News>) {
        let mut batch = Vec::with_capacity(NEWS_MAX);
        while *self.standing.borrow() != Standing::Lost {
            let silence = sleep(self.lease / 3);
            let count = tokio::select! {
                // What came in while the last report was under way shares the next one.
                count = news.recv_many(&mut batch, NEWS_MAX) => Some(count),
                () = silence => None,
            };
            match count {
                Some(0) => return,
                Some(_) => self.report(&mut batch).await,
                None => self.heartbeat().await,
            }
        }
    }

    async fn heartbeat(&mut self) {
        let (client, id, fence, patience) = (self.client, self.id, self.fence, self.patience());
        let call = || async move { client.heartbeat(&LeaseName { id, fence }, patience).await };
        let Some(beat) = self.persist(call).await else {
            return;
        };
        match beat.state {
            LeaseState::Held => {}
            LeaseState::Cancel => self.stand(Standing::Cancel),
            LeaseState::Lost => self.lose(beat.reason.as_deref()),
        }
    }

    async fn report(&mut self, batch: &mut Vec<News>) {
        let (resources, finish, release) = sorted(batch);
        let mut reported = self.send(&resources, finish.as_ref(), release).await;
        let unheard = reported
            .as_ref()
            .map_or_else(Vec::new, |it| unheard(&it.refused, &resources));
        if !unheard.is_empty() {
            reported = self.send(&unheard, None, false).await;
        }
        match reported {
            Some(Reported {
                accepted: false,
                reason,
                ..
            }) => self.lose(reason.as_deref()),
            Some(Reported {
                status: Some(status),
                ..
            }) if status == "cancelling" => {
                self.stand(Standing::Cancel);
            }
            Some(Reported { .. }) | None => {}
        }
    }

    async fn send(
        &mut self,
        resources: &[ResourceReport],
        finish: Option<&Finish>,
        release: bool,
    ) -> Option<Reported> {
        let (client, patience) = (self.client, self.patience());
        let report = &Report {
            id: self.id,
            fence: self.fence,
            resources,
            finish,
            release,
        };
        let reported = self
            .persist(|| async move { client.report(report, patience).await })
            .await;
        for refused in reported.iter().flat_map(|it| &it.refused) {
            // An answer that was lost makes us tell the same again: that the resource has ended is no news then.
            tracing::debug!(
                operation.id = self.id,
                resource = refused.resource,
                reason = refused.reason,
                "refused"
            );
        }
        reported
    }

    /// Calls until there is an answer, or the lease must have ended.
    async fn persist<T, F: Future<Output = Result<T, ClientError>>>(
        &mut self,
        call: impl Fn() -> F,
    ) -> Option<T> {
        let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_MAX);
        loop {
            // The lease is extended when the server reads the call, which is not before it was sent.
            let sent_at = Instant::now();
            match timeout_at(self.held_until, call()).await {
                Ok(Ok(answer)) => {
                    self.held_until = sent_at + self.lease;
                    return Some(answer);
                }
                Ok(Err(error)) if error.is_transient() => {
                    tracing::warn!(operation.id = self.id, %error, "trying again");
                    sleep(backoff.pause()).await;
                }
                Ok(Err(error)) => {
                    self.lose(Some(&error.to_string()));
                    return None;
                }
                Err(_) => {
                    self.lose(Some("no answer while the lease lasted"));
                    return None;
                }
            }
        }
    }

    fn patience(&self) -> Duration {
        (self.lease / 3).max(PATIENCE_MIN)
    }

    fn lose(&self, reason: Option<&str>) {
        tracing::warn!(
            operation.id = self.id,
            self.fence,
            reason,
            "the lease is lost"
        );
        self.stand(Standing::Lost);
    }

    fn stand(&self, standing: Standing) {
        self.standing.send_replace(standing);
    }
}

/// The news by what they are about. Of a resource only the last counts.
fn sorted(batch: &mut Vec<News>) -> (Vec<ResourceReport>, Option<Finish>, bool) {
    let mut resources: Vec<ResourceReport> = Vec::with_capacity(batch.len());
    let mut finish = None;
    let mut release = false;
    for news in batch.drain(..) {
        match news {
            News::Resource(report) => {
                resources.retain(|earlier| earlier.id != report.id);
                resources.push(report);
            }
            News::Finish(end) => finish = Some(end),
            News::Release => release = true,
        }
    }
    (resources, finish, release)
}

/// What to tell in place of results that the server cannot take: without any, the operation would never end.
fn unheard(refused: &[Refused], told: &[ResourceReport]) -> Vec<ResourceReport> {
    let invalid = |id: &str| {
        refused
            .iter()
            .any(|it| it.reason == "invalid" && it.resource.as_deref() == Some(id))
    };
    let failed = |report: &ResourceReport| ResourceReport {
        id: report.id.clone(),
        status: "failed",
        output: None,
        error: Some(Failure {
            code: "result-refused".to_owned(),
            message: "the server did not take the result".to_owned(),
            retryable: false,
        }),
    };
    told.iter()
        .filter(|report| invalid(&report.id))
        .map(failed)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(id: &str, status: &'static str) -> ResourceReport {
        ResourceReport {
            id: id.to_owned(),
            status,
            output: None,
            error: None,
        }
    }

    #[test]
    fn of_each_resource_the_last_news_counts() {
        let mut batch = vec![
            News::Resource(report("a", "running")),
            News::Resource(report("b", "running")),
            News::Resource(report("a", "succeeded")),
            News::Release,
        ];
        let (resources, finish, release) = sorted(&mut batch);
        let told: Vec<_> = resources.iter().map(|it| (&*it.id, it.status)).collect();
        assert_eq!(told, [("b", "running"), ("a", "succeeded")]);
        assert!(finish.is_none() && release && batch.is_empty());
    }

    #[test]
    fn a_result_that_cannot_be_taken_becomes_a_failure() {
        let refused = |resource: Option<&str>, reason: &str| Refused {
            resource: resource.map(str::to_owned),
            reason: reason.to_owned(),
        };
        let told = [report("a", "succeeded"), report("b", "succeeded")];
        for (refused, expected) in [
            (refused(Some("a"), "invalid"), vec!["a"]),
            (refused(Some("a"), "resource-ended"), vec![]),
            (refused(Some("c"), "invalid"), vec![]),
            (refused(None, "invalid"), vec![]),
        ] {
            let ids: Vec<_> = unheard(&[refused], &told)
                .into_iter()
                .map(|it| it.id)
                .collect();
            assert_eq!(ids, expected);
        }
    }
}
