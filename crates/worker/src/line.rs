//! The line to whoever hands operations out.

use crate::client::wire::{Beat, HeldLease, LeaseWish, Leased, Report, Reported};
use crate::client::{Client, ClientError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::fmt;
use std::time::Duration;

/// The three calls that workers make about leases.
///
/// A [`Client`] makes them over HTTP. Whoever holds an engine in the same process can answer them without.
pub trait Line: fmt::Debug + Send + Sync + 'static {
    /// Takes operations to carry out.
    fn lease<'a>(&'a self, wish: &'a LeaseWish<'a>) -> Answering<'a, Vec<Leased>>;

    /// Keeps leases, and waits up to `wait` for something to be said about one of them. The answers stand in the order
    /// of the leases.
    fn heartbeat<'a>(
        &'a self,
        leases: &'a [HeldLease<'a>],
        wait: Duration,
        patience: Duration,
    ) -> Answering<'a, Vec<Beat>>;

    /// Tells what became of operations and their resources. The answers stand in the order of the reports.
    fn report<'a>(
        &'a self,
        reports: &'a [Report<'a>],
        patience: Duration,
    ) -> Answering<'a, Vec<Reported>>;
}

/// A call that is under way.
pub type Answering<'a, T> = BoxFuture<'a, Result<T, ClientError>>;

impl Line for Client {
    fn lease<'a>(&'a self, wish: &'a LeaseWish<'a>) -> Answering<'a, Vec<Leased>> {
        self.lease(wish).boxed()
    }

    fn heartbeat<'a>(
        &'a self,
        leases: &'a [HeldLease<'a>],
        wait: Duration,
        patience: Duration,
    ) -> Answering<'a, Vec<Beat>> {
        self.heartbeat(leases, wait, patience).boxed()
    }

    fn report<'a>(
        &'a self,
        reports: &'a [Report<'a>],
        patience: Duration,
    ) -> Answering<'a, Vec<Reported>> {
        self.report(reports, patience).boxed()
    }
}
