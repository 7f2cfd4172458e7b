//! An operation that one handler carries out as a whole.

use crate::Outcome;
use crate::client::wire::{Finish, Operation, ResourceReport};
use crate::outbox::{News, Sender, told};
use crate::outcome::{PAYLOAD_BYTES_MAX, cut};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// An operation in hand, with all of its resources that are still open.
///
/// A handler tells of resources as they end. What it returns ends the operation: with an output, and what is still open
/// succeeded; or with a failure, and what is still open failed.
#[derive(Debug)]
pub struct Whole {
    /// The operation. Its resources are those that are still open.
    pub operation: Operation,
    /// Cancelled when the operation shall be. A handler that goes on and succeeds has succeeded; one that fails from
    /// then on was cancelled.
    pub cancel: CancellationToken,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) news: Sender,
}

/// Told of a resource that is not an open one of the operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no open resource of the operation")]
pub struct NotOpen(pub String);

impl Whole {
    /// The operation's input, read as `T`; nothing reads as `null`.
    pub fn read_input<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        crate::client::wire::read(self.operation.input.as_deref())
    }

    /// Tells what became of a resource. The last one is told together with the end, so that the end can have an output.
    pub fn tell(&self, resource: &str, outcome: impl Into<Outcome>) -> Result<(), NotOpen> {
        let outcome = outcome.into().fitting();
        if let Some(report) = self.ledger.note(resource, outcome)? {
            self.news.send(News::Resource(report));
        }
        Ok(())
    }

    /// Tells how far the operation is: from 0 to 100, and in words.
    pub fn progress(&self, percent: u8, message: &str) {
        let mut message = message.to_owned();
        cut(&mut message, PAYLOAD_BYTES_MAX);
        self.news.send(News::Progress {
            percent: percent.min(100),
            message,
        });
    }
}

/// What was told of an operation, and what was not.
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<Page>);

#[derive(Debug)]
struct Page {
    open: HashSet<String>,
    last: Option<ResourceReport>,
}

impl Ledger {
    pub(crate) fn new(operation: &Operation) -> Self {
        let ids = operation.resources.iter().map(|it| it.id.clone());
        Self(Mutex::new(Page {
            open: ids.collect(),
            last: None,
        }))
    }

    /// Notes a result. It is handed back to be told, unless it is the last.
    fn note(&self, resource: &str, outcome: Outcome) -> Result<Option<ResourceReport>, NotOpen> {
        let mut page = self.page();
        if !page.open.remove(resource) {
            return Err(NotOpen(resource.to_owned()));
        }
        let report = told(resource.to_owned(), outcome);
        if page.open.is_empty() {
            page.last = Some(report);
            return Ok(None);
        }
        Ok(Some(report))
    }

    /// How the operation ends when its handler has.
    pub(crate) fn end(&self, outcome: Outcome, is_cancelled: bool) -> News {
        let last = self.page().last.take();
        let (status, output, error) = match outcome {
            // The results say all that there is to say.
            Outcome::Succeeded(None) if last.is_some() => {
                return News::End { last, finish: None };
            }
            Outcome::Succeeded(output) => ("succeeded", output, None),
            Outcome::Failed(_) if is_cancelled => ("cancelled", None, None),
            Outcome::Failed(failure) => ("failed", None, Some(failure)),
        };
        let finish = Some(Finish {
            status,
            output,
            error,
        });
        News::End { last, finish }
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        // Whoever panicked with it in hand has left it whole: each change of it is one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Failure;

    fn ledger(ids: &[&str]) -> Ledger {
        Ledger(Mutex::new(Page {
            open: ids.iter().map(|id| (*id).to_owned()).collect(),
            last: None,
        }))
    }

    fn good() -> Outcome {
        Outcome::Succeeded(None)
    }

    #[test]
    fn the_last_result_is_kept_for_the_end() {
        let ledger = ledger(&["a", "b"]);
        assert!(ledger.note("a", good()).unwrap().is_some());
        assert_eq!(ledger.note("a", good()).unwrap_err(), NotOpen("a".into()));
        assert_eq!(ledger.note("c", good()).unwrap_err(), NotOpen("c".into()));
        assert!(ledger.note("b", good()).unwrap().is_none());
        let News::End { last, finish } = ledger.end(Outcome::succeeded(&1), false) else {
            panic!("it is an end");
        };
        assert_eq!(last.unwrap().id, "b");
        assert_eq!(finish.unwrap().output.unwrap().get(), "1");
    }

    #[test]
    fn what_a_handler_returns_ends_the_operation() {
        let bad = || Outcome::Failed(Failure::new("bad", "it is"));
        for (told, outcome, is_cancelled, expected) in [
            (&[][..], good(), false, Some("succeeded")),
            (&[][..], good(), true, Some("succeeded")),
            (&[][..], bad(), false, Some("failed")),
            (&[][..], bad(), true, Some("cancelled")),
            (&["a"][..], good(), false, None),
            (&["a"][..], bad(), false, Some("failed")),
        ] {
            let ledger = ledger(&["a"]);
            for id in told {
                ledger.note(id, good()).unwrap();
            }
            let News::End { last, finish } = ledger.end(outcome, is_cancelled) else {
                panic!("it is an end");
            };
            assert_eq!(
                finish.map(|it| it.status),
                expected,
                "{told:?} {is_cancelled}"
            );
            assert_eq!(last.is_some(), !told.is_empty());
        }
    }
}
