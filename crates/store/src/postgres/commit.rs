//! Commits, and what becomes of them when the database fails in the midst of one.
//!
//! Every commit leaves a row in `change` that carries the number of the server and its own. If the connection is lost
//! while a commit is being made, that row says whether it was: the server comes back and saves a void one in its place.
//! That waits for the lost transaction if it is still under way, fails to be new if it was made, and otherwise keeps it
//! from ever being made. So a commit is repeated only when it is certain that it was not made.

use crate::postgres::connections::Connections;
use crate::postgres::failure::{Failure, Sort};
use crate::postgres::found::{self, Found, View};
use crate::postgres::holder;
use crate::postgres::needs::Needs;
use crate::postgres::save::{self, Saves};
use crate::postgres::session::{Session, Step, column};
use crate::postgres::waiting::{self, Leasing, Turns};
use crate::workset::{self, Changes};
use crate::{Committed, Limits, StoreError, Write, record};
use longrun_model::{OperationKey, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Row;

/// How often a commit is tried when others are in the way.
const CROSSINGS_MAX: u32 = 30;
/// How often it is tried when the database does not answer, the pauses growing.
const LOSSES_MAX: u32 = 7;
/// The first pause.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How many commits of each server others can still read about.
const COMMITS_KEPT: i64 = 10_000;
/// After how many commits those that are too many are deleted.
const COMMITS_SWEPT: i64 = 500;

/// From how many new operations in a commit on it asks for as many keys more, so that the next one need not ask.
const RESERVED_FROM: usize = 8;
/// How long such keys are good. Whoever lists operations takes those with the highest keys for the newest.
const RESERVED_MILLIS: i64 = 200;

const SERIALIZABLE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";
const READ_COMMITTED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

// Waits for whoever is taking the store away from servers, and finds no row then.
const REGISTER: &str = "INSERT INTO server (last) \
    SELECT 0 FROM meta WHERE name = 'state' AND value = '' FOR SHARE RETURNING id";
// A server that was not heard of for a day has ended: what it did, everybody knows by now.
const RETIRE_CHANGES: &str = "DELETE FROM change WHERE server IN \
    (SELECT id FROM server WHERE heard_at < now() - interval '1 day')";
const RETIRE_TURNS: &str = "DELETE FROM turn WHERE EXISTS \
    (SELECT 1 FROM turn AS later WHERE later.kind = turn.kind AND later.server > turn.server) \
    AND NOT EXISTS (SELECT 1 FROM server WHERE server.id = turn.server)";
const RETIRE: &str = "DELETE FROM server WHERE heard_at < now() - interval '1 day' \
    AND NOT EXISTS (SELECT 1 FROM change WHERE change.server = server.id)";
const NOTE_CHANGE: &str =
    "INSERT INTO change (server, number, void, record) VALUES ($1, $2, FALSE, $3)";
const NOTE_SERVER: &str =
    "UPDATE server SET last = greatest(last, $2), heard_at = now() WHERE id = $1";
const SWEEP: &str = "DELETE FROM change WHERE server = $1 AND number <= $2";
// The row is written even if it was there, so that this, too, returns only when what it saw is safe on every standby
// that has to have it.
const AVOID: &str = "INSERT INTO change (server, number, void, record) VALUES ($1, $2, TRUE, '') \
    ON CONFLICT (server, number) DO UPDATE SET record = change.record RETURNING void";

/// Says that this server exists: its number. Refused if servers may not use the store.
pub(super) async fn register(connections: &Connections) -> Result<i64, StoreError> {
    let registered = connections
        .read(|| async {
            let session = connections.session().await?;
            let doing = "tell other servers of this one";
            session.query(doing, RETIRE_CHANGES, Vec::new()).await?;
            session.query(doing, RETIRE, Vec::new()).await?;
            session.query(doing, RETIRE_TURNS, Vec::new()).await?;
            let rows = session.query(doing, REGISTER, Vec::new()).await?;
            session.settle();
            rows.first().map(|row| column(row, 0)).transpose()
        })
        .await?;
    match registered {
        Some(server) => Ok(server),
        None => {
            holder::state(connections).await?.admit()?;
            let why = "nothing says whether servers may use it".to_owned();
            Err(StoreError::Unsuitable(why))
        }
    }
}

/// What makes commits, one at a time.
#[derive(Debug)]
pub(super) struct Writer {
    /// The number of this server; none if it has to get a new one.
    server: Option<i64>,
    /// The number of its last commit.
    last: i64,
    /// How operations are handed out.
    leasing: Leasing,
    /// Keys for the operations of the next commit.
    reserve: Reserve,
    begin: &'static str,
    /// Whether the last commit has changed lines, and the next may.
    in_lines: bool,
    /// Whether the database did not answer when it was last asked: the next commit does not wait for it again.
    is_down: bool,
}

/// Keys that nobody has got yet, and when they were asked for.
#[derive(Debug)]
struct Reserve {
    keys: Vec<OperationKey>,
    asked_at: Timestamp,
}

/// How a try to commit ended.
enum Tried {
    /// It was made, or there was nothing to make.
    Made(Results),
    /// It was not made.
    Undone(Failure),
    /// The connection was lost at the end.
    Unknown(Failure, Results),
}

/// What comes of a commit that was made.
struct Results {
    committed: Committed,
    /// The turns that were taken in it.
    turned: Turns,
    /// Whether it has changed lines.
    in_lines: bool,
}

/// What a commit does, and what is left to be sent for it.
struct Decided {
    changes: Changes,
    /// What saves them.
    saves: Saves,
    results: Results,
    /// What begins the transaction, if it has not begun.
    begin: Option<&'static str>,
    keys_given: usize,
    keys_left: Vec<OperationKey>,
}

/// How often a commit was tried.
#[derive(Default)]
struct Tries {
    crossings: u32,
    losses: u32,
}

impl Writer {
    /// The writer of the server with this number.
    pub(super) fn new(server: i64, turns: Turns, is_serializable: bool) -> Self {
        Self {
            server: Some(server),
            last: 0,
            leasing: Leasing {
                turns,
                limits: Arc::default(),
            },
            reserve: Reserve {
                keys: Vec::new(),
                asked_at: Timestamp::from_millis(0),
            },
            begin: if is_serializable {
                SERIALIZABLE
            } else {
                READ_COMMITTED
            },
            in_lines: false,
            is_down: false,
        }
    }

    /// The number of this server, unless it has to get a new one.
    pub(super) fn server(&self) -> Option<i64> {
        self.server
    }

    /// Holds leases to these limits from here on.
    pub(super) fn limit(&mut self, limits: Arc<Limits>) {
        self.leasing.limits = limits;
    }

    /// Carries out `writes` in one transaction, again if it is certain that it was not made before.
    pub(super) async fn commit(
        &mut self,
        connections: &Connections,
        writes: &[Write],
        now: Timestamp,
    ) -> Result<Committed, StoreError> {
        let mut tries = Tries::default();
        loop {
            let failure = match self.attempt(connections, writes, now).await {
                Tried::Made(results) => return Ok(self.conclude(results)),
                Tried::Undone(failure) => failure,
                Tried::Unknown(failure, results) => {
                    match self.find_out(connections, &mut tries).await {
                        Some(true) => return Ok(self.conclude(results)),
                        Some(false) => failure,
                        None => return Err(unknown(failure.error)),
                    }
                }
            };
            if failure.sort == Sort::Lost {
                connections.forget_idle();
            }
            if failure.sort == Sort::Retired {
                self.server = None;
            }
            if !self.pause(&failure, &mut tries).await {
                return Err(failure.error);
            }
        }
    }

    /// Remembers what a commit that was made has changed.
    fn conclude(&mut self, results: Results) -> Committed {
        self.is_down = false;
        self.leasing.turns.extend(results.turned);
        self.in_lines = results.in_lines;
        results.committed
    }

    /// Waits before the next try; false if there is to be none.
    async fn pause(&mut self, failure: &Failure, tries: &mut Tries) -> bool {
        let (count, max) = match failure.sort {
            Sort::Crossed | Sort::Retired => (&mut tries.crossings, CROSSINGS_MAX),
            Sort::Lost if self.is_down => return false,
            Sort::Lost => (&mut tries.losses, LOSSES_MAX),
            Sort::Final => return false,
        };
        *count += 1;
        if *count >= max {
            self.is_down = failure.sort == Sort::Lost;
            return false;
        }
        // The first time the way may be free at once. Servers that met wait differently long.
        let pause = PAUSE * (1 << count.saturating_sub(1).min(10));
        let apart = Duration::from_millis(self.server.unwrap_or(0).unsigned_abs() % 16);
        tokio::time::sleep(pause.min(PAUSE_MAX) + apart).await;
        true
    }

    async fn attempt(
        &mut self,
        connections: &Connections,
        writes: &[Write],
        now: Timestamp,
    ) -> Tried {
        let server = match self.server {
            Some(server) => server,
            None => match register(connections).await {
                Ok(server) => {
                    (self.server, self.last) = (Some(server), 0);
                    server
                }
                Err(error) => {
                    let is_refused = !matches!(error, StoreError::Database { .. });
                    let sort = if is_refused { Sort::Final } else { Sort::Lost };
                    return Tried::Undone(Failure { error, sort });
                }
            },
        };
        let session = if self.is_down {
            connections.brief_session().await
        } else {
            connections.session().await
        };
        let session = match session {
            Ok(session) => session,
            Err(failure) => return Tried::Undone(failure),
        };
        let keys = self.reserved(now);
        let decided = match self.decide(&session, keys, writes, now).await {
            Ok(decided) => decided,
            Err(failure) => return Tried::Undone(failure),
        };
        if decided.changes.is_empty() {
            return end(session, decided).await;
        }
        let mut saves = decided.saves;
        let parts = &mut saves.together;
        parts.extend(waiting::save(server, &decided.results.turned));
        parts.extend(self.note(server, &decided.changes));
        let more = reserve(decided.keys_given, decided.keys_left.len());
        let is_asking = more.is_some();
        parts.extend(more);
        let steps = saves.steps();
        let sent = if steps.len() == 1 && decided.begin == Some(READ_COMMITTED) {
            // One statement is a transaction by itself.
            session.pipeline(None, &steps, None).await
        } else {
            session
                .pipeline(decided.begin, &steps, Some("COMMIT"))
                .await
        };
        match sent {
            Ok(mut rows) => {
                session.settle();
                self.last += 1;
                let more = rows.pop().filter(|_| is_asking).unwrap_or_default();
                self.keep(decided.keys_left, &more, now);
                Tried::Made(decided.results)
            }
            Err(failure) if failure.sort == Sort::Lost => Tried::Unknown(failure, decided.results),
            Err(failure) => Tried::Undone(failure),
        }
    }

    /// Finds, locks and decides, inside a transaction that is left open.
    async fn decide(
        &self,
        session: &Session,
        keys: Vec<OperationKey>,
        writes: &[Write],
        now: Timestamp,
    ) -> Result<Decided, Failure> {
        let (begin, leasing) = (self.begin, &self.leasing);
        let needs = Needs::of(writes);
        let in_lines = self.in_lines || !needs.lines.is_empty();
        let mut found = Found::find(session, begin, &needs, leasing, in_lines, keys).await?;
        loop {
            let mut view = View::new(&found, leasing);
            let (changes, committed) = workset::run(&mut view, writes.to_vec(), now)?;
            let (missing, keys) = (view.lines_missing(), view.keys_missing());
            if missing.alone {
                if found.begin().is_none() {
                    session.batch("begin a commit anew", "ROLLBACK").await?;
                }
                let needs = Needs {
                    keys: 0,
                    ..Needs::of(writes)
                };
                let none = Vec::new();
                let anew = Found::find(session, begin, &needs, leasing, true, none).await?;
                found = anew.with_keys_of(found);
            } else if !missing.lines.is_empty() {
                found.more_lines(session, &missing.lines).await?;
            } else if keys > 0 {
                let keys = i64::try_from(keys).unwrap_or(i64::MAX);
                found.more_keys(session, keys).await?;
            } else {
                let (turned, given) = (view.turned(), view.keys_given());
                let queues = view.into_queues();
                let results = Results {
                    committed,
                    turned,
                    in_lines: queues.are_used(),
                };
                let mut saves = save::saves(&found, &changes);
                saves.apart.extend(queues.save());
                return Ok(Decided {
                    changes,
                    saves,
                    results,
                    begin: found.begin(),
                    keys_given: given,
                    keys_left: found.keys_after(given).to_vec(),
                });
            }
        }
    }

    /// The keys that were asked for by the commit before, unless that is too long ago.
    fn reserved(&mut self, now: Timestamp) -> Vec<OperationKey> {
        let keys = std::mem::take(&mut self.reserve.keys);
        if now.millis_since(self.reserve.asked_at) > RESERVED_MILLIS {
            return Vec::new();
        }
        keys
    }

    /// Keeps keys for the next commit: those that are `left`, and `more`.
    fn keep(&mut self, left: Vec<OperationKey>, more: &[Row], now: Timestamp) {
        // If one of them cannot be read, the next commit asks again.
        let more = found::keys(more).unwrap_or_default();
        if !more.is_empty() {
            self.reserve.asked_at = now;
        }
        self.reserve.keys = left;
        self.reserve.keys.extend(more);
    }

    /// Tells others of the commit, and keeps what is told from growing for ever.
    fn note(&self, server: i64, changes: &Changes) -> Vec<Step> {
        let doing = "tell other servers of a commit";
        let number = self.last + 1;
        let mut steps = vec![
            Step {
                doing,
                sql: NOTE_CHANGE.into(),
                values: vec![
                    Box::new(server),
                    Box::new(number),
                    Box::new(record::write_feed(changes)),
                ],
            },
            Step {
                doing,
                sql: NOTE_SERVER.into(),
                values: vec![Box::new(server), Box::new(number)],
            },
        ];
        if number % COMMITS_SWEPT == 0 {
            steps.push(Step {
                doing,
                sql: SWEEP.into(),
                values: vec![Box::new(server), Box::new(number - COMMITS_KEPT)],
            });
        }
        steps
    }

    /// Finds out whether the commit was made that the connection was lost over. None if the database does not say: then
    /// this server goes on under another number, so that whatever becomes of the commit, it is nobody else's.
    async fn find_out(&mut self, connections: &Connections, tries: &mut Tries) -> Option<bool> {
        let server = self.server?;
        let number = self.last + 1;
        loop {
            connections.forget_idle();
            match avoid(connections, server, number).await {
                Ok(was_made) => {
                    self.last = number;
                    return Some(was_made);
                }
                Err(failure) => {
                    if !self.pause(&failure, tries).await {
                        self.server = None;
                        return None;
                    }
                }
            }
        }
    }
}

/// Ends a transaction that changes nothing, if it has begun.
async fn end(session: Session, decided: Decided) -> Tried {
    if decided.begin.is_none()
        && let Err(failure) = session.batch("end a transaction", "ROLLBACK").await
    {
        return Tried::Undone(failure);
    }
    session.settle();
    Tried::Made(decided.results)
}

/// The step that asks for keys for the next commit, when this one has given so many and so many are left.
fn reserve(given: usize, left: usize) -> Option<Step> {
    let more = given.saturating_sub(left);
    let more = i64::try_from(more).ok().filter(|more| *more > 0)?;
    (given >= RESERVED_FROM).then(|| found::give_keys(more))
}

/// Keeps the commit with this number from being made, unless it was: whether it was.
async fn avoid(connections: &Connections, server: i64, number: i64) -> Result<bool, Failure> {
    let doing = "find out whether a commit was made";
    let session = connections.session().await?;
    let steps = [
        Step {
            doing,
            sql: AVOID.into(),
            values: vec![Box::new(server), Box::new(number)],
        },
        Step {
            doing,
            sql: NOTE_SERVER.into(),
            values: vec![Box::new(server), Box::new(number)],
        },
    ];
    let rows = session
        .pipeline(Some("BEGIN"), &steps, Some("COMMIT"))
        .await?;
    session.settle();
    let is_void = match rows.first().and_then(|rows| rows.first()) {
        Some(row) => column(row, 0)?,
        None => true,
    };
    Ok(!is_void)
}

fn unknown(error: StoreError) -> StoreError {
    StoreError::OutcomeUnknown {
        source: Box::new(error),
    }
}
