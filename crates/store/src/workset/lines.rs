//! Operations that do not share their resources: their places in the lines for them.
//!
//! Whoever joins takes its place in all of its lines in one commit, behind everybody who is there. So any two operations
//! stand in the same order wherever they meet, and the one that joined first of all can always go on.

use super::{Tables, Workset};
use crate::{Refused, StoreError, record};
use longrun_model::{
    Busy, Command, Exclusive, NewResource, Operation, OperationKey, Submission, Touch,
};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// The lines that a submission will stand in, with the resources that they are for.
pub(crate) fn lines_of(submission: &Submission) -> impl Iterator<Item = (Vec<u8>, &NewResource)> {
    submission.exclusive.iter().flat_map(|exclusive| {
        submission.resources.iter().map(|one| {
            let line = exclusive.line(&submission.account, one.kind.as_deref(), &one.id);
            (record::write_line(line), one)
        })
    })
}

impl<T: Tables> Workset<'_, T> {
    /// Why one of several submissions that are to be made together cannot be, if that is so.
    pub(super) fn refusal(
        &mut self,
        submissions: &[Submission],
    ) -> Result<Option<Refused>, StoreError> {
        let mut named = HashSet::new();
        let mut claimed = HashSet::new();
        for submission in submissions {
            match self.earlier(submission)? {
                Some(Err(refused)) => return Ok(Some(refused)),
                Some(Ok(_)) => continue,
                None => (),
            }
            let idempotency = submission.idempotency.as_ref();
            // The second under the same idempotency key will be the first once more.
            if idempotency.is_some_and(|one| !named.insert((&submission.account, &one.key))) {
                continue;
            }
            if let Some(refused) = self.held(submission, &claimed)? {
                return Ok(Some(refused));
            }
            if self.begins_now(submission) {
                claimed.extend(lines_of(submission).map(|(line, _)| line));
            }
        }
        Ok(None)
    }

    /// Why a submission that does not wait is refused, if others have one of its resources: those that stand in its
    /// lines, and those that have `claimed` them in the same breath. One that is to begin later is looked at only then,
    /// and waits if need be: there is nobody left to be told.
    pub(super) fn held(
        &mut self,
        submission: &Submission,
        claimed: &HashSet<Vec<u8>>,
    ) -> Result<Option<Refused>, StoreError> {
        let refuses = |exclusive: &Arc<Exclusive>| exclusive.busy == Busy::Refuse;
        if !submission.exclusive.as_ref().is_some_and(refuses) || !self.begins_now(submission) {
            return Ok(None);
        }
        for (line, resource) in lines_of(submission) {
            let by = self.tables.first_in_line(&line)?;
            if by.is_some() || claimed.contains(&line) {
                let resource = resource.id.clone();
                return Ok(Some(Refused::ResourceHeld { resource, by }));
            }
        }
        Ok(None)
    }

    fn begins_now(&self, submission: &Submission) -> bool {
        submission
            .not_before
            .is_none_or(|instant| instant <= self.now)
    }

    /// Gives an operation that was touched, with all its resources, its places: the operation after that.
    pub(super) fn join(&mut self, operation: &Operation) -> Result<Arc<Operation>, StoreError> {
        let mut lines = 0;
        for line in operation.lines() {
            let joined = self
                .tables
                .join_line(record::write_line(line), operation.key)?;
            lines += u32::from(joined);
        }
        let now = self.now;
        let touched = self.touched.get_mut(&operation.key);
        let touched = touched.expect("what joins was touched before");
        touched
            .carry_out(&Command::Wait { lines }, now)
            .expect("what takes its places is queued");
        Ok(Arc::clone(&touched.operation))
    }

    /// Takes an operation that has ended out of its lines: those that need not wait any more.
    pub(super) fn leave(&mut self, key: OperationKey) -> Result<Vec<Arc<Operation>>, StoreError> {
        let mut advanced: BTreeMap<OperationKey, u32> = BTreeMap::new();
        for next in self.tables.leave_lines(key)? {
            *advanced.entry(next).or_default() += 1;
        }
        let now = self.now;
        let mut freed = Vec::new();
        for (key, lines) in advanced {
            let Some(touched) = self.touch(key, Touch::Head)? else {
                continue;
            };
            let advance = Command::Advance { lines };
            if touched.carry_out(&advance, now).is_ok() && touched.operation.blocked_by == 0 {
                freed.push(Arc::clone(&touched.operation));
            }
        }
        Ok(freed)
    }
}
