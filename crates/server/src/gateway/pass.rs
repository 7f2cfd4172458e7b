//! Calls that are passed on to an upstream: submissions, and what is not known here.
//!
//! The caller has proved itself by then, and its policy is asked; the cloud sees the upstream's key. Its answer goes back
//! as it came, and the task that it names is followed from then on. A call is sent once: nobody knows what became of one
//! that is not answered.

use crate::app::App;
use crate::asker::{Asker, Done};
use crate::clouds::{NotPassed, Received, Task};
use axum::body::Body;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, Response, StatusCode};
use longrun_dialects::{Catalogue, Fault, Order, Question, Request, SignError, Wish};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call that is not this server's to carry out.
enum Errand<'w> {
    /// It submits or manages something.
    Known(&'w Order),
    /// A policy calls it this, and that is all that is known.
    Unknown(String),
}

impl App {
    /// Passes a call on, if it is about an upstream and no poll.
    pub(crate) async fn pass_on(
        &self,
        asker: &Asker<'_>,
        request: &Request<'_>,
        question: &Question,
        wish: &Result<Wish<'_>, Fault>,
    ) -> Option<Result<Done, Fault>> {
        let name = asker.dialect.name();
        let covering = self
            .gateway
            .covering(name, request.path, asker.key, asker.project);
        let upstream = *covering.first()?;
        let errand = match wish {
            Ok(Wish::Poll { .. }) => return None,
            Ok(Wish::Submit(order) | Wish::Manage(order)) if is_own(order) => return None,
            Ok(Wish::Submit(order) | Wish::Manage(order)) => Errand::Known(order),
            Err(fault) => Errand::Unknown(asker.dialect.unserved(request, fault)?),
        };
        let region = self.gateway.upstreams()[upstream]
            .upstream
            .reach
            .region
            .as_deref();
        let allowed = match &errand {
            Errand::Known(order) => asker.may_submit(order, region),
            Errand::Unknown(action) => asker.may_act(action, region),
        };
        if let Err(fault) = allowed {
            return Some(Err(fault));
        }
        let received = match self.passed(upstream, request).await {
            Ok(received) => received,
            Err(fault) => return Some(Err(fault)),
        };
        let kind = match &errand {
            Errand::Known(order) => order.action.kind.as_str(),
            Errand::Unknown(_) => "",
        };
        self.follow_submitted(upstream, asker, (question, kind), &received)
            .await;
        Some(Ok(Done::Passed(received)))
    }

    async fn passed(&self, upstream: usize, request: &Request<'_>) -> Result<Received, Fault> {
        let gate = &self.gateway.gates[upstream];
        gate.lock().admit(self.engine.now())?;
        let followed = &self.gateway.upstreams()[upstream];
        followed.passed.fetch_add(1, Relaxed);
        let ahead = followed.clock_offset_millis.load(Relaxed);
        let passing = followed.upstream.reach.pass(request, ahead, PATIENCE);
        // Getting a token takes time, too.
        let passed = tokio::time::timeout(2 * PATIENCE, passing).await;
        let late = |_| Err(NotPassed::Lost("there was no answer in time".to_owned()));
        let passed = passed.unwrap_or_else(late);
        let is_well = match &passed {
            Ok(received) => received.status < 500,
            Err(NotPassed::Unwritable(_)) => true,
            Err(NotPassed::Unasked(_) | NotPassed::Lost(_)) => false,
        };
        gate.lock().answered(is_well, self.engine.now());
        passed.map_err(|error| {
            let upstream = &*followed.upstream.name;
            tracing::warn!(
                upstream,
                error = &error as &dyn std::error::Error,
                "a call was passed on without an answer"
            );
            not_passed(&error)
        })
    }

    /// Follows the task that the answer names. The answer goes back whatever comes of it: who asks for the task makes
    /// it followed then.
    async fn follow_submitted(
        &self,
        upstream: usize,
        asker: &Asker<'_>,
        (question, kind): (&Question, &str),
        received: &Received,
    ) {
        let Received {
            status,
            headers,
            body,
        } = received;
        let id = asker.dialect.submitted(question, *status, headers, body);
        let cloud = self.gateway.upstreams()[upstream].upstream.cloud();
        let Some(Ok(task)) = id.map(|id| Task::new(cloud, &id)) else {
            return;
        };
        let followed = self.follow(upstream, &task, kind, asker.key, asker.project);
        if let Err(fault) = followed.await {
            tracing::warn!(%task, %fault, "a task whose submission was passed on is not followed yet");
        }
    }
}

/// Whether the action is one that the settings have given to this server.
fn is_own(order: &Order) -> bool {
    let action = &order.action;
    let built_in = Catalogue::built_in();
    let found = built_in.find(&action.dialect, &action.name);
    !found.is_some_and(|found| Arc::ptr_eq(found, action))
}

/// What the caller is told. A submission that may have been carried out is told as any outage.
fn not_passed(error: &NotPassed) -> Fault {
    match error {
        NotPassed::Unwritable(SignError::OtherRegion(_)) => Fault::InvalidParameter {
            name: "Region".into(),
            reason: "the upstream is in another one",
        },
        NotPassed::Unwritable(SignError::Request(_)) => Fault::Malformed("it cannot be passed on"),
        NotPassed::Unwritable(
            SignError::Id(_) | SignError::NoProject | SignError::Credential(_),
        )
        | NotPassed::Unasked(_)
        | NotPassed::Lost(_) => Fault::Unavailable,
    }
}

/// An upstream's answer as it came. What it says about the connection, or to a browser, stays here.
pub(crate) fn passed_back(received: &Received) -> Response<Body> {
    let mut response = Response::new(Body::from(received.body.clone()));
    *response.status_mut() =
        StatusCode::from_u16(received.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let is_told = |name: &HeaderName| {
        *name == CONTENT_TYPE || *name == RETRY_AFTER || name.as_str().ends_with("request-id")
    };
    for (name, value) in received.headers.iter().filter(|(name, _)| is_told(name)) {
        response.headers_mut().append(name, value.clone());
    }
    response
}
