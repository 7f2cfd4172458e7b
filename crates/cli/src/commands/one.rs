//! `longrun get`, `cancel` and `delete`: one operation of a server.

use super::show;
use crate::client;
use crate::environment::environment;
use crate::out;

/// The arguments of commands about one operation.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The operation's id
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// Write JSON, for programs
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) server: client::ServerArgs,
}

/// Shows an operation.
pub(crate) async fn get(
    id: &str,
    as_json: bool,
    server: &client::ServerArgs,
) -> anyhow::Result<()> {
    let answer = server.client(&environment)?.operation(id).await?;
    show::operation(&answer, as_json)
}

/// Asks for an operation to be cancelled, and shows it.
pub(crate) async fn cancel(args: &Args) -> anyhow::Result<()> {
    let answer = args.server.client(&environment)?.cancel(&args.id).await?;
    show::operation(&answer, args.json)
}

/// Deletes an operation.
pub(crate) async fn delete(args: &Args) -> anyhow::Result<()> {
    args.server.client(&environment)?.delete(&args.id).await?;
    if args.json {
        out::line(&serde_json::json!({ "deleted": args.id }).to_string())?;
    } else {
        out::line(&format!("{} is deleted", args.id))?;
    }
    Ok(())
}
