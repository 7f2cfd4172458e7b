//! Working on a unit means running a command: the program and its arguments, directly, without a shell.

use super::group::Group;
use super::tail::Tail;
use crate::outcome::PAYLOAD_BYTES_MAX;
use crate::{CancellationToken, Failure, Outcome, Unit};
use serde_json::value::RawValue;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::sleep;

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
pub struct CommandRunner {
    program: String,
    arguments: Vec<String>,
    folder: Option<PathBuf>,
    grace: Duration,
}

/// Told of a program that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no program `{0}`")]
pub struct NoProgram(pub String);

impl CommandRunner {
    /// Runs this: the program, and its arguments, in which `{}` stands for the unit's id. The program is looked for now,
    /// before any operation fails for it.
    pub fn new(command: impl IntoIterator<Item = String>) -> Result<Self, NoProgram> {
        let mut words = command.into_iter();
        let program = words.next().unwrap_or_default();
        if !is_there(&program) {
            return Err(NoProgram(program));
        }
        Ok(Self {
            program,
            arguments: words.collect(),
            folder: None,
            grace: GRACE,
        })
    }

    /// Runs it in this folder.
    #[must_use]
    pub fn in_folder(self, folder: Option<PathBuf>) -> Self {
        Self { folder, ..self }
    }

    /// Runs the command for `unit`. A cancelled unit asks the command to end; one that is dropped ends it at once.
    pub async fn run(self: Arc<Self>, unit: Unit) -> Outcome {
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
            attend(&mut child, group, &unit.cancel, self.grace, ended),
            feed(stdin, unit.input(), ends.clone()),
            drain(stdout, Tail::new(STDOUT_BYTES_MAX), ends.clone()),
            drain(stderr, Tail::new(STDERR_BYTES_MAX), ends),
        );
        match status {
            Ok(status) => outcome(status, stdout, stderr),
            Err(error) => not_run(&self.program, &error),
        }
    }

    fn command(&self, unit: &Unit) -> Command {
        let id = unit.id();
        let resource = unit.resource.as_ref().map(|resource| &resource.id);
        let mut command = Command::new(filled(&self.program, id));
        command
            .args(self.arguments.iter().map(|argument| filled(argument, id)))
            .env("LONGRUN_OPERATION", &unit.operation.id)
            .env("LONGRUN_KIND", &unit.operation.kind)
            .env("LONGRUN_ATTEMPT", unit.operation.attempt.to_string())
            .env_remove("LONGRUN_RESOURCE")
            .envs(resource.map(|id| ("LONGRUN_RESOURCE", id)))
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

/// Whether there is such a program; one whose name depends on the unit is found when it is run.
fn is_there(program: &str) -> bool {
    if program.contains(PLACE) {
        return true;
    }
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    !program.is_empty() && std::env::split_paths(&folders).any(|it| it.join(program).is_file())
}

/// Waits until the command has ended, and asks it to when the unit is cancelled. Dropping `_ended` tells the streams.
async fn attend(
    child: &mut Child,
    group: Group,
    cancel: &CancellationToken,
    grace: Duration,
    _ended: watch::Sender<()>,
) -> io::Result<ExitStatus> {
    // What the command left behind in its group ends with `group`.
    tokio::select! {
        status = child.wait() => return status,
        () = cancel.cancelled() => group.terminate(),
    }
    tokio::select! {
        status = child.wait() => return status,
        () = sleep(grace) => group.kill(),
    }
    child.wait().await
}

/// Writes the input to the command. One that does not read it is free not to.
async fn feed(stdin: Option<ChildStdin>, input: Option<&RawValue>, ends: watch::Receiver<()>) {
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
    let lingered = lingered(ends.clone());
    tokio::pin!(lingered);
    let mut buffer = vec![0; 8 << 10];
    let mut late_bytes = 0;
    loop {
        tokio::select! {
            // What the command has written counts, however late we come to read it.
            biased;
            read = stream.read(&mut buffer) => match read {
                Ok(length) if length > 0 && late_bytes < STDOUT_BYTES_MAX => {
                    tail.push(&buffer[..length]);
                    // A process that left the group may go on writing for ever.
                    late_bytes += if ends.has_changed().is_err() { length } else { 0 };
                }
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

fn outcome(status: ExitStatus, stdout: Tail, stderr: Tail) -> Outcome {
    if status.success() {
        return Outcome::Succeeded(output(stdout));
    }
    let code = code(status);
    let message = match stderr.text() {
        text if text.is_empty() => format!("the command ended with {}", code.replace('-', " ")),
        text => text,
    };
    Outcome::Failed(Failure::new(code, message))
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
    let message = format!("`{program}` cannot be run: {error}");
    Outcome::Failed(Failure::new("not-run", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn unit(resource: Option<&str>, input: Option<&str>, cancel: CancellationToken) -> Unit {
        let mut operation = json!({
            "id": "op-1", "task_id": 1, "job_id": "1", "kind": "test", "status": "running",
            "tally": { "succeeded": 0, "failed": 0, "unfinished": 1 },
            "attempt": 2, "version": 1, "created_at": "2030-01-01T00:00:00.000Z",
        });
        let input: Value = serde_json::from_str(input.unwrap_or("null")).unwrap();
        operation["input"] = input.clone();
        let resource = resource.map(|id| json!({ "id": id, "status": "pending", "input": input }));
        Unit {
            operation: Arc::new(serde_json::from_str(&operation.to_string()).unwrap()),
            resource: resource.map(|it| serde_json::from_str(&it.to_string()).unwrap()),
            cancel,
        }
    }

    /// Longer than any test takes, however busy the machine is.
    const PATIENT: Duration = Duration::from_secs(3_600);

    async fn check(script: &str, unit: Unit) -> Outcome {
        check_within(PATIENT, script, unit).await
    }

    async fn check_within(grace: Duration, script: &str, unit: Unit) -> Outcome {
        let words = ["sh", "-c", script, "{}"].map(str::to_owned);
        let runner = CommandRunner::new(words).unwrap();
        Arc::new(CommandRunner { grace, ..runner }).run(unit).await
    }

    #[test]
    fn programs_are_looked_for_before_work_begins() {
        for (program, found) in [
            ("sh", true),
            ("/bin/sh", true),
            ("{}", true),
            ("/nowhere/sh", false),
            ("no-such-program-anywhere", false),
            ("/", false),
            ("", false),
        ] {
            let runner = CommandRunner::new([program.to_owned()]);
            assert_eq!(runner.is_ok(), found, "{program}");
        }
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
            let unit = unit(Some("r"), Some("{\"in\":1}"), CancellationToken::new());
            let outcome = check(script, unit).await;
            assert_eq!(described(&outcome), expected, "{script}");
        }
        let alone = check(
            "echo \"\\\"$0 ${LONGRUN_RESOURCE-none} [$(cat)]\\\"\"",
            unit(None, None, CancellationToken::new()),
        )
        .await;
        assert_eq!(described(&alone), "succeeded \"op-1 none []\"");
    }

    #[tokio::test]
    async fn a_command_that_is_cancelled_may_still_succeed() {
        for (script, grace, expected) in [
            ("", PATIENT, "signal-15: "),
            ("trap 'echo 7; exit 0' TERM", PATIENT, "succeeded 7"),
            ("trap '' TERM", Duration::ZERO, "signal-9: "),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let begun = folder.path().join("begun");
            let script = format!("{script}\n: > {}; while :; do :; done", begun.display());
            let cancel = CancellationToken::new();
            let running = check_within(grace, &script, unit(None, None, cancel.clone()));
            let cancelling = async {
                appears(&begun).await;
                cancel.cancel();
            };
            let (outcome, ()) = tokio::join!(running, cancelling);
            let described = described(&outcome);
            assert!(described.starts_with(expected), "{script}: {described}");
        }
    }

    async fn appears(path: &Path) {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    }

    /// A command whose unit is dropped, because its lease is lost, does not go on.
    #[tokio::test]
    async fn a_unit_that_is_dropped_ends_its_command() {
        let folder = tempfile::tempdir().unwrap();
        let named = folder.path().join("pid");
        let script = format!(
            "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000",
            named.display()
        );
        let running = check(&script, unit(None, None, CancellationToken::new()));
        tokio::select! {
            outcome = running => panic!("{outcome:?}"),
            () = appears(&named) => {}
        }
        wait_for_the_end_of(std::fs::read_to_string(&named).unwrap().trim()).await;
    }

    #[tokio::test]
    async fn nothing_that_a_command_started_is_left_over() {
        let unit = unit(None, None, CancellationToken::new());
        let outcome = check("sleep 1000 & echo $!", unit).await;
        let Outcome::Succeeded(Some(pid)) = outcome else {
            panic!("{outcome:?}");
        };
        wait_for_the_end_of(pid.get()).await;
    }

    /// Killed it is, but dying takes a moment.
    async fn wait_for_the_end_of(pid: &str) {
        let is_alive = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
            status.is_ok_and(|status| !status.contains("State:\tZ"))
        };
        while is_alive() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_a_failure() {
        let runner = CommandRunner::new(["/nowhere/{}".to_owned()]).unwrap();
        let unit = unit(None, None, CancellationToken::new());
        let outcome = Arc::new(runner).run(unit).await;
        assert!(described(&outcome).starts_with("not-run: "), "{outcome:?}");
    }

    fn described(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Succeeded(None) => "succeeded".to_owned(),
            Outcome::Succeeded(Some(output)) => format!("succeeded {}", output.get()),
            Outcome::Failed(failure) => format!("{}: {}", failure.code, failure.message),
        }
    }
}
