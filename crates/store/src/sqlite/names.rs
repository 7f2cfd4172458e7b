//! Accounts and kinds stand in the large tables as small numbers.

use crate::StoreError;
use crate::doing::Doing;
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use std::collections::HashMap;

/// The numbers of names, with those that one connection has met.
#[derive(Debug)]
pub(super) struct Names {
    statements: &'static Statements,
    numbers: HashMap<Box<str>, i64>,
    texts: HashMap<i64, Box<str>>,
}

#[derive(Debug)]
struct Statements {
    find: &'static str,
    name: &'static str,
    add: &'static str,
}

const ACCOUNT: Statements = Statements {
    find: "SELECT id FROM account WHERE name = ?1",
    name: "SELECT name FROM account WHERE id = ?1",
    add: "INSERT INTO account (name) VALUES (?1) RETURNING id",
};

const KIND: Statements = Statements {
    find: "SELECT id FROM kind WHERE name = ?1",
    name: "SELECT name FROM kind WHERE id = ?1",
    add: "INSERT INTO kind (name) VALUES (?1) RETURNING id",
};

/// How many names a connection remembers.
const REMEMBERED_MAX: usize = 10_000;

impl Names {
    /// The accounts.
    pub(super) fn of_accounts() -> Self {
        Self::new(&ACCOUNT)
    }

    /// The kinds.
    pub(super) fn of_kinds() -> Self {
        Self::new(&KIND)
    }

    fn new(statements: &'static Statements) -> Self {
        Self {
            statements,
            numbers: HashMap::new(),
            texts: HashMap::new(),
        }
    }

    /// The number of `name`, if it has one.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        name: &str,
    ) -> Result<Option<i64>, StoreError> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(Some(*number));
        }
        let found = prepare(connection, self.statements.find)?
            .query_row([name], |row| row.get(0))
            .optional()
            .doing("look up a name")?;
        if let Some(number) = found {
            self.remember(number, name);
        }
        Ok(found)
    }

    /// The number of `name`, which gets one if it has none.
    pub(super) fn intern(
        &mut self,
        connection: &Connection,
        name: &str,
    ) -> Result<i64, StoreError> {
        if let Some(number) = self.find(connection, name)? {
            return Ok(number);
        }
        let number = prepare(connection, self.statements.add)?
            .query_row([name], |row| row.get(0))
            .doing("add a name")?;
        self.remember(number, name);
        Ok(number)
    }

    /// The name with this number, if there is one.
    pub(super) fn name(
        &mut self,
        connection: &Connection,
        number: i64,
    ) -> Result<Option<&str>, StoreError> {
        if !self.texts.contains_key(&number) {
            let found: Option<String> = prepare(connection, self.statements.name)?
                .query_row([number], |row| row.get(0))
                .optional()
                .doing("look up a name")?;
            if let Some(name) = found {
                self.remember(number, &name);
            }
        }
        Ok(self.texts.get(&number).map(|name| &**name))
    }

    fn remember(&mut self, number: i64, name: &str) {
        if self.texts.len() >= REMEMBERED_MAX {
            self.texts.clear();
            self.numbers.clear();
        }
        self.texts.insert(number, name.into());
        self.numbers.insert(name.into(), number);
    }
}

fn prepare<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, StoreError> {
    connection
        .prepare_cached(sql)
        .doing("prepare to look up a name")
}
