//! `longrun emulate`.

use super::serve::{self, tell_key};
use crate::environment::environment;
use crate::exit::Outcome;
use crate::settings::{Layer, Settings};
use crate::signals::{self, Halt};
use crate::usage::UsageError;
use crate::{exports, logging, out, room};
use anyhow::Context;
use longrun_emulator::{Emulator, EmulatorSettings, Scenario};
use longrun_server::StoreUrl;
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(crate) struct Args {
    /// What happens: scenario files, the first rule that matches holds [default: each operation succeeds after 2 s]
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Whether time runs or stands still until it is moved [default: as the scenario says, else running]
    #[arg(long, value_name = "HOW")]
    clock: Option<Clock>,
    /// Play back a trace of polls that --record has written, here or for longrun wait
    #[arg(long, value_name = "FILE")]
    replay: Vec<PathBuf>,
    /// Write down what polls are told, as lines of JSON
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print the scenario that the files and traces come to, and end
    #[arg(long)]
    print: bool,
    /// Print the JSON Schema of scenario files, and end
    #[arg(long)]
    schema: bool,
    /// The file with the settings [env: LONGRUN_CONFIG] [default: longrun.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Layer,
}

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Clock {
    /// As in the world.
    Running,
    /// Not at all, until it is moved.
    Frozen,
}

/// Emulates until a signal comes.
pub(crate) async fn run(args: Args) -> anyhow::Result<Outcome> {
    if args.schema {
        out::line(&longrun_scenario::schema())?;
        return Ok(Outcome::Succeeded);
    }
    let scenario = read(&args)?;
    if args.print {
        out::line(&scenario.write().context("the scenario cannot be written")?)?;
        return Ok(Outcome::Succeeded);
    }
    let mut flags = args.flags;
    // An emulator forgets, unless it is told where to keep.
    if flags.store.is_none() && environment("LONGRUN_STORE").is_none() {
        flags.store = Some(StoreUrl::Memory);
    }
    let settings = Settings::read(flags, args.config.as_deref(), &environment)?;
    logging::start("info", settings.log_json)?;
    room::ask();
    let mut halt = signals::watch()?;
    let is_secure = settings.tls.is_some();
    let is_kept = settings.store != StoreUrl::Memory;
    let store = if is_kept {
        Some(settings.store.open().await?)
    } else {
        None
    };
    let is_dev = settings.is_dev || !is_kept;
    let server = serve::server_settings(settings, is_dev)?;
    let emulator = Emulator::start(EmulatorSettings {
        scenario,
        listen: server.listen,
        tls: server.tls,
        frozen: args.clock.map(|clock| clock == Clock::Frozen),
        store,
        record: args.record,
        dev: server.dev,
        master_key: server.master_key,
        dialects: server.dialects,
        kinds: server.kinds,
    })
    .await?;
    if is_dev {
        let url = exports::server_url(emulator.address(), is_secure);
        tell_key(&url, emulator.key())?;
    }
    signals::at_least(&mut halt, Halt::Soon).await;
    tokio::select! {
        () = emulator.stop() => Ok(Outcome::Succeeded),
        () = signals::at_least(&mut halt, Halt::Now) => Ok(Outcome::Failed),
    }
}

/// The scenario that all files and traces come to.
fn read(args: &Args) -> anyhow::Result<Scenario> {
    let mut all = Scenario::default();
    for path in &args.scenarios {
        let name = path.display().to_string();
        let text = text_of(path)?;
        let scenario =
            Scenario::read(&name, &text).map_err(|error| UsageError(error.to_string()))?;
        all.append(scenario);
    }
    for path in &args.replay {
        let name = path.display().to_string();
        let text = text_of(path)?;
        let scenario = longrun_scenario::replay(&name, &text)
            .map_err(|error| UsageError(error.to_string()))?;
        all.append(scenario);
    }
    Ok(all)
}

fn text_of(path: &std::path::Path) -> Result<String, UsageError> {
    std::fs::read_to_string(path)
        .map_err(|error| UsageError(format!("`{}`: {error}", path.display())))
}
