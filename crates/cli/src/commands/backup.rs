//! `longrun backup`: a copy of a store file, whoever uses it.

use super::place::PlaceArgs;
use crate::out;
use crate::usage::UsageError;
use longrun_store::Location;
use serde_json::json;
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file to make; there must be none
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Copies the store.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let from = match args.place.location()? {
        Location::File(path) => path,
        Location::Database(_) => {
            let text = "a postgres:// store is backed up with the tools of its database: pg_dump, or a base backup with \
                        its archived log; docs/postgresql.md tells how";
            return Err(UsageError(text.to_owned()).into());
        }
    };
    let bytes = longrun_store::backup(&from, &args.file)?;
    if args.json {
        let copy = json!({ "file": args.file.display().to_string(), "bytes": bytes });
        out::line(&copy.to_string())?;
    } else {
        out::line(&format!("{} ({bytes} bytes)", args.file.display()))?;
    }
    out::note("The master key is not in it: keep that elsewhere.");
    Ok(())
}
