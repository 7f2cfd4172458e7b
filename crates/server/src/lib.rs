//! The edges of Longrun: HTTP, credentials, policies.
//!
//! A request comes in over a socket, in a cloud's dialect or in the native API; the server finds out who sent it,
//! whether that is allowed, asks the engine, and answers in the caller's own words. This is the one crate besides the
//! program itself that reads a clock, draws random numbers and holds secrets. It decides nothing about operations and
//! knows no cloud's bytes.

mod app;
mod asker;
mod body;
mod calls;
mod chance;
mod clock;
pub mod clouds;
mod console;
mod edge;
mod executors;
mod gateway;
mod identity;
mod keys;
mod kinds;
mod listen;
mod lockout;
mod master_key;
mod moving;
mod native;
mod orders;
mod policy;
mod proving;
mod rates;
mod refusals;
mod replay;
mod server;
mod settings;
mod shelves;
mod spoiled;
mod start_error;
mod store_url;
mod surroundings;

pub use clock::SystemClock;
pub use executors::{
    CommandExecutor, CommandSettings, Executor, Hold, Host, HostLine, HttpExecutor, HttpSettings,
    Lost, SigningSecret, UnusableReceiver,
};
pub use gateway::{Callers, Upstream};
pub use keys::{
    KeyError, KeyInfo, KeyWish, NewKey, NewUser, UserWish, add_key, list_keys, remove_key,
    set_user, switch_key,
};
pub use kinds::KindSettings;
pub use longrun_poller::Quota;
pub use longrun_store::Share;
pub use master_key::{MasterKey, MasterKeyError};
pub use moving::migrate;
pub use policy::PolicyError;
pub use server::{DEV_ACCOUNT, DEV_PROJECT, Server};
pub use settings::{Dev, ExecutorSettings, Settings, TAKEOVER_MS_USUAL, TOKEN_MS_USUAL, Tls};
pub use start_error::StartError;
pub use store_url::{NoStore, StoreUrl};
pub use surroundings::{
    Interference, Meddled, Meddling, Polled, ShelfWish, Spoiling, Surroundings, invalid_value,
    not_available,
};
