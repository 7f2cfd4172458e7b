//! Why a server does not start.

use crate::keys::KeyError;
use longrun_engine::EngineError;
use longrun_store::StoreError;
use std::net::SocketAddr;
use tokio_rustls::rustls::{self, pki_types::pem};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not one of this machine.
    #[error("could not listen on {address}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The store did not answer.
    #[error("the store did not answer")]
    Engine(#[from] EngineError),
    /// The key for development could not be made.
    #[error("the key for development could not be made")]
    DevKey(#[from] KeyError),
    /// The certificate or its key cannot be read.
    #[error("could not read `{path}`")]
    Pem {
        /// Which file.
        path: String,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// An executor cannot do its work.
    #[error("the executor of kind `{kind}` cannot be used")]
    Executor {
        /// Whose operations it was to carry out.
        kind: String,
        /// What it lacks.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something cannot be kept from the start.
    #[error("the shelf `{shelf}` cannot be filled")]
    Shelf {
        /// Which one.
        shelf: String,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The certificate and its key cannot be used.
    #[error("the certificate cannot be used")]
    Tls(#[from] rustls::Error),
}

impl StartError {
    pub(crate) fn executor(kind: &str, source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        let kind = kind.to_owned();
        Self::Executor { kind, source }
    }
}
