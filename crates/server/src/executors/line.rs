//! A worker's line to the engine of its own process.

use super::host::{Host, is_passing};
use crate::native::{self, Accepted, Problem, Told};
use futures_util::FutureExt;
use futures_util::future::join_all;
use longrun_engine::EngineError;
use longrun_model::{Command, KindName, Operation, Phase};
use longrun_store::Sight;
use longrun_worker::wire::{
    Beat, HeldLease, LeaseState, LeaseWish, Leased, Refused, Report, Reported,
};
use longrun_worker::{Answering, ClientError, Line};
use serde_json::value::to_raw_value;
use std::sync::Arc;
use std::time::Duration;

/// What a `Worker` in this process talks with, in place of a client.
#[derive(Clone, Debug)]
pub struct HostLine(Host);

/// What errors name as the server.
const HERE: &str = "this process";

impl Host {
    /// The same as a line for a `Worker`.
    pub fn line(&self) -> HostLine {
        HostLine(self.clone())
    }
}

impl Line for HostLine {
    fn lease<'a>(&'a self, wish: &'a LeaseWish<'a>) -> Answering<'a, Vec<Leased>> {
        self.leased(wish).boxed()
    }

    fn heartbeat<'a>(
        &'a self,
        leases: &'a [HeldLease<'a>],
        wait: Duration,
        _patience: Duration,
    ) -> Answering<'a, Vec<Beat>> {
        self.held(leases, wait).boxed()
    }

    fn report<'a>(
        &'a self,
        reports: &'a [Report<'a>],
        _patience: Duration,
    ) -> Answering<'a, Vec<Reported>> {
        let told = reports.iter().map(|report| self.tell(report));
        join_all(told).map(|all| all.into_iter().collect()).boxed()
    }
}

impl HostLine {
    async fn leased(&self, wish: &LeaseWish<'_>) -> Result<Vec<Leased>, ClientError> {
        let Host { app, .. } = &self.0;
        let kinds = wish.kinds.iter().map(|kind| KindName::new(kind.as_str()));
        let lease_millis = millis(wish.lease_ms);
        let ours = self.0.wish(kinds.collect(), wish.max, lease_millis);
        let leased = app.engine.lease(ours, millis(wish.wait_ms)).await;
        let leased = leased.map_err(|error| unreachable(&error))?;
        let read = |operation: &Arc<Operation>| {
            serde_json::from_slice(&self.0.lease_json(operation, lease_millis))
                .map_err(ClientError::Unwritable)
        };
        leased.iter().map(read).collect()
    }

    async fn held(
        &self,
        leases: &[HeldLease<'_>],
        wait: Duration,
    ) -> Result<Vec<Beat>, ClientError> {
        let mut beats = self.beats(leases).await?;
        if let Some(held) = native::all_held(&beats).filter(|_| !wait.is_zero()) {
            let wait_millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            let wait_millis = wait_millis.min(native::patience(&beats));
            self.0.order(&held, wait_millis).await;
            beats = self.beats(leases).await?;
        }
        let beat = |outcome: Result<Arc<Operation>, Problem>| match outcome {
            Ok(operation) if operation.phase == Phase::Cancelling => (LeaseState::Cancel, None),
            Ok(_) => (LeaseState::Held, None),
            Err(problem) => (LeaseState::Lost, Some(problem.name().to_owned())),
        };
        let beats = beats.into_iter().map(beat);
        Ok(beats
            .map(|(state, reason)| Beat { state, reason })
            .collect())
    }

    async fn beats(
        &self,
        leases: &[HeldLease<'_>],
    ) -> Result<Vec<Result<Arc<Operation>, Problem>>, ClientError> {
        let Host { app, .. } = &self.0;
        let beat = async |lease: &HeldLease<'_>| {
            let Some(key) = app.ids.key(lease.id) else {
                return Ok(Err(Problem::NotFound));
            };
            let command = Command::Heartbeat { fence: lease.fence };
            match app.engine.command(key, None, command).await {
                Ok(commanded) => Ok(Ok(commanded.operation)),
                Err(error) if is_passing(&error) => Err(unreachable(&error)),
                Err(error) => Ok(Err(error.into())),
            }
        };
        join_all(leases.iter().map(beat))
            .await
            .into_iter()
            .collect()
    }

    async fn tell(&self, report: &Report<'_>) -> Result<Reported, ClientError> {
        let Host { app, .. } = &self.0;
        // Held to the same limits as if it had come over a wire, by the same lines.
        let told = Told::read(&to_raw_value(report).map_err(ClientError::Unwritable)?);
        let outcome = match app.ids.key(report.id) {
            Some(key) => told.tell(&app.engine, key, Sight::All).await,
            None => Err(Problem::NotFound),
        };
        match outcome {
            Ok(accepted) => Ok(heard(accepted)),
            Err(problem) if problem.is_passing() => Err(ClientError::Unreachable {
                server: HERE.to_owned(),
                cause: problem.to_string(),
            }),
            Err(problem) => Ok(Reported {
                accepted: false,
                reason: Some(problem.name().to_owned()),
                status: None,
                refused: Vec::new(),
            }),
        }
    }
}

fn heard(accepted: Accepted) -> Reported {
    let refused = accepted.refused.into_iter().map(|part| Refused {
        resource: part.resource.map(String::from),
        reason: part.reason.to_owned(),
    });
    Reported {
        accepted: true,
        reason: None,
        status: Some(accepted.phase.as_str().to_owned()),
        refused: refused.collect(),
    }
}

fn unreachable(error: &EngineError) -> ClientError {
    ClientError::Unreachable {
        server: HERE.to_owned(),
        cause: error.to_string(),
    }
}

fn millis(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
