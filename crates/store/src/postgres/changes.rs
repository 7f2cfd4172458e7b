//! What other servers have done.
//!
//! Each server numbers its commits itself, one after the other, and makes the next only when it knows what became of the
//! one before. So what can be read of a server's commits never has a gap that is filled later, and knowing the last
//! number of each server is enough to miss nothing: no order between servers is needed, nor any property of the
//! database's own numbers for transactions, which differ from engine to engine.

use crate::StoreError;
use crate::feed::{Changes, Cursor};
use crate::postgres::connections::Connections;
use crate::postgres::failure::Failure;
use crate::postgres::session::{Session, column};
use crate::record::{self, Unreadable};
use std::collections::BTreeMap;

const SERVERS: &str = "SELECT id, last FROM server";
// As many at a time as are read in a moment; the next look reads on.
const READ: &str = "
    SELECT wanted.server, new.number, new.void, new.record
    FROM unnest($1::bigint[], $2::bigint[]) AS wanted (server, number), LATERAL (
        SELECT number, void, record FROM change
        WHERE change.server = wanted.server AND change.number > wanted.number
        ORDER BY change.number LIMIT 500
    ) AS new
    ORDER BY wanted.server, new.number";

/// What servers other than `own` have done since `since`.
pub(super) async fn since(
    connections: &Connections,
    since: Cursor,
    own: i64,
) -> Result<Changes, StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let changes = read(&session, &since, own).await?;
            session.settle();
            Ok(changes)
        })
        .await
}

async fn read(session: &Session, since: &Cursor, own: i64) -> Result<Changes, Failure> {
    let rows = session.query("look for other servers", SERVERS, Vec::new());
    let mut servers: BTreeMap<i64, i64> = BTreeMap::new();
    for row in &rows.await? {
        servers.insert(column(row, 0)?, column(row, 1)?);
    }
    let Some(known) = &since.known else {
        return Ok(Changes {
            cursor: Cursor {
                known: Some(servers),
            },
            ..Changes::default()
        });
    };
    // A server that was not there begins with its first commit.
    let mut cursor: BTreeMap<i64, i64> = servers
        .keys()
        .map(|server| (*server, known.get(server).copied().unwrap_or(0)))
        .collect();
    let mut changes = Changes::default();
    let (behind, numbers): (Vec<i64>, Vec<i64>) = servers
        .iter()
        .filter(|(server, last)| **server != own && cursor[server] < **last)
        .map(|(server, _)| (*server, cursor[server]))
        .unzip();
    if !behind.is_empty() {
        let values: Vec<_> = vec![Box::new(behind) as _, Box::new(numbers) as _];
        let rows = session.query("read what other servers did", READ, values);
        for row in &rows.await? {
            let (server, number): (i64, i64) = (column(row, 0)?, column(row, 1)?);
            let last = cursor.insert(server, number);
            changes.missed |= last.is_some_and(|last| last + 1 != number);
            if !column::<bool>(row, 2)? {
                take(column(row, 3)?, &mut changes);
            }
        }
    }
    changes.cursor = Cursor {
        known: Some(cursor),
    };
    Ok(changes)
}

/// Adds what a commit tells. If it cannot be read, as after an update of a part of the servers, it counts as missed.
fn take(record: &[u8], changes: &mut Changes) {
    if let Err(Unreadable) = record::read_feed(record, changes) {
        changes.missed = true;
    }
}
