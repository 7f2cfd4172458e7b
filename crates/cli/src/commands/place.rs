//! Which store a command is for that works on a store and not on a server.

use crate::environment::environment;
use crate::settings::{Layer, Settings};
use crate::usage::UsageError;
use longrun_server::StoreUrl;
use longrun_store::Location;
use std::path::PathBuf;

/// The arguments that say so.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(super) struct PlaceArgs {
    /// The store; without it the one that `serve` would use [env: LONGRUN_STORE]
    #[arg(long, value_name = "URL")]
    store: Option<StoreUrl>,
    /// The file with the settings [env: LONGRUN_CONFIG] [default: longrun.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl PlaceArgs {
    /// Where the store is.
    pub(super) fn location(self) -> Result<Location, UsageError> {
        let flags = Layer {
            store: self.store,
            ..Layer::default()
        };
        let settings = Settings::read(flags, self.config.as_deref(), &environment)?;
        location(&settings.store)
    }
}

/// Where a store is that outlives its server.
pub(super) fn location(store: &StoreUrl) -> Result<Location, UsageError> {
    store.location().ok_or_else(|| {
        UsageError("a memory: store lives inside its server, and nothing is left of it".to_owned())
    })
}
