//! What is kept beside the operations: access keys, documents, the secret of ids.

use crate::EngineError;
use crate::engine::{Engine, unavailable, unreachable_result};
use longrun_store::{AccessKey, Document, PutDocument, Write, Written};

impl Engine {
    /// All access keys.
    pub async fn access_keys(&self) -> Result<Vec<AccessKey>, EngineError> {
        self.shared
            .store
            .access_keys()
            .await
            .map_err(|error| unavailable(&error))
    }

    /// Keeps an access key, in place of one with the same id.
    pub async fn put_access_key(&self, access_key: AccessKey) -> Result<(), EngineError> {
        self.shared
            .commits
            .commit(Write::PutAccessKey(access_key))
            .await
            .map(|_| ())
    }

    /// Forgets an access key.
    pub async fn remove_access_key(&self, id: &str) -> Result<(), EngineError> {
        self.shared
            .commits
            .commit(Write::RemoveAccessKey(id.into()))
            .await
            .map(|_| ())
    }

    /// The document with this name, if there is one.
    pub async fn document(&self, name: &str) -> Result<Option<Document>, EngineError> {
        let found = self.shared.store.document(name).await;
        found.map_err(|error| unavailable(&error))
    }

    /// Keeps or removes a document, if it is still what it was: the version that it has now.
    pub async fn put_document(&self, put: PutDocument) -> Result<Option<u64>, EngineError> {
        let written = self.shared.commits.commit(Write::PutDocument(put)).await?;
        let Written::Document(version) = written else {
            unreachable_result(&written)
        };
        Ok(version)
    }

    /// The secret that textual ids are made with.
    pub async fn id_secret(&self, proposal: [u8; 16]) -> Result<[u8; 16], EngineError> {
        self.shared
            .store
            .id_secret(proposal)
            .await
            .map_err(|error| unavailable(&error))
    }
}
