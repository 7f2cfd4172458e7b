//! What stores have carried out, and what is found in them: held against each other.

use super::{PEACE_MILLIS, World};
use crate::invariants::Violation;
use crate::ledger;
use crate::witness::Entry;
use longrun_model::{Command, Operation, OperationKey, Report};
use longrun_store::{HistoryEntry, Refused, Store, Write, Written};
use std::collections::{BTreeSet, HashSet};
use std::hash::Hash;
use std::sync::Arc;

impl World {
    /// Takes note of what stores have carried out.
    pub(super) fn take_note(&mut self) -> Result<(), Violation> {
        let entries = self.journal.lock().take();
        let mut touched = BTreeSet::new();
        for entry in entries {
            self.take_fact(&entry)?;
            let written = ledger::Written {
                commit: entry.commit,
                server: entry.server,
                at: self.passed,
            };
            self.last_written.insert(entry.server, written);
            let is_repeated = matches!(&entry.result, Ok(Written::Submitted(one)) if one.repeated);
            let written = (!is_repeated).then_some(written);
            for operation in left_by(&entry) {
                let key = operation.key;
                (key.get(), operation.version).hash(&mut self.trail);
                self.ledger.written(operation, written);
                self.follow(key, operation.version)?;
                touched.insert(key);
            }
        }
        touched.into_iter().try_for_each(|key| self.look(key))
    }

    /// One write was carried out.
    fn take_fact(&mut self, entry: &Entry) -> Result<(), Violation> {
        check_sight(entry)?;
        match (&entry.write, &entry.result) {
            (Write::Submit(submission), Ok(Written::Submitted(submitted))) => {
                let key = submitted.operation.key;
                if submitted.repeated {
                    return self.ledger.repeated(key, submission);
                }
                self.story.submitted += 1;
                self.ledger.submitted(key, submission.clone(), entry.now)
            }
            (Write::Submit(submission), Err(Refused::ResourceHeld { resource, .. })) => {
                self.story.held_off += 1;
                self.ledger.refused(submission, resource, entry.now)
            }
            (Write::Command { key, command, .. }, Ok(written)) => {
                let Command::Report(report) = command else {
                    return Ok(());
                };
                self.take_report(*key, report, written)
            }
            (Write::Lease(wish), Ok(Written::Leased(leased))) => {
                self.story.leases += leased.len();
                if !entry.is_heard {
                    self.unheard.insert(wish.worker.clone());
                }
                leased.iter().try_for_each(|one| self.ledger.leased(one))
            }
            (_, Err(_)) => {
                self.story.refused += 1;
                Ok(())
            }
            (_, Ok(_)) => Ok(()),
        }
    }

    fn take_report(
        &mut self,
        key: OperationKey,
        report: &Report,
        written: &Written,
    ) -> Result<(), Violation> {
        let Written::Commanded {
            changed, refused, ..
        } = written
        else {
            return Ok(());
        };
        let names = refused.iter().filter_map(|one| one.resource.as_ref());
        let refused: HashSet<String> = names.map(ToString::to_string).collect();
        self.ledger.reported(key, report, &refused, *changed)
    }

    /// Goes on in the history of an operation, up to this version.
    fn follow(&mut self, key: OperationKey, version: u64) -> Result<(), Violation> {
        let Some(known) = self.ledger.operations.get(&key) else {
            return Ok(());
        };
        let number = known.trail.number;
        if version <= number {
            return Ok(());
        }
        let mut news = self.history(key, number)?;
        news.retain(|entry| entry.number <= version);
        self.story.tell(&news);
        match self.ledger.operations.get_mut(&key) {
            Some(known) => known.follow(key, &news),
            None => Ok(()),
        }
    }

    /// The history of an operation after an event, as it is stored.
    pub(super) fn history(
        &self,
        key: OperationKey,
        after: u64,
    ) -> Result<Vec<HistoryEntry>, Violation> {
        let witness = &self.servers[0].witness;
        Ok(witness.at_once(witness.store.history(key, after, usize::MAX))?)
    }

    /// Holds every operation against what is known of it.
    pub(super) fn check(&mut self) -> Result<(), Violation> {
        let keys: Vec<OperationKey> = self.ledger.operations.keys().copied().collect();
        for key in keys {
            self.look(key)?;
        }
        self.ledger.check_alone()?;
        self.ledger.check_limits(&self.limits)
    }

    /// Holds one operation, as it is stored, against what is known of it.
    fn look(&mut self, key: OperationKey) -> Result<(), Violation> {
        let witness = &self.servers[0].witness;
        let found = witness.at_once(witness.store.get(key))?;
        let operation = found.ok_or(Violation::Lost(key))?;
        if !operation.removed {
            self.follow(key, operation.version)?;
        }
        let Some(known) = self.ledger.operations.get_mut(&key) else {
            return Ok(());
        };
        let clocks = self.servers.iter().map(|server| server.clock.shows());
        let latest = clocks.max().unwrap_or(0) + PEACE_MILLIS;
        let expires_at = known.last.as_ref().and_then(Operation::expires_at);
        if expires_at.is_some_and(|at| at.as_millis() <= latest) {
            // The clock may have been ahead when its retention was looked at.
            known.may_be_removed = true;
        }
        known.read(operation)
    }
}

/// Nobody is handed or told anything of what does not exist for them.
fn check_sight(entry: &Entry) -> Result<(), Violation> {
    let (sight, shown) = match (&entry.write, &entry.result) {
        (Write::Lease(wish), Ok(Written::Leased(leased))) => (&wish.sight, leased.as_slice()),
        (Write::Command { sight, .. }, Ok(Written::Commanded { operation, .. })) => {
            (sight, std::slice::from_ref(operation))
        }
        (_, _) => return Ok(()),
    };
    let hidden = shown.iter().find(|one| !sight.sees(one));
    hidden.map_or(Ok(()), |one| Err(Violation::Trespass(one.key)))
}

/// The operations that a write has touched, as it has left them.
fn left_by(entry: &Entry) -> Vec<&Arc<Operation>> {
    match &entry.result {
        Ok(Written::Submitted(submitted)) => vec![&submitted.operation],
        Ok(Written::SubmittedAll(all)) => all.iter().map(|one| &one.operation).collect(),
        Ok(Written::Commanded {
            operation, freed, ..
        }) => [operation].into_iter().chain(freed).collect(),
        Ok(Written::Leased(leased)) => leased.iter().collect(),
        Ok(Written::AccessKey | Written::Document(_)) | Err(_) => Vec::new(),
    }
}
