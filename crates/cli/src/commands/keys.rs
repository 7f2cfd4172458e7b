//! `longrun keys`: over the native API, or straight on a store that no server has open.

use super::keys_local::LocalStore;
use crate::client::wire::{KeyInfo, KeyWish, Keys, NewKey, User};
use crate::client::{self, Client};
use crate::environment::environment;
use crate::out;
use crate::settings::{Layer, Settings};
use crate::table::Table;
use crate::usage::UsageError;
use longrun_server::StoreUrl;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
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
    /// Sets the password of a key's user, who logs in at the identity service; tokens of the old one end
    Password(PasswordArgs),
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
    /// A project that it belongs to, with a name if wanted; can be given several times
    #[arg(long = "project", value_name = "ID[=NAME]")]
    projects: Vec<String>,
    /// The name of a user who logs in for it at the identity service, with a password instead of the secret
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Read the user's password from stdin, behind the secret if that is read too; otherwise one is drawn
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// The policy that says what it may do, as a JSON document
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct PasswordArgs {
    /// The key's id
    id: String,
    /// The user's name, if it shall be another one; at first it is the key's id
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Read the password from stdin; otherwise one is drawn
    #[arg(long)]
    password_stdin: bool,
    /// Nobody shall log in for this key any more
    #[arg(long, conflicts_with_all = ["user", "password_stdin"])]
    remove: bool,
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
        Action::List
        | Action::Disable(_)
        | Action::Enable(_)
        | Action::Remove(_)
        | Action::Password(_) => None,
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
        Action::Password(password) => set_password(&place, &password, as_json).await,
    }
}

async fn set_password(place: &Place, args: &PasswordArgs, as_json: bool) -> anyhow::Result<()> {
    if args.remove {
        place.set_user(&args.id, None).await?;
        return show_done(&args.id, "without a user", as_json);
    }
    let wish = User {
        user: args.user.clone(),
        password: args.password_stdin.then(line_from_stdin).transpose()?,
    };
    let new = place.set_user(&args.id, Some(wish)).await?;
    if as_json {
        out::line(&serde_json::to_string(&new)?)?;
        return Ok(());
    }
    let mut table = Table::bare();
    user_rows(&mut table, new.user.as_deref(), new.password.as_deref());
    out::line(&table.text())?;
    out::note("The password is not shown again.");
    Ok(())
}

fn user_rows(table: &mut Table, user: Option<&str>, password: Option<&str>) {
    for (name, value) in [("user", user), ("password", password)] {
        if let Some(value) = value {
            table.row([name.to_owned(), value.to_owned()]);
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

    async fn set_user(&self, id: &str, wish: Option<User>) -> anyhow::Result<User> {
        match self {
            Self::Server(client) => Ok(client.set_user(id, wish.as_ref()).await?.read()?),
            Self::Store(store) => store.set_user(id, wish).await,
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
    let named = args.projects.iter().map(|text| match text.split_once('=') {
        Some((id, name)) => (id.to_owned(), Some(name.to_owned())),
        None => (text.clone(), None),
    });
    let named: Vec<_> = named.collect();
    Ok(KeyWish {
        id: args.id.clone(),
        secret: args.secret_stdin.then(line_from_stdin).transpose()?,
        account: args.account.clone(),
        projects: named.iter().map(|(id, _)| id.clone()).collect(),
        project_names: named
            .into_iter()
            .filter_map(|(id, name)| Some((id, name?)))
            .collect(),
        user: args.user.clone(),
        password: args.password_stdin.then(line_from_stdin).transpose()?,
        policy: args.policy.as_ref().map(read).transpose()?,
    })
}

fn line_from_stdin() -> anyhow::Result<String> {
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
        ("projects", &named(&key.projects, &key.project_names)),
    ] {
        table.row([name.to_owned(), value.clone()]);
    }
    user_rows(&mut table, key.user.as_deref(), key.password.as_deref());
    out::line(&table.text())?;
    out::note("The secret, the token and the password are not shown again.");
    Ok(())
}

/// Projects with their names, as they are typed.
fn named(projects: &[String], names: &BTreeMap<String, String>) -> String {
    let texts = projects.iter().map(|id| match names.get(id) {
        Some(name) => format!("{id}={name}"),
        None => id.clone(),
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn show_all(keys: Keys, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        out::line(&serde_json::to_string(&keys)?)?;
        return Ok(());
    }
    let mut table = Table::new([
        "ID", "ACCOUNT", "PROJECTS", "USER", "STATE", "POLICY", "CREATED",
    ]);
    for KeyInfo {
        id,
        account,
        projects,
        project_names,
        user,
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
            named(&projects, &project_names),
            user.unwrap_or_default(),
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
