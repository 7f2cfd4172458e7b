//! `longrun keys`: over the native API, or straight on a store that no server has open.

use super::keys_local::LocalStore;
use crate::client::wire::{KeyInfo, KeyWish, Keys, NewKey};
use crate::client::{self, Client};
use crate::exit::UsageError;
use crate::out;
use crate::settings::{Layer, Settings, environment};
use crate::table::Table;
use longrun_server::StoreUrl;
use serde_json::value::RawValue;
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "the comments are what --help prints")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    /// The store to open; without it, and without a server or LONGRUN_TOKEN, the one that `serve` would use
    #[arg(long, value_name = "URL", global = true, conflicts_with = "server")]
    store: Option<StoreUrl>,
    /// The file with the settings [env: LONGRUN_CONFIG] [default: longrun.toml, if there is one]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The server's address; the token stands in LONGRUN_TOKEN [env: LONGRUN_SERVER]
    #[arg(long, value_name = "URL", global = true)]
    server: Option<String>,
    /// Write JSON, for programs
    #[arg(long, global = true)]
    json: bool,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes a key, or imports an existing pair
    Add(AddArgs),
    /// Lists keys
    List,
    /// Switches a key off, at once
    Disable(Which),
    /// Switches a key on again
    Enable(Which),
    /// Forgets a key
    Remove(Which),
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// The id of an existing pair
    #[arg(long)]
    id: Option<String>,
    /// Read the secret of an existing pair from stdin
    #[arg(long, requires = "id")]
    secret_stdin: bool,
    /// Whose key it is; * acts for all accounts
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// A project that it belongs to; can be given several times
    #[arg(long = "project", value_name = "PROJECT")]
    projects: Vec<String>,
    /// The policy that says what it may do, as a JSON document
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The key's id
    id: String,
}

/// Where the keys are.
enum Place {
    Server(Client),
    Store(LocalStore),
}

/// Does what is wanted with the keys.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let as_json = args.json;
    let wish = match &args.action {
        Action::Add(add) => Some(wish(add)?),
        Action::List | Action::Disable(_) | Action::Enable(_) | Action::Remove(_) => None,
    };
    let place = place(&args).await?;
    match args.action {
        Action::Add(_) => show_new(&place.add(wish.unwrap_or_default()).await?, as_json),
        Action::List => show_all(place.list().await?, as_json),
        Action::Disable(which) => {
            place.switch(&which.id, true).await?;
            show_done(&which.id, "disabled", as_json)
        }
        Action::Enable(which) => {
            place.switch(&which.id, false).await?;
            show_done(&which.id, "enabled", as_json)
        }
        Action::Remove(which) => {
            place.remove(&which.id).await?;
            show_done(&which.id, "removed", as_json)
        }
    }
}

async fn place(args: &Args) -> anyhow::Result<Place> {
    let named = args.server.is_some() || environment("LONGRUN_SERVER").is_some();
    if args.store.is_none() && (named || environment("LONGRUN_TOKEN").is_some()) {
        let server = client::ServerArgs {
            server: args.server.clone(),
        };
        return Ok(Place::Server(server.client(&environment)?));
    }
    let flags = Layer {
        store: args.store.clone(),
        ..Layer::default()
    };
    let settings = Settings::read(flags, args.config.as_deref(), &environment)?;
    Ok(Place::Store(LocalStore::open(&settings).await?))
}

impl Place {
    async fn add(&self, wish: KeyWish) -> anyhow::Result<NewKey> {
        match self {
            Self::Server(client) => Ok(client.add_key(&wish).await?.read()?),
            Self::Store(store) => store.add(wish).await,
        }
    }

    async fn list(&self) -> anyhow::Result<Keys> {
        match self {
            Self::Server(client) => Ok(client.keys().await?.read()?),
            Self::Store(store) => store.list().await,
        }
    }

    async fn switch(&self, id: &str, disabled: bool) -> anyhow::Result<()> {
        match self {
            Self::Server(client) => Ok(client.switch_key(id, disabled).await.map(drop)?),
            Self::Store(store) => store.switch(id, disabled).await,
        }
    }

    async fn remove(&self, id: &str) -> anyhow::Result<()> {
        match self {
            Self::Server(client) => Ok(client.remove_key(id).await.map(drop)?),
            Self::Store(store) => store.remove(id).await,
        }
    }
}

fn wish(args: &AddArgs) -> anyhow::Result<KeyWish> {
    let read = |path: &PathBuf| {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| UsageError(format!("`{name}` cannot be read: {error}")))?;
        RawValue::from_string(text.trim().to_owned())
            .map_err(|error| UsageError(format!("`{name}` is not JSON: {error}")))
    };
    Ok(KeyWish {
        id: args.id.clone(),
        secret: args.secret_stdin.then(secret_from_stdin).transpose()?,
        account: args.account.clone(),
        projects: args.projects.clone(),
        policy: args.policy.as_ref().map(read).transpose()?,
    })
}

fn secret_from_stdin() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn show_new(key: &NewKey, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        out::line(&serde_json::to_string(key)?)?;
        return Ok(());
    }
    let mut table = Table::bare();
    for (name, value) in [
        ("id", &key.id),
        ("secret", &key.secret),
        ("token", &key.token),
        ("account", &key.account),
        ("projects", &key.projects.join(", ")),
    ] {
        table.row([name.to_owned(), value.clone()]);
    }
    out::line(&table.text())?;
    out::note("The secret and the token are not shown again.");
    Ok(())
}

fn show_all(keys: Keys, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        out::line(&serde_json::to_string(&keys)?)?;
        return Ok(());
    }
    let mut table = Table::new(["ID", "ACCOUNT", "PROJECTS", "STATE", "POLICY", "CREATED"]);
    for KeyInfo {
        id,
        account,
        projects,
        disabled,
        created_at,
        policy,
    } in keys.keys
    {
        let state = if disabled { "disabled" } else { "enabled" };
        let policy = if policy.is_some() { "yes" } else { "no" };
        table.row([
            id,
            account,
            projects.join(", "),
            state.to_owned(),
            policy.to_owned(),
            created_at,
        ]);
    }
    out::line(&table.text())?;
    Ok(())
}

fn show_done(id: &str, state: &str, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        out::line(&serde_json::json!({ "id": id, "state": state }).to_string())?;
    } else {
        out::line(&format!("{id} is {state}"))?;
    }
    Ok(())
}
