//! What must be true when nobody can go on: everybody who waits has a reason to.

use super::{Open, World};
use crate::calls::Call;
use crate::invariants::Violation;
use crate::ledger::{self, Known};
use crate::server::Server;
use longrun_model::{Operation, OperationKey};
use longrun_store::LeaseWish;

impl World {
    /// Holds everybody who waits against what they wait for.
    pub(super) fn check_rest(&mut self) -> Result<(), Violation> {
        self.servers.iter_mut().for_each(Server::begin_rest);
        self.check_overlong()?;
        for open in self.calls.values() {
            self.check_open(open)?;
        }
        self.check_punctual()?;
        self.ledger.settle();
        self.servers.iter_mut().for_each(Server::rested);
        self.check_returned()
    }

    /// Holds a call that is not answered against what it could be told.
    fn check_open(&self, open: &Open) -> Result<(), Violation> {
        let is_ending = self.servers[open.server].is_ending;
        let is_known = |key: &OperationKey, is_news: &dyn Fn(&Operation) -> bool| {
            let known = self.ledger.operations.get(key);
            known.is_some_and(|known| {
                !is_ending
                    && self.servers[open.server].knows(open.server, known.written)
                    && known.last.as_ref().is_some_and(is_news)
            })
        };
        let is_overslept = match &open.call {
            Call::Submit(_) | Call::Command { .. } | Call::Get { .. } => {
                return Err(Violation::Unanswered(format!("{:?}", open.call)));
            }
            Call::Lease { wish, .. } => {
                return match self.work_for(open.server, wish) {
                    Some(key) if !is_ending => {
                        Err(Violation::Idle(key, format!("{:?}", open.call)))
                    }
                    Some(_) | None => Ok(()),
                };
            }
            Call::End { key, .. } => is_known(key, &|last| last.removed || last.phase.is_ended()),
            Call::Change { key, since, .. } => {
                is_known(key, &|last| last.removed || last.version > *since)
            }
            Call::Order { leases, .. } => leases
                .iter()
                .any(|(key, fence)| is_known(key, &|_| !self.holds(*key, *fence))),
        };
        if is_overslept {
            return Err(Violation::Asleep(format!("{:?}", open.call)));
        }
        Ok(())
    }

    /// An operation that a worker with this wish could have. Before a server knows of all that others have left to be
    /// done, a worker that it calls for one operation may come back with another.
    fn work_for(&self, server: usize, wish: &LeaseWish) -> Option<OperationKey> {
        let knows = |written: &ledger::Written| self.servers[server].knows(server, *written);
        if !self.last_written.values().all(knows) {
            return None;
        }
        let is_free = |known: &Known| {
            let last = known.last.as_ref();
            last.is_some_and(|last| {
                last.is_leasable()
                    && !last.removed
                    && wish.kinds.contains(&last.kind)
                    && wish.sight.sees(last)
                    && self.ledger.has_room(&self.limits, last)
            })
        };
        let mut operations = self.ledger.operations.iter();
        operations
            .find(|(_, known)| is_free(known))
            .map(|(key, _)| *key)
    }

    /// No wait goes on when its time is over.
    fn check_overlong(&mut self) -> Result<(), Violation> {
        let passed = self.passed;
        for open in self.calls.values_mut() {
            let server = &self.servers[open.server];
            if server.is_ending {
                continue;
            }
            let latest = passed + open.call.wait();
            if *open.over_at.get_or_insert(latest) < passed {
                return Err(Violation::Overlong(format!("{:?}", open.call)));
            }
        }
        Ok(())
    }

    /// Nothing is due that a server has to know of.
    fn check_punctual(&self) -> Result<(), Violation> {
        for (number, server) in self.servers.iter().enumerate() {
            if server.is_ending || !server.has_looked() {
                continue;
            }
            let now = server.engine.now();
            let late = self.ledger.operations.iter().find(|(_, known)| {
                let deadline = known.submission.deadline_at.filter(|_| !known.is_over());
                let due_at = known.last.as_ref().and_then(Operation::due_at);
                let is_due = [deadline, due_at].iter().flatten().any(|due| *due <= now);
                is_due && server.knows(number, known.written)
            });
            if let Some((key, _)) = late {
                return Err(Violation::Overdue(*key));
            }
        }
        Ok(())
    }

    /// What was handed to a worker that had gone is given back, unless the server has died or its store has failed.
    fn check_returned(&self) -> Result<(), Violation> {
        let kept = self.ledger.operations.iter().find(|(_, known)| {
            let lease = known.last.as_ref().and_then(|last| last.lease.as_ref());
            let heard = lease.filter(|lease| !self.unheard.contains(&lease.worker));
            let gone = heard.and_then(|lease| self.gone.get(&lease.worker));
            gone.is_some_and(|gone| {
                let server = &self.servers[gone.server];
                !server.is_ending
                    && server.starts == gone.starts
                    && server.witness.seen().faults == gone.faults
            })
        });
        kept.map_or(Ok(()), |(key, _)| Err(Violation::Unreturned(*key)))
    }
}
