//! The connections to the database, shared by all calls.

use crate::StoreError;
use crate::doing::Doing;
use crate::postgres::failure::{Failure, Sort};
use crate::postgres::session::Session;
use crate::postgres::{PostgresUrl, tls};
use deadpool_postgres::{Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime};
use std::time::Duration;

/// How long the database may take when nobody waits for it but whoever moves or checks a whole store.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long connecting may take to a database that did not answer a moment ago.
const BRIEF: Duration = Duration::from_millis(500);
/// How often a read is tried, if the database does not answer.
const READS_MAX: u32 = 3;
/// The pause before the second of them.
const READ_PAUSE: Duration = Duration::from_millis(50);

/// The connections.
#[derive(Debug)]
pub(super) struct Connections {
    pool: Pool,
    timeout: Duration,
}

impl Connections {
    /// Connections to the database at `url`. None is made yet.
    pub(super) fn new(url: &PostgresUrl) -> Result<Self, StoreError> {
        let config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(url.config().clone(), tls::connector(url)?, config);
        let pool = Pool::builder(manager)
            .max_size(url.pool_size())
            // The database's process that worked last has what it needs at hand.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(url.pool_wait()))
            .create_timeout(Some(url.timeout()))
            .runtime(Runtime::Tokio1)
            .build()
            .doing("set up the connections to the database")?;
        Ok(Self {
            pool,
            timeout: url.timeout(),
        })
    }

    /// A connection for one call.
    pub(super) async fn session(&self) -> Result<Session, Failure> {
        let connection = self.pool.get().await.map_err(Failure::of_pool)?;
        Ok(Session::new(connection, self.timeout))
    }

    /// A connection to a database that did not answer a moment ago: nobody waits long for it again.
    pub(super) async fn brief_session(&self) -> Result<Session, Failure> {
        let mut timeouts = self.pool.timeouts();
        timeouts.create = timeouts.create.map(|usual| usual.min(BRIEF));
        let connection = self.pool.timeout_get(&timeouts).await;
        Ok(Session::new(
            connection.map_err(Failure::of_pool)?,
            self.timeout,
        ))
    }

    /// A connection for what may take long.
    pub(super) async fn patient_session(&self) -> Result<Session, Failure> {
        let connection = self.pool.get().await.map_err(Failure::of_pool)?;
        Ok(Session::new(connection, self.timeout.max(PATIENCE)))
    }

    /// Forgets the connections that are free: after one was lost, the others lead to the same place.
    pub(super) fn forget_idle(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Carries out `read`, and again if its connection turns out to be lost: reading twice harms nobody.
    pub(super) async fn read<R, F: Future<Output = Result<R, Failure>>>(
        &self,
        read: impl Fn() -> F,
    ) -> Result<R, StoreError> {
        let mut tries = 1;
        loop {
            let failure = match read().await {
                Ok(result) => return Ok(result),
                Err(failure) => failure,
            };
            match failure.sort {
                Sort::Lost => self.forget_idle(),
                Sort::Crossed => (),
                Sort::Retired | Sort::Final => return Err(failure.error),
            }
            if tries == READS_MAX {
                return Err(failure.error);
            }
            tokio::time::sleep(READ_PAUSE * tries).await;
            tries += 1;
        }
    }
}
