//! Working on a unit means running a command: the program and its arguments, directly, without a shell.

use super::group::Group;
use super::tail::Tail;
use super::{Order, Outcome, Run, Unit};
use longrun_model::limits::PAYLOAD_BYTES_MAX;
use serde_json::value::RawValue;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// How much of stdout is kept to find the output in.
const STDOUT_BYTES_MAX: usize = 1 << 20;
/// How much of stderr becomes the message of an error.
const STDERR_BYTES_MAX: usize = 4 << 10;
/// How long a command may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);
/// How long its streams may stay open after it ended: a process that left its group may still hold them.
const LINGER: Duration = Duration::from_secs(1);
/// What stands for the unit's id in an argument.
const PLACE: &str = "{}";

/// Runs one command per unit.
#[derive(Clone, Debug)]
pub(crate) struct CommandRunner {
    /// The program.
    pub(crate) program: String,
    /// Its arguments; `{}` in them stands for the unit's id.
    pub(crate) arguments: Vec<String>,
    /// Where it runs, if not here.
    pub(crate) folder: Option<PathBuf>,
}

impl Run for CommandRunner {
    async fn run(&self, unit: Unit, orders: watch::Receiver<Order>) -> Outcome {
        let mut child = match self.command(&unit).spawn() {
            Ok(child) => child,
            Err(error) => return not_run(&self.program, &error),
        };
        let group = Group::of(&child);
        let (ended, ends) = watch::channel(());
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let (status, (), stdout, stderr) = tokio::join!(
            attend(&mut child, group, orders, ended),
            feed(stdin, unit.input, ends.clone()),
            drain(stdout, Tail::new(STDOUT_BYTES_MAX), ends.clone()),
            drain(stderr, Tail::new(STDERR_BYTES_MAX), ends),
        );
        match status {
            Ok((status, order)) => outcome(status, order, stdout, stderr),
            Err(error) => not_run(&self.program, &error),
        }
    }
}

impl CommandRunner {
    fn command(&self, unit: &Unit) -> Command {
        let id = unit.resource.as_ref().unwrap_or(&unit.operation);
        let mut command = Command::new(filled(&self.program, id));
        command
            .args(self.arguments.iter().map(|argument| filled(argument, id)))
            .env("LONGRUN_OPERATION", &unit.operation)
            .env("LONGRUN_KIND", &unit.kind)
            .env("LONGRUN_ATTEMPT", unit.attempt.to_string())
            .env_remove("LONGRUN_RESOURCE")
            .envs(unit.resource.as_ref().map(|id| ("LONGRUN_RESOURCE", id)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

fn filled(argument: &str, id: &str) -> String {
    argument.replace(PLACE, id)
}

/// Waits until the command has ended, passing orders on. Dropping `_ended` tells the streams.
async fn attend(
    child: &mut Child,
    group: Group,
    mut orders: watch::Receiver<Order>,
    _ended: watch::Sender<()>,
) -> io::Result<(ExitStatus, Order)> {
    let mut heeded = Order::Go;
    let mut patience_ends = None;
    loop {
        tokio::select! {
            // What the command left behind in its group ends with `group`.
            status = child.wait() => return Ok((status?, heeded)),
            order = at_least_after(&mut orders, heeded) => {
                heeded = order;
                match order {
                    Order::Go => {}
                    Order::Stop => {
                        group.terminate();
                        patience_ends = Some(Instant::now() + GRACE);
                    }
                    Order::Kill => group.kill(),
                }
            }
            () = sleep_until(patience_ends.unwrap_or_else(Instant::now)), if patience_ends.is_some() => {
                group.kill();
                patience_ends = None;
            }
        }
    }
}

/// The next order that asks for more than what was heeded.
async fn at_least_after(orders: &mut watch::Receiver<Order>, heeded: Order) -> Order {
    // Whoever gave the orders and is gone cannot want the command to go on.
    let order = orders
        .wait_for(|order| *order > heeded)
        .await
        .map_or(Order::Kill, |order| *order);
    if order == heeded {
        std::future::pending::<()>().await;
    }
    order
}

/// Writes the input to the command. One that does not read it is free not to.
async fn feed(stdin: Option<ChildStdin>, input: Option<Box<RawValue>>, ends: watch::Receiver<()>) {
    let (Some(mut stdin), Some(input)) = (stdin, input) else {
        return;
    };
    tokio::select! {
        _ = stdin.write_all(input.get().as_bytes()) => {}
        () = lingered(ends) => {}
    }
}

/// Reads a stream until it closes, or the command has ended for a while.
async fn drain(
    stream: Option<impl AsyncRead + Unpin>,
    mut tail: Tail,
    ends: watch::Receiver<()>,
) -> Tail {
    let Some(mut stream) = stream else {
        return tail;
    };
    let lingered = lingered(ends);
    tokio::pin!(lingered);
    let mut buffer = vec![0; 8 << 10];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(length) if length > 0 => tail.push(&buffer[..length]),
                Ok(_) | Err(_) => return tail,
            },
            () = &mut lingered => return tail,
        }
    }
}

async fn lingered(mut ends: watch::Receiver<()>) {
    // Nothing is ever sent: the sender is dropped when the command has ended.
    let _ = ends.changed().await;
    sleep(LINGER).await;
}

fn outcome(status: ExitStatus, order: Order, stdout: Tail, stderr: Tail) -> Outcome {
    if status.success() {
        return Outcome::Succeeded(output(stdout));
    }
    if order > Order::Go {
        return Outcome::Stopped;
    }
    let code = code(status);
    let message = match stderr.text() {
        text if text.is_empty() => format!("the command ended with {}", code.replace('-', " ")),
        text => text,
    };
    Outcome::Failed { code, message }
}

fn output(stdout: Tail) -> Option<Box<RawValue>> {
    let output = stdout.last_json()?;
    let output_bytes = output.get().len();
    if output_bytes > PAYLOAD_BYTES_MAX {
        tracing::warn!(
            output_bytes,
            limit_bytes = PAYLOAD_BYTES_MAX,
            "an output is too long and is left out"
        );
        return None;
    }
    Some(output)
}

fn code(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit-{code}"),
        (None, Some(signal)) => format!("signal-{signal}"),
        (None, None) => "unknown".to_owned(),
    }
}

fn not_run(program: &str, error: &io::Error) -> Outcome {
    Outcome::Failed {
        code: "not-run".to_owned(),
        message: format!("`{program}` cannot be run: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(
        script: &str,
        resource: Option<&str>,
        input: Option<&str>,
        order: Order,
    ) -> Outcome {
        let runner = CommandRunner {
            program: "sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned(), "{}".to_owned()],
            folder: None,
        };
        let unit = Unit {
            operation: "op-1".to_owned(),
            kind: "test".to_owned(),
            attempt: 2,
            resource: resource.map(str::to_owned),
            input: input.map(|text| RawValue::from_string(text.to_owned()).unwrap()),
        };
        let (_teller, orders) = watch::channel(order);
        runner.run(unit, orders).await
    }

    #[test]
    fn the_place_is_filled_wherever_it_stands() {
        for (argument, expected) in [
            ("{}", "a b"),
            ("--id={}", "--id=a b"),
            ("{}/{}", "a b/a b"),
            ("{ }", "{ }"),
        ] {
            assert_eq!(filled(argument, "a b"), expected);
        }
    }

    #[tokio::test]
    async fn what_a_command_does_becomes_the_outcome() {
        let long = format!("printf '\"%0{PAYLOAD_BYTES_MAX}d\"'");
        for (script, expected) in [
            (
                "echo hello; echo '{\"a\":1}'; echo bye",
                "succeeded {\"a\":1}",
            ),
            ("true", "succeeded"),
            (&long, "succeeded"),
            ("echo no >&2; exit 3", "exit-3: no"),
            ("exit 4", "exit-4: the command ended with exit 4"),
            ("kill -9 $$", "signal-9: the command ended with signal 9"),
            ("echo \"[$(cat)]\"", "succeeded [{\"in\":1}]"),
            (
                "echo \"\\\"$0 $LONGRUN_RESOURCE $LONGRUN_OPERATION $LONGRUN_KIND $LONGRUN_ATTEMPT\\\"\"",
                "succeeded \"r r op-1 test 2\"",
            ),
        ] {
            let outcome = check(script, Some("r"), Some("{\"in\":1}"), Order::Go).await;
            assert_eq!(described(&outcome), expected, "{script}");
        }
        let alone = check(
            "echo \"\\\"$0 ${LONGRUN_RESOURCE-none} [$(cat)]\\\"\"",
            None,
            None,
            Order::Go,
        )
        .await;
        assert_eq!(described(&alone), "succeeded \"op-1 none []\"");
    }

    #[tokio::test]
    async fn a_command_that_is_stopped_may_still_succeed() {
        for (script, order, expected) in [
            ("exec cat /dev/zero >/dev/null", Order::Stop, "stopped"),
            ("exec cat /dev/zero >/dev/null", Order::Kill, "stopped"),
            ("exit 0", Order::Kill, "succeeded"),
        ] {
            // A script that ends by itself may have done so before the order reaches it, or not.
            let outcome = check(script, None, None, order).await;
            let described = described(&outcome);
            assert!(
                described == expected || described == "stopped",
                "{script}: {described}"
            );
        }
    }

    #[tokio::test]
    async fn nothing_that_a_command_started_is_left_over() {
        let outcome = check("sleep 1000 & echo $!", None, None, Order::Go).await;
        let Outcome::Succeeded(Some(pid)) = outcome else {
            panic!("{outcome:?}");
        };
        let is_alive = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", pid.get()));
            status.is_ok_and(|status| !status.contains("State:\tZ"))
        };
        // Killed it is, but dying takes a moment.
        while is_alive() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_a_failure() {
        let runner = CommandRunner {
            program: "/nowhere/{}".to_owned(),
            arguments: Vec::new(),
            folder: None,
        };
        let unit = Unit {
            operation: "op-1".to_owned(),
            kind: "test".to_owned(),
            attempt: 1,
            resource: None,
            input: None,
        };
        let outcome = runner.run(unit, watch::channel(Order::Go).1).await;
        assert!(described(&outcome).starts_with("not-run: "), "{outcome:?}");
    }

    fn described(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Succeeded(None) => "succeeded".to_owned(),
            Outcome::Succeeded(Some(output)) => format!("succeeded {}", output.get()),
            Outcome::Failed { code, message } => format!("{code}: {message}"),
            Outcome::Stopped => "stopped".to_owned(),
        }
    }
}
