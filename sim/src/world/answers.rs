//! What callers are told, and what they do then.

use super::{Open, World};
use crate::calls::{Answer, Call};
use crate::invariants::Violation;
use crate::tasks::TaskId;
use longrun_engine::{Commanded, EngineError};
use longrun_model::{Command, Finish, FinishStatus, Operation, OperationKey, Phase, Report};
use longrun_store::Sight;
use std::sync::Arc;

impl World {
    /// A caller is answered.
    pub(super) fn answered(&mut self, task: TaskId, answer: Answer) -> Result<(), Violation> {
        let Some(open) = self.calls.remove(&task) else {
            return Ok(());
        };
        match answer {
            Answer::Submitted(Ok(submitted)) => self.ledger.told(&submitted.operation),
            Answer::Submitted(Err(error)) => {
                self.submit_again(open.call, &error);
                Ok(())
            }
            Answer::Commanded(Ok(commanded)) => self.commanded(&open, &commanded),
            Answer::Commanded(Err(error)) => {
                self.hear(&open.call, &error);
                Ok(())
            }
            Answer::Leased(Ok(leased)) => self.leased(&open, leased),
            Answer::Leased(Err(_)) | Answer::Ordered(Err(_)) => Ok(()),
            Answer::Seen(Ok(operation)) => self.seen(&open, &operation),
            Answer::Seen(Err(error)) => self.unseen(&open, &error),
            Answer::Ordered(Ok(())) => self.ordered(&open),
        }
    }

    /// Who does not know whether something was made asks once more, if that makes nothing twice.
    fn submit_again(&mut self, call: Call, error: &EngineError) {
        let Call::Submit(submission) = &call else {
            return;
        };
        if *error == EngineError::Unavailable && submission.idempotency.is_some() {
            let server = self.any_server();
            if !self.servers[server].is_ending {
                self.ask(server, call);
            }
        }
    }

    fn commanded(&mut self, open: &Open, commanded: &Commanded) -> Result<(), Violation> {
        self.ledger.told(&commanded.operation)?;
        let Call::Command {
            key,
            command: Command::Heartbeat { fence },
            ..
        } = &open.call
        else {
            return Ok(());
        };
        // Some who are alive want to hear at once what they are to do.
        if commanded.operation.phase == Phase::Running && self.random.u8(..3) == 0 {
            let mut leases = vec![(*key, *fence)];
            let worker = self.any_worker();
            let another = self.workers[worker].any(&mut self.random);
            leases.extend(another.map(|other| (other.key, other.fence)));
            let wait = self.random.i64(1..10_000);
            self.ask(open.server, Call::Order { leases, wait });
        }
        Ok(())
    }

    /// Most answers are heard by those whom they are meant for.
    fn hear(&mut self, call: &Call, error: &EngineError) {
        if let Call::Command {
            key,
            command: Command::Heartbeat { .. },
            ..
        } = call
            && *error != EngineError::Unavailable
            && self.random.u8(..4) != 0
        {
            for worker in &mut self.workers {
                worker.forget(*key);
            }
        }
    }

    fn leased(&mut self, open: &Open, leased: Vec<Arc<Operation>>) -> Result<(), Violation> {
        for operation in &leased {
            self.ledger.told(operation)?;
        }
        if leased.is_empty() {
            return self.check_patience(open);
        }
        self.story.woken += usize::from(self.passed > open.asked_at);
        if self.is_peaceful {
            for operation in &leased {
                self.finish(open.server, operation);
            }
        } else if let Call::Lease { worker, .. } = open.call
            && self.random.u8(..8) != 0
        {
            // One answer in eight is lost on its way back.
            self.workers[worker].take(leased);
        }
        Ok(())
    }

    /// A good worker does what it is to do, at once.
    fn finish(&mut self, server: usize, operation: &Operation) {
        let finish = Finish {
            status: FinishStatus::Succeeded,
            output: None,
            error: None,
        };
        let report = Report {
            fence: operation.fence,
            finish: Some(finish),
            ..Report::default()
        };
        let key = operation.key;
        let command = Command::Report(report);
        let call = Call::Command {
            key,
            sight: Sight::All,
            command,
        };
        self.ask(server, call);
    }

    /// A caller is shown an operation.
    fn seen(&mut self, open: &Open, operation: &Operation) -> Result<(), Violation> {
        // What has ended may be shown a little longer than it is there, if another server has removed it.
        let is_past = operation.version < open.version;
        if is_past && !(self.servers.len() > 1 && operation.phase.is_ended()) {
            return Err(Violation::StaleRead(operation.key));
        }
        let is_news = match &open.call {
            Call::End { .. } => operation.phase.is_ended(),
            Call::Change { since, .. } => operation.version > *since,
            Call::Submit(_)
            | Call::Command { .. }
            | Call::Lease { .. }
            | Call::Get { .. }
            | Call::Order { .. } => return Ok(()),
        };
        if !is_news {
            return self.check_patience(open);
        }
        self.story.woken += usize::from(self.passed > open.asked_at);
        Ok(())
    }

    /// A caller is told that there is no such operation, or that nobody can say.
    fn unseen(&self, open: &Open, error: &EngineError) -> Result<(), Violation> {
        let (Call::Get { key } | Call::End { key, .. } | Call::Change { key, .. }) = &open.call
        else {
            return Ok(());
        };
        let known = self.ledger.operations.get(key);
        let now = self.servers[open.server].engine.now();
        let may_be_gone = known.is_some_and(|known| {
            let expires_at = known.last.as_ref().and_then(Operation::expires_at);
            known.may_be_removed || expires_at.is_some_and(|at| at <= now)
        });
        let is_gone = *error == EngineError::Gone && may_be_gone;
        if is_gone || *error == EngineError::Unavailable {
            Ok(())
        } else {
            Err(Violation::Lost(*key))
        }
    }

    fn ordered(&mut self, open: &Open) -> Result<(), Violation> {
        let Call::Order { leases, .. } = &open.call else {
            return Ok(());
        };
        if leases.iter().all(|(key, fence)| self.holds(*key, *fence)) {
            return self.check_patience(open);
        }
        self.story.woken += usize::from(self.passed > open.asked_at);
        Ok(())
    }

    /// Whether the operation is held under this fence, and not to be cancelled.
    pub(super) fn holds(&self, key: OperationKey, fence: u64) -> bool {
        let known = self.ledger.operations.get(&key);
        known
            .and_then(|known| known.last.as_ref())
            .is_some_and(|last| last.phase == Phase::Running && last.fence == fence)
    }

    /// A wait that ends with nothing to tell has lasted as long as it was to.
    fn check_patience(&self, open: &Open) -> Result<(), Violation> {
        let has_waited = self.passed - open.asked_at >= open.call.wait();
        if has_waited || self.servers[open.server].is_ending {
            Ok(())
        } else {
            Err(Violation::Early(format!("{:?}", open.call)))
        }
    }
}
