//! A task of somebody else's cloud, as people write it: the cloud's name, a colon, and the cloud's own id.

use super::Cloud;
use longrun_dialects::{Credential, Endpoint, SignError, Signer, Target};
use longrun_model::Timestamp;
use std::fmt;
use std::str::FromStr;

/// A task of a cloud.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// Which cloud it runs in.
    pub cloud: Cloud,
    /// What it is called there.
    pub id: String,
}

/// Why a text names no task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTask {
    /// There is no colon in it.
    #[error("`{0}` names no cloud: write for example tencent-bm:1000800001")]
    NoCloud(String),
    /// What stands before the colon is no cloud.
    #[error("`{0}` is no cloud that can be asked; there are {names}", names = Cloud::names())]
    UnknownCloud(String),
    /// What stands behind it is no id of that cloud.
    #[error("`{id}` is no id of {cloud}", cloud = cloud.name())]
    Id {
        /// What stands there.
        id: String,
        /// Which cloud it is.
        cloud: Cloud,
    },
    /// No poll can be written that asks for it.
    #[error("no poll can be written for it")]
    Poll(#[from] SignError),
}

impl FromStr for Task {
    type Err = BadTask;

    fn from_str(text: &str) -> Result<Self, BadTask> {
        let no_cloud = || BadTask::NoCloud(text.to_owned());
        let (name, id) = text.split_once(':').ok_or_else(no_cloud)?;
        let cloud = Cloud::named(name).ok_or_else(|| BadTask::UnknownCloud(name.to_owned()))?;
        Self::new(cloud, id.trim())
    }
}

impl Task {
    /// The task of `cloud` with this id, if that can be one: if a poll can be written that asks for it.
    pub fn new(cloud: Cloud, id: &str) -> Result<Self, BadTask> {
        let target = Target {
            id: id.into(),
            project: Some("0".into()),
            ..Target::default()
        };
        let endpoint = Endpoint {
            scheme: "https",
            authority: "example.com",
        };
        let credential = Credential::AccessKey {
            id: "0".into(),
            secret: "0".into(),
            session_token: None,
        };
        match cloud.poll(
            &target,
            &Signer::new(&endpoint, &credential, Timestamp::default(), 0),
        ) {
            Ok(_) => Ok(Self {
                cloud,
                id: id.to_owned(),
            }),
            Err(SignError::Id(_)) => Err(BadTask::Id {
                id: id.to_owned(),
                cloud,
            }),
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.cloud.name(), self.id)
    }
}
