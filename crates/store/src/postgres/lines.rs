//! The lines of operations that do not share their resources.
//!
//! Whoever changes a line holds one row until the end of the transaction, so that servers do it one after the other. The
//! row is taken before those of operations. A commit whose commands turn out to concern lines only when their operations
//! have been loaded therefore begins anew; from then on the commits of this server take the row first, until one of them
//! did not need it.

use crate::layout::{key_of, row_id};
use crate::postgres::failure::Failure;
use crate::postgres::needs::Needs;
use crate::postgres::row::read_key;
use crate::postgres::session::{Step, column};
use longrun_model::OperationKey;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use tokio_postgres::Row;

const ALONE: &str = "SELECT name FROM meta WHERE name = 'lines' FOR UPDATE";
const PLACES: &str = "SELECT operation, resource FROM place WHERE operation = ANY($1::bigint[])";
// Of each line as many as may leave it in this commit, and the one after these.
const LINES: &str = "
    WITH wanted AS (
        SELECT resource, sum(leaving) AS leaving FROM (
            SELECT resource, 1 AS leaving FROM place WHERE operation = ANY($1::bigint[])
            UNION ALL SELECT unnest($2::bytea[]), 0
        ) AS every GROUP BY resource
    )
    SELECT first.operation, wanted.resource,
        (SELECT max(ticket) FROM place WHERE place.resource = wanted.resource)
    FROM wanted, LATERAL (
        SELECT ticket, operation FROM place WHERE place.resource = wanted.resource
        ORDER BY ticket LIMIT wanted.leaving + 1
    ) AS first
    ORDER BY wanted.resource, first.ticket";
const JOIN: &str = "
    INSERT INTO place (resource, ticket, operation)
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[])";
const LEAVE: &str = "DELETE FROM place WHERE operation = ANY($1::bigint[])";

/// What was found of the lines while no other server can change them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<Vec<u8>, Line>,
    places: HashMap<OperationKey, Vec<Vec<u8>>>,
}

/// A line from its beginning on, as far as a commit can change who stands first.
#[derive(Clone, Debug, Default)]
struct Line {
    first: VecDeque<OperationKey>,
    /// The last ticket that was given in it.
    last: i64,
}

/// The lines as a commit changes them.
#[derive(Default)]
pub(super) struct Queues {
    /// None while other servers can change them, too.
    known: Option<Lines>,
    joined: Vec<(Vec<u8>, i64, OperationKey)>,
    left: BTreeSet<OperationKey>,
    /// What has to be found before this can be done.
    pub(super) missing: Missing,
}

/// What a commit needs of the lines, and has not found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// That nobody else changes them.
    pub(super) alone: bool,
    /// Some of them.
    pub(super) lines: BTreeSet<Vec<u8>>,
}

/// The steps that keep others away from the lines, and find those that `needs` names.
pub(super) fn steps(needs: &Needs<'_>) -> Vec<Step> {
    let keys: Vec<i64> = needs.commands.keys().copied().map(row_id).collect();
    vec![
        Step {
            doing: "change lines alone",
            sql: ALONE.into(),
            values: Vec::new(),
        },
        Step {
            doing: "find places in lines",
            sql: PLACES.into(),
            values: vec![Box::new(keys.clone())],
        },
        find(keys, needs.lines.iter().cloned().collect()),
    ]
}

/// The step that finds the lines in which operations stand, and these others.
fn find(keys: Vec<i64>, lines: Vec<Vec<u8>>) -> Step {
    Step {
        doing: "look into lines",
        sql: LINES.into(),
        values: vec![Box::new(keys), Box::new(lines)],
    }
}

/// The step that finds these lines, which nobody leaves.
pub(super) fn find_more(lines: &BTreeSet<Vec<u8>>) -> Step {
    find(Vec::new(), lines.iter().cloned().collect())
}

/// The step that keeps places, with their lines and their tickets; none if there are none.
pub(super) fn join(places: Vec<(Vec<u8>, i64, OperationKey)>) -> Option<Step> {
    if places.is_empty() {
        return None;
    }
    let tickets: Vec<i64> = places.iter().map(|(_, ticket, _)| *ticket).collect();
    let keys: Vec<i64> = places.iter().map(|(_, _, key)| row_id(*key)).collect();
    let lines: Vec<Vec<u8>> = places.into_iter().map(|(line, _, _)| line).collect();
    Some(Step {
        doing: "take places in lines",
        sql: JOIN.into(),
        values: vec![Box::new(lines), Box::new(tickets), Box::new(keys)],
    })
}

impl Lines {
    /// What the answers to [`steps`] say.
    pub(super) fn read(answers: &[Vec<Row>], needs: &Needs<'_>) -> Result<Self, Failure> {
        let mut lines = Self::default();
        let [_, places, found] = answers else {
            return Ok(lines);
        };
        for row in places {
            let line: Vec<u8> = column(row, 1)?;
            lines.lines.entry(line.clone()).or_default();
            lines.places.entry(read_key(row)?).or_default().push(line);
        }
        lines.take(needs.lines.iter(), found)?;
        Ok(lines)
    }

    /// Takes in what was found of more lines.
    pub(super) fn take<'l>(
        &mut self,
        wanted: impl Iterator<Item = &'l Vec<u8>>,
        rows: &[Row],
    ) -> Result<(), Failure> {
        for line in wanted {
            self.lines.entry(line.clone()).or_default();
        }
        for row in rows {
            let line = self.lines.entry(column(row, 1)?).or_default();
            line.first.push_back(key_of(column(row, 0)?)?);
            line.last = column(row, 2)?;
        }
        Ok(())
    }

    /// The operations that may become the first in a line when others leave it.
    pub(super) fn next(&self) -> impl Iterator<Item = OperationKey> {
        let left = self.places.values().flatten();
        let lines = left.filter_map(|line| self.lines.get(line));
        lines.flat_map(|line| line.first.iter().copied())
    }
}

impl Queues {
    /// The lines as they were found.
    pub(super) fn new(known: Option<&Lines>) -> Self {
        Self {
            known: known.cloned(),
            ..Self::default()
        }
    }

    /// Who stands first in a line.
    pub(super) fn first(&mut self, line: &[u8]) -> Option<OperationKey> {
        self.line(line)?.first.front().copied()
    }

    /// Puts an operation at the end of a line: whether others stand before it.
    pub(super) fn join(&mut self, line: Vec<u8>, key: OperationKey) -> bool {
        let Some(found) = self.line(&line) else {
            return false;
        };
        let is_behind = !found.first.is_empty();
        found.first.push_back(key);
        found.last += 1;
        let ticket = found.last;
        self.joined.push((line, ticket, key));
        is_behind
    }

    /// Takes an operation out of all lines: those that have become the first in one.
    pub(super) fn leave(&mut self, key: OperationKey) -> Vec<OperationKey> {
        let Some(known) = &mut self.known else {
            self.missing.alone = true;
            return Vec::new();
        };
        self.left.insert(key);
        let joined = self.joined.iter().filter(|(_, _, one)| *one == key);
        let joined = joined.map(|(line, _, _)| line);
        let places = known.places.get(&key).into_iter().flatten();
        let mut next = Vec::new();
        for line in places.chain(joined) {
            let Some(found) = known.lines.get_mut(line) else {
                continue;
            };
            let was_first = found.first.front() == Some(&key);
            found.first.retain(|one| *one != key);
            next.extend(found.first.front().filter(|_| was_first));
        }
        next
    }

    /// Whether any line was looked at or changed.
    pub(super) fn are_used(&self) -> bool {
        !self.joined.is_empty() || !self.left.is_empty()
    }

    /// The steps that save what has changed.
    pub(super) fn save(self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.left.is_empty() {
            let keys: Vec<i64> = self.left.iter().copied().map(row_id).collect();
            steps.push(Step {
                doing: "leave lines",
                sql: LEAVE.into(),
                values: vec![Box::new(keys)],
            });
        }
        let joined = self.joined.into_iter();
        let joined: Vec<_> = joined
            .filter(|(_, _, key)| !self.left.contains(key))
            .collect();
        steps.extend(join(joined));
        steps
    }

    fn line(&mut self, line: &[u8]) -> Option<&mut Line> {
        let Some(known) = &mut self.known else {
            self.missing.alone = true;
            return None;
        };
        let found = known.lines.get_mut(line);
        if found.is_none() {
            self.missing.lines.insert(line.to_vec());
        }
        found
    }
}
