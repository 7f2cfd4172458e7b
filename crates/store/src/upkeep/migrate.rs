//! Moving a store to another place, of any sort, with everything in it.
//!
//! The source is marked first: from then on no server changes it, whatever becomes of the move. Operations are copied in
//! the order of their keys, a page a transaction, so that a move that was broken off goes on after the last key of the
//! target. Then both are read again from beginning to end and compared, and the target is checked as any store is. Only
//! then the source is given up for good, and after it the target is opened: at no moment are there two that servers use.

use crate::StoreError;
use crate::archive::{Archive, Contents, Entry, Holder, PAGE_OPERATIONS, Parcel, State};
use crate::upkeep::check::{self, Checked};
use crate::upkeep::walk::Walk;
use crate::upkeep::{Doing, Location, Step, Tell};
use sha2::{Digest, Sha256};

/// What was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// What is in the target now.
    pub checked: Checked,
    /// How many of the operations were there from a move that was broken off.
    pub resumed: u64,
    /// How many idempotency keys were moved.
    pub idempotency_keys: u64,
    /// The SHA-256 over everything in the source, and in the target.
    pub digest: [u8; 32],
}

/// Why a store was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Both places are the same.
    #[error("`{0}` cannot be moved to itself")]
    Same(String),
    /// The source does not do what it is asked.
    #[error("the source `{place}` cannot be moved")]
    Source {
        /// Where it is.
        place: String,
        /// Why.
        source: StoreError,
    },
    /// The target does not do what it is asked.
    #[error("the target `{place}` cannot be filled")]
    Target {
        /// Where it is.
        place: String,
        /// Why.
        source: StoreError,
    },
    /// The target is somebody's store.
    #[error("the target `{0}` is in use: a store is moved only to a place where none is")]
    NotEmpty(String),
    /// The target was begun to be filled from another source.
    #[error("the target `{0}` is half filled from another store: give it up, or use another place")]
    OtherSource(String),
    /// What is in the target is not what is in the source.
    #[error("source and target are not the same: {0}")]
    Different(String),
    /// The store that shall be given back was moved to the end.
    #[error("`{from}` was moved to `{to}` for good: move it back from there")]
    Done {
        /// Where it was.
        from: String,
        /// Where it is.
        to: String,
    },
}

/// Moves the store at `from` to `to`, where none may be but one that an earlier move from there has begun. `proposal` is
/// the secret of the ids of a store that has none yet.
pub async fn migrate(
    from: &Location,
    to: &Location,
    proposal: [u8; 16],
    tell: Tell<'_>,
) -> Result<Migrated, MigrateError> {
    let names = Names::of(from, to)?;
    let source = from.hold().await.map_err(|error| names.source(error))?;
    let target = to.hold().await.map_err(|error| names.target(error))?;
    let secret = source.id_secret(proposal).await;
    let secret = secret.map_err(|error| names.source(error))?;
    let begun = admit(&names, &*source, &*target, secret).await?;
    if !begun {
        let marked = source.mark(State::Moving(names.to.clone())).await;
        marked.map_err(|error| names.source(error))?;
    }
    let marked = target.mark(State::Filling).await;
    marked.map_err(|error| names.target(error))?;
    let kept = target.id_secret(secret).await;
    kept.map_err(|error| names.target(error))?;
    let resumed = copy(&names, &*source, &*target, tell).await?;
    let migrated = compare(&names, &*source, &*target, tell).await?;
    let marked = source.mark(State::Moved(names.to.clone())).await;
    marked.map_err(|error| names.source(error))?;
    let marked = target.mark(State::Open).await;
    marked.map_err(|error| names.target(error))?;
    Ok(Migrated {
        resumed,
        ..migrated
    })
}

/// Gives a store back to its servers that was not moved to the end.
pub async fn abandon(from: &Location) -> Result<(), MigrateError> {
    let place = from.to_string();
    let failed = |source| MigrateError::Source {
        place: place.clone(),
        source,
    };
    let source = from.hold().await.map_err(failed)?;
    match source.state().await.map_err(failed)? {
        State::Open | State::Moving(_) => source.mark(State::Open).await.map_err(failed),
        State::Moved(to) => Err(MigrateError::Done { from: place, to }),
        State::Filling => Err(failed(StoreError::Filling)),
    }
}

/// How the two places are called.
struct Names {
    from: String,
    to: String,
}

impl Names {
    fn of(from: &Location, to: &Location) -> Result<Self, MigrateError> {
        if from == to {
            return Err(MigrateError::Same(from.to_string()));
        }
        Ok(Self {
            from: from.to_string(),
            to: to.to_string(),
        })
    }

    fn source(&self, source: StoreError) -> MigrateError {
        MigrateError::Source {
            place: self.from.clone(),
            source,
        }
    }

    fn target(&self, source: StoreError) -> MigrateError {
        MigrateError::Target {
            place: self.to.clone(),
            source,
        }
    }
}

/// Whether the two can be source and target. True if the move was all but done when it was broken off.
async fn admit(
    names: &Names,
    source: &dyn Holder,
    target: &dyn Holder,
    secret: [u8; 16],
) -> Result<bool, MigrateError> {
    let archive = target.archive().await;
    let archive = archive.map_err(|error| names.target(error))?;
    let contents = archive.contents().await;
    let contents = contents.map_err(|error| names.target(error))?;
    let state = target.state().await.map_err(|error| names.target(error))?;
    let is_begun = match state {
        State::Filling if contents.id_secret.is_none_or(|theirs| theirs == secret) => true,
        State::Filling => return Err(MigrateError::OtherSource(names.to.clone())),
        // A server that was ever started there has left a secret, even if nothing was submitted to it.
        State::Open if contents.id_secret.is_none() && contents.is_empty() => false,
        State::Open | State::Moving(_) | State::Moved(_) => {
            return Err(MigrateError::NotEmpty(names.to.clone()));
        }
    };
    match source.state().await.map_err(|error| names.source(error))? {
        State::Open | State::Moving(_) => Ok(false),
        State::Moved(to) if is_begun && to == names.to => Ok(true),
        State::Moved(to) => Err(names.source(StoreError::Moved(to))),
        State::Filling => Err(names.source(StoreError::Filling)),
    }
}

/// Copies what the target does not have yet. How many operations it had.
async fn copy(
    names: &Names,
    source: &dyn Holder,
    target: &dyn Holder,
    tell: Tell<'_>,
) -> Result<u64, MigrateError> {
    let archive = source
        .archive()
        .await
        .map_err(|error| names.source(error))?;
    let contents = archive.contents().await;
    let contents = contents.map_err(|error| names.source(error))?;
    let before = contents_of(target)
        .await
        .map_err(|error| names.target(error))?;
    let mut last = before.last_key;
    let mut done = before.operations;
    loop {
        let page = archive.page(last).await;
        let parcels = page.and_then(|page| {
            let parcels = page.into_iter().map(|entry| entry.parcel);
            parcels.collect::<Result<Vec<Parcel>, _>>()
        });
        let parcels = parcels.map_err(|error| names.source(error))?;
        let Some(parcel) = parcels.last() else {
            break;
        };
        last = parcel.operation.key.get();
        done += parcels.len() as u64;
        let filled = target.fill(parcels).await;
        filled.map_err(|error| names.target(error))?;
        tell(Step {
            doing: Doing::Copying,
            done,
            total: contents.operations,
        });
    }
    copy_documents(names, &*archive, target).await?;
    let furnished = target.furnish(contents).await;
    furnished.map_err(|error| names.target(error))?;
    Ok(before.operations)
}

async fn copy_documents(
    names: &Names,
    source: &dyn Archive,
    target: &dyn Holder,
) -> Result<(), MigrateError> {
    let mut last: Box<str> = "".into();
    loop {
        let documents = source.documents(&last).await;
        let documents = documents.map_err(|error| names.source(error))?;
        match documents.last_key_value() {
            Some((name, _)) => last = name.clone(),
            None => return Ok(()),
        }
        let put = target.put_documents(documents).await;
        put.map_err(|error| names.target(error))?;
    }
}

/// Reads the documents of both from beginning to end, and adds them to `hash`.
async fn compare_documents(
    names: &Names,
    one: &dyn Archive,
    other: &dyn Archive,
    hash: &mut Sha256,
) -> Result<(), MigrateError> {
    let mut last: Box<str> = "".into();
    loop {
        let ours = one.documents(&last).await;
        let ours = ours.map_err(|error| names.source(error))?;
        let theirs = other.documents(&last).await;
        let theirs = theirs.map_err(|error| names.target(error))?;
        if ours != theirs {
            let what = format!("the documents after `{last}`");
            return Err(MigrateError::Different(what));
        }
        for (name, document) in &ours {
            let body = document.body.as_deref();
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name.as_bytes());
            hash.update(document.version.to_le_bytes());
            hash.update(
                body.map_or(u64::MAX, |body| body.len() as u64)
                    .to_le_bytes(),
            );
            hash.update(body.unwrap_or_default());
        }
        match ours.into_keys().next_back() {
            Some(name) => last = name,
            None => return Ok(()),
        }
    }
}

async fn contents_of(holder: &dyn Holder) -> Result<Contents, StoreError> {
    holder.archive().await?.contents().await
}

/// Reads both from beginning to end.
async fn compare(
    names: &Names,
    source: &dyn Holder,
    target: &dyn Holder,
    tell: Tell<'_>,
) -> Result<Migrated, MigrateError> {
    let one = source
        .archive()
        .await
        .map_err(|error| names.source(error))?;
    let other = target
        .archive()
        .await
        .map_err(|error| names.target(error))?;
    let ours = one.contents().await.map_err(|error| names.source(error))?;
    let theirs = other.contents().await;
    let theirs = theirs.map_err(|error| names.target(error))?;
    compare_contents(&ours, &theirs)?;
    let mut check = check::Check::new(&*other, &theirs);
    let mut checked = Checked::default();
    let mut walk = Walk::after(&*one, 0);
    let mut hash = Sha256::new();
    let mut idempotency_keys = 0;
    loop {
        let entry = walk.next().await.map_err(|error| names.source(error))?;
        let copy = check.next().await.map_err(|error| names.target(error))?;
        let (entry, copy) = match (entry, copy) {
            (Some(entry), Some(copy)) => (entry, copy),
            (None, None) => break,
            (Some(one), None) | (None, Some(one)) => return Err(different(&one)),
        };
        check.look(&copy, &mut checked);
        let parcel = entry.parcel.as_ref();
        let digest = parcel.map(Parcel::digest).ok();
        if digest.is_none() || digest != copy.parcel.as_ref().map(Parcel::digest).ok() {
            return Err(different(&entry));
        }
        hash.update(digest.unwrap_or_default());
        idempotency_keys += u64::from(parcel.is_ok_and(|one| one.idempotent.is_some()));
        if checked.operations % u64::from(PAGE_OPERATIONS) == 0 {
            tell(Step {
                doing: Doing::Comparing,
                done: checked.operations,
                total: ours.operations,
            });
        }
    }
    compare_documents(names, &*one, &*other, &mut hash).await?;
    check.conclude(&mut checked);
    if let Some(fault) = checked.faults.first() {
        return Err(MigrateError::Different(fault.clone()));
    }
    Ok(Migrated {
        checked,
        resumed: 0,
        idempotency_keys,
        digest: hash.finalize().into(),
    })
}

fn different(entry: &Entry) -> MigrateError {
    MigrateError::Different(format!("operation {}", entry.key.get()))
}

fn compare_contents(ours: &Contents, theirs: &Contents) -> Result<(), MigrateError> {
    for (what, same) in [
        ("the secret of the ids", ours.id_secret == theirs.id_secret),
        ("the access keys", ours.access_keys == theirs.access_keys),
        ("whose turn it is", ours.turns == theirs.turns),
        (
            "the number of documents",
            ours.documents == theirs.documents,
        ),
        ("the last key", ours.last_key == theirs.last_key),
        (
            "the number of operations",
            ours.operations == theirs.operations,
        ),
    ] {
        if !same {
            return Err(MigrateError::Different(what.to_owned()));
        }
    }
    Ok(())
}

impl Contents {
    /// Whether nothing was ever put into the store.
    fn is_empty(&self) -> bool {
        self.operations == 0 && self.access_keys.is_empty() && self.documents == 0
    }
}
