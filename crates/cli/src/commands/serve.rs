//! `longrun serve`.

use crate::environment::environment;
use crate::exit::Outcome;
use crate::settings::{Layer, Settings};
use crate::signals::{self, Halt};
use crate::{exports, logging, out, room};
use longrun_dialects::Options;
use longrun_server::{NewKey, Server};
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(crate) struct Args {
    /// The file with the settings [env: LONGRUN_CONFIG] [default: longrun.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Layer,
}

/// Serves until a signal comes.
pub(crate) async fn run(args: Args) -> anyhow::Result<Outcome> {
    let settings = Settings::read(args.flags, args.config.as_deref(), &environment)?;
    logging::start("info", settings.log_json)?;
    room::ask();
    let mut halt = signals::watch()?;
    let store = settings.store.open().await?;
    let is_secure = settings.tls.is_some();
    let is_dev = settings.is_dev;
    let server = Server::start(server_settings(settings, is_dev)?, store).await?;
    if is_dev {
        tell_key(
            &exports::server_url(server.address(), is_secure),
            server.dev_key(),
        )?;
    }
    signals::at_least(&mut halt, Halt::Soon).await;
    tracing::info!("no new requests; finishing those that run");
    tokio::select! {
        () = server.stop() => Ok(Outcome::Succeeded),
        () = signals::at_least(&mut halt, Halt::Now) => {
            tracing::warn!("ended at once, without waiting for requests that run");
            Ok(Outcome::Failed)
        }
    }
}

pub(super) fn server_settings(
    settings: Settings,
    dev: bool,
) -> anyhow::Result<longrun_server::Settings> {
    Ok(longrun_server::Settings {
        master_key: settings.master_key()?,
        listen: settings.listen,
        tls: settings.tls,
        dev: dev.then_some(settings.dev),
        dialects: Options {
            host_aliases: settings.host_aliases,
            catalogue: settings.catalogue,
            ..Options::default()
        },
        kinds: settings.kinds,
        accounts: settings.accounts,
        rates: settings.rates,
        stuck: settings.stuck,
        executors: settings.executors,
        token_ms: settings.token_ms,
        upstreams: settings.upstreams,
        takeover_ms: settings.takeover_ms,
    })
}

pub(super) fn tell_key(server: &str, key: Option<&NewKey>) -> anyhow::Result<()> {
    let Some(key) = key else {
        out::note("longrun: --dev makes no key, because the store has one already");
        return Ok(());
    };
    for line in exports::lines(server, key) {
        out::line(&line)?;
    }
    Ok(())
}
