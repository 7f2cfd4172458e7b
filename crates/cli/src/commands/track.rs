//! `longrun track`: lets the server follow a cloud's task.

use super::{follow, show};
use crate::client;
use crate::client::wire::{Operation, Submission};
use crate::environment::environment;
use crate::exit::Outcome;
use longrun_server::clouds::Task;
use serde::Serialize;
use serde_json::value::to_raw_value;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The task, as `longrun wait` takes it: tencent-bm:ID, huawei-elb:ID, and so on
    #[arg(value_name = "TARGET")]
    target: Task,
    /// The upstream of the server's settings that it is asked for at, if several are of its cloud
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// A label; can be given several times
    #[arg(long = "label", value_name = "K=V", value_parser = super::submit::label)]
    labels: Vec<(String, String)>,
    /// When the server gives up, for example 6h
    #[arg(long, value_name = "SPAN", value_parser = longrun_scenario::parse_ms)]
    deadline: Option<i64>,
    /// How long the result is kept after the end, for example 90d
    #[arg(long, value_name = "SPAN", value_parser = longrun_scenario::parse_ms)]
    retention: Option<i64>,
    /// The project it belongs to
    #[arg(long)]
    project: Option<String>,
    /// Wait for the end: 0 succeeded, 1 failed, 3 partly succeeded, 4 cancelled, 6 unknown or expired
    #[arg(long)]
    wait: bool,
    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: client::ServerArgs,
}

#[derive(Serialize)]
struct Input {
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<String>,
}

/// Hands the task to the server, and waits for its end if that is wanted.
pub(crate) async fn run(args: Args) -> anyhow::Result<Outcome> {
    let client = args.server.client(&environment)?;
    let input = Input {
        target: args.target.to_string(),
        upstream: args.upstream,
    };
    let submission = Submission {
        kind: "track".to_owned(),
        input: Some(to_raw_value(&input)?),
        project: args.project,
        labels: args.labels.into_iter().collect(),
        deadline_ms: args.deadline,
        retention_ms: args.retention,
        ..Submission::default()
    };
    let answer = client.submit(&submission, None).await?;
    if !args.wait {
        show::operation(&answer, args.json)?;
        return Ok(Outcome::Succeeded);
    }
    let operation: Operation = answer.read()?;
    let (answer, phase) = follow::to_the_end(&client, &operation).await?;
    show::operation(&answer, args.json)?;
    Ok(Outcome::of_end(phase))
}
