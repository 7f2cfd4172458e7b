//! What there is to tell about leases, until the server has heard it.

use crate::Outcome;
use crate::client::wire::{Failure, Finish, HeldLease, Refused, Report, ResourceReport};
use crate::load::Load;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How a lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is ours.
    Held,
    /// It is ours, and the operation shall be cancelled.
    Cancel,
    /// It is not ours any more: nothing that we tell will be heard.
    Lost,
}

/// Something to tell.
#[derive(Debug)]
pub(crate) enum News {
    /// What became of a resource.
    Resource(ResourceReport),
    /// How far the operation is.
    Progress {
        /// From 0 to 100.
        percent: u8,
        /// In words.
        message: String,
    },
    /// The end of the operation as a whole, with the result that was kept for it.
    End {
        /// The last result.
        last: Option<ResourceReport>,
        /// The end, if the results do not say enough.
        finish: Option<Finish>,
    },
    /// The operation is handed back.
    Release,
}

/// A note to the one who talks with the server.
#[derive(Debug)]
pub(crate) enum Note {
    /// A lease begins.
    Begin(Box<Lease>),
    /// There is something to tell.
    News(News),
    /// Nothing more is to be told.
    Done,
}

/// Where notes about one lease go.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) number: u64,
    pub(crate) notes: mpsc::UnboundedSender<(u64, Note)>,
}

impl Sender {
    /// Sends news.
    pub(crate) fn send(&self, news: News) {
        self.note(Note::News(news));
    }

    /// Sends a note.
    pub(crate) fn note(&self, note: Note) {
        // When nobody takes notes any more, there is nobody to tell either.
        let _ = self.notes.send((self.number, note));
    }
}

/// What is told of a resource that has ended.
pub(crate) fn told(id: String, outcome: Outcome) -> ResourceReport {
    let (status, output, error) = match outcome {
        Outcome::Succeeded(output) => ("succeeded", output, None),
        Outcome::Failed(failure) => ("failed", None, Some(failure)),
    };
    ResourceReport {
        id,
        status,
        output,
        error,
    }
}

/// One lease, with what there is to tell about it.
#[derive(Debug)]
pub(crate) struct Lease {
    id: String,
    fence: u64,
    length: Duration,
    began_at: Instant,
    heard_at: Instant,
    standing: watch::Sender<Standing>,
    load: Load,
    /// By resource: of each, only the last news count.
    resources: BTreeMap<String, ResourceReport>,
    progress: Option<(u8, String)>,
    finish: Option<Finish>,
    release: bool,
    is_done: bool,
    is_over: bool,
}

impl Lease {
    /// A lease that was granted at `granted_at`.
    pub(crate) fn new(
        id: String,
        fence: u64,
        length: Duration,
        granted_at: Instant,
        standing: watch::Sender<Standing>,
        load: Load,
    ) -> Self {
        Self {
            id,
            fence,
            length,
            began_at: granted_at,
            heard_at: granted_at,
            standing,
            load,
            resources: BTreeMap::new(),
            progress: None,
            finish: None,
            release: false,
            is_done: false,
            is_over: false,
        }
    }

    /// Its name for the server.
    pub(crate) fn name(&self) -> HeldLease<'_> {
        HeldLease {
            id: &self.id,
            fence: self.fence,
        }
    }

    /// How long it lasts when it is not kept.
    pub(crate) const fn length(&self) -> Duration {
        self.length
    }

    /// When it began.
    pub(crate) const fn began_at(&self) -> Instant {
        self.began_at
    }

    /// Whether an order of the server would be news.
    pub(crate) fn obeys(&self) -> bool {
        !self.is_over && *self.standing.borrow() == Standing::Held
    }

    /// When the server must have heard of it again.
    pub(crate) fn ends_at(&self) -> Instant {
        self.heard_at + self.length
    }

    /// When a heartbeat is due.
    pub(crate) fn beats_at(&self) -> Instant {
        self.heard_at + self.length / 3
    }

    /// When a heartbeat may go along with another that is due.
    pub(crate) fn may_beat_at(&self) -> Instant {
        self.heard_at + self.length / 4
    }

    /// Takes news in.
    pub(crate) fn take(&mut self, news: News) {
        if self.is_over {
            return;
        }
        match news {
            News::Resource(report) => self.put(report),
            News::Progress { percent, message } => self.progress = Some((percent, message)),
            News::End { last, finish } => {
                if let Some(report) = last {
                    self.put(report);
                }
                self.finish = finish;
            }
            News::Release => self.release = true,
        }
    }

    fn put(&mut self, report: ResourceReport) {
        self.resources.insert(report.id.clone(), report);
    }

    /// Nothing more will come in.
    pub(crate) const fn close(&mut self) {
        self.is_done = true;
    }

    /// Whether there is anything to tell.
    pub(crate) fn has_mail(&self) -> bool {
        !self.resources.is_empty()
            || self.progress.is_some()
            || self.finish.is_some()
            || self.release
    }

    /// Whether it is to be kept by heartbeats.
    pub(crate) const fn is_kept(&self) -> bool {
        !self.is_over
    }

    /// Whether nothing more is to be done about it.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_done && !self.has_mail()
    }

    /// What to tell, with results up to so many and about so many bytes. The end goes with the last of them.
    pub(crate) fn report(&self, results_max: usize, bytes_max: usize) -> (Report<'_>, usize) {
        let mut bytes = 0;
        let fits = |report: &&ResourceReport| {
            let fitted = bytes < bytes_max;
            bytes += bytes_of(report);
            fitted
        };
        let resources: Vec<_> = self
            .resources
            .values()
            .take(results_max)
            .take_while(fits)
            .collect();
        let is_whole = resources.len() == self.resources.len();
        let (percent, message) = self.progress.as_ref().map(|it| (it.0, &*it.1)).unzip();
        let report = Report {
            id: &self.id,
            fence: self.fence,
            resources,
            progress: percent,
            message: message.filter(|message| !message.is_empty()),
            finish: self.finish.as_ref().filter(|_| is_whole),
            release: self.release && is_whole,
        };
        (report, bytes)
    }

    /// The server has heard a report with so many results, sent at `sent_at`, and the operation stands so now.
    pub(crate) fn heard(
        &mut self,
        count: usize,
        sent_at: Instant,
        status: &str,
        refused: &[Refused],
    ) {
        self.renewed(sent_at);
        let mut told = std::mem::take(&mut self.resources);
        let rest = told.keys().nth(count).cloned();
        self.resources = rest.map_or_else(BTreeMap::new, |id| told.split_off(&id));
        let ended = told.values().filter(|report| report.status != "running");
        self.load.lighten(ended.count());
        self.progress = None;
        let is_whole = self.resources.is_empty();
        let has_finish = self.finish.take_if(|_| is_whole).is_some();
        self.release &= !is_whole;
        match status {
            "running" => self.mend(has_finish, refused, &told),
            "cancelling" => {
                self.mend(has_finish, refused, &told);
                self.stand(Standing::Cancel);
            }
            // It has ended, or waits again: whatever still runs for it runs in vain.
            _ => {
                self.stand(Standing::Lost);
                self.end();
            }
        }
    }

    /// Tells failures in place of results that the server cannot take: without any, the operation would never end.
    fn mend(
        &mut self,
        has_finish: bool,
        refused: &[Refused],
        told: &BTreeMap<String, ResourceReport>,
    ) {
        let invalid = refused.iter().filter(|it| it.reason == "invalid");
        for refused in invalid {
            match &refused.resource {
                Some(id) if told.contains_key(id) => self.put(ResourceReport {
                    id: id.clone(),
                    status: "failed",
                    output: None,
                    error: Some(result_refused()),
                }),
                None if has_finish => {
                    self.finish = Some(Finish {
                        status: "failed",
                        output: None,
                        error: Some(result_refused()),
                    });
                }
                Some(_) | None => {}
            }
        }
    }

    /// The server has heard of it in a call sent at `sent_at`.
    pub(crate) fn renewed(&mut self, sent_at: Instant) {
        // A call that waited comes back after one that did not.
        self.heard_at = self.heard_at.max(sent_at);
    }

    /// It is somebody else's now, or nobody's.
    pub(crate) fn lose(&mut self, reason: &str) {
        if self.is_over {
            return;
        }
        tracing::warn!(
            operation.id = self.id,
            self.fence,
            reason,
            "the lease is lost"
        );
        self.stand(Standing::Lost);
        self.end();
    }

    /// Passes on how it stands.
    pub(crate) fn stand(&self, standing: Standing) {
        self.standing.send_replace(standing);
    }

    fn end(&mut self) {
        self.is_over = true;
        self.resources.clear();
        self.progress = None;
        self.finish = None;
        self.release = false;
    }
}

fn result_refused() -> Failure {
    Failure::new("result-refused", "the server did not take the result")
}

/// About how long a result is when it is written.
fn bytes_of(report: &ResourceReport) -> usize {
    let output = report
        .output
        .as_ref()
        .map_or(0, |output| output.get().len());
    let error = report
        .error
        .as_ref()
        .map_or(0, |error| error.code.len() + error.message.len());
    report.id.len() + output + error + 64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> (Lease, watch::Receiver<Standing>) {
        let (teller, standing) = watch::channel(Standing::Held);
        let load = Load::of(3, &watch::Sender::new(0));
        let lease = Lease::new(
            "op-1".to_owned(),
            1,
            Duration::from_secs(15),
            Instant::now(),
            teller,
            load,
        );
        (lease, standing)
    }

    fn resource(id: &str, status: &'static str) -> News {
        News::Resource(ResourceReport {
            id: id.to_owned(),
            status,
            output: None,
            error: None,
        })
    }

    fn finish(status: &'static str) -> News {
        let (output, error) = (None, None);
        let finish = Some(Finish {
            status,
            output,
            error,
        });
        News::End { last: None, finish }
    }

    /// What the next report would say, in a line.
    fn told(lease: &Lease, results_max: usize) -> String {
        let (report, _) = lease.report(results_max, usize::MAX);
        let mut words: Vec<String> = report
            .resources
            .iter()
            .map(|it| format!("{}={}", it.id, it.status))
            .collect();
        words.extend(report.progress.map(|percent| format!("{percent}%")));
        words.extend(report.finish.map(|finish| finish.status.to_owned()));
        words.extend(report.release.then(|| "release".to_owned()));
        words.join(" ")
    }

    #[tokio::test]
    async fn of_each_resource_the_last_news_counts() {
        let (mut lease, _standing) = lease();
        lease.take(resource("a", "running"));
        lease.take(resource("b", "running"));
        lease.take(resource("a", "succeeded"));
        lease.take(News::Release);
        assert_eq!(told(&lease, 9), "a=succeeded b=running release");
    }

    #[tokio::test]
    async fn the_end_goes_with_the_last_results() {
        let (mut lease, _standing) = lease();
        for id in ["a", "b", "c"] {
            lease.take(resource(id, "succeeded"));
        }
        lease.take(finish("succeeded"));
        lease.take(News::Progress {
            percent: 70,
            message: String::new(),
        });
        assert_eq!(told(&lease, 2), "a=succeeded b=succeeded 70%");
        lease.heard(2, Instant::now(), "running", &[]);
        assert_eq!(told(&lease, 2), "c=succeeded succeeded");
        lease.heard(1, Instant::now(), "succeeded", &[]);
        lease.close();
        assert!(lease.is_settled());
    }

    #[tokio::test]
    async fn a_result_that_cannot_be_taken_becomes_a_failure() {
        for (named, reason, expected) in [
            (Some("a"), "invalid", "a=failed"),
            (Some("a"), "resource-ended", ""),
            (Some("z"), "invalid", ""),
            (None, "invalid", "failed"),
            (None, "contradiction", ""),
        ] {
            let (mut lease, _standing) = lease();
            lease.take(resource("a", "succeeded"));
            lease.take(finish("succeeded"));
            let refused = Refused {
                resource: named.map(str::to_owned),
                reason: reason.to_owned(),
            };
            lease.heard(1, Instant::now(), "running", &[refused]);
            assert_eq!(told(&lease, 9), expected, "{named:?} {reason}");
        }
    }

    #[tokio::test]
    async fn a_report_has_a_size() {
        let (mut lease, _standing) = lease();
        for id in ["a", "b", "c"] {
            lease.take(resource(id, "running"));
        }
        let count = |bytes_max| lease.report(9, bytes_max).0.resources.len();
        assert_eq!([count(0), count(1), count(66), count(9_999)], [0, 1, 2, 3]);
    }

    #[tokio::test]
    async fn how_the_operation_stands_is_passed_on() {
        for (status, expected, is_kept) in [
            ("running", Standing::Held, true),
            ("cancelling", Standing::Cancel, true),
            ("queued", Standing::Lost, false),
            ("expired", Standing::Lost, false),
        ] {
            let (mut lease, standing) = lease();
            lease.take(resource("a", "running"));
            lease.heard(1, Instant::now(), status, &[]);
            assert_eq!(*standing.borrow(), expected, "{status}");
            assert_eq!(lease.is_kept(), is_kept, "{status}");
        }
    }
}
