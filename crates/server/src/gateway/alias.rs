//! Which operation follows which task: found by an idempotency key that is made of the task.
//!
//! A second wish to follow a task finds the first operation, in every store and on every server, and the name is free
//! again when the operation is gone. No header can have such a key. An operation that ended because the cloud did not
//! know the task is no answer to a later wish, as the task may have been made since: that one gets the next number.

use super::{Gateway, TRACK, is_tracking, mirror};
use crate::clouds::{BadTask, Task};
use crate::keys::Key;
use longrun_dialects::Followed;
use longrun_engine::{Engine, EngineError};
use longrun_model::{Account, Idempotency, Json, Operation, Submission};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::Arc;

/// How often a task may be unknown before the last such operation is the answer.
const NUMBERS_MAX: u32 = 100;

/// What an operation of kind `track` has as its input.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tracking<'a> {
    /// The task, as `longrun wait` takes it.
    #[serde(borrow)]
    pub(crate) target: Cow<'a, str>,
    /// The upstream that it is asked for at.
    #[serde(borrow, default)]
    pub(crate) upstream: Cow<'a, str>,
    /// What the cloud calls what is done, as far as that is known.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(crate) kind: Cow<'a, str>,
}

/// Why a task cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Bad {
    /// The input is none of this kind.
    #[error("`input` of the kind `track` is {{\"target\":\"CLOUD:ID\",\"upstream\":\"NAME\"}}")]
    Input,
    /// It names resources.
    #[error("`resources` of the kind `track` are what the cloud says")]
    Resources,
    /// The target is none.
    #[error(transparent)]
    Target(#[from] BadTask),
    /// No upstream has this name, or not for this caller.
    #[error("there is no upstream `{0}` for this key")]
    NoUpstream(String),
    /// The upstream is another cloud.
    #[error("the upstream `{upstream}` is not {cloud}")]
    OtherCloud {
        /// Which upstream.
        upstream: String,
        /// What the target names.
        cloud: &'static str,
    },
    /// None was named, and there is none.
    #[error(
        "no upstream is {0} for this key: `[upstream.NAME]` in the server's settings makes one"
    )]
    None(&'static str),
    /// None was named, and there are several.
    #[error("name one of the upstreams that are {cloud}: {names}")]
    Several {
        /// What the target names.
        cloud: &'static str,
        /// Which ones there are.
        names: String,
    },
}

impl<'a> Tracking<'a> {
    /// What an operation of kind `track` follows.
    pub(crate) fn of(operation: &'a Operation) -> Option<Self> {
        let input = operation
            .input
            .as_ref()
            .filter(|_| is_tracking(&operation.kind))?;
        serde_json::from_str(input.as_str()).ok()
    }
}

impl Gateway {
    /// Makes a submission of kind `track` complete: the upstream, and the key that it is found by.
    pub(crate) async fn complete(
        &self,
        engine: &Engine,
        key: &Key,
        submission: &mut Submission,
    ) -> Result<Result<(), Bad>, EngineError> {
        let (number, task, kind) = match self.aim(key, submission) {
            Ok(aim) => aim,
            Err(bad) => return Ok(Err(bad)),
        };
        let (_, alias) = self
            .find(engine, &submission.account, number, &task)
            .await?;
        let upstream = &self.upstreams[number].upstream;
        follow(submission, &upstream.name, &task, &kind, alias);
        Ok(Ok(()))
    }

    fn aim(&self, key: &Key, submission: &Submission) -> Result<(usize, Task, String), Bad> {
        if !submission.resources.is_empty() {
            return Err(Bad::Resources);
        }
        let input = submission.input.as_ref().ok_or(Bad::Input)?;
        let tracking: Tracking = serde_json::from_str(input.as_str()).map_err(|_| Bad::Input)?;
        let task: Task = tracking.target.parse()?;
        let (cloud, kind) = (task.cloud.name(), tracking.kind.into_owned());
        if tracking.upstream.is_empty() {
            let fits = |number: &usize| {
                let upstream = &self.upstreams[*number].upstream;
                upstream.cloud() == task.cloud && upstream.serves(key)
            };
            let fitting: Vec<usize> = (0..self.upstreams.len()).filter(fits).collect();
            return match *fitting {
                [] => Err(Bad::None(cloud)),
                [one] => Ok((one, task, kind)),
                [..] => {
                    let names = fitting.iter().map(|it| &*self.upstreams[*it].upstream.name);
                    let names = names.collect::<Vec<_>>().join(", ");
                    Err(Bad::Several { cloud, names })
                }
            };
        }
        let name = tracking.upstream.as_ref();
        let number = self.number(name);
        let number = number.filter(|number| self.upstreams[*number].upstream.serves(key));
        let number = number.ok_or_else(|| Bad::NoUpstream(name.to_owned()))?;
        if self.upstreams[number].upstream.cloud() != task.cloud {
            return Err(Bad::OtherCloud {
                upstream: name.to_owned(),
                cloud,
            });
        }
        Ok((number, task, kind))
    }

    /// The operation of an account that follows a task, if there is one, and the key for one.
    pub(crate) async fn find(
        &self,
        engine: &Engine,
        account: &Account,
        number: usize,
        task: &Task,
    ) -> Result<(Option<Arc<Operation>>, Box<str>), EngineError> {
        let upstream = &self.upstreams[number].upstream.name;
        let mut last = None;
        for turn in 0..NUMBERS_MAX {
            let alias = alias(upstream, task, turn);
            let found = engine
                .submitted_under(account.clone(), alias.clone())
                .await?;
            match found {
                None => return Ok((None, alias)),
                Some(found) if !mirror::is_unknown(&found) => return Ok((Some(found), alias)),
                Some(found) => last = Some((Some(found), alias)),
            }
        }
        Ok(last.expect("there is at least one number"))
    }
}

/// What the cloud says of the task that an operation follows, which it calls `id`.
pub(crate) fn followed<'a>(operation: &'a Operation, id: &'a str) -> Followed<'a> {
    let kind = match Tracking::of(operation).map(|tracking| tracking.kind) {
        Some(Cow::Borrowed(kind)) => Some(kind).filter(|kind| !kind.is_empty()),
        // A name that has to be escaped is none of a cloud's.
        Some(Cow::Owned(_)) | None => None,
    };
    Followed {
        id,
        kind,
        message: mirror::message(operation),
    }
}

/// Makes a submission follow a task.
pub(crate) fn follow(
    submission: &mut Submission,
    upstream: &str,
    task: &Task,
    kind: &str,
    alias: Box<str>,
) {
    let tracking = Tracking {
        target: task.to_string().into(),
        upstream: upstream.into(),
        kind: kind.into(),
    };
    let input = serde_json::to_string(&tracking).expect("texts can be written");
    submission.kind = TRACK.into();
    submission.input = Some(Json::from_checked(input));
    submission.idempotency = Some(Idempotency {
        key: alias,
        // The key says all that there is to say.
        digest: [0; 16],
    });
}

/// The key of an operation that follows a task. Ids can be longer than a key may be, and digests are not.
fn alias(upstream: &str, task: &Task, turn: u32) -> Box<str> {
    let digest = Sha256::digest(format!("{upstream}\u{1f}{task}"));
    format!("\u{1f}{TRACK}\u{1f}{}\u{1f}{turn}", hex::encode(digest)).into()
}
