//! A stub of a cloud, in Python.

use crate::python;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running stub. Dropping it ends it.
pub(crate) struct Stub {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
}

impl Stub {
    /// Starts the stub of a cloud; nothing if there is no Python.
    pub(crate) fn start(cloud: &str) -> Option<Self> {
        Self::run("stub.py", Some(cloud))
    }

    /// The address that it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        let (_, address) = self.url.split_once("://").expect("it is a URL");
        address.parse().expect("it listens on an address")
    }

    /// Starts a script that tells the port that it listens on; nothing if there is no Python.
    pub(crate) fn run(name: &str, argument: Option<&str>) -> Option<Self> {
        let mut child = Command::new(python::python()?)
            // The folder of the sources stays as it is.
            .arg("-B")
            .arg(script(name))
            .args(argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be run");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut port)
            .expect("the stub tells its port");
        Some(Self {
            child,
            url: format!("http://127.0.0.1:{}", port.trim()),
        })
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of the scripts.
pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("stubs")
        .join(name)
}
