//! A database in the hands of whoever moves it.

use crate::StoreError;
use crate::archive::{Archive, Contents, Documents, Holder, Parcel, State, arrived};
use crate::layout::row_id;
use crate::postgres::archive::PostgresArchive;
use crate::postgres::connections::Connections;
use crate::postgres::failure::Failure;
use crate::postgres::found::Found;
use crate::postgres::session::{Step, column};
use crate::postgres::{PostgresUrl, lines, reads, save, schema, waiting};
use crate::record::{self, Unreadable};
use crate::workset::{AccessKeyChange, Changes};
use futures_util::future::{BoxFuture, FutureExt};

const STATE: &str = "SELECT value FROM meta WHERE name = 'state'";
const MARK: &str = "UPDATE meta SET value = $1 WHERE name = 'state'";
/// Waits for the commits that servers are making, and has their next ones fail: each of these names its server.
const DISMISS: [&str; 3] = [
    "SELECT id FROM server ORDER BY id FOR UPDATE",
    "DELETE FROM change",
    "DELETE FROM server",
];
const PUT_DOCUMENTS: &str = "
    INSERT INTO document (name, version, body)
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[])
    ON CONFLICT (name) DO UPDATE SET version = excluded.version, body = excluded.body";
const SET_KEY: &str = "SELECT setval('operation_key', $1)";
/// The server whose turns are those that came from another store: none has this number.
const NO_SERVER: i64 = 0;

/// A database that is in nobody else's hands once it is marked.
pub(crate) struct PostgresHolder(Connections);

impl PostgresHolder {
    /// Takes hold of the database at `url`, and makes its tables if there are none.
    pub(crate) async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        let connections = Connections::new(url)?;
        schema::prepare(&connections, url).await?;
        Ok(Self(connections))
    }

    /// Carries out `steps` in one transaction. None of them does harm if it is done twice, but for filling, which would
    /// be refused.
    async fn transact(&self, steps: &[Step]) -> Result<(), StoreError> {
        let session = self.0.patient_session().await;
        let session = session.map_err(|failure| failure.error)?;
        let done = session.pipeline(Some("BEGIN"), steps, Some("COMMIT")).await;
        done.map_err(|failure| failure.error)?;
        session.settle();
        Ok(())
    }
}

impl Holder for PostgresHolder {
    fn archive(&self) -> BoxFuture<'_, Result<Box<dyn Archive>, StoreError>> {
        async move {
            let archive = PostgresArchive::new(&self.0).await?;
            Ok(Box::new(archive) as Box<dyn Archive>)
        }
        .boxed()
    }

    fn state(&self) -> BoxFuture<'_, Result<State, StoreError>> {
        state(&self.0).boxed()
    }

    fn mark(&self, state: State) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let doing = "say what may be done with the store";
            // First of all, so that a server that registers meanwhile either sees it or is seen.
            let mut steps = vec![Step {
                doing,
                sql: MARK.into(),
                values: vec![Box::new(record::write_state(&state))],
            }];
            steps.extend(DISMISS.map(|sql| Step {
                doing,
                sql: sql.into(),
                values: Vec::new(),
            }));
            self.transact(&steps).await
        }
        .boxed()
    }

    fn id_secret(&self, proposal: [u8; 16]) -> BoxFuture<'_, Result<[u8; 16], StoreError>> {
        reads::id_secret(&self.0, proposal).boxed()
    }

    fn fill(&self, parcels: Vec<Parcel>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut changes = Changes::default();
            let mut histories = Vec::new();
            let mut places = Vec::new();
            for mut parcel in parcels {
                let key = parcel.operation.key;
                let row = row_id(key);
                let own = std::mem::take(&mut parcel.places).into_iter();
                places.extend(own.map(|(line, ticket)| (line, ticket, key)));
                let (touched, parts) = arrived(parcel);
                changes.operations.push(touched);
                histories.extend(parts.into_iter().map(|(last, blob)| (row, last, blob)));
            }
            let mut steps = save::saves(&Found::default(), &changes).one_by_one();
            steps.extend(save::histories(histories));
            steps.extend(lines::join(places));
            self.transact(&steps).await
        }
        .boxed()
    }

    fn put_documents(&self, documents: Documents) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let (mut names, mut versions, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
            for (name, document) in documents {
                names.push(name.as_bytes().to_vec());
                versions.push(document.version.cast_signed());
                bodies.push(document.body.map(<[u8]>::into_vec));
            }
            let step = Step {
                doing: "save documents",
                sql: PUT_DOCUMENTS.into(),
                values: vec![Box::new(names), Box::new(versions), Box::new(bodies)],
            };
            self.transact(&[step]).await
        }
        .boxed()
    }

    fn furnish(&self, contents: Contents) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let access_keys = contents.access_keys.into_iter();
            let changes = Changes {
                access_keys: access_keys.map(AccessKeyChange::Put).collect(),
                ..Changes::default()
            };
            let mut steps = save::saves(&Found::default(), &changes).one_by_one();
            steps.extend(waiting::save(
                NO_SERVER,
                &contents.turns.into_iter().collect(),
            ));
            if contents.last_key > 0 {
                steps.push(Step {
                    doing: "go on after the last key",
                    sql: SET_KEY.into(),
                    values: vec![Box::new(contents.last_key.cast_signed())],
                });
            }
            self.transact(&steps).await
        }
        .boxed()
    }
}

/// What may be done with the store.
pub(super) async fn state(connections: &Connections) -> Result<State, StoreError> {
    connections
        .read(|| async {
            let session = connections.session().await?;
            let doing = "read what may be done with the store";
            let rows = session.query(doing, STATE, Vec::new()).await?;
            session.settle();
            let blob: &[u8] = rows.first().map_or(Ok(&[][..]), |row| column(row, 0))?;
            let damaged =
                |Unreadable| StoreError::Unsuitable("the state of the store is damaged".to_owned());
            record::read_state(blob).map_err(|error| Failure::from(damaged(error)))
        })
        .await
}
