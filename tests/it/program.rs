//! A running `longrun serve`.

use crate::waiting::{PATIENCE, end_of};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};

/// The key that every server of the tests knows.
pub(crate) const KEY_ID: &str = "AKIDLONGRUNTEST0001";
/// Its secret.
pub(crate) const KEY_SECRET: &str = "SecretOfTheTests00000000000000000001";
/// The bearer token that goes with it.
pub(crate) const TOKEN: &str = "TokenOfTheTests000000000000000000001";
/// The project of the key for development.
pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// The program under test.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("LONGRUN_BIN").map_or_else(
        || {
            let test = std::env::current_exe().expect("a test knows where it is");
            let folder = test
                .parent()
                .and_then(Path::parent)
                .expect("tests stand in target/PROFILE/deps");
            folder.join(format!("longrun{}", std::env::consts::EXE_SUFFIX))
        },
        PathBuf::from,
    )
}

/// A command that runs the program, with nothing of the caller's settings.
pub(crate) fn command() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LONGRUN_") {
            command.env_remove(name);
        }
    }
    command
}

/// The address of a store in a folder.
pub(crate) fn store_in(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("longrun.db").display())
}

/// A server in a process of its own. Dropping it kills it.
pub(crate) struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Starts a server on a store and a free port, with the key of the tests.
    pub(crate) fn start(store: &str) -> Self {
        Self::start_with(store, &[], "info")
    }

    /// The same with more arguments, and another level of the log.
    pub(crate) fn start_with(store: &str, arguments: &[&str], log_level: &str) -> Self {
        let mut command = serve(store);
        command.args(arguments).env("LONGRUN_LOG", log_level);
        Self::spawn(command)
    }

    /// Starts a server where another one was that has been killed.
    pub(crate) fn start_at(store: &str, address: SocketAddr) -> Self {
        let mut command = serve_at(store, address);
        command.env("LONGRUN_LOG", "info");
        Self::spawn(command)
    }

    /// Starts a server that may have so many files open, and more only if it asks for them.
    pub(crate) fn start_with_files(store: &str, files_max: u32) -> Self {
        let serve = serve(store);
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                &format!("ulimit -Sn {files_max} && exec \"$0\" \"$@\""),
            ])
            .arg(serve.get_program())
            .args(serve.get_args())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Self::spawn(shell)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build it first", binary().display()));
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::default();
        match wait_for_address(stderr, &log) {
            Some(address) => Self {
                child,
                log,
                address,
            },
            None => {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                let log = log.lock().expect("nobody panicked");
                panic!("the server does not listen:\n{log}")
            }
        }
    }

    /// The beginning of its URLs.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panicked").clone()
    }

    /// Ends it as a power cut would, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        terminate(&self.child);
        end_of(&mut self.child)
    }

    /// Fails if it has ended or anything in it has panicked.
    pub(crate) fn check_unharmed(&mut self, after: &str) {
        let ended = self.child.try_wait().expect("a child can be asked");
        assert_eq!(ended, None, "the server has ended after: {after}");
        let log = self.log.lock().expect("nobody panicked");
        assert!(!log.contains("panicked"), "after: {after}\n{log}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that starts a server on a store and a free port, with the key of the tests.
pub(crate) fn serve(store: &str) -> Command {
    serve_at(store, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

fn serve_at(store: &str, address: SocketAddr) -> Command {
    let mut command = command();
    command
        .args(["serve", "--dev", "--listen", &address.to_string()])
        .args(["--store", store])
        .env("LONGRUN_DEV_KEY", format!("{KEY_ID}:{KEY_SECRET}"))
        .env("LONGRUN_DEV_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Asks a process to end.
pub(crate) fn terminate(child: &Child) {
    let id = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a child has an id");
    kill_process(id, Signal::TERM).expect("a child can be told to end");
}

/// Keeps the log, and waits until it says where the server listens. Nothing if the server has ended or takes too long.
fn wait_for_address(stderr: ChildStderr, log: &Arc<Mutex<String>>) -> Option<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    let log = Arc::clone(log);
    // The thread ends with the server, and drops the sender when it does.
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let address = address_in(&line);
            let mut log = log.lock().expect("nobody panicked");
            log.push_str(&line);
            log.push('\n');
            drop(log);
            if let Some(address) = address {
                // The test may have given up.
                let _ = sender.send(address);
            }
        }
    });
    receiver.recv_timeout(PATIENCE).ok()
}

/// The address in a line of the log that says `listening`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening")?;
    let (_, address) = rest.split_once("address=")?;
    address.split_whitespace().next()?.parse().ok()
}
