//! `longrun check`: whether all in a store fits together.

use super::place::PlaceArgs;
use super::progress::Progress;
use crate::exit::Outcome;
use crate::out;
use crate::table::{Table, printable};
use longrun_store::{Checked, check};
use serde_json::json;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Checks the store: a failure if something is wrong.
pub(crate) async fn run(args: Args) -> anyhow::Result<Outcome> {
    let location = args.place.location()?;
    let progress = Progress::new();
    let checked = check(&location, &|step| progress.tell(step)).await;
    progress.end();
    let checked = checked?;
    if args.json {
        out::line(&as_json(&checked).to_string())?;
    } else {
        out::line(&table(&checked).text())?;
    }
    for fault in &checked.faults {
        out::note(&format!("longrun: {}", printable(fault)));
    }
    let told = checked.faults.len() as u64;
    if checked.faults_total > told {
        let more = checked.faults_total - told;
        out::note(&format!("longrun: and {more} more"));
    }
    if checked.faults_total > 0 {
        return Ok(Outcome::Failed);
    }
    Ok(Outcome::Succeeded)
}

/// What was found, as a table of two columns.
pub(super) fn table(checked: &Checked) -> Table {
    let mut table = Table::bare();
    for (name, count) in [
        ("operations", checked.operations),
        ("of them removed", checked.removed),
        ("resources", checked.resources),
        ("events", checked.events),
        ("access keys", checked.access_keys),
        ("faults", checked.faults_total),
    ] {
        table.row([name.to_owned(), count.to_string()]);
    }
    table
}

/// The same for programs.
pub(super) fn as_json(checked: &Checked) -> serde_json::Value {
    json!({
        "operations": checked.operations,
        "removed": checked.removed,
        "resources": checked.resources,
        "events": checked.events,
        "access_keys": checked.access_keys,
        "faults_total": checked.faults_total,
        "faults": checked.faults,
    })
}
