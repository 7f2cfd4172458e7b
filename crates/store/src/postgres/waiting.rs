//! Finding operations that wait for a worker, and whose turn it is.

use crate::layout::row_id;
use crate::postgres::connections::Connections;
use crate::postgres::failure::Failure;
use crate::postgres::needs::{Needs, Scope};
use crate::postgres::session::{Session, Step, column};
use crate::record::phase_code;
use crate::turns::{Book, Turn};
use crate::{Limits, Sight, StoreError};
use longrun_model::{Account, KindName, Phase};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_postgres::Row;

/// How many more operations of a lane are looked at than are wanted: other servers may have hold of as many.
const SLACK: i64 = 128;

/// Finds the first operations of each account, one from each in turn, beginning after the account whose turn it was last,
/// and locks as many as are wanted, leaving out those that another server has hold of at this moment. Those that commands
/// of the same commit name are wanted too, as they may have to be left out. Accounts are found one step each, however
/// much each has waiting.
const FIND: &str = "
    WITH RECURSIVE lane AS (
        SELECT first.account
        FROM (SELECT 1) AS once, LATERAL (
            SELECT account FROM queue
            WHERE queue.kind = $1 AND ($2::bytea IS NULL OR queue.account = $2)
            ORDER BY account LIMIT 1
        ) AS first
        UNION ALL
        SELECT next.account
        FROM lane, LATERAL (
            SELECT account FROM queue
            WHERE queue.kind = $1 AND queue.account > lane.account AND $2::bytea IS NULL
            ORDER BY account LIMIT 1
        ) AS next
    )
    SELECT operation.key, operation.account, operation.kind, operation.phase, operation.removed,
        operation.head, operation.resources, length(operation.events)
    FROM lane, LATERAL (
        SELECT first.urgency, first.operation,
            row_number() OVER (PARTITION BY first.urgency ORDER BY first.operation) AS turn
        FROM (
            SELECT urgency, operation FROM queue
            WHERE queue.kind = $1 AND queue.account = lane.account
            ORDER BY urgency, operation LIMIT $3::bigint + $5::bigint
        ) AS first
    ) AS candidate
    JOIN operation ON operation.key = candidate.operation
    WHERE operation.phase = $6::smallint
    ORDER BY candidate.urgency, candidate.turn, lane.account <= $7::bytea, lane.account
    LIMIT $8::bigint + (SELECT count(*) FROM queue WHERE queue.operation = ANY($4::bigint[]))
    FOR UPDATE OF operation SKIP LOCKED";

/// Finds the first operations of an account that are in some projects or in none, as above. Each project is looked at by
/// itself, however much waits in others.
const FIND_AMONG: &str = "
    WITH candidate AS (
        SELECT urgency, operation FROM (
            (
                SELECT urgency, operation FROM queue
                WHERE queue.kind = $1 AND queue.account = $2 AND queue.project IS NULL
                ORDER BY urgency, operation LIMIT $4::bigint + $6::bigint
            )
            UNION ALL
            SELECT inside.urgency, inside.operation
            FROM unnest($3::bytea[]) AS own (project), LATERAL (
                SELECT urgency, operation FROM queue
                WHERE queue.kind = $1 AND queue.account = $2 AND queue.project = own.project
                ORDER BY urgency, operation LIMIT $4::bigint + $6::bigint
            ) AS inside
        ) AS first
        ORDER BY urgency, operation LIMIT $4::bigint + $6::bigint
    )
    SELECT operation.key, operation.account, operation.kind, operation.phase, operation.removed,
        operation.head, operation.resources, length(operation.events)
    FROM candidate JOIN operation ON operation.key = candidate.operation
    WHERE operation.phase = $7::smallint
    ORDER BY candidate.urgency, candidate.operation
    LIMIT $4::bigint + (SELECT count(*) FROM queue WHERE queue.operation = ANY($5::bigint[]))
    FOR UPDATE OF operation SKIP LOCKED";

/// Keeps other servers from handing out operations until the end of the transaction, so that what runs can be counted.
const ALONE: &str = "SELECT name FROM meta WHERE name = 'limits' FOR UPDATE";
/// Counts what runs: the phases that a worker holds an operation in.
const COUNT: &str = "SELECT kind, account, count(*) FROM operation WHERE phase IN (1, 2) \
    GROUP BY kind, account";
const _: () = assert!(
    phase_code(Phase::Running) == 1 && phase_code(Phase::Cancelling) == 2,
    "what is counted is what is held"
);

/// How leases are given.
#[derive(Debug)]
pub(super) struct Leasing {
    /// Whose turn it was last.
    pub(super) turns: Turns,
    /// What leases are held to.
    pub(super) limits: Arc<Limits>,
}

impl Leasing {
    /// Whether it matters what runs, or whose share is how large.
    pub(super) fn is_limited(&self) -> bool {
        *self.limits != Limits::default()
    }

    /// A book with the last turns, when so much runs.
    pub(super) fn book(&self, running: &[(KindName, Account, u32)]) -> Book {
        let mut book = Book::default();
        book.limits = Arc::clone(&self.limits);
        for (kind, turn) in &self.turns {
            book.take_turn(kind.clone(), turn.clone());
        }
        for (kind, account, count) in running {
            book.begin(kind, account, *count);
        }
        book
    }
}

/// The step that makes sure that no other server hands out operations meanwhile.
pub(super) fn alone() -> Step {
    Step {
        doing: "hand out operations alone",
        sql: ALONE.into(),
        values: Vec::new(),
    }
}

/// The step that counts what runs.
pub(super) fn count() -> Step {
    Step {
        doing: "count what runs",
        sql: COUNT.into(),
        values: Vec::new(),
    }
}

/// What a row of [`count`] says.
pub(super) fn running(row: &Row) -> Result<(KindName, Account, u32), Failure> {
    let count: i64 = column(row, 2)?;
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Ok((text(row, 0)?.into(), text(row, 1)?.into(), count))
}

fn text(row: &Row, index: usize) -> Result<String, Failure> {
    let bytes: &[u8] = column(row, index)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// The steps that find operations for what workers wish for.
pub(super) fn steps(needs: &Needs<'_>, leasing: &Leasing) -> Vec<Step> {
    let named: Vec<i64> = needs.commands.keys().copied().map(row_id).collect();
    let scopes = needs.scopes.iter();
    scopes.map(|scope| step(scope, &named, leasing)).collect()
}

fn step(scope: &Scope<'_>, named: &[i64], leasing: &Leasing) -> Step {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let account = scope.sight.account().map(|one| bytes(one.as_str()));
    let count = i64::try_from(scope.count).unwrap_or(i64::MAX / 2);
    let slack = SLACK + i64::try_from(named.len()).unwrap_or(0);
    let waiting = i16::from(phase_code(Phase::Queued));
    let doing = "look into the queue";
    if let Sight::Projects(_, projects) = scope.sight {
        let projects = projects.iter().map(|one| bytes(one.as_str()));
        return Step {
            doing,
            sql: FIND_AMONG.into(),
            values: vec![
                Box::new(bytes(scope.kind.as_str())),
                Box::new(account),
                Box::new(projects.collect::<Vec<_>>()),
                Box::new(count),
                Box::new(named.to_vec()),
                Box::new(slack),
                Box::new(waiting),
            ],
        };
    }
    // Whose turn it is, the limits may turn about: then as many of each account are looked at.
    let looked_at = if leasing.is_limited() {
        i64::MAX / 2
    } else {
        count
    };
    let last = leasing
        .turns
        .get(scope.kind)
        .map(|turn| turn.account.as_str());
    Step {
        doing,
        sql: FIND.into(),
        values: vec![
            Box::new(bytes(scope.kind.as_str())),
            Box::new(account),
            Box::new(count),
            Box::new(named.to_vec()),
            Box::new(slack),
            Box::new(waiting),
            Box::new(bytes(last.unwrap_or_default())),
            Box::new(looked_at),
        ],
    }
}

const TURNS: &str = "SELECT kind, account, taken, number FROM turn ORDER BY server";
const SAVE_TURNS: &str = "
    INSERT INTO turn (server, kind, account, taken, number)
    SELECT $1::bigint, * FROM unnest($2::bytea[], $3::bytea[], $4::bigint[], $5::bigint[])
    ON CONFLICT (server, kind) DO UPDATE
    SET account = excluded.account, taken = excluded.taken, number = excluded.number";

/// Whose turn it was last, by kind. Each server takes turns by itself, and begins where others have come to: a row that
/// all of them write would make them wait for each other.
pub(super) type Turns = BTreeMap<KindName, Turn>;

/// The turns that were saved last.
pub(super) async fn turns(connections: &Connections) -> Result<Turns, StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let turns = turns_in(&session).await?;
            session.settle();
            Ok(turns)
        })
        .await
}

/// The same on a connection.
pub(super) async fn turns_in(session: &Session) -> Result<Turns, Failure> {
    let rows = session.query("read whose turn it is", TURNS, Vec::new());
    rows.await?.iter().map(turn).collect()
}

fn turn(row: &Row) -> Result<(KindName, Turn), Failure> {
    let (taken, number): (i64, i64) = (column(row, 2)?, column(row, 3)?);
    let turn = Turn {
        account: text(row, 1)?.into(),
        taken: u32::try_from(taken).unwrap_or(u32::MAX),
        number: number.cast_unsigned(),
    };
    Ok((text(row, 0)?.into(), turn))
}

/// The step that saves the turns that a commit has taken, if any.
pub(super) fn save(server: i64, taken: &Turns) -> Option<Step> {
    if taken.is_empty() {
        return None;
    }
    let bytes = |text: &str| text.as_bytes().to_vec();
    let kinds: Vec<_> = taken.keys().map(|kind| bytes(kind.as_str())).collect();
    let accounts = taken.values().map(|turn| bytes(turn.account.as_str()));
    let accounts: Vec<_> = accounts.collect();
    let counts: Vec<_> = taken.values().map(|turn| i64::from(turn.taken)).collect();
    let numbers = taken.values().map(|turn| turn.number.cast_signed());
    let numbers: Vec<_> = numbers.collect();
    Some(Step {
        doing: "save whose turn it is",
        sql: SAVE_TURNS.into(),
        values: vec![
            Box::new(server),
            Box::new(kinds),
            Box::new(accounts),
            Box::new(counts),
            Box::new(numbers),
        ],
    })
}
