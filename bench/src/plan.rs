//! How a run goes: how long, how often, on which store, and which scenarios.

use crate::process::Served;
use crate::report::Report;
use crate::setup;
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;

/// How the scenarios are run.
pub(crate) struct Plan {
    pub(crate) program: PathBuf,
    pub(crate) seconds: f64,
    pub(crate) rounds: usize,
    pub(crate) connections: usize,
    pub(crate) only: Option<String>,
    /// Whether the long ones are run at their full size.
    pub(crate) full: bool,
    pub(crate) report: Report,
}

/// A SQLite file that goes away with it.
pub(crate) struct StoreFile {
    folder: TempDir,
}

impl StoreFile {
    /// The file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("bench.db")
    }

    /// What `--store` is told.
    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    /// Bytes of the file and of what stands beside it.
    pub(crate) fn bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for entry in std::fs::read_dir(self.folder.path())? {
            bytes += entry?.metadata()?.len();
        }
        Ok(bytes)
    }
}

impl Plan {
    /// Whether the scenario with this name is to be run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| name.contains(only.as_str()))
    }

    /// An empty store beside the report: on the disk of the project, since that for temporary files may be memory.
    pub(crate) fn store(&self) -> anyhow::Result<StoreFile> {
        let folder = tempfile::Builder::new()
            .prefix("store-")
            .tempdir_in(self.report.folder())?;
        Ok(StoreFile { folder })
    }

    /// The program, serving this store.
    pub(crate) fn start(&self, store: &str) -> anyhow::Result<Served> {
        self.start_with(store, &[], &[])
    }

    /// The same with further arguments and variables.
    pub(crate) fn start_with(
        &self,
        store: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Served> {
        let key = format!("{}:{}", setup::KEY_ID, setup::KEY_SECRET);
        let arguments = |address: SocketAddr| {
            let address = address.to_string();
            let usual = ["serve", "--dev", "--listen", &address, "--store", store];
            let all = usual.iter().chain(arguments);
            all.map(|argument| (*argument).to_owned()).collect()
        };
        let usual = [
            ("LONGRUN_DEV_KEY", key.as_str()),
            ("LONGRUN_DEV_TOKEN", setup::TOKEN),
            ("LONGRUN_LOG", "warn"),
            // Servers that share a database make none themselves.
            ("LONGRUN_MASTER_KEY", setup::MASTER_KEY),
        ];
        let environment = [&usual[..], variables].concat();
        Served::start(&self.program, arguments, &environment)
    }
}
