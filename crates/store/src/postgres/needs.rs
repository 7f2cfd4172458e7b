//! What the writes of a commit will look for, so that it can be found for all of them at once.

use crate::workset::lines_of;
use crate::{LeaseWish, Sight, Write};
use longrun_model::{Command, KindName, OperationKey, Submission, Touch};
use std::collections::{BTreeMap, BTreeSet};

/// What a commit looks for.
#[derive(Debug, Default)]
pub(super) struct Needs<'w> {
    /// The idempotency keys, by account.
    pub(super) idempotent: BTreeSet<(&'w str, &'w str)>,
    /// The operations that commands name, and which of their resources.
    pub(super) commands: BTreeMap<OperationKey, Resources<'w>>,
    /// The lines that new operations will stand in.
    pub(super) lines: BTreeSet<Vec<u8>>,
    /// The names of documents.
    pub(super) documents: BTreeSet<&'w str>,
    /// What workers wish for.
    pub(super) scopes: Vec<Scope<'w>>,
    /// How many keys will be given for certain.
    pub(super) keys: i64,
}

/// Which resources of an operation are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resources<'w> {
    /// Those that reports name.
    Named {
        /// Their names.
        names: BTreeSet<&'w str>,
        /// How many results there are for them. If they may be the last of an attempt, all resources are needed.
        results: usize,
    },
    /// All of them.
    All,
}

/// The wishes that look into the same part of the queue.
#[derive(Debug)]
pub(super) struct Scope<'w> {
    /// Of which kind.
    pub(super) kind: &'w KindName,
    /// What of it is seen.
    pub(super) sight: &'w Sight,
    /// How many operations these wishes, and others that look into a part of the same, may take.
    pub(super) count: usize,
}

impl<'w> Needs<'w> {
    /// What `writes` look for.
    pub(super) fn of(writes: &'w [Write]) -> Self {
        let mut needs = Self::default();
        let mut wishes = Vec::new();
        for write in writes {
            match write {
                Write::Submit(submission) => {
                    needs.note_submission(submission);
                    // What may be refused, or was there before, is given a key when it is known to need one.
                    let needs_key =
                        submission.idempotency.is_none() && lines_of(submission).next().is_none();
                    needs.keys += i64::from(needs_key);
                }
                Write::SubmitAll(submissions) => {
                    for submission in submissions {
                        needs.note_submission(submission);
                    }
                }
                Write::Command { key, command, .. } => needs.note_command(*key, command),
                Write::Recall { account, key } => {
                    needs.idempotent.insert((account.as_str(), key));
                }
                Write::Lease(wish) if wish.max > 0 && !wish.kinds.is_empty() => wishes.push(wish),
                Write::PutDocument(put) => _ = needs.documents.insert(&put.name),
                Write::Lease(_) | Write::PutAccessKey(_) | Write::RemoveAccessKey(_) => (),
            }
        }
        needs.scopes = scopes(&wishes);
        needs
    }

    fn note_submission(&mut self, submission: &'w Submission) {
        self.lines
            .extend(lines_of(submission).map(|(line, _)| line));
        if let Some(idempotency) = &submission.idempotency {
            let account = submission.account.as_str();
            self.idempotent.insert((account, &idempotency.key));
        }
    }

    fn note_command(&mut self, key: OperationKey, command: &'w Command) {
        let needed = self
            .commands
            .entry(key)
            .or_insert_with(|| Resources::Named {
                names: BTreeSet::new(),
                results: 0,
            });
        match (command.touch(), needed) {
            (Touch::Head, _) | (_, Resources::All) => (),
            (Touch::Named(more), Resources::Named { names, results }) => {
                names.extend(more.iter().map(|result| result.id.as_str()));
                *results += more.len();
            }
            (Touch::All, needed @ Resources::Named { .. }) => *needed = Resources::All,
        }
    }
}

/// Puts wishes for the same kind by those who see the same together.
fn scopes<'w>(wishes: &[&'w LeaseWish]) -> Vec<Scope<'w>> {
    let mut counts: BTreeMap<(&KindName, &Sight), usize> = BTreeMap::new();
    for wish in wishes {
        let kinds: BTreeSet<&KindName> = wish.kinds.iter().collect();
        for kind in kinds {
            *counts.entry((kind, &wish.sight)).or_default() += wish.max;
        }
    }
    counts
        .keys()
        .map(|(kind, sight)| {
            let account = sight.account();
            let overlapping = counts.iter().filter(|((other_kind, other), _)| {
                let other = other.account();
                kind == other_kind && (account.is_none() || other.is_none() || account == other)
            });
            Scope {
                kind,
                sight,
                count: overlapping.map(|(_, count)| count).sum(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use longrun_model::Account;

    fn wish(account: Option<&str>, kinds: &[&str], max: usize) -> LeaseWish {
        LeaseWish {
            sight: account.map(Account::from).into(),
            kinds: kinds.iter().map(|kind| KindName::from(*kind)).collect(),
            max,
            worker: "w".into(),
            length_millis: 1,
        }
    }

    /// Wishes may take from each other, so that each part of the queue must hold enough for all that look into it.
    #[test]
    fn wishes_that_overlap_are_counted_together() {
        let wishes = [
            wish(None, &["a"], 2),
            wish(None, &["a"], 3),
            wish(Some("x"), &["a", "b"], 10),
            wish(Some("y"), &["b"], 100),
        ];
        let wishes: Vec<_> = wishes.iter().collect();
        let counts: Vec<_> = scopes(&wishes).iter().map(|scope| scope.count).collect();
        assert_eq!(
            counts,
            [15, 15, 10, 100],
            "a of all, a of x, b of x, b of y"
        );
    }
}
