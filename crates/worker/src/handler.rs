//! What handlers are handed, and how they are kept.

use crate::Outcome;
use crate::client::wire::{self, Operation, Resource};
use crate::whole::Whole;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Something that can be worked on by itself: a resource, or a whole operation that has none.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The operation that it belongs to, without its resources.
    pub operation: Arc<Operation>,
    /// The resource, if the operation has some.
    pub resource: Option<Resource>,
    /// Cancelled when the operation shall be. A handler that goes on and succeeds has succeeded; one that fails from
    /// then on was cancelled.
    pub cancel: CancellationToken,
}

impl Unit {
    /// The id of the resource, or that of the operation if it has none.
    pub fn id(&self) -> &str {
        self.resource
            .as_ref()
            .map_or(&self.operation.id, |resource| &resource.id)
    }

    /// What the submitter said about the resource, or about the operation if it has none.
    pub fn input(&self) -> Option<&RawValue> {
        match &self.resource {
            Some(resource) => resource.input.as_deref(),
            None => self.operation.input.as_deref(),
        }
    }

    /// The same, read as `T`; nothing reads as `null`.
    pub fn read_input<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        wire::read(self.input())
    }
}

/// What is done about operations of a kind.
#[derive(Clone)]
pub(crate) enum Handler {
    /// One call for each resource.
    EachResource(Function<Unit>),
    /// One call for all of it.
    WholeOperation(Function<Whole>),
}

/// An async function that may be called many times at once.
pub(crate) type Function<T> = Arc<dyn Fn(T) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Wraps a handler so that it cannot pull the worker down with it.
pub(crate) fn function<T, F, Fut>(handler: F) -> Function<T>
where
    T: Send + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: Into<Outcome>> + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |work| {
        let handler = Arc::clone(&handler);
        // The first steps of a handler may panic as well as those after a pause.
        let run = async move { handler(work).await.into() };
        let run = AssertUnwindSafe(run).catch_unwind();
        run.map(|end| end.unwrap_or_else(|_| panicked())).boxed()
    })
}

fn panicked() -> Outcome {
    Outcome::Failed(wire::Failure::new("panicked", "the handler panicked"))
}
