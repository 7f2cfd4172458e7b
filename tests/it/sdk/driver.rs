//! The Python program that puts polls to the SDKs. It answers a line with a line.

use crate::program::{KEY_ID, KEY_SECRET, PROJECT, TOKEN};
use crate::python;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use tempfile::TempDir;

/// The SDKs, ready to be asked. Dropping it ends them.
pub(super) struct Sdk {
    child: Child,
    polls: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// One of the SDKs writes to the home of its user.
    _home: TempDir,
}

impl Sdk {
    /// Starts the driver. What a poll does not say is taken from what is given here.
    pub(super) fn start(
        python: &OsStr,
        http: SocketAddr,
        https: SocketAddr,
        authority: &Path,
    ) -> Self {
        let home = tempfile::tempdir().expect("there is room for a folder");
        let mut child = python::sdk(python, "poll.py")
            .arg("serve")
            .env("HOME", home.path())
            .env("SSL_CERT_FILE", authority)
            .env("LONGRUN_HTTP", format!("http://{http}"))
            .env("LONGRUN_HTTPS", https.to_string())
            .env("LONGRUN_KEY_ID", KEY_ID)
            .env("LONGRUN_KEY_SECRET", KEY_SECRET)
            .env("LONGRUN_TOKEN", TOKEN)
            .env("LONGRUN_PROJECT", PROJECT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
        Self {
            polls: child.stdin.take().expect("it is piped"),
            answers: BufReader::new(child.stdout.take().expect("it is piped")),
            child,
            _home: home,
        }
    }

    /// Puts a poll to the SDK that it names. The driver gives each of them ten seconds.
    pub(super) fn poll(&mut self, poll: &Value) -> Value {
        writeln!(self.polls, "{poll}").expect("the driver reads");
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("the driver answers with text");
        serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("{poll}: {error}; what Python said is above"))
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
