//! A PostgreSQL server for the tests: a cluster of its own, thrown away afterwards.

use super::debian;
use crate::{say, shell};
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian's packages keep the programs, a folder per version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Where they are told whether to make a cluster for the machine.
const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";
/// The oldest version that will do.
const VERSION_MIN: u32 = 15;
/// Names a folder with the programs of another version.
const PROGRAMS: &str = "LONGRUN_TEST_POSTGRES_PROGRAMS";
/// Whom the server runs as if the tests run as the administrator, whom it does not serve.
const NOBODY: &str = "nobody";
/// Tests run side by side, and each may have several servers.
const CONNECTIONS_MAX: u32 = 400;

/// A server that runs. Dropping it stops it and removes what it kept.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    as_nobody: bool,
    url: String,
}

/// Starts a server with an empty cluster under `target`.
pub(crate) fn start(target: &Path) -> Result<Cluster> {
    let programs = programs()?;
    let user_id = shell::output(Command::new("id").arg("-u"))?;
    let port = free_port()?;
    let as_nobody = user_id.trim() == "0";
    let cluster = Cluster {
        programs,
        folder: place(target, as_nobody)?,
        as_nobody,
        url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    };
    // One that was left behind, by a run that was killed, is still in the way.
    cluster.stop();
    cluster.make()?;
    cluster.run(port)?;
    say::line(format_args!(
        "{} listens on port {port}",
        cluster.programs.display()
    ));
    Ok(cluster)
}

impl Cluster {
    /// Where the server is reached.
    pub(crate) fn url(&self) -> &OsStr {
        self.url.as_ref()
    }

    /// The folder with its programs.
    pub(crate) fn programs(&self) -> &OsStr {
        self.programs.as_ref()
    }

    /// The server's first process.
    pub(crate) fn process(&self) -> Result<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid"))?;
        let number = file.lines().next().context("the server names no process")?;
        Ok(number.trim().parse()?)
    }

    /// Makes an empty cluster. What is in it reaches the disk as it would in earnest.
    fn make(&self) -> Result<()> {
        remove(&self.folder)?;
        fs::create_dir_all(&self.folder).context("could not make the cluster's folder")?;
        if self.as_nobody {
            shell::run(Command::new("chown").arg(NOBODY).arg(&self.folder))?;
        }
        let initialize = self
            .command("initdb")
            .arg("--pgdata")
            .arg(self.data())
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C", "--no-instructions"])
            .output()
            .context("could not start initdb")?;
        let said = String::from_utf8_lossy(&initialize.stderr);
        ensure!(initialize.status.success(), "initdb failed: {said}");
        Ok(())
    }

    fn run(&self, port: u16) -> Result<()> {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' \
             -c max_connections={CONNECTIONS_MAX} -c fsync=on -c synchronous_commit=on"
        );
        let log = self.folder.join("log");
        let mut start = self.command("pg_ctl");
        start
            .args(["start", "--wait", "--silent", "--pgdata"])
            .arg(self.data())
            .arg("--log")
            .arg(&log)
            .args(["--options", &options]);
        shell::run(&mut start).with_context(|| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            format!("the server did not start:\n{said}")
        })
    }

    fn stop(&self) {
        if !self.data().join("postmaster.pid").exists() {
            return;
        }
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--wait", "--silent", "--mode=immediate", "--pgdata"])
            .arg(self.data());
        // It may have ended by itself.
        shell::succeeds(&mut stop);
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// One of the server's programs, as a user whom the server serves.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if self.as_nobody {
            let mut command = Command::new("runuser");
            command.args(["-u", NOBODY, "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // A folder that everybody may be in: the server does not go where its user may not.
        command.current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        if let Err(error) = remove(&self.folder) {
            say::error(&error);
        }
    }
}

/// Where the cluster lies: under `target`, unless that is in a folder that the server's user may not go into.
fn place(target: &Path, as_nobody: bool) -> Result<PathBuf> {
    fs::create_dir_all(target).context("could not make the folder for what is built")?;
    let enter = ["-u", NOBODY, "--", "test", "-x"];
    if as_nobody && !shell::succeeds(Command::new("runuser").args(enter).arg(target)) {
        return Ok(std::env::temp_dir().join("longrun-test-postgres"));
    }
    Ok(target.join("postgres"))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("could not remove the old cluster")?;
    }
    Ok(())
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.port())
}

/// The folder with the server's programs: the one that was asked for, or else those of the machine, which are installed
/// if there are none.
fn programs() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os(PROGRAMS) {
        return asked_for(folder.into());
    }
    if let Some(folder) = find() {
        return Ok(folder);
    }
    let why = "the tests need PostgreSQL 15 or newer";
    // Only the programs are wanted: no cluster, and no server that starts with the machine.
    debian::install(why, &["postgresql-common"])?;
    let settings = fs::read_to_string(CREATE_CLUSTER).unwrap_or_default();
    let wanted = without_cluster(&settings);
    if wanted != settings {
        fs::write(CREATE_CLUSTER, wanted).with_context(|| {
            format!("{why}; set create_main_cluster = false in {CREATE_CLUSTER}")
        })?;
    }
    debian::install(why, &["postgresql"])?;
    find().with_context(|| format!("{why}, and the system's packages bring an older one"))
}

/// The folder that somebody has named, if it holds what is needed of it.
fn asked_for(folder: PathBuf) -> Result<PathBuf> {
    for program in ["initdb", "pg_ctl", "pg_basebackup", "pg_dump", "pg_restore"] {
        let is_there = folder.join(program).is_file();
        ensure!(
            is_there,
            "{PROGRAMS} names {}, and there is no `{program}` in it",
            folder.display()
        );
    }
    Ok(folder)
}

/// The settings, saying that no cluster is to be made.
fn without_cluster(settings: &str) -> String {
    let others = settings.lines().filter(|line| {
        let name = line.trim_start_matches(['#', ' ']);
        !name.starts_with("create_main_cluster")
    });
    let mut wanted: Vec<&str> = others.collect();
    wanted.push("create_main_cluster = false\n");
    wanted.join("\n")
}

/// The newest version that is installed, by Debian's folders or in the search path.
fn find() -> Option<PathBuf> {
    let folders = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let newest = folders
        .filter_map(|folder| folder.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| *version >= VERSION_MIN)
        .filter(|version| programs_of(*version).join("initdb").is_file())
        .max();
    let elsewhere = || shell::found("initdb")?.parent().map(Path::to_owned);
    newest.map(programs_of).or_else(elsewhere)
}

fn programs_of(version: u32) -> PathBuf {
    Path::new(DEBIAN).join(version.to_string()).join("bin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_programs_is_refused() {
        let refused = asked_for("/nowhere".into()).unwrap_err().to_string();
        let expected =
            "LONGRUN_TEST_POSTGRES_PROGRAMS names /nowhere, and there is no `initdb` in it";
        assert_eq!(refused, expected);
    }

    #[test]
    fn no_cluster_is_made_for_the_machine() {
        for (settings, expected) in [
            ("", "create_main_cluster = false\n"),
            (
                "ssl = on\n#create_main_cluster = true\n",
                "ssl = on\ncreate_main_cluster = false\n",
            ),
            (
                "create_main_cluster = true\nssl = on",
                "ssl = on\ncreate_main_cluster = false\n",
            ),
        ] {
            assert_eq!(without_cluster(settings), expected);
        }
    }
}
