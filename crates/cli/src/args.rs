//! What can be typed. The arguments of each command stand beside the command.

use crate::commands::{
    backup, bulk, check, emulate, events, keys, list, migrate, one, serve, shell, submit, track,
    work,
};
use crate::demo;
use crate::wait;
use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use std::ffi::OsString;

/// The command line.
#[derive(Debug, clap::Parser)]
#[command(
    name = "longrun",
    version,
    about = "Durable long-running operations that unmodified cloud SDKs can poll",
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Shows all of it, end to end: real files, a real worker, four clouds' dialects; needs nothing installed
    Demo(demo::Args),
    /// Runs the server
    Serve(serve::Args),
    /// Emulates the clouds: the server, with scripts in place of workers
    Emulate(emulate::Args),
    /// Submits an operation
    Submit(submit::Args),
    /// Lets the server follow a cloud's task: an operation that mirrors it, and outlives the cloud's memory
    Track(track::Args),
    /// Shows an operation or a cloud's task, and its resources
    Get(wait::GetArgs),
    /// Waits for operations and clouds' tasks, in any mix, and tells by the exit status how they ended
    Wait(wait::Args),
    /// Lists operations, newest first
    List(list::Args),
    /// Asks for an operation to be cancelled
    Cancel(one::Args),
    /// Does the same to many operations, or counts them first
    Bulk(bulk::Args),
    /// Shows the history of an operation
    Events(events::Args),
    /// Deletes an operation that has ended
    Delete(one::Args),
    /// Manages access keys and tokens
    Keys(keys::Args),
    /// Copies a store file while servers use it
    Backup(backup::Args),
    /// Checks that all in a store fits together; servers may go on using it
    Check(check::Args),
    /// Moves a store with everything in it: from a file to a database, back, or to another of its sort
    Migrate(migrate::Args),
    /// Carries out operations: runs a command once per resource
    Worker(work::Args),
    /// Prints a script that makes a shell complete the arguments
    Completions(shell::Args),
    /// Prints the manual page
    Man,
    /// Prints the SHA-256 of a file: what the worker of the demonstration runs
    #[command(hide = true)]
    Digest(demo::DigestArgs),
}

/// The options that take the address of a store.
const STORES: [&str; 3] = ["--store", "--from", "--to"];

/// What was typed; ends the program if it cannot be understood, or asks for no more than help.
pub(crate) fn typed() -> Cli {
    parse(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// Reads a command line. What is wrong with it is told without passwords.
fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(words).map_err(without_secrets)
}

/// Leaves out of a message the texts in which a password may stand: the addresses of databases.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    let of_store = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(name)) if STORES.iter().any(|store| name.starts_with(store))
    );
    let is_secret = |kind, text: &str| {
        (of_store && kind == ContextKind::InvalidValue)
            || text.contains('@')
            || text.starts_with("postgres")
    };
    let hidden: Vec<ContextKind> = error
        .context()
        .filter(
            |(kind, value)| matches!(value, ContextValue::String(text) if is_secret(*kind, text)),
        )
        .map(|(kind, _)| kind)
        .collect();
    for kind in hidden {
        error.insert(kind, ContextValue::String("…".to_owned()));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// An address with a mistake in it, or in the wrong place, is not shown to whoever looks on.
    #[test]
    fn passwords_are_not_repeated() {
        for (line, told) in [
            (
                "serve --store postgres://u:s3cret@h:port/d",
                "--store <URL>",
            ),
            ("serve --store=postgres://u:s3cret#h/d", "--store <URL>"),
            ("serve --store postgre://u:s3cret@h/d", "use `sqlite:PATH`"),
            ("serve --store mysql://u:s3cret", "use `sqlite:PATH`"),
            (
                "serve --store postgres://u:x?s3cret@h/d",
                "is written `%3F`",
            ),
            (
                "keys list --store postgres://u:s3cret@h/d?colour=blue",
                "`colour`",
            ),
            (
                "migrate --from postgres://u:s3cret@h:x/d --to memory:",
                "--from <URL>",
            ),
            (
                "migrate --from memory: --to postgres://u:s3cret@h:x/d",
                "--to <URL>",
            ),
            ("check postgres://u:s3cret@h/d", "unexpected argument"),
            ("serve --stoer=postgres://u:s3cret@h/d", "--stoer"),
            ("postgres://u:s3cret@h/d", "unrecognized subcommand"),
            ("serve --listen postgres://u:s3cret", "--listen <ADDR"),
        ] {
            let words = ["longrun"].into_iter().chain(line.split(' '));
            let error = parse(words.map(OsString::from)).expect_err(line);
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(told), "{line}: {shown}");
            assert!(!shown.contains("s3cret"), "{line}: {shown}");
        }
    }

    /// Everything else is repeated, so that the mistake in it can be seen.
    #[test]
    fn other_texts_are_repeated() {
        for line in ["serve --listen nowhere", "serve nowhere", "nowhere"] {
            let words = ["longrun"].into_iter().chain(line.split(' '));
            let error = parse(words.map(OsString::from)).expect_err(line);
            assert!(error.to_string().contains("nowhere"), "{error}");
        }
    }

    #[test]
    fn the_arguments_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_can_be_typed_and_what_cannot() {
        for (line, good) in [
            ("demo", true),
            ("demo a b --exit --listen 127.0.0.1:0", true),
            (
                "serve --config x.toml --listen 127.0.0.1:0 --store memory: --dev --log-json",
                true,
            ),
            ("emulate a.toml --clock frozen --dev --replay t.jsonl", true),
            ("emulate --clock slow", false),
            ("serve --listen nowhere", false),
            ("serve --store longrun.db", false),
            (
                "submit reboot --resource a --resource b --label k=v --wait",
                true,
            ),
            (
                "submit reboot --deadline 30m --retention 7d --priority 9",
                true,
            ),
            ("submit reboot --deadline 30", false),
            ("submit reboot --priority 10", false),
            ("submit reboot --label novalue", false),
            ("submit reboot --input {", false),
            ("submit", false),
            ("get op-1 --json", true),
            ("get", false),
            (
                "list --status failed --kind reboot --label a=b --limit 3",
                true,
            ),
            ("list --status done", false),
            ("list --limit 0", false),
            (
                "keys add --id AK --secret-stdin --account a --project p --project q",
                true,
            ),
            ("keys list --store memory: --server http://h", false),
            ("keys", false),
            (
                "worker --kind a --kind b --concurrency 4 --lease-ms 1000 -- echo {}",
                true,
            ),
            ("worker --kind a", false),
            ("worker -- echo", false),
            ("worker --kind a --concurrency 0 -- echo", false),
            ("digest --pace-ms 5 -- -x", true),
            (
                "get tencent-bm:1 --endpoint http://h --region r --profile p -v",
                true,
            ),
            ("get tencent-bm:x", false),
            (
                "track tencent-bm:1 --upstream prod --wait --deadline 6h",
                true,
            ),
            ("track op-1", false),
            ("wait op-1", true),
            ("wait op-1 huawei-elb:1 --any --timeout 5m --json", true),
            ("wait op-1 --all --project p --resource-group g", true),
            ("wait op-1 --any --all", false),
            ("wait op-1 --timeout 5", false),
            ("wait nocloud:1", false),
            ("wait", false),
            ("completions bash", true),
            ("completions", false),
            ("man", true),
        ] {
            check(line, good);
        }
    }

    #[test]
    fn commands_for_whole_stores() {
        for (line, good) in [
            ("backup copy.db", true),
            ("backup copy.db --store sqlite:a.db --json", true),
            ("backup", false),
            ("check --store sqlite:a.db --json", true),
            ("check a.db", false),
            ("migrate --from sqlite:a.db --to postgres://u@h/d", true),
            ("migrate --from sqlite:a.db --abandon", true),
            ("migrate --from sqlite:a.db", false),
            (
                "migrate --from sqlite:a.db --to sqlite:b.db --abandon",
                false,
            ),
        ] {
            check(line, good);
        }
    }

    fn check(line: &str, good: bool) {
        let parsed = Cli::try_parse_from(["longrun"].into_iter().chain(line.split(' ')));
        assert_eq!(parsed.is_ok(), good, "{line}: {parsed:?}");
    }
}
