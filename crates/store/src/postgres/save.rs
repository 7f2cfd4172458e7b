//! Saving what a commit has changed: one statement a table, with arrays for all rows, and only for tables that change.

use crate::document::DocumentChange;
use crate::indexed::{Indexed, urgency};
use crate::layout::{self, CHUNK, EVENTS_BYTES_MAX, is_chunked, row_id};
use crate::postgres::found::Found;
use crate::postgres::session::{Step, Value};
use crate::postgres::together::together;
use crate::record::{self, phase_code};
use crate::workset::{AccessKeyChange, Changes, Touched};
use longrun_model::Operation;
use std::collections::BTreeMap;

/// What saves a commit.
pub(super) struct Saves {
    /// Steps that are taken one after the other, and first.
    pub(super) apart: Vec<Step>,
    /// Steps that touch different rows, and can be taken together: those that nearly every commit has.
    pub(super) together: Vec<Step>,
}

impl Saves {
    /// The steps in their order, those that can be taken together as one.
    pub(super) fn steps(self) -> Vec<Step> {
        let mut steps = self.apart;
        steps.extend(together(self.together));
        steps
    }

    /// The steps in their order, each by itself: whichever fails says what it was for.
    pub(super) fn one_by_one(self) -> Vec<Step> {
        let mut steps = self.apart;
        steps.extend(self.together);
        steps
    }
}

/// What saves `changes`. `found` knows what was stored before.
pub(super) fn saves(found: &Found, changes: &Changes) -> Saves {
    let mut rows = Rows::default();
    for touched in &changes.operations {
        rows.add(found, touched);
    }
    let mut saves = rows.saves();
    saves.apart.extend(access_keys(&changes.access_keys));
    saves.apart.extend(documents(found, &changes.documents));
    saves
}

/// The step that saves parts of histories: the number of the operation's row, that of the last event, and the events.
pub(super) fn histories(parts: Vec<(i64, u64, Vec<u8>)>) -> Option<Step> {
    let mut rows = (Vec::new(), Vec::new(), Vec::new());
    for (row, last, events) in parts {
        rows.0.push(row);
        rows.1.push(last.cast_signed());
        rows.2.push(events);
    }
    save_histories(rows)
}

fn save_histories((rows, lasts, parts): (Vec<i64>, Vec<i64>, Vec<Vec<u8>>)) -> Option<Step> {
    step(
        "save parts of histories",
        SAVE_HISTORY,
        rows,
        vec![Box::new(lasts), Box::new(parts)],
    )
}

/// The rows that change, table by table.
#[derive(Default)]
struct Rows {
    inserted: Inserted,
    updated: Updated,
    removed: Removed,
    chunks: (Vec<i64>, Vec<i32>, Vec<Vec<u8>>),
    members: (Vec<i64>, Vec<Vec<u8>>, Vec<i32>),
    histories: (Vec<i64>, Vec<i64>, Vec<Vec<u8>>),
    idempotent: Idempotent,
    enqueued: Enqueued,
    dequeued: Vec<i64>,
    timers_new: (Vec<i64>, Vec<i64>),
    timers_moved: (Vec<i64>, Vec<i64>),
    timers_cleared: Vec<i64>,
}

#[derive(Default)]
struct Inserted {
    keys: Vec<i64>,
    accounts: Vec<Vec<u8>>,
    kinds: Vec<Vec<u8>>,
    phases: Vec<i16>,
    removed: Vec<bool>,
    heads: Vec<Vec<u8>>,
    events: Vec<Vec<u8>>,
    resources: Vec<Option<Vec<u8>>>,
}

#[derive(Default)]
struct Updated {
    keys: Vec<i64>,
    phases: Vec<i16>,
    heads: Vec<Vec<u8>>,
    events: Vec<Vec<u8>>,
    resources: Vec<Option<Vec<u8>>>,
}

#[derive(Default)]
struct Removed {
    keys: Vec<i64>,
    phases: Vec<i16>,
    heads: Vec<Vec<u8>>,
}

/// Ordered by account and key, so that servers that save the same ones meet at the first of them.
#[derive(Default)]
struct Idempotent(BTreeMap<Place, (Vec<u8>, i64)>);

/// An account and an idempotency key in it.
type Place = (Vec<u8>, Vec<u8>);

#[derive(Default)]
struct Enqueued {
    keys: Vec<i64>,
    kinds: Vec<Vec<u8>>,
    accounts: Vec<Vec<u8>>,
    urgencies: Vec<i16>,
    projects: Vec<Option<Vec<u8>>>,
}

const INSERT: &str = "
    INSERT INTO operation (key, account, kind, phase, removed, head, events, resources)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::smallint[], $5::boolean[],
        $6::bytea[], $7::bytea[], $8::bytea[])";
// Resources that did not change are given as null and stay as they are.
const UPDATE: &str = "
    UPDATE operation SET phase = new.phase, head = new.head,
        events = operation.events || new.events,
        resources = coalesce(new.resources, operation.resources)
    FROM unnest($1::bigint[], $2::smallint[], $3::bytea[], $4::bytea[], $5::bytea[])
        AS new (key, phase, head, events, resources)
    WHERE operation.key = new.key";
const REMOVE: &str = "
    UPDATE operation SET phase = new.phase, head = new.head, events = '', resources = NULL,
        removed = TRUE
    FROM unnest($1::bigint[], $2::smallint[], $3::bytea[]) AS new (key, phase, head)
    WHERE operation.key = new.key";
const FORGET: [&str; 4] = [
    "DELETE FROM history WHERE operation = ANY($1::bigint[])",
    "DELETE FROM idempotency WHERE operation = ANY($1::bigint[])",
    "DELETE FROM chunk WHERE operation = ANY($1::bigint[])",
    "DELETE FROM member WHERE operation = ANY($1::bigint[])",
];
const SAVE_CHUNKS: &str = "
    INSERT INTO chunk (operation, number, resources)
    SELECT * FROM unnest($1::bigint[], $2::integer[], $3::bytea[])
    ON CONFLICT (operation, number) DO UPDATE SET resources = excluded.resources";
const SAVE_MEMBERS: &str = "
    INSERT INTO member (operation, name, position)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::integer[])";
const SAVE_HISTORY: &str = "
    INSERT INTO history (operation, last, events)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])";
const SAVE_IDEMPOTENT: &str = "
    INSERT INTO idempotency (account, key, digest, operation)
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[])";
const ENQUEUE: &str = "
    INSERT INTO queue (operation, kind, account, urgency, project)
    SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::smallint[], $5::bytea[])";
const DEQUEUE: &str = "DELETE FROM queue WHERE operation = ANY($1::bigint[])";
// What is stored of an operation says whether it has a timer, so that the database need not look before it inserts.
const SET_TIMERS: &str = "
    INSERT INTO timer (operation, due) SELECT * FROM unnest($1::bigint[], $2::bigint[])";
const MOVE_TIMERS: &str = "
    UPDATE timer SET due = new.due FROM unnest($1::bigint[], $2::bigint[]) AS new (operation, due)
    WHERE timer.operation = new.operation";
const CLEAR_TIMERS: &str = "DELETE FROM timer WHERE operation = ANY($1::bigint[])";
const PUT_ACCESS_KEYS: &str = "
    INSERT INTO access_key (id, record) SELECT * FROM unnest($1::bytea[], $2::bytea[])
    ON CONFLICT (id) DO UPDATE SET record = excluded.record";
// Two servers that make the same document meet here, and the second looks again.
const MAKE_DOCUMENTS: &str = "
    INSERT INTO document (name, version, body)
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[])";
const CHANGE_DOCUMENTS: &str = "
    UPDATE document SET version = new.version, body = new.body
    FROM unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS new (name, version, body)
    WHERE document.name = new.name";
const REMOVE_ACCESS_KEYS: &str = "DELETE FROM access_key WHERE id = ANY($1::bytea[])";

impl Rows {
    fn add(&mut self, found: &Found, touched: &Touched) {
        let operation = &*touched.operation;
        match touched.before {
            None => self.insert(touched),
            Some(_) if operation.removed => self.remove(operation),
            Some(_) => self.update(touched, found.events_bytes(operation.key)),
        }
        self.index(operation, touched.before);
    }

    fn insert(&mut self, touched: &Touched) {
        let operation = &*touched.operation;
        let events = self.spilled(touched, 0);
        let total = operation.resources.total();
        let own = (!is_chunked(total) && !operation.removed).then(|| resources(operation));
        let rows = &mut self.inserted;
        rows.keys.push(row_id(operation.key));
        rows.accounts.push(bytes(operation.account.as_str()));
        rows.kinds.push(bytes(operation.kind.as_str()));
        rows.phases.push(phase_code(operation.phase).into());
        rows.removed.push(operation.removed);
        rows.heads.push(head(operation));
        rows.events.push(events);
        rows.resources.push(own);
        if operation.removed {
            return;
        }
        if is_chunked(total) {
            self.save_chunks(operation, 0..total.div_ceil(CHUNK));
            self.save_places(operation, 0);
        }
        if let Some(idempotency) = &touched.idempotency {
            let place = (bytes(operation.account.as_str()), bytes(&idempotency.key));
            let value = (idempotency.digest.to_vec(), row_id(operation.key));
            self.idempotent.0.insert(place, value);
        }
    }

    fn update(&mut self, touched: &Touched, events_bytes: usize) {
        let operation = &*touched.operation;
        let events = self.spilled(touched, events_bytes);
        let changed = !touched.changed_resources.is_empty();
        let total = operation.resources.total();
        let chunked = is_chunked(total);
        if changed && chunked {
            let (unplaced, is_new) = touched.unplaced();
            if is_new {
                self.save_chunks(operation, 0..total.div_ceil(CHUNK));
            } else {
                self.save_chunks(operation, layout::chunks_of(&touched.changed_resources));
            }
            if !unplaced.is_empty() {
                self.save_places(operation, unplaced.start);
            }
        }
        let own = (changed && !chunked).then(|| resources(operation));
        let rows = &mut self.updated;
        rows.keys.push(row_id(operation.key));
        rows.phases.push(phase_code(operation.phase).into());
        rows.heads.push(head(operation));
        rows.events.push(events);
        rows.resources.push(own);
    }

    /// Leaves a small row, and nothing else.
    fn remove(&mut self, operation: &Operation) {
        let rows = &mut self.removed;
        rows.keys.push(row_id(operation.key));
        rows.phases.push(phase_code(operation.phase).into());
        rows.heads.push(head(operation));
    }

    fn save_chunks(&mut self, operation: &Operation, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            let mut blob = Vec::new();
            layout::write_chunk(operation, number, &mut blob);
            self.chunks.0.push(row_id(operation.key));
            self.chunks.1.push(number.cast_signed());
            self.chunks.2.push(blob);
        }
    }

    /// Saves the places of the resources from the index `from` on.
    fn save_places(&mut self, operation: &Operation, from: u32) {
        let resources = operation.resources.indexed();
        for (index, resource) in resources.iter().filter(|(index, _)| *index >= from) {
            self.members.0.push(row_id(operation.key));
            self.members.1.push(bytes(resource.id.as_str()));
            self.members.2.push(index.cast_signed());
        }
    }

    /// The new events for the operation's row. If they do not fit beside the `events_bytes` that are in it, they get a
    /// row of their own.
    fn spilled(&mut self, touched: &Touched, events_bytes: usize) -> Vec<u8> {
        let operation = &*touched.operation;
        let mut events = Vec::new();
        if operation.removed {
            return events;
        }
        record::write_events(operation, &touched.events, &mut events);
        match touched.events.last() {
            Some((last, _)) if events_bytes + events.len() > EVENTS_BYTES_MAX => {
                self.histories.0.push(row_id(operation.key));
                self.histories.1.push(last.cast_signed());
                self.histories.2.push(events);
                Vec::new()
            }
            Some(_) | None => events,
        }
    }

    /// Brings the queue and the timers up to date.
    fn index(&mut self, operation: &Operation, before: Option<Indexed>) {
        let row = row_id(operation.key);
        let after = Indexed::of(operation);
        let due_before = before.and_then(|before| before.due_at);
        match (due_before, after.due_at) {
            (None, Some(due_at)) => {
                self.timers_new.0.push(row);
                self.timers_new.1.push(due_at.as_millis());
            }
            (Some(before), Some(due_at)) if before != due_at => {
                self.timers_moved.0.push(row);
                self.timers_moved.1.push(due_at.as_millis());
            }
            (Some(_), None) => self.timers_cleared.push(row),
            (Some(_), Some(_)) | (None, None) => (),
        }
        match (before.is_some_and(|before| before.waiting), after.waiting) {
            (false, true) => self.enqueued.add(row, operation),
            (true, false) => self.dequeued.push(row),
            (true, true) | (false, false) => (),
        }
    }

    fn saves(self) -> Saves {
        let (chunk_keys, numbers, chunks) = self.chunks;
        let (member_keys, ids, positions) = self.members;
        // An idempotency key may be free again in the very commit that gives it to another operation.
        let mut apart = self.removed.steps();
        apart.extend([
            step(
                "save chunks",
                SAVE_CHUNKS,
                chunk_keys,
                vec![Box::new(numbers), Box::new(chunks)],
            ),
            step(
                "save the places of resources",
                SAVE_MEMBERS,
                member_keys,
                vec![Box::new(ids), Box::new(positions)],
            ),
            save_histories(self.histories),
            self.idempotent.step(),
        ]);
        let (new_keys, new_dues) = self.timers_new;
        let (moved_keys, moved_dues) = self.timers_moved;
        let timers = "keep timers";
        let together = [
            self.inserted.step(),
            self.updated.step(),
            self.enqueued.step(),
            step("keep the queue", DEQUEUE, self.dequeued, Vec::new()),
            step(timers, CLEAR_TIMERS, self.timers_cleared, Vec::new()),
            step(timers, SET_TIMERS, new_keys, vec![Box::new(new_dues)]),
            step(timers, MOVE_TIMERS, moved_keys, vec![Box::new(moved_dues)]),
        ];
        Saves {
            apart: apart.into_iter().flatten().collect(),
            together: together.into_iter().flatten().collect(),
        }
    }
}

/// The step whose statement takes keys and whatever goes with them; none if there are no keys.
fn step(
    doing: &'static str,
    sql: &'static str,
    keys: Vec<i64>,
    others: Vec<Value>,
) -> Option<Step> {
    if keys.is_empty() {
        return None;
    }
    let mut values: Vec<Value> = vec![Box::new(keys)];
    values.extend(others);
    let sql = sql.into();
    Some(Step { doing, sql, values })
}

impl Inserted {
    fn step(self) -> Option<Step> {
        let others: Vec<Value> = vec![
            Box::new(self.accounts),
            Box::new(self.kinds),
            Box::new(self.phases),
            Box::new(self.removed),
            Box::new(self.heads),
            Box::new(self.events),
            Box::new(self.resources),
        ];
        step("save new operations", INSERT, self.keys, others)
    }
}

impl Updated {
    fn step(self) -> Option<Step> {
        let others: Vec<Value> = vec![
            Box::new(self.phases),
            Box::new(self.heads),
            Box::new(self.events),
            Box::new(self.resources),
        ];
        step("save operations", UPDATE, self.keys, others)
    }
}

impl Removed {
    fn steps(self) -> Vec<Option<Step>> {
        let doing = "remove what belongs to operations";
        let mut steps: Vec<_> = FORGET
            .into_iter()
            .map(|sql| step(doing, sql, self.keys.clone(), Vec::new()))
            .collect();
        let others: Vec<Value> = vec![Box::new(self.phases), Box::new(self.heads)];
        steps.push(step("remove operations", REMOVE, self.keys, others));
        steps
    }
}

impl Idempotent {
    fn step(self) -> Option<Step> {
        if self.0.is_empty() {
            return None;
        }
        let (places, values): (Vec<_>, Vec<_>) = self.0.into_iter().unzip();
        let (accounts, keys): (Vec<_>, Vec<_>) = places.into_iter().unzip();
        let (digests, operations): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        Some(Step {
            doing: "save idempotency keys",
            sql: SAVE_IDEMPOTENT.into(),
            values: vec![
                Box::new(accounts),
                Box::new(keys),
                Box::new(digests),
                Box::new(operations),
            ],
        })
    }
}

impl Enqueued {
    fn add(&mut self, row: i64, operation: &Operation) {
        let project = operation.project.as_ref();
        self.keys.push(row);
        self.kinds.push(bytes(operation.kind.as_str()));
        self.accounts.push(bytes(operation.account.as_str()));
        self.urgencies.push(urgency(operation.priority).into());
        self.projects.push(project.map(|one| bytes(one.as_str())));
    }

    fn step(self) -> Option<Step> {
        let others: Vec<Value> = vec![
            Box::new(self.kinds),
            Box::new(self.accounts),
            Box::new(self.urgencies),
            Box::new(self.projects),
        ];
        step("keep the queue", ENQUEUE, self.keys, others)
    }
}

/// What becomes of each access key in the end: a commit may say several things about one.
fn access_keys(changes: &[AccessKeyChange]) -> Vec<Step> {
    let mut last: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
    for change in changes {
        match change {
            AccessKeyChange::Put(access_key) => {
                let blob = record::write_access_key(access_key);
                last.insert(bytes(&access_key.id), Some(blob));
            }
            AccessKeyChange::Remove(id) => {
                last.insert(bytes(id), None);
            }
        }
    }
    let doing = "save access keys";
    let (mut ids, mut blobs, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for (id, blob) in last {
        match blob {
            Some(blob) => {
                ids.push(id);
                blobs.push(blob);
            }
            None => removed.push(id),
        }
    }
    let mut steps = Vec::new();
    if !ids.is_empty() {
        steps.push(Step {
            doing,
            sql: PUT_ACCESS_KEYS.into(),
            values: vec![Box::new(ids), Box::new(blobs)],
        });
    }
    if !removed.is_empty() {
        steps.push(Step {
            doing,
            sql: REMOVE_ACCESS_KEYS.into(),
            values: vec![Box::new(removed)],
        });
    }
    steps
}

fn documents(found: &Found, changes: &BTreeMap<Box<str>, DocumentChange>) -> Vec<Step> {
    let changes = changes.iter().map(|(name, change)| (&**name, change));
    let (known, new): (Vec<_>, Vec<_>) = changes.partition(|(name, _)| found.has_document(name));
    [(CHANGE_DOCUMENTS, known), (MAKE_DOCUMENTS, new)]
        .into_iter()
        .filter(|(_, changes)| !changes.is_empty())
        .map(|(sql, changes)| save_documents(sql, &changes))
        .collect()
}

fn save_documents(sql: &'static str, changes: &[(&str, &DocumentChange)]) -> Step {
    let names: Vec<_> = changes.iter().map(|(name, _)| bytes(name)).collect();
    let versions = changes.iter().map(|(_, one)| one.version.cast_signed());
    let versions: Vec<_> = versions.collect();
    let bodies = changes.iter().map(|(_, one)| one.body.as_deref());
    let bodies: Vec<_> = bodies.map(|body| body.map(<[u8]>::to_vec)).collect();
    Step {
        doing: "save documents",
        sql: sql.into(),
        values: vec![Box::new(names), Box::new(versions), Box::new(bodies)],
    }
}

fn head(operation: &Operation) -> Vec<u8> {
    let mut blob = Vec::new();
    record::write_head(operation, &mut blob);
    blob
}

fn resources(operation: &Operation) -> Vec<u8> {
    let mut blob = Vec::new();
    record::write_resources(operation.resources.indexed(), &mut blob);
    blob
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}
