//! The processes that are measured.

use anyhow::{Context, bail};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server in a process of its own; dropping it ends it.
pub(crate) struct Served {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// How long it took from its start to the first connection that it accepted.
    pub(crate) started_in: Duration,
}

impl Served {
    /// Starts `program`; `listen` makes the arguments for an address.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub(crate) fn start(
        program: &Path,
        listen: impl FnOnce(SocketAddr) -> Vec<String>,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let address = free_address()?;
        let began = Instant::now();
        let child = Command::new(program)
            .args(listen(address))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let mut served = Self {
            child,
            address,
            started_in: Duration::ZERO,
        };
        while TcpStream::connect(address).is_err() {
            if let Some(status) = served.child.try_wait()? {
                bail!("{} ended with {status}", program.display());
            }
            if began.elapsed() > Duration::from_secs(20) {
                bail!("{} does not listen", program.display());
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        served.started_in = began.elapsed();
        Ok(served)
    }

    /// Its number, for tools that look at it from outside.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// MiB of memory that it has resident.
    pub(crate) fn resident_mebibytes(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line
            .and_then(|line| line.split_whitespace().next())
            .context("no VmRSS")?;
        Ok(number.parse::<f64>()? / 1024.0)
    }

    /// Has it end by itself, so that its store is left as a user's would be.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
