//! Executors: what carries operations out inside the server, where no worker asks for them.
//!
//! An [`Executor`] is a worker that needs no HTTP. It is handed a [`Host`], the worker's side of the engine: it leases
//! operations of its kinds, keeps their leases, reports, and ends when it is told to. What holds for workers holds for
//! it too: the fence of a lease decides what is heard. One task may drive thousands of operations; an executor that
//! would rather have one async function per operation runs a `longrun_worker::Worker` over [`Host::line`].

mod command;
mod crew;
mod host;
mod http;
mod line;

pub use command::{CommandExecutor, CommandSettings};
pub use host::{Hold, Host, Lost};
pub use http::{HttpExecutor, HttpSettings, SigningSecret, UnusableReceiver};
pub use line::HostLine;

pub(crate) use crew::{Crew, Duty};

use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;

/// Carries out the operations of some kinds.
pub trait Executor: Send + Sync + 'static {
    /// What it is called in the history of operations and in the log.
    fn name(&self) -> &str;

    /// Works until the host is [stopping](Host::stopping), and ends when what it has begun is in order. If it ends
    /// earlier, or panics, it is called again after a moment.
    fn run(self: Arc<Self>, host: Host) -> BoxFuture<'static, ()>;
}

impl fmt::Debug for dyn Executor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
