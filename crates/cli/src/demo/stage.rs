//! The server of the demonstration, in this process.

use crate::client::Client;
use crate::environment::{environment, variable};
use crate::exports;
use crate::settings;
use anyhow::Context;
use longrun_server::{NewKey, Server, Settings, StartError, StoreUrl};
use std::net::SocketAddr;
use std::path::Path;

/// A server, a key, and a client that has the key.
pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) url: String,
    pub(super) authority: String,
    pub(super) key: NewKey,
    pub(super) client: Client,
}

impl Stage {
    /// Starts a server on a new store in `folder`.
    pub(super) async fn start(listen: Option<SocketAddr>, folder: &Path) -> anyhow::Result<Self> {
        let chosen = match listen {
            Some(address) => Some(address),
            None => variable(&environment, "LONGRUN_LISTEN")?,
        };
        let store = StoreUrl::Sqlite(folder.join("longrun.db")).open().await?;
        let usual = settings::usual_listen();
        let started = Server::start(settings(chosen.unwrap_or(usual))?, store.clone()).await;
        let server = match started {
            // Nobody asked for this address, so another one does as well.
            Err(StartError::Listen { .. }) if chosen.is_none() => {
                let anywhere = SocketAddr::new(usual.ip(), 0);
                Server::start(settings(anywhere)?, store).await?
            }
            started => started?,
        };
        let key = server
            .dev_key()
            .context("a new store has no key, so one was made")?
            .clone();
        let url = exports::server_url(server.address(), false);
        Ok(Self {
            authority: exports::authority(server.address()),
            client: Client::new(&url, Some(key.token.clone()))?,
            server,
            url,
            key,
        })
    }
}

fn settings(listen: SocketAddr) -> anyhow::Result<Settings> {
    let dev = Some(settings::dev(&environment)?);
    Ok(Settings {
        listen,
        dev,
        ..Settings::default()
    })
}
