//! Two servers, one over TLS because the SDK of Tencent's API 2.0 speaks nothing else, the SDKs, and the operations they
//! ask about.

use super::certificates::Certificates;
use super::driver::Sdk;
use super::words::Client;
use crate::api::Api;
use crate::postgres::Database;
use crate::program::{PROJECT, Program, command, store_in};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A project that is not the tests' own.
pub(super) const ELSEWHERE: &str = "fedcba9876543210fedcba9876543210";

/// Kinds whose mixed ends count as a success.
const SETTINGS: &str = "[kind.tolerant]\nmixed_end = \"succeeded\"\n";

/// Where the two servers keep what they know.
pub(super) enum Stores {
    /// In files, each in a folder of its own.
    Files([TempDir; 2]),
    /// In databases.
    Databases([Database; 2]),
}

impl Stores {
    /// New files.
    pub(super) fn files() -> Self {
        Self::Files([(); 2].map(|()| tempfile::tempdir().expect("there is room for a folder")))
    }

    fn opened(&self) -> [Opened; 2] {
        match self {
            Self::Files(folders) => folders.each_ref().map(|folder| Opened {
                url: store_in(folder.path()),
                master_key: None,
            }),
            Self::Databases(databases) => databases.each_ref().map(|database| Opened {
                url: database.url.clone(),
                master_key: Some(database.master_key()),
            }),
        }
    }
}

/// Everything that is on.
pub(super) struct Stage {
    pub(super) sdk: Sdk,
    pub(super) plain: Side,
    pub(super) secure: Side,
    _stores: Stores,
    _folder: TempDir,
}

/// One of the two servers, and who may call it.
pub(super) struct Side {
    /// The tests' own account.
    pub(super) api: Api,
    /// The other account.
    pub(super) stranger: Api,
    /// What a poll says to use a key of our own account that works elsewhere only.
    pub(super) elsewhere: Value,
    /// The same for a key that works in our project too.
    pub(super) everywhere: Value,
    pub(super) program: Program,
}

/// Where an operation is found: its id in the words of each cloud.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) task_id: u64,
    pub(super) job_id: String,
}

impl Place {
    /// Of an operation as the native API shows it.
    pub(super) fn of(operation: &Value) -> Self {
        let text = |name: &str| operation[name].as_str().expect("ids are texts").to_owned();
        Self {
            id: text("id"),
            task_id: operation["task_id"].as_u64().expect("it is a number"),
            job_id: text("job_id"),
        }
    }

    /// Of an operation that never was.
    pub(super) fn nowhere() -> Self {
        Self {
            id: format!("op-{}", "f".repeat(32)),
            task_id: (1 << 53) - 1,
            job_id: "f".repeat(32),
        }
    }
}

impl Stage {
    /// Starts the servers on these stores, and the SDKs.
    pub(super) fn set_up(python: &OsStr, stores: Stores) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let certificates = Certificates::make(folder.path());
        let settings = folder.path().join("longrun.toml");
        std::fs::write(&settings, SETTINGS).expect("the folder can be written to");
        let [settings, certificate, key] =
            [&settings, &certificates.certificate, &certificates.key].map(|path| text(path));
        let tls = ["--tls-cert", certificate, "--tls-key", key];
        let [plain_store, secure_store] = stores.opened();
        let plain = Side::set_up(&plain_store, &["--config", settings], Api::new);
        let arguments = [&["--config", settings], &tls[..]].concat();
        let over_tls = |program: &Program| Api::over_tls(program, &certificates.authority_pem);
        let secure = Side::set_up(&secure_store, &arguments, over_tls);
        let sdk = Sdk::start(
            python,
            plain.program.address,
            secure.program.address,
            &certificates.authority,
        );
        Self {
            sdk,
            plain,
            secure,
            _stores: stores,
            _folder: folder,
        }
    }

    /// The server that a client can speak to.
    pub(super) fn side(&self, client: Client) -> &Side {
        match client {
            Client::TencentBm | Client::TencentVpc => &self.secure,
            Client::TencentBm3
            | Client::TencentVpc3
            | Client::TencentVpc3Number
            | Client::BpStudioV3
            | Client::BpStudioV1
            | Client::HuaweiEcs
            | Client::KeystoneToken => &self.plain,
        }
    }
}

/// A store, and the file with its master key where it has none beside it.
struct Opened {
    url: String,
    master_key: Option<PathBuf>,
}

impl Opened {
    /// Starts a server on it.
    fn serve(&self, arguments: &[&str]) -> Program {
        let key = self.master_key.as_deref().map(text);
        let key = key.map(|key| ["--master-key-file", key]);
        let arguments = [arguments, key.as_ref().map_or(&[], |key| &key[..])].concat();
        Program::start_with(&self.url, &arguments, "info")
    }
}

impl Side {
    /// Starts a server whose store knows the tests' key and some others.
    fn set_up(store: &Opened, arguments: &[&str], api_of: impl Fn(&Program) -> Api) -> Self {
        // The first start makes the tests' key, as there is none yet.
        let ended = store.serve(arguments).terminate();
        assert!(ended.success(), "{ended}");
        let stranger = add_key(store, "stranger", &[PROJECT]);
        let elsewhere = add_key(store, "dev", &[ELSEWHERE]);
        let everywhere = add_key(store, "dev", &[PROJECT, ELSEWHERE]);
        let program = store.serve(arguments);
        let api = api_of(&program);
        Self {
            stranger: api.with_token(stranger["token"].as_str().expect("it is a text")),
            elsewhere,
            everywhere,
            api,
            program,
        }
    }
}

/// Makes a key in a store that no server has open, and hands back what a poll says to use it. Over the API nobody could:
/// there a key makes keys of its own account and projects only.
fn add_key(store: &Opened, account: &str, projects: &[&str]) -> Value {
    let mut add = command();
    add.args([
        "keys",
        "add",
        "--json",
        "--store",
        &store.url,
        "--account",
        account,
    ]);
    if let Some(path) = &store.master_key {
        add.env("LONGRUN_MASTER_KEY_FILE", path);
    }
    for project in projects {
        add.args(["--project", project]);
    }
    let output = add.output().expect("the program can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", output.status);
    let key: Value = serde_json::from_slice(&output.stdout).expect("the answer is JSON");
    json!({ "key_id": key["id"], "secret": key["secret"], "token": key["token"] })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of the tests are UTF-8")
}
