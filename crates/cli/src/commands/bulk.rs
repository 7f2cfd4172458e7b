//! `longrun bulk`: the same done to many operations.

use crate::client;
use crate::client::wire::{Bulk, BulkAnswer};
use crate::environment::environment;
use crate::out;
use crate::usage::UsageError;
use longrun_model::Phase;
use std::collections::BTreeMap;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to do
    #[arg(value_name = "ACTION")]
    action: Action,
    /// Only to those with this status
    #[arg(long, value_parser = super::list::status)]
    status: Option<Phase>,
    /// Only to those of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Only to those with this label; can be given several times
    #[arg(long = "label", value_name = "K=V", value_parser = super::submit::label)]
    labels: Vec<(String, String)>,
    /// Only to those of this project
    #[arg(long)]
    project: Option<String>,
    /// Only to those that do not get on
    #[arg(long)]
    stuck: bool,
    /// Only to those submitted later than this, as RFC 3339
    #[arg(long, value_name = "TIME")]
    created_after: Option<String>,
    /// How much more time to give, for example 30m
    #[arg(long, value_name = "SPAN", value_parser = longrun_scenario::parse_ms, required_if_eq("action", "extend-deadline"))]
    by: Option<i64>,
    /// How to end them
    #[arg(long = "as", value_name = "STATUS", required_if_eq("action", "finish"))]
    end: Option<End>,
    /// Do it; without this, it is only counted how many there are
    #[arg(long)]
    yes: bool,
    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: client::ServerArgs,
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Action {
    /// Ask for them to be cancelled
    Cancel,
    /// Try again what failed: at once if another attempt waits for its time, as a new operation if it has ended
    Retry,
    /// Give them more time
    ExtendDeadline,
    /// End them by hand
    Finish,
    /// Delete those that have ended
    Delete,
}

/// How operations can be ended by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum End {
    Succeeded,
    Failed,
    Cancelled,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::ExtendDeadline => "extend_deadline",
            Self::Finish => "finish",
            Self::Delete => "delete",
        }
    }
}

impl End {
    const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Does it, part by part, or counts how many there are.
pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let client = args.server.client(&environment)?;
    let mut call = call(args)?;
    let mut all = BulkAnswer {
        preview: !args.yes,
        ..BulkAnswer::default()
    };
    loop {
        let part: BulkAnswer = client.bulk(&call).await?.read()?;
        all.matched += part.matched;
        all.done += part.done;
        all.skipped += part.skipped;
        call.page_token = part.next_page_token;
        if call.page_token.is_none() {
            break;
        }
    }
    out::line(&if args.json {
        serde_json::to_string(&all)?
    } else {
        told(args.action, &all)
    })?;
    Ok(())
}

fn call(args: &Args) -> Result<Bulk, UsageError> {
    let needs = |what: &str, action: Action| {
        UsageError(format!(
            "{what} is for `{}`",
            action.word().replace('_', "-")
        ))
    };
    if args.by.is_some() && args.action != Action::ExtendDeadline {
        return Err(needs("--by", Action::ExtendDeadline));
    }
    if args.end.is_some() && args.action != Action::Finish {
        return Err(needs("--as", Action::Finish));
    }
    Ok(Bulk {
        action: args.action.word(),
        preview: !args.yes,
        status: args.status.map(Phase::as_str),
        kind: args.kind.clone(),
        project: args.project.clone(),
        labels: args.labels.iter().cloned().collect(),
        stuck: args.stuck,
        created_after: args.created_after.clone(),
        extend_ms: args.by,
        finish: args.end.map(|end| BTreeMap::from([("status", end.word())])),
        page_token: None,
    })
}

fn told(action: Action, all: &BulkAnswer) -> String {
    let word = action.word().replace('_', "-");
    if all.preview {
        return format!("{word}: {} operations; --yes does it", all.matched);
    }
    let skipped = match all.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} skipped as they had changed"),
    };
    format!("{word}: {} operations{skipped}", all.done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn written(line: &str) -> Result<String, String> {
        let words = ["longrun", "bulk"].into_iter().chain(line.split(' '));
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        let Command::Bulk(args) = cli.command else {
            panic!("{line}");
        };
        let call = call(&args).map_err(|error| error.to_string())?;
        Ok(serde_json::to_string(&call).unwrap())
    }

    #[test]
    fn what_is_typed_is_what_is_asked() {
        for (line, expected) in [
            ("cancel", r#"{"action":"cancel","preview":true}"#),
            (
                "cancel --stuck --kind k --label a=b --status queued --yes",
                r#"{"action":"cancel","preview":false,"status":"queued","kind":"k","labels":{"a":"b"},"stuck":true}"#,
            ),
            (
                "extend-deadline --by 1m",
                r#"{"action":"extend_deadline","preview":true,"extend_ms":60000}"#,
            ),
            (
                "finish --as failed --project p",
                r#"{"action":"finish","preview":true,"project":"p","finish":{"status":"failed"}}"#,
            ),
        ] {
            assert_eq!(written(line).as_deref(), Ok(expected));
        }
        for line in [
            "explode",
            "finish",
            "extend-deadline",
            "cancel --by 1m",
            "retry --as failed",
        ] {
            assert!(written(line).is_err(), "{line}");
        }
    }

    #[test]
    fn people_are_told_what_was_done() {
        for (preview, skipped, expected) in [
            (true, 0, "cancel: 5 operations; --yes does it"),
            (false, 0, "cancel: 4 operations"),
            (
                false,
                1,
                "cancel: 4 operations, 1 skipped as they had changed",
            ),
        ] {
            let all = BulkAnswer {
                preview,
                matched: 5,
                done: 4,
                skipped,
                next_page_token: None,
            };
            assert_eq!(told(Action::Cancel, &all), expected);
        }
    }
}
