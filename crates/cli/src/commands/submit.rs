//! `longrun submit`.

use super::{follow, show};
use crate::client;
use crate::client::wire::{NewResource, Operation, Submission};
use crate::environment::environment;
use crate::exit::Outcome;
use crate::usage::UsageError;
use longrun_model::limits::PRIORITY_MAX;
use serde_json::value::RawValue;
use std::io::Read;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What shall be done
    #[arg(value_name = "KIND")]
    kind: String,
    /// What it works on; can be given several times
    #[arg(long = "resource", value_name = "ID")]
    resources: Vec<String>,
    /// What the worker needs to know: JSON, @FILE, or - for stdin
    #[arg(long, value_name = "JSON", value_parser = Input::named)]
    input: Option<Input>,
    /// A label; can be given several times
    #[arg(long = "label", value_name = "K=V", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Makes a repeated submit return the first operation
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// How long to wait before a worker gets it, for example 10m
    #[arg(long, value_name = "SPAN", value_parser = longrun_scenario::parse_ms, conflicts_with = "not_before")]
    delay: Option<i64>,
    /// Before when no worker gets it, as RFC 3339
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// When unfinished work expires, for example 30m
    #[arg(long, value_name = "SPAN", value_parser = longrun_scenario::parse_ms)]
    deadline: Option<i64>,
    /// How long the result is kept after the end, for example 7d
    #[arg(long, value_name = "SPAN", value_parser = longrun_scenario::parse_ms)]
    retention: Option<i64>,
    /// 0 to 9; higher is carried out earlier
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(..=i64::from(PRIORITY_MAX)))]
    priority: Option<u8>,
    /// The project it belongs to
    #[arg(long)]
    project: Option<String>,
    /// The region it is said to be in
    #[arg(long)]
    region: Option<String>,
    /// The resource group that permission is checked against
    #[arg(long, value_name = "GROUP")]
    resource_group: Option<String>,
    /// Wait for the end: 0 succeeded, 1 failed, 3 partly succeeded, 4 cancelled, 6 expired
    #[arg(long)]
    wait: bool,
    /// Write JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: client::ServerArgs,
}

/// Where the input stands.
#[derive(Clone, Debug)]
enum Input {
    Here(Box<RawValue>),
    File(String),
    Stdin,
}

/// Submits an operation, and waits for its end if that is wanted.
pub(crate) async fn run(args: Args) -> anyhow::Result<Outcome> {
    let client = args.server.client(&environment)?;
    let (wait, as_json) = (args.wait, args.json);
    let idempotency_key = args.idempotency_key.clone();
    let submission = submission(args)?;
    let answer = client
        .submit(&submission, idempotency_key.as_deref())
        .await?;
    if !wait {
        show::operation(&answer, as_json)?;
        return Ok(Outcome::Succeeded);
    }
    let operation: Operation = answer.read()?;
    let (answer, phase) = follow::to_the_end(&client, &operation).await?;
    show::operation(&answer, as_json)?;
    Ok(Outcome::of_end(phase))
}

fn submission(args: Args) -> Result<Submission, UsageError> {
    Ok(Submission {
        kind: args.kind,
        resources: args
            .resources
            .into_iter()
            .map(|id| NewResource {
                id,
                ..NewResource::default()
            })
            .collect(),
        input: args.input.map(Input::read).transpose()?,
        project: args.project,
        region: args.region,
        resource_group: args.resource_group,
        labels: args.labels.into_iter().collect(),
        priority: args.priority,
        not_before: args.not_before,
        delay_ms: args.delay,
        deadline_ms: args.deadline,
        retention_ms: args.retention,
    })
}

impl Input {
    fn named(text: &str) -> Result<Self, String> {
        Ok(match text.strip_prefix('@') {
            Some(path) => Self::File(path.to_owned()),
            None if text == "-" => Self::Stdin,
            None => Self::Here(json(text)?),
        })
    }

    fn read(self) -> Result<Box<RawValue>, UsageError> {
        let (place, text) = match self {
            Self::Here(value) => return Ok(value),
            Self::File(path) => (format!("`{path}`"), std::fs::read_to_string(&path)),
            Self::Stdin => ("stdin".to_owned(), read_stdin()),
        };
        let text = text.map_err(|error| UsageError(format!("{place} cannot be read: {error}")))?;
        json(&text).map_err(|error| UsageError(format!("{place}: {error}")))
    }
}

fn read_stdin() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn json(text: &str) -> Result<Box<RawValue>, String> {
    let trimmed = text.trim().to_owned();
    RawValue::from_string(trimmed).map_err(|error| format!("it is not JSON: {error}"))
}

/// Reads `K=V`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is written K=V")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn written(line: &[&str]) -> String {
        let cli = Cli::try_parse_from(["longrun", "submit"].iter().chain(line)).unwrap();
        let Command::Submit(args) = cli.command else {
            panic!("{line:?}");
        };
        serde_json::to_string(&submission(args).unwrap()).unwrap()
    }

    #[test]
    fn what_is_typed_is_what_is_submitted() {
        for (line, expected) in [
            (&["reboot"][..], r#"{"kind":"reboot"}"#),
            (
                &["r", "--resource", "a", "--resource", "b"],
                r#"{"kind":"r","resources":[{"id":"a"},{"id":"b"}]}"#,
            ),
            (
                &["r", "--input", " {\"b\": 1, \"a\": 1e400} "],
                r#"{"kind":"r","input":{"b": 1, "a": 1e400}}"#,
            ),
            (
                &["r", "--label", "k=v=w", "--label", "e=", "--priority", "9"],
                r#"{"kind":"r","labels":{"e":"","k":"v=w"},"priority":9}"#,
            ),
            (
                &["r", "--deadline", "30m", "--retention", "7d"],
                r#"{"kind":"r","deadline_ms":1800000,"retention_ms":604800000}"#,
            ),
            (
                &["r", "--delay", "10m"],
                r#"{"kind":"r","delay_ms":600000}"#,
            ),
            (
                &["r", "--not-before", "2030-01-01T00:00:00Z"],
                r#"{"kind":"r","not_before":"2030-01-01T00:00:00Z"}"#,
            ),
            (
                &[
                    "r",
                    "--project",
                    "p",
                    "--region",
                    "e",
                    "--resource-group",
                    "g",
                ],
                r#"{"kind":"r","project":"p","region":"e","resource_group":"g"}"#,
            ),
        ] {
            assert_eq!(written(line), expected);
        }
    }

    #[test]
    fn the_input_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("input.json");
        std::fs::write(&path, "[1,\n2]\n").unwrap();
        let named = format!("@{}", path.display());
        assert_eq!(
            Input::named(&named).unwrap().read().unwrap().get(),
            "[1,\n2]"
        );
        std::fs::write(&path, "[1").unwrap();
        let error = Input::named(&named).unwrap().read().unwrap_err();
        assert!(error.to_string().contains("it is not JSON"), "{error}");
    }
}
