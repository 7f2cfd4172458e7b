//! `longrun list`.

use super::show;
use crate::client;
use crate::client::wire::{Operation, OperationPage};
use crate::environment::environment;
use crate::out;
use crate::table::Table;
use longrun_model::Phase;
use longrun_model::limits::PAGE_MAX;
use serde_json::value::RawValue;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only those with this status
    #[arg(long, value_parser = status)]
    status: Option<Phase>,
    /// Only those of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Only those with this label; can be given several times
    #[arg(long = "label", value_name = "K=V", value_parser = super::submit::label)]
    labels: Vec<(String, String)>,
    /// Only those of this project
    #[arg(long)]
    project: Option<String>,
    /// Only those that do not get on: queued too long, running without news, tried again and again
    #[arg(long)]
    stuck: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: client::ServerArgs,
}

/// Lists operations.
pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let client = args.server.client(&environment)?;
    let limit = usize::try_from(args.limit)?;
    let mut all = OperationPage::default();
    while all.operations.len() < limit {
        let wanted = (limit - all.operations.len()).min(PAGE_MAX);
        let token = all.next_page_token.take();
        let page: OperationPage = client
            .operations(&query(args, wanted, token))
            .await?
            .read()?;
        all.operations.extend(page.operations);
        all.next_page_token = page.next_page_token;
        // A page may be short although there is another one.
        if all.next_page_token.is_none() {
            break;
        }
    }
    if args.json {
        out::line(&serde_json::to_string(&all)?)?;
    } else {
        out::line(&table(&all.operations, args.stuck)?.text())?;
    }
    Ok(())
}

fn query(args: &Args, page_size: usize, token: Option<String>) -> Vec<(&'static str, String)> {
    let labels = args
        .labels
        .iter()
        .map(|(key, value)| ("label", format!("{key}={value}")));
    let others = [
        (
            "status",
            args.status.map(|status| status.as_str().to_owned()),
        ),
        ("kind", args.kind.clone()),
        ("project", args.project.clone()),
        ("stuck", args.stuck.then(|| "true".to_owned())),
        ("page_size", Some(page_size.to_string())),
        ("page_token", token),
    ];
    let others = others
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    others.chain(labels).collect()
}

fn table(operations: &[Box<RawValue>], stuck: bool) -> anyhow::Result<Table> {
    let mut table = Table::new([
        "OPERATION",
        "KIND",
        "STATUS",
        "RESOURCES",
        "CREATED",
        if stuck { "STUCK" } else { "ENDED" },
    ]);
    for operation in operations {
        let operation: Operation = serde_json::from_str(operation.get())?;
        let tally = show::tally(&operation).unwrap_or_default();
        let last = if stuck {
            operation.stuck
        } else {
            operation.ended_at
        };
        table.row([
            operation.id,
            operation.kind,
            operation.status,
            tally,
            operation.created_at,
            last.unwrap_or_default(),
        ]);
    }
    Ok(table)
}

/// Reads a status.
pub(super) fn status(text: &str) -> Result<Phase, String> {
    Phase::from_word(text).ok_or_else(|| {
        let words = Phase::ALL.map(Phase::as_str).join(", ");
        format!("it must be one of {words}")
    })
}
