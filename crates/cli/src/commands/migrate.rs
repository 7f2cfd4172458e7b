//! `longrun migrate`: a store moves to another place.

use super::check;
use super::place::location;
use super::progress::Progress;
use crate::out;
use crate::usage::UsageError;
use longrun_server::{StoreUrl, migrate};
use longrun_store::{Location, Migrated, abandon};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store to move; no server may use it
    #[arg(long, value_name = "URL")]
    from: StoreUrl,
    /// Where to move it: a file or a database that no server has ever used
    #[arg(long, value_name = "URL", required_unless_present = "abandon")]
    to: Option<StoreUrl>,
    /// Give up a move that was not finished: servers may use --from again, and what is half filled is of no use
    #[arg(long, conflicts_with = "to")]
    abandon: bool,
    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Moves the store.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let from = location(&args.from)?;
    let Some(to) = &args.to else {
        return give_up(&from, args.json).await;
    };
    let to = location(to)?;
    if let Location::File(path) = &from
        && !path.exists()
    {
        return Err(UsageError(format!("there is no file `{}`", path.display())).into());
    }
    let progress = Progress::new();
    let migrated = migrate(&from, &to, &|step| progress.tell(step)).await;
    progress.end();
    show(&migrated?, &from, &to, args.json)
}

async fn give_up(from: &Location, as_json: bool) -> anyhow::Result<()> {
    abandon(from).await?;
    if as_json {
        let text = serde_json::json!({ "from": from.to_string(), "state": "open" });
        out::line(&text.to_string())?;
    } else {
        out::line(&format!("servers may use {from} again"))?;
    }
    Ok(())
}

fn show(migrated: &Migrated, from: &Location, to: &Location, as_json: bool) -> anyhow::Result<()> {
    let digest = hex::encode(migrated.digest);
    let keys = migrated.idempotency_keys;
    if as_json {
        let mut all = check::as_json(&migrated.checked);
        all["idempotency_keys"] = keys.into();
        all["resumed"] = migrated.resumed.into();
        all["sha256"] = digest.into();
        out::line(&all.to_string())?;
    } else {
        let mut table = check::table(&migrated.checked);
        table.row(["idempotency keys".to_owned(), keys.to_string()]);
        table.row(["sha256 of both".to_owned(), digest]);
        out::line(&table.text())?;
    }
    out::note(&format!(
        "{to} is the store now, and {from} is refused by servers."
    ));
    out::note(
        "Start servers with the same master key as before: without it no access key can be opened.",
    );
    Ok(())
}
