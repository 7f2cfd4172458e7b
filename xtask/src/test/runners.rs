//! The tests themselves: run, shown as they run, and counted.

use super::counts::{Counts, Runner};
use crate::cargo::cargo;
use crate::{say, shell};
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write, stderr, stdout};
use std::process::{Command, Stdio};
use std::thread;

/// Runs every test with these variables set. One run that fails does not keep the next from running.
pub(crate) fn run(variables: &[(&str, &OsStr)]) -> Result<Counts> {
    let mut counts = Counts::default();
    for (runner, arguments) in plan(shell::succeeds(&mut cargo(["nextest", "--version"]))) {
        let mut command = cargo(arguments.iter().copied());
        command.envs(variables.iter().copied());
        // A test that fails says why in a line or two; a trace through the runtime says no more, and much of it.
        command.env("RUST_BACKTRACE", "0");
        say::line(format_args!("\ncargo {}", arguments.join(" ")));
        counts += counted(runner, &mut command, stdout(), stderr())?;
    }
    Ok(counts)
}

/// What to run. Nextest starts each test in a process of its own, and knows no tests in documentation.
fn plan(has_nextest: bool) -> [(Runner, &'static [&'static str]); 2] {
    let most: (_, &[_]) = if has_nextest {
        // What a test said that failed stands at the end once more, where whoever looks at a long log looks first.
        let arguments = &[
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--failure-output=immediate-final",
        ];
        (Runner::Nextest, arguments)
    } else {
        let arguments = &["test", "--workspace", "--all-targets", "--no-fail-fast"];
        (Runner::Libtest, arguments)
    };
    let documentation = &["test", "--doc", "--workspace", "--no-fail-fast"];
    [most, (Runner::Libtest, documentation)]
}

/// Runs one runner, passes on what it writes on its two streams, and counts along.
fn counted(
    runner: Runner,
    command: &mut Command,
    mut to_out: impl Write,
    to_err: impl Write + Send,
) -> Result<Counts> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("could not start the tests")?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (out, err) = thread::scope(|scope| {
        let err = scope.spawn(|| pass_on(runner, err, to_err));
        let out = pass_on(runner, out, &mut to_out);
        (out, err.join().expect("passing lines on does not panic"))
    });
    let mut counts = out?;
    counts += err?;
    let status = child.wait().context("could not wait for the tests")?;
    if !status.success() && counts.failed == 0 {
        writeln!(to_out, "the tests could not be built or run: {status}")?;
        // No test is named, and yet it must not look as if all were well.
        counts.failed = 1;
    }
    Ok(counts)
}

/// Copies lines as they come, and adds up what they count.
fn pass_on(runner: Runner, from: Option<impl Read>, mut to: impl Write) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut lines = BufReader::new(from.context("the runner's output is not a pipe")?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        // When nobody listens any more, the counting goes on.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        if let Some(more) = runner.read(String::from_utf8_lossy(&line).trim_end()) {
            counts += more;
        }
        line.clear();
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::sink;

    fn check(script: &str) -> Counts {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        // Not to our own output: whoever runs this test may be counting along in the same way.
        counted(Runner::Libtest, &mut command, sink(), sink()).unwrap()
    }

    #[test]
    fn both_streams_are_counted() {
        let line = "test result: ok. 2 passed; 0 failed; 0 ignored";
        let counts = check(&format!("echo '{line}'; echo '{line}' >&2"));
        assert_eq!(
            counts,
            Counts {
                passed: 4,
                failed: 0
            }
        );
    }

    /// A runner that fails before it counts anything must not look like success.
    #[test]
    fn a_run_that_names_no_test_fails() {
        assert_eq!(
            check("exit 101"),
            Counts {
                passed: 0,
                failed: 1
            }
        );
        let counts = check("echo 'test result: FAILED. 1 passed; 2 failed; 0 ignored'; exit 101");
        assert_eq!(
            counts,
            Counts {
                passed: 1,
                failed: 2
            }
        );
    }

    #[test]
    fn lines_are_passed_on_unchanged() {
        let mut copy = Vec::new();
        let bytes: &[u8] = b"one\n\xff two\r\nno end";
        pass_on(Runner::Nextest, Some(bytes), &mut copy).unwrap();
        assert_eq!(copy, bytes);
    }
}
