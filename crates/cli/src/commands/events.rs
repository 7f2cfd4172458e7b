//! `longrun events`.

use super::follow::{WAIT, patiently};
use super::{one, show};
use crate::client::Client;
use crate::client::wire::{Event, EventPage, Operation};
use crate::environment::environment;
use crate::out;
use crate::table::{Table, printable};
use longrun_model::Phase;
use serde_json::value::RawValue;

/// How many resources of a report are named.
const NAMED_MAX: usize = 4;

/// The arguments of `longrun events`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Go on until the operation has ended, and write each event as it happens; with --json, one to a line
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    one: one::Args,
}

/// Shows the history of an operation.
pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let one = &args.one;
    let client = one.server.client(&environment)?;
    if args.follow {
        return follow(&client, &one.id, one.json).await;
    }
    let mut all: EventPage = client.events(&one.id, 0).await?.read()?;
    while let Some(after) = all.next_after {
        let page: EventPage = client.events(&one.id, after).await?.read()?;
        all.events.extend(page.events);
        all.next_after = page.next_after;
    }
    if one.json {
        out::line(&serde_json::to_string(&all)?)?;
    } else {
        out::line(&table(&all.events)?.text())?;
    }
    Ok(())
}

/// Shows each event as it happens, until there are no more.
async fn follow(client: &Client, id: &str, as_json: bool) -> anyhow::Result<()> {
    let mut heard = 0;
    loop {
        let page = patiently(async || client.events(id, heard).await).await?;
        let page: EventPage = page.read()?;
        for raw in &page.events {
            let event: Event = serde_json::from_str(raw.get())?;
            heard = event.number;
            if as_json {
                out::line(raw.get())?;
            } else {
                out::line(&line(&event))?;
            }
        }
        if page.next_after.is_none() {
            let seen = patiently(async || client.operation_within(id, WAIT, heard).await).await?;
            let seen: Operation = seen.read()?;
            let has_ended = Phase::from_word(&seen.status).is_some_and(Phase::is_ended);
            if has_ended && heard >= seen.version {
                return Ok(());
            }
        }
    }
}

fn table(events: &[Box<RawValue>]) -> anyhow::Result<Table> {
    let mut table = Table::new(["NUMBER", "AT", "EVENT", "DETAILS"]);
    for event in events {
        let event: Event = serde_json::from_str(event.get())?;
        let details = details(&event);
        table.row([event.number.to_string(), event.at, event.what, details]);
    }
    Ok(table)
}

/// An event as a line of its own, in columns as wide as most events need.
fn line(event: &Event) -> String {
    let Event {
        number, at, what, ..
    } = event;
    let line = format!("{number:<6}  {at}  {what:<16}  {}", details(event));
    printable(line.trim_end())
}

/// What is known beyond the event's name. Each sort of event has some of it.
fn details(event: &Event) -> String {
    let named = event.resources.iter().take(NAMED_MAX);
    let mut words: Vec<String> = named.map(|it| format!("{} {}", it.id, it.status)).collect();
    if let Some(more) = event
        .resources
        .len()
        .checked_sub(NAMED_MAX)
        .filter(|more| *more > 0)
    {
        words.push(format!("{more} more"));
    }
    words.extend(event.worker.as_ref().map(|worker| format!("by {worker}")));
    words.extend(event.fence.map(|fence| format!("fence {fence}")));
    words.extend(event.progress.as_ref().and_then(show::progress));
    words.extend(event.reason.clone());
    words.extend(event.status.clone());
    let start = event.not_before.as_ref();
    words.extend(start.map(|instant| format!("not before {instant}")));
    words.extend(event.error.as_ref().map(show::failure));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sort_of_event_has_its_details() {
        for (text, expected) in [
            (r#"{"number":1,"at":"t","type":"submitted"}"#, ""),
            (
                r#"{"number":2,"at":"t","type":"leased","worker":"w","fence":1,"lease_ms":5}"#,
                "by w, fence 1",
            ),
            (
                r#"{"number":3,"at":"t","type":"reported","resources":[{"id":"a","status":"failed"}],"progress":null}"#,
                "a failed",
            ),
            (
                r#"{"number":4,"at":"t","type":"released","reason":"lost"}"#,
                "lost",
            ),
            (
                r#"{"number":5,"at":"t","type":"ended","status":"failed","error":{"code":"c","message":"m","retryable":false}}"#,
                "failed, c: m",
            ),
            (
                r#"{"number":6,"at":"t","type":"retried","not_before":"u","error":{"code":"c","message":"m","retryable":true},"resources":[{"id":"a","status":"pending","error":null}]}"#,
                "a pending, not before u, c: m",
            ),
        ] {
            assert_eq!(
                details(&serde_json::from_str(text).unwrap()),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn of_many_resources_the_first_are_named() {
        let resources: Vec<String> = (0..9)
            .map(|id| format!(r#"{{"id":"{id}","status":"ok"}}"#))
            .collect();
        let text = format!(
            r#"{{"number":1,"at":"t","type":"reported","resources":[{}]}}"#,
            resources.join(",")
        );
        let event = serde_json::from_str(&text).unwrap();
        assert_eq!(details(&event), "0 ok, 1 ok, 2 ok, 3 ok, 5 more");
    }
}
