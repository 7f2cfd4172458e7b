//! A gate in front of a worker's commands, so that there is time to look between them.

use crate::worker::{Order, Outcome, Run, Unit};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// Lets one unit through each time that it is opened.
#[derive(Clone, Debug)]
pub(super) struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Lets one more unit through.
    pub(super) fn open(&self) {
        self.0.add_permits(1);
    }

    /// Stands before `runner` from now on.
    pub(super) fn before<R>(&self, runner: R) -> Gated<R> {
        Gated {
            gate: self.clone(),
            runner,
        }
    }
}

/// What stands behind a gate.
pub(super) struct Gated<R> {
    gate: Gate,
    runner: R,
}

impl<R: Run> Run for Gated<R> {
    async fn run(&self, unit: Unit, mut orders: watch::Receiver<Order>) -> Outcome {
        let stopped = async |orders: &mut watch::Receiver<Order>| {
            // Without anybody to give orders there is nobody to wait for either.
            let _ = orders.wait_for(|order| *order > Order::Go).await;
        };
        tokio::select! {
            permit = self.gate.0.acquire() => permit.expect("a gate is never closed for good").forget(),
            () = stopped(&mut orders) => return Outcome::Stopped,
        }
        self.runner.run(unit, orders).await
    }
}
