//! The keys of a store that no server has open.

use crate::client::wire::{KeyInfo, KeyWish, Keys, NewKey, User};
use crate::settings::Settings;
use crate::usage::UsageError;
use anyhow::Context;
use longrun_engine::Clock;
use longrun_model::Timestamp;
use longrun_server::{
    MasterKey, StoreUrl, SystemClock, UserWish, add_key, list_keys, remove_key, set_user,
    switch_key,
};
use longrun_store::{Store, StoreError};
use serde_json::value::RawValue;
use std::sync::Arc;

/// An open store, and what the secrets in it are sealed with.
pub(super) struct LocalStore {
    store: Arc<dyn Store>,
    master_key: MasterKey,
}

impl LocalStore {
    /// Opens the store of the settings.
    pub(super) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if settings.store == StoreUrl::Memory {
            let text = "a memory: store lives inside its server: use --server, with LONGRUN_TOKEN";
            return Err(UsageError(text.to_owned()).into());
        }
        let store = settings
            .store
            .open()
            .await
            .map_err(|error| explained(error.into()))?;
        Ok(Self {
            store,
            master_key: settings.master_key()?,
        })
    }

    /// Makes a key.
    pub(super) async fn add(&self, wish: KeyWish) -> anyhow::Result<NewKey> {
        let wish = longrun_server::KeyWish {
            id: wish.id,
            secret: wish.secret,
            token: None,
            account: wish.account,
            projects: wish.projects,
            project_names: wish.project_names.into_iter().collect(),
            user: wish.user.map(|name| UserWish {
                name: Some(name),
                password: wish.password,
            }),
            policy: wish.policy.map(|policy| policy.get().to_owned()),
        };
        let new = add_key(&*self.store, &self.master_key, wish, SystemClock.now()).await?;
        Ok(NewKey {
            id: new.id,
            secret: new.secret,
            token: new.token,
            account: new.account,
            projects: new.projects,
            project_names: new.project_names.into_iter().collect(),
            user: new.user.as_ref().map(|user| user.name.clone()),
            password: new.user.map(|user| user.password),
        })
    }

    /// All keys.
    pub(super) async fn list(&self) -> anyhow::Result<Keys> {
        let keys = list_keys(&*self.store).await?;
        Ok(Keys {
            keys: keys.into_iter().map(shown).collect::<Result<_, _>>()?,
        })
    }

    /// Switches a key off or on again.
    pub(super) async fn switch(&self, id: &str, disabled: bool) -> anyhow::Result<()> {
        Ok(switch_key(&*self.store, id, disabled, SystemClock.now()).await?)
    }

    /// Sets who logs in for a key, or that nobody does.
    pub(super) async fn set_user(&self, id: &str, wish: Option<User>) -> anyhow::Result<User> {
        let wish = wish.map(|wish| UserWish {
            name: wish.user,
            password: wish.password,
        });
        let new = set_user(&*self.store, id, wish, SystemClock.now()).await?;
        let (user, password) = new.map(|user| (user.name, user.password)).unzip();
        Ok(User { user, password })
    }

    /// Forgets a key.
    pub(super) async fn remove(&self, id: &str) -> anyhow::Result<()> {
        Ok(remove_key(&*self.store, id, SystemClock.now()).await?)
    }
}

/// Says how the keys are reached while a server has the store.
fn explained(error: anyhow::Error) -> anyhow::Error {
    let is_in_use = error
        .chain()
        .any(|cause| matches!(cause.downcast_ref(), Some(StoreError::InUse(_))));
    if is_in_use {
        return error.context("while a server runs on the store, use --server with LONGRUN_TOKEN");
    }
    error
}

fn shown(key: longrun_server::KeyInfo) -> anyhow::Result<KeyInfo> {
    Ok(KeyInfo {
        id: key.id,
        account: key.account,
        projects: key.projects,
        project_names: key.project_names.into_iter().collect(),
        user: key.user,
        disabled: key.disabled,
        created_at: written(key.created_at)?,
        policy: key.policy.map(RawValue::from_string).transpose()?,
    })
}

fn written(instant: Timestamp) -> anyhow::Result<String> {
    let instant = jiff::Timestamp::from_millisecond(instant.as_millis())
        .context("a time cannot be written")?;
    Ok(format!("{instant:.3}"))
}
