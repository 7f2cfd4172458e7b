//! Moving a store: what the store itself cannot know is drawn here.

use crate::chance;
use longrun_store::{Location, MigrateError, Migrated, Tell};

/// Moves a store with everything in it. One that has made no ids yet gets the secret that they are made with.
pub async fn migrate(
    from: &Location,
    to: &Location,
    tell: Tell<'_>,
) -> Result<Migrated, MigrateError> {
    longrun_store::migrate(from, to, chance::secret_bytes(), tell).await
}
