//! One connection while one call has it.

use crate::postgres::failure::{Failure, Sort};
use deadpool_postgres::Object;
use futures_util::future::{join_all, join3};
use std::borrow::Cow;
use std::time::Duration;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Row, Statement};

/// A value for a statement.
pub(super) type Value = Box<dyn ToSql + Sync + Send>;

/// One statement with its values.
pub(super) struct Step {
    /// What it is for.
    pub(super) doing: &'static str,
    /// The statement.
    pub(super) sql: Cow<'static, str>,
    /// Its values.
    pub(super) values: Vec<Value>,
}

/// A connection. Unless it is settled, it is closed and not used again: nobody knows what state it is in.
pub(super) struct Session {
    connection: Option<Object>,
    timeout: Duration,
}

impl Session {
    /// The session over a connection.
    pub(super) fn new(connection: Object, timeout: Duration) -> Self {
        Self {
            connection: Some(connection),
            timeout,
        }
    }

    /// Gives the connection back for others to use. There must be no transaction left on it.
    pub(super) fn settle(mut self) {
        self.connection = None;
    }

    fn connection(&self) -> &Object {
        self.connection
            .as_ref()
            .expect("it is taken only when the session ends")
    }

    /// Sends statements without values.
    pub(super) async fn batch(&self, doing: &'static str, sql: &str) -> Result<(), Failure> {
        let sent = self.connection().batch_execute(sql);
        match tokio::time::timeout(self.timeout, sent).await {
            Ok(done) => done.map_err(|error| Failure::of(doing, error)),
            Err(_) => Err(Failure::late(doing)),
        }
    }

    /// Sends a statement that is not to be kept prepared: the first column of its rows, as text.
    #[cfg(test)]
    pub(super) async fn simple(&self, sql: &str) -> Result<Vec<String>, Failure> {
        let messages = self.connection().simple_query(sql).await;
        let messages = messages.map_err(|error| Failure::of("explain", error))?;
        let row = |message| {
            if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                row.get(0).map(str::to_owned)
            } else {
                None
            }
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// Sends one statement.
    pub(super) async fn query(
        &self,
        doing: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Failure> {
        let sql = sql.into();
        let step = Step { doing, sql, values };
        let mut rows = self.pipeline(None, &[step], None).await?;
        Ok(rows.pop().unwrap_or_default())
    }

    /// Sends `first`, all steps and `last` at once, and waits for all answers: the rows of each step. The first step that
    /// failed says why; those after it did nothing if they are in one transaction.
    pub(super) async fn pipeline(
        &self,
        first: Option<&'static str>,
        steps: &[Step],
        last: Option<&'static str>,
    ) -> Result<Vec<Vec<Row>>, Failure> {
        let doing = steps
            .first()
            .map_or("talk to the database", |step| step.doing);
        match tokio::time::timeout(self.timeout, self.send(first, steps, last)).await {
            Ok(answers) => answers,
            Err(_) => Err(Failure::late(doing)),
        }
    }

    async fn send(
        &self,
        first: Option<&'static str>,
        steps: &[Step],
        last: Option<&'static str>,
    ) -> Result<Vec<Vec<Row>>, Failure> {
        let mut statements = Vec::with_capacity(steps.len());
        for step in steps {
            let statement = self.connection().prepare_cached(&step.sql).await;
            statements.push(statement.map_err(|error| Failure::of(step.doing, error))?);
        }
        // What is polled first is sent first.
        let (begun, answers, ended) = join3(
            self.control(first),
            join_all(
                steps
                    .iter()
                    .zip(&statements)
                    .map(|(step, statement)| self.step(step, statement)),
            ),
            self.control(last),
        )
        .await;
        begun?;
        let mut all = Vec::with_capacity(answers.len());
        let mut failed: Option<Failure> = None;
        for answer in answers {
            match answer {
                Ok(rows) => all.push(rows),
                // That the connection is lost matters more than what was wrong before.
                Err(failure) if failed.is_none() || failure.sort == Sort::Lost => {
                    failed = Some(failure);
                }
                Err(_) => (),
            }
        }
        match failed {
            Some(failure) => Err(failure),
            None => ended.map(|()| all),
        }
    }

    async fn control(&self, sql: Option<&'static str>) -> Result<(), Failure> {
        let Some(sql) = sql else { return Ok(()) };
        let done = self.connection().batch_execute(sql).await;
        done.map_err(|error| Failure::of("begin or end a transaction", error))
    }

    async fn step(&self, step: &Step, statement: &Statement) -> Result<Vec<Row>, Failure> {
        let values: Vec<&(dyn ToSql + Sync)> = step
            .values
            .iter()
            .map(|value| &**value as &(dyn ToSql + Sync))
            .collect();
        let rows = self.connection().query(statement, &values).await;
        rows.map_err(|error| Failure::of(step.doing, error))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}

/// The value of a column.
pub(super) fn column<'r, T: FromSql<'r>>(row: &'r Row, index: usize) -> Result<T, Failure> {
    row.try_get(index).map_err(|error| Failure {
        sort: Sort::Final,
        ..Failure::of("read a column", error)
    })
}
