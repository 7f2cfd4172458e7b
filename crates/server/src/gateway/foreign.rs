//! Requests about tasks of an upstream.

use super::{Looked, alias};
use crate::app::App;
use crate::asker::{Asker, Done, fault, is_visible, operation_text};
use crate::clouds::Task;
use crate::keys::Key;
use longrun_dialects::{Fault, OperationRef, Retry};
use longrun_model::{Operation, ProjectId, Submission};
use std::sync::Arc;
use std::time::Duration;

/// How long a request waits for the upstream's first word on a task.
const LOOK_PATIENCE: Duration = Duration::from_secs(12);
/// How long it then waits until that stands in the operation.
const MIRROR_MILLIS: i64 = 5_000;

impl App {
    /// Tells how a task of an upstream stands, if a poll can be about one. Our own texts cannot be mistaken for a
    /// cloud's.
    pub(crate) async fn poll_upstream(
        &self,
        asker: &Asker<'_>,
        path: &str,
        named: &OperationRef<'_>,
        resource_group: Option<&str>,
    ) -> Option<Result<Done, Fault>> {
        let (key, project) = (asker.key, asker.project);
        let name = asker.dialect.name();
        let covering = self.gateway.covering(name, path, key, project);
        if covering.is_empty()
            || matches!(named, OperationRef::Text(text) if self.ids.key(text).is_some())
        {
            return None;
        }
        let id = operation_text(named);
        let found = match self.whose(&covering, &id, key).await {
            Ok(Some(upstream)) => self.told(asker, upstream, &id, resource_group).await,
            Ok(None) => {
                let mut fault = Fault::NotFound;
                for upstream in covering {
                    match self.told(asker, upstream, &id, resource_group).await {
                        Ok(operation) => return Some(Ok(Done::Task(operation, id))),
                        // That another cloud does not know the task says less than what is wrong here.
                        Err(Fault::NotFound) => {}
                        Err(other) => fault = other,
                    }
                }
                Err(fault)
            }
            Err(fault) => Err(fault),
        };
        Some(found.map(|operation| Done::Task(operation, id)))
    }

    /// The upstream that a task is followed in already, of several that it could be in.
    async fn whose(&self, covering: &[usize], id: &str, key: &Key) -> Result<Option<usize>, Fault> {
        if let [only] = covering {
            return Ok(Some(*only));
        }
        for upstream in covering {
            let cloud = self.gateway.upstreams()[*upstream].upstream.cloud();
            let Ok(task) = Task::new(cloud, id) else {
                continue;
            };
            let found = self
                .gateway
                .find(&self.engine, &key.account, *upstream, &task);
            let (found, _) = found.await.map_err(|error| fault(&error))?;
            if found.is_some() {
                return Ok(Some(*upstream));
            }
        }
        Ok(None)
    }

    /// How the task stands that one upstream calls `id`, if the caller may know.
    async fn told(
        &self,
        asker: &Asker<'_>,
        upstream: usize,
        id: &str,
        resource_group: Option<&str>,
    ) -> Result<Arc<Operation>, Fault> {
        let reach = &self.gateway.upstreams()[upstream].upstream.reach;
        let thing = (asker.dialect.resource_type(), id);
        asker.may(thing, reach.region.as_deref(), resource_group)?;
        self.foreign(upstream, id, asker.key, asker.project).await
    }

    /// The operation that follows the task which an upstream calls `id`. If nobody follows it yet, the upstream is
    /// asked, and a task that it knows is followed from then on.
    async fn foreign(
        &self,
        upstream: usize,
        id: &str,
        key: &Key,
        project: Option<&str>,
    ) -> Result<Arc<Operation>, Fault> {
        let cloud = self.gateway.upstreams()[upstream].upstream.cloud();
        let task = Task::new(cloud, id).map_err(|_| Fault::NotFound)?;
        let found = self
            .gateway
            .find(&self.engine, &key.account, upstream, &task);
        let (found, _) = found.await.map_err(|error| fault(&error))?;
        if let Some(operation) = found {
            let is_known = operation.removed || is_visible(&operation, key, project);
            // One whose submission was passed on is followed before anything is known of it.
            let is_well = self.gateway.upstreams()[upstream].stale_since().is_none();
            return match is_known {
                true if is_well && !operation.removed => self.mirrored(operation).await,
                true => Ok(operation),
                false => Err(Fault::NotFound),
            };
        }
        let looking = self.gateway.look(upstream, task.clone());
        let looked = tokio::time::timeout(LOOK_PATIENCE, looking).await;
        match looked.unwrap_or(Looked::Lost) {
            Looked::Seen(kind) => {
                let kind = kind.as_deref().unwrap_or_default();
                let operation = self.follow(upstream, &task, kind, key, project).await?;
                self.mirrored(operation).await
            }
            Looked::Refused(error) => Err(match error.retry {
                Retry::Unknown => Fault::NotFound,
                Retry::Again { .. } => Fault::Throttled {
                    retry_after_millis: 1_000,
                },
                Retry::Clock | Retry::Forbidden | Retry::Never => {
                    let name = &*self.gateway.upstreams()[upstream].upstream.name;
                    tracing::warn!(upstream = name, %error, "the upstream does not tell of a task");
                    Fault::Unavailable
                }
            }),
            Looked::Lost => Err(Fault::Unavailable),
        }
    }

    /// Follows a task for the holder of a key; `kind` is what the cloud calls what is done, if that is known.
    pub(super) async fn follow(
        &self,
        upstream: usize,
        task: &Task,
        kind: &str,
        key: &Key,
        project: Option<&str>,
    ) -> Result<Arc<Operation>, Fault> {
        let account = &key.account;
        let found = self.gateway.find(&self.engine, account, upstream, task);
        let (found, name) = found.await.map_err(|error| fault(&error))?;
        if let Some(operation) = found {
            return Ok(operation);
        }
        let upstream = &self.gateway.upstreams()[upstream].upstream;
        let mut submission = Submission::new(account.clone(), super::TRACK);
        submission.project = project.map(ProjectId::new);
        submission.region = upstream.reach.region.as_deref().map(Box::from);
        if let Some(settings) = self.kinds.get(super::TRACK) {
            let now = self.engine.now();
            submission.deadline_at = settings.deadline_ms.map(|millis| now.plus_millis(millis));
            submission.mixed_end = settings.mixed_end;
            if let Some(millis) = settings.retention_ms {
                submission.retention_millis = millis;
            }
        }
        alias::follow(&mut submission, &upstream.name, task, kind, name);
        let submitted = self.engine.submit(submission).await;
        let submitted = submitted.map_err(|error| fault(&error))?;
        Ok(submitted.operation)
    }

    /// The operation once the first word on its task stands in it, so that nobody is told less than is known.
    async fn mirrored(&self, mut operation: Arc<Operation>) -> Result<Arc<Operation>, Fault> {
        let give_up_at = self.engine.now().plus_millis(MIRROR_MILLIS);
        loop {
            let left = give_up_at.millis_since(self.engine.now());
            let is_told = operation.progress.message.is_some() || operation.phase.is_ended();
            if is_told || left <= 0 {
                return Ok(operation);
            }
            let (key, since) = (operation.key, operation.version);
            let waited = self.engine.wait_for_change(key, None, left, since).await;
            operation = waited.map_err(|error| fault(&error))?;
        }
    }
}
