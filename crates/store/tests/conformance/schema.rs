//! A schema of its own for each test, in the database that `LONGRUN_TEST_POSTGRES` names.

use longrun_store::PostgresUrl;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

/// A schema. Dropping it drops all that is in it.
pub(crate) struct Schema {
    server: String,
    name: String,
}

impl Schema {
    /// A new schema. None, and a word about it, if the tests were given no server.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var("LONGRUN_TEST_POSTGRES") else {
            eprintln!("skipped: LONGRUN_TEST_POSTGRES names no server");
            return None;
        };
        let name = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let schema = Self { server, name };
        schema.run(&format!("CREATE SCHEMA {}", schema.name));
        Some(schema)
    }

    /// The address of the schema. Timers are not spread, as there is one server at a time.
    pub(crate) fn url(&self) -> PostgresUrl {
        self.url_with("timer_spread_ms=0")
    }

    /// The same with these parameters.
    pub(crate) fn url_with(&self, parameters: &str) -> PostgresUrl {
        self.url_at(&self.server, parameters)
    }

    fn url_at(&self, server: &str, parameters: &str) -> PostgresUrl {
        let separator = if server.contains('?') { '&' } else { '?' };
        let path = format!("-c%20search_path={}", self.name);
        let url = format!("{server}{separator}options={path}&{parameters}");
        url.parse().unwrap()
    }

    /// The same for another user, who needs no password.
    pub(crate) fn url_as(&self, user: &str) -> PostgresUrl {
        let (_, rest) = self.server.split_once('@').unwrap();
        self.url_at(&format!("postgres://{user}@{rest}"), "")
    }

    /// The address of the schema through somebody who stands between.
    pub(crate) fn url_through(&self, between: SocketAddr) -> PostgresUrl {
        let server = self
            .server
            .replace(&self.address().to_string(), &between.to_string());
        self.url_at(&server, "")
    }

    /// Where the server listens. The tests are given its number, not its name.
    pub(crate) fn address(&self) -> SocketAddr {
        let (_, rest) = self.server.split_once('@').unwrap();
        let (address, _) = rest.split_once('/').unwrap();
        address.parse().unwrap()
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs statements in the schema, as an administrator would.
    pub(crate) fn run(&self, sql: &str) {
        runtime().block_on(self.run_async(sql));
    }

    /// The same for tests that have a runtime.
    pub(crate) async fn run_async(&self, sql: &str) {
        let client = self.connect().await;
        let path = format!("SET search_path = {}", self.name);
        client.batch_execute(&path).await.unwrap();
        client.batch_execute(sql).await.unwrap();
    }

    /// A connection that sees the schema only when told to.
    pub(crate) async fn connect(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.server, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        self.run(&format!("DROP SCHEMA {} CASCADE", self.name));
    }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
