//! What is done with the things on a shelf.

use crate::StartError;
use crate::app::App;
use crate::asker::{Asker, Done, fault};
use crate::chance;
use crate::surroundings::ShelfWish;
use longrun_dialects::{Dialect, Fault, Lent, Managed, Order, Pending, Shelf, keeper};
use longrun_engine::EngineError;
use longrun_model::{Account, Idempotency, OperationKey};
use longrun_store::PutDocument;
use serde_json::Value;

/// How long a change may wait for its operation to be made.
const UNMADE_MILLIS_MAX: i64 = 60_000;
/// How often a number is written onto a shelf that others write to as well.
const WRITES_MAX: usize = 20;

/// A shelf as it was found.
struct Found {
    name: Box<str>,
    version: Option<u64>,
    shelf: Shelf,
    /// What is stored of it, to see whether anything has changed.
    stored: Shelf,
}

/// Why a shelf could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShelfError {
    /// The document holds something else.
    #[error("the shelf `{name}` cannot be read")]
    Damaged {
        name: Box<str>,
        source: serde_json::Error,
    },
    /// The store would not have it.
    #[error("the shelf could not be kept")]
    Engine(#[from] EngineError),
}

impl App {
    /// Does what an order asks of the things on the caller's shelf, if the key may.
    pub(crate) async fn manage(
        &self,
        order: Order,
        asker: &Asker<'_>,
        lent: &Lent<'_>,
    ) -> Result<Done, Fault> {
        asker.may_submit(&order, None)?;
        let account = &asker.key.account;
        let name = name(asker.dialect, account);
        let what: Box<str> = order.resources.first().map_or_else(
            || order.action.name.clone(),
            |resource| resource.id.as_str().into(),
        );
        let _turn = self.shelves.lock(&name).await;
        let mut found = self
            .find_shelf(asker.dialect, account, name)
            .await
            .map_err(|error| told(&error, &what))?;
        let managed = asker
            .dialect
            .manage(order, &mut found.shelf, lent, chance::number())?;
        match managed {
            Managed::Told(reply) => {
                let kept = self.keep_shelf(found).await;
                kept.map_err(|error| told(&error, &what))?;
                Ok(Done::Told(reply))
            }
            Managed::Submit { order, change } if change.is_null() => {
                let operation = self.carry_out_order(*order, asker).await?;
                Ok(Done::Operation(operation))
            }
            Managed::Submit { order, change } => {
                let token: Box<str> = hex::encode(chance::secret_bytes::<16>()).into();
                found.shelf.pending.push(Pending {
                    change,
                    token: token.clone(),
                    asked_at_millis: self.engine.now().as_millis(),
                    operation: None,
                });
                let name = found.name.clone();
                let kept = self.keep_shelf(found).await;
                kept.map_err(|error| told(&error, &what))?;
                let operation = self.carry_out_change(*order, asker, &token).await;
                let key = operation.as_ref().ok().map(|operation| operation.key);
                let noted = self.note(asker.dialect, account, &name, &token, key).await;
                noted.map_err(|error| told(&error, &what))?;
                Ok(Done::Operation(operation?))
            }
        }
    }

    /// The shelf of an account, with every change settled whose operation has ended.
    async fn find_shelf(
        &self,
        dialect: &dyn Dialect,
        account: &Account,
        name: Box<str>,
    ) -> Result<Found, ShelfError> {
        let document = self.engine.document(&name).await?;
        let stored: Shelf = match &document {
            None => Shelf::default(),
            Some(document) => {
                serde_json::from_slice(&document.body).map_err(|source| ShelfError::Damaged {
                    name: name.clone(),
                    source,
                })?
            }
        };
        let mut settled = Shelf {
            things: stored.things.clone(),
            pending: Vec::with_capacity(stored.pending.len() + 1),
        };
        for pending in &stored.pending {
            match self.standing(pending, account).await? {
                Standing::Waits => settled.pending.push(pending.clone()),
                Standing::Succeeded => dialect.settle(&mut settled.things, &pending.change),
                Standing::Dropped => (),
            }
        }
        Ok(Found {
            name,
            version: document.map(|document| document.version),
            shelf: settled,
            stored,
        })
    }

    async fn standing(
        &self,
        pending: &Pending,
        account: &Account,
    ) -> Result<Standing, EngineError> {
        let Some(key) = pending.operation else {
            let age = self.engine.now().as_millis() - pending.asked_at_millis;
            return Ok(if age > UNMADE_MILLIS_MAX {
                Standing::Dropped
            } else {
                Standing::Waits
            });
        };
        let Some(key) = OperationKey::new(key) else {
            return Ok(Standing::Dropped);
        };
        match self.engine.get(key, Some(account)).await {
            Ok(operation) if !operation.phase.is_ended() => Ok(Standing::Waits),
            Ok(operation) if operation.counts_as_success() => Ok(Standing::Succeeded),
            Ok(_) | Err(EngineError::NotFound) => Ok(Standing::Dropped),
            // It ended, and nobody has looked at the shelf before its result was deleted. Most operations end well.
            Err(EngineError::Gone) => Ok(Standing::Succeeded),
            Err(error) => Err(error),
        }
    }

    /// Keeps a shelf, if there is anything new on it and nobody else has changed it since.
    async fn keep_shelf(&self, found: Found) -> Result<(), ShelfError> {
        if found.shelf == found.stored {
            return Ok(());
        }
        let body = serde_json::to_vec(&found.shelf)
            .expect("a shelf has no map with other keys than texts");
        let put = PutDocument {
            name: found.name,
            expected: found.version,
            body: Some(body.into()),
        };
        self.engine.put_document(put).await?;
        Ok(())
    }

    /// Writes the number of an operation beside its change, or takes the change away if there is none.
    async fn note(
        &self,
        dialect: &dyn Dialect,
        account: &Account,
        name: &str,
        token: &str,
        key: Option<OperationKey>,
    ) -> Result<(), ShelfError> {
        let mut tries = 0;
        loop {
            let mut found = self.find_shelf(dialect, account, name.into()).await?;
            let pending = &mut found.shelf.pending;
            match key {
                Some(key) => pending
                    .iter_mut()
                    .filter(|it| *it.token == *token)
                    .for_each(|it| it.operation = Some(key.get())),
                None => pending.retain(|it| *it.token != *token),
            }
            tries += 1;
            match self.keep_shelf(found).await {
                Err(ShelfError::Engine(EngineError::DocumentChanged)) if tries < WRITES_MAX => (),
                done => return done,
            }
        }
    }

    /// The things on the shelf of an account.
    pub(crate) async fn things(
        &self,
        dialect: &dyn Dialect,
        account: &Account,
    ) -> Result<Value, ShelfError> {
        let name = name(dialect, account);
        let _turn = self.shelves.lock(&name).await;
        let found = self.find_shelf(dialect, account, name).await?;
        let things = found.shelf.things.clone();
        self.keep_shelf(found).await?;
        Ok(things)
    }

    /// Puts onto shelves what is to be there from the start.
    pub(crate) async fn fill_shelves(&self, wishes: Vec<ShelfWish>) -> Result<(), StartError> {
        for wish in wishes {
            self.fill_shelf(wish).await?;
        }
        Ok(())
    }

    /// The same for one shelf, unless something is there.
    async fn fill_shelf(&self, wish: ShelfWish) -> Result<(), StartError> {
        let ShelfWish {
            shelf,
            account,
            things,
        } = wish;
        let wrong = |source| StartError::Shelf {
            shelf: shelf.clone(),
            source,
        };
        let dialect = keeper(&shelf).ok_or_else(|| wrong("no dialect has such a shelf".into()))?;
        let checked = dialect.check_things(&things);
        checked.map_err(|what| wrong(what.into()))?;
        let kept = self.things(dialect, &account).await;
        if kept.map_err(|error| wrong(error.into()))?.is_null() {
            let put = self.put_things(dialect, &account, things).await;
            put.map_err(|error| wrong(error.into()))?;
        }
        Ok(())
    }

    /// Puts things onto the shelf of an account in place of all that is there, and of all that waits to be changed.
    pub(crate) async fn put_things(
        &self,
        dialect: &dyn Dialect,
        account: &Account,
        things: Value,
    ) -> Result<(), ShelfError> {
        let name = name(dialect, account);
        let _turn = self.shelves.lock(&name).await;
        let mut found = self.find_shelf(dialect, account, name).await?;
        found.shelf = Shelf {
            things,
            pending: Vec::new(),
        };
        self.keep_shelf(found).await
    }
}

/// Where a change stands.
enum Standing {
    Waits,
    Succeeded,
    Dropped,
}

/// The name of the document.
fn name(dialect: &dyn Dialect, account: &Account) -> Box<str> {
    format!("shelf/{}/{account}", dialect.shelf()).into()
}

/// What the caller is told: somebody else was quicker, or it is the server's fault.
fn told(error: &ShelfError, what: &str) -> Fault {
    match error {
        ShelfError::Engine(EngineError::DocumentChanged) => Fault::Busy(what.into()),
        ShelfError::Engine(EngineError::DocumentTooLong) => Fault::LimitReached {
            what: "bytes of everything that the account keeps",
            max: longrun_model::limits::DOCUMENT_BYTES_MAX,
        },
        ShelfError::Engine(error) => fault(error),
        ShelfError::Damaged { .. } => {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "a shelf is damaged"
            );
            Fault::Internal
        }
    }
}

/// What makes the operation of a change one and the same, however often it is submitted.
pub(crate) fn idempotency(token: &str) -> Idempotency {
    Idempotency {
        key: format!("shelf\u{1f}{token}").into(),
        digest: [0; 16],
    }
}
