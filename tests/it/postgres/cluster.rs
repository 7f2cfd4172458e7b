//! PostgreSQL servers that a test may kill: a primary, and a standby that has everything before it is acknowledged.
//!
//! `LONGRUN_TEST_POSTGRES_PROGRAMS` names the folder with the programs of PostgreSQL. The administrator, whom they do not
//! serve, runs them as somebody without rights.

use crate::waiting::eventually;
use rustix::process::{Pid, Signal, getuid, kill_process};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// Whom the servers run as if the tests run as the administrator.
const NOBODY: &str = "nobody";

/// How often a start is tried.
const STARTS_MAX: usize = 50;

/// One server with its cluster. Dropping it kills it.
pub(super) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    /// Where it listens.
    pub(super) port: u16,
}

impl Cluster {
    /// A new primary. None, and a word about it, if the tests were not told where the programs are.
    pub(super) fn primary() -> Option<Self> {
        let cluster = Self::place()?;
        let options = ["--username=postgres", "--auth=trust", "--encoding=UTF8"];
        let mut make = cluster.command("initdb");
        make.arg("--pgdata").arg(cluster.data()).args(options);
        done(make.args(["--locale=C", "--no-instructions"]));
        cluster.run();
        Some(cluster)
    }

    /// A standby of this primary, which from now on acknowledges only what the standby has on its disk.
    pub(super) async fn standby(&self) -> Self {
        let standby = Self::place().expect("there is a primary");
        let mut copy = standby.command("pg_basebackup");
        copy.arg("--pgdata").arg(standby.data());
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--dbname"]);
        done(copy.arg(self.url()));
        standby.run();
        let client = self.connect().await;
        for sql in [
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "SELECT pg_reload_conf()",
        ] {
            client.batch_execute(sql).await.expect("it may be set");
        }
        eventually("the standby keeps up", async || {
            let sql = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
            let rows = client.query(sql, &[]).await.expect("the primary answers");
            rows.first().map(|_| ())
        })
        .await;
        standby
    }

    /// Makes a primary of a standby; returns once it is one.
    pub(super) fn promote(&self) {
        let mut promote = self.command("pg_ctl");
        promote.args(["promote", "--wait", "--silent", "--pgdata"]);
        done(promote.arg(self.data()));
    }

    /// Kills every process of the server at once, as a power cut would.
    pub(super) fn kill(&self) {
        let Some(first) = self.first_process() else {
            return;
        };
        // The first is stopped before the others are looked for: it starts new ones.
        for process in std::iter::once(first).chain(children(first)) {
            // One that has ended meanwhile need not be killed.
            let _ = kill_process(process, Signal::KILL);
        }
    }

    /// Has every process of the server stand still, those first that could start others.
    pub(super) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Has them go on.
    pub(super) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let first = self.first_process().expect("the server runs");
        for process in std::iter::once(first).chain(children(first)) {
            // One that has ended meanwhile need not be told.
            let _ = kill_process(process, signal);
        }
    }

    /// Gives the server a certificate and its private key.
    pub(super) fn speak_tls(&self, certificate: &Path, key: &Path) {
        for (from, name) in [(certificate, "server.crt"), (key, "server.key")] {
            let to = self.data().join(name);
            fs::copy(from, &to).expect("it can be copied");
            done(Command::new("chmod").arg("0600").arg(&to));
            if getuid().is_root() {
                done(Command::new("chown").arg(NOBODY).arg(&to));
            }
        }
    }

    /// Where it is reached.
    pub(super) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A connection to it.
    pub(super) async fn connect(&self) -> Client {
        let connected = tokio_postgres::connect(&self.url(), NoTls).await;
        let (client, connection) = connected.expect("the server answers");
        tokio::spawn(connection);
        client
    }

    fn place() -> Option<Self> {
        let Some(programs) = std::env::var_os("LONGRUN_TEST_POSTGRES_PROGRAMS") else {
            eprintln!("skipped: LONGRUN_TEST_POSTGRES_PROGRAMS names no folder");
            return None;
        };
        let folder = tempfile::tempdir().expect("there is room for a folder");
        if getuid().is_root() {
            done(Command::new("chown").arg(NOBODY).arg(folder.path()));
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| it.local_addr());
        Some(Self {
            programs: programs.into(),
            folder,
            port: free.expect("a port is free").port(),
        })
    }

    /// Starts the server, whose cluster is there. Processes of one that was killed may be about to end and still have
    /// its memory: it is tried again as long as that is so.
    pub(super) fn run(&self) {
        let began = (1..STARTS_MAX).any(|_| succeeds(&mut self.start()));
        if !began {
            done(&mut self.start());
        }
    }

    fn start(&self) -> Command {
        let port = self.port;
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' \
             -c fsync=on -c synchronous_commit=on"
        );
        let mut start = self.command("pg_ctl");
        start.args(["start", "--wait", "--silent", "--pgdata"]);
        start.arg(self.data()).arg("--log").arg(self.log());
        start.args(["--options", &options]);
        start
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn first_process(&self) -> Option<Pid> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        Pid::from_raw(file.lines().next()?.trim().parse().ok()?)
    }

    /// One of the programs, as a user whom they serve.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if getuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", NOBODY, "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // A folder that everybody may be in.
        command.current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The processes that this one has started.
fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let child = |entry: fs::DirEntry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name stands in brackets and may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let is_child = rest.split_whitespace().nth(1)? == parent;
        let number = entry.file_name().to_str()?.parse().ok()?;
        is_child.then(|| Pid::from_raw(number)).flatten()
    };
    processes.filter_map(child).collect()
}

/// Whether a command ends well.
fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Runs a command that is to end well.
fn done(command: &mut Command) {
    let Output { status, stderr, .. } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{said}");
}
