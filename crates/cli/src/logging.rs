//! The log, on stderr.

use crate::usage::UsageError;
use tracing_subscriber::EnvFilter;

/// Writes the log from here on: what `LONGRUN_LOG` lets through, or else what `default` does.
pub(crate) fn start(default: &str, as_json: bool) -> Result<(), UsageError> {
    let directives =
        crate::environment::environment("LONGRUN_LOG").unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&directives)
        .map_err(|error| UsageError(format!("LONGRUN_LOG: `{directives}`: {error}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    if as_json {
        builder.json().init();
    } else {
        builder.init();
    }
    Ok(())
}
