//! One request, from its bytes to its answer.

use crate::app::App;
use crate::chance;
use crate::clouds::Received;
use crate::gateway;
use crate::keys::Key;
use crate::native;
use crate::policy::{Ask, Decision};
use crate::replay::Nonce;
use crate::{Meddled, Polled, Spoiling, SystemClock, spoiled};
use axum::Router;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use longrun_dialects::{
    Call, Claim, Dialect, Fault, Frame, Identity, Lent, OperationRef, Order, Proof, Reply, Request,
    Wish, identity,
};
use longrun_engine::{Clock, EngineError};
use longrun_model::{Operation, OperationKey, Timestamp};
use parking_lot::RwLock;
use std::net::IpAddr;
use std::sync::Arc;
use tower::ServiceExt;

/// Bytes that the query and the body of a request in a dialect may have.
pub(crate) const DIALECT_BYTES_MAX: usize = 1024 * 1024;

/// What the native API serves outside of its folder.
const PAGES: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/openapi.json"];
/// The header that says since when an answer is out of date, as no cloud has a word for that.
const STALE_SINCE: HeaderName = HeaderName::from_static("longrun-stale-since");

/// The way into the server.
pub(crate) struct Edge {
    app: Arc<App>,
    native: Router,
}

/// Where requests come in. What lies behind it can be exchanged as a whole, between two requests.
pub(crate) struct Door(RwLock<Arc<Edge>>);

impl Door {
    /// A door to `edge`.
    pub(crate) fn new(edge: Arc<Edge>) -> Self {
        Self(RwLock::new(edge))
    }

    /// What lies behind it now.
    pub(crate) fn edge(&self) -> Arc<Edge> {
        Arc::clone(&self.0.read())
    }

    /// Puts another one behind it.
    pub(crate) fn exchange(&self, edge: Arc<Edge>) {
        *self.0.write() = edge;
    }
}

/// A body, as far as it came.
struct Taken {
    bytes: Bytes,
    fault: Option<Fault>,
}

impl Edge {
    pub(crate) fn new(app: Arc<App>, annex: Router) -> Self {
        let native = native::router(Arc::clone(&app), annex);
        Self { app, native }
    }

    /// Answers a request.
    pub(crate) async fn serve(
        &self,
        mut request: http::Request<Incoming>,
        peer: IpAddr,
    ) -> Response<Body> {
        if is_native(request.uri().path()) {
            request.extensions_mut().insert(peer);
            let native = self.native.clone().oneshot(request.map(Body::new)).await;
            return native.unwrap_or_else(|infallible| match infallible {});
        }
        // In a box of its own: a native call that waits shall not take the room that a poll in a dialect needs.
        Box::pin(self.speak(request, peer)).await
    }

    /// Answers a request that is in a dialect, if it is in any.
    async fn speak(&self, request: http::Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let (head, body) = request.into_parts();
        let received = receive(&head.headers, body).await;
        let request = Request {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body: &received.bytes,
        };
        match longrun_dialects::find(&request, &self.app.dialects) {
            Some(dialect) => self.answer(dialect, &request, received.fault, peer).await,
            None => self.ask_identity(&request, received.fault, peer).await,
        }
    }

    /// Answers a question to the identity service, if the request is one.
    async fn ask_identity(
        &self,
        request: &Request<'_>,
        fault: Option<Fault>,
        peer: IpAddr,
    ) -> Response<Body> {
        let Some(call) = identity::find(request, &self.app.dialects) else {
            return native::problem_not_found();
        };
        let outcome = match fault {
            Some(fault) => Err(fault.into()),
            None => self.app.identify(&call, peer).await,
        };
        let lent = self.app.lent();
        if let Err(refusal) = &outcome {
            tracing::debug!(request.id = %lent.request_id, %refusal, "a call to the identity service was refused");
        }
        respond(call.answer(&lent, self.app.secure, outcome.as_ref()))
    }

    async fn answer(
        &self,
        dialect: &dyn Dialect,
        request: &Request<'_>,
        fault: Option<Fault>,
        peer: IpAddr,
    ) -> Response<Body> {
        let Call { frame, claim, wish } = dialect.parse(request, &self.app.dialects);
        let lent = self.app.lent();
        let outcome = match fault {
            Some(fault) => Err(fault),
            None => {
                let asked = (dialect, &frame, request, peer);
                self.app.carry_out(asked, claim, wish, &lent).await
            }
        };
        if let Err(fault) = &outcome {
            tracing::debug!(dialect = dialect.name(), request.id = %lent.request_id, %fault, "a call was refused");
        }
        let mut response = respond(match &outcome {
            Ok(Done::Passed(received)) => return gateway::passed_back(received),
            Ok(Done::Told(reply)) => reply.clone(),
            Ok(Done::Operation(operation)) => dialect.answer(&frame, &lent, Ok(operation)),
            Ok(Done::Polled(told)) => dialect.answer(&frame, &lent, Ok(&told.operation)),
            Ok(Done::Task(operation, id)) => {
                let followed = Some(gateway::followed(operation, id));
                dialect.answer(&frame, &Lent { followed, ..lent }, Ok(operation))
            }
            Err(fault) => dialect.answer(&frame, &lent, Err(fault)),
        });
        if let Ok(Done::Polled(told)) = outcome {
            return spoiled::spoil(response, told.outcome).await;
        }
        if let Ok(Done::Operation(operation) | Done::Task(operation, _)) = &outcome
            && let Some(since) = self.app.gateway.stale_since(operation)
        {
            response
                .headers_mut()
                .insert(STALE_SINCE, native::instant(since));
        }
        if let Err(Fault::Throttled { retry_after_millis }) = outcome
            && response.status() == StatusCode::TOO_MANY_REQUESTS
        {
            let seconds = HeaderValue::from(retry_after_millis.div_ceil(1_000));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }

    /// Answers a request that could not be read as HTTP, in the dialect that its first line points to.
    pub(crate) fn refuse(&self, request: &Request, fault: &Fault) -> Option<Reply> {
        let lent = self.app.lent();
        let Some(dialect) = longrun_dialects::find(request, &self.app.dialects) else {
            let call = identity::find(request, &self.app.dialects)?;
            return Some(call.answer(&lent, self.app.secure, Err(&fault.clone().into())));
        };
        let frame = dialect.parse(request, &self.app.dialects).frame;
        Some(dialect.answer(&frame, &lent, Err(fault)))
    }
}

/// Whether the path belongs to the native API or to those who run the server.
pub(crate) fn is_native(path: &str) -> bool {
    path.starts_with("/api/") || PAGES.contains(&path)
}

/// Takes in the body, up to the limit.
async fn receive(headers: &HeaderMap, mut body: Incoming) -> Taken {
    if body.is_end_stream() {
        return Taken {
            bytes: Bytes::new(),
            fault: None,
        };
    }
    let too_large = || {
        Some(Fault::TooLarge {
            limit_bytes: DIALECT_BYTES_MAX,
        })
    };
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or(0).min(DIALECT_BYTES_MAX));
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let fault = Some(Fault::Malformed("the body ends too early"));
            return Taken {
                bytes: bytes.freeze(),
                fault,
            };
        };
        let Some(data) = frame.data_ref() else {
            continue;
        };
        if bytes.len() + data.len() > DIALECT_BYTES_MAX {
            return Taken {
                bytes: bytes.freeze(),
                fault: too_large(),
            };
        }
        bytes.extend_from_slice(data);
    }
    Taken {
        bytes: bytes.freeze(),
        fault: None,
    }
}

fn respond(reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    response.headers_mut().extend(reply.headers);
    response
}

/// What comes of a call.
pub(crate) enum Done {
    /// An operation to be told of.
    Operation(Arc<Operation>),
    /// An operation that follows a task of another cloud, and what it is called there.
    Task(Arc<Operation>, String),
    /// The same, to a poll that somebody has meddled with.
    Polled(Told),
    /// What an upstream has answered.
    Passed(Received),
    /// An answer that is written already.
    Told(Reply),
}

/// Who wants something, once that is proved, and how.
pub(crate) struct Asker<'a> {
    pub(crate) dialect: &'a dyn Dialect,
    pub(crate) key: &'a Key,
    /// What a policy calls it.
    pub(crate) action: &'a str,
    pub(crate) project: Option<&'a str>,
    peer: IpAddr,
    secure: bool,
    now: Timestamp,
}

/// What a caller is told.
pub(crate) struct Told {
    /// The operation that was asked about, or made.
    pub(crate) operation: Arc<Operation>,
    /// What becomes of the answer.
    pub(crate) outcome: Option<Spoiling>,
}

impl App {
    fn lent(&self) -> Lent<'_> {
        Lent {
            ids: &self.ids,
            request_id: chance::request_id(),
            now: self.engine.now(),
            catalogue: &self.dialects.catalogue,
            followed: None,
        }
    }

    /// Does what a call wants, if whoever sent it may.
    async fn carry_out(
        &self,
        (dialect, frame, request, peer): (&dyn Dialect, &Frame<'_>, &Request<'_>, IpAddr),
        claim: Result<Claim<'_>, Fault>,
        wish: Result<Wish<'_>, Fault>,
        lent: &Lent<'_>,
    ) -> Result<Done, Fault> {
        let claim = claim?;
        let key = self.prove(dialect, &claim, peer)?;
        let counted = self.rates.count(&key.id, self.engine.now());
        counted.map_err(|retry_after_millis| Fault::Throttled { retry_after_millis })?;
        if claim
            .project
            .as_ref()
            .is_some_and(|project| !key.works_in(project))
        {
            return Err(Fault::WrongProject);
        }
        let asker = Asker {
            dialect,
            key: &key,
            action: &frame.action,
            project: claim.project.as_deref(),
            peer,
            secure: self.secure,
            now: self.engine.now(),
        };
        let passed = self.pass_on(&asker, request, &frame.question, &wish).await;
        if let Some(passed) = passed {
            return passed;
        }
        match wish? {
            Wish::Poll {
                operation,
                resource_group,
            } => {
                let group = resource_group.as_deref();
                match self
                    .poll_upstream(&asker, request.path, &operation, group)
                    .await
                {
                    // Numbers are given by clouds and here.
                    None | Some(Err(Fault::NotFound)) => {
                        let operation = self.poll(&asker, &operation, group).await?;
                        match self.meddle(&operation, Some(dialect.name())).await {
                            None => Ok(Done::Operation(operation)),
                            Some(told) => told.map(Done::Polled),
                        }
                    }
                    Some(told) => told,
                }
            }
            Wish::Submit(order) => {
                asker.may_submit(&order, None)?;
                let operation = self.carry_out_order(*order, &asker).await?;
                Ok(Done::Operation(operation))
            }
            Wish::Manage(order) => self.manage(*order, &asker, lent).await,
        }
    }

    /// What becomes of a poll of `operation` that is allowed, if somebody meddles with polls.
    pub(crate) async fn meddle(
        &self,
        operation: &Arc<Operation>,
        dialect: Option<&str>,
    ) -> Option<Result<Told, Fault>> {
        let interference = self.interference.as_ref()?;
        let polled = Polled {
            engine: &self.engine,
            ids: &self.ids,
            operation,
            dialect,
        };
        let meddling = interference.poll(polled).await;
        if !meddling.delay.is_zero() {
            tokio::time::sleep(meddling.delay).await;
        }
        let outcome = match meddling.outcome {
            Meddled::Refused(fault) => return Some(Err(fault)),
            Meddled::Spoiled(spoiling) => Some(spoiling),
            Meddled::Nothing => None,
        };
        Some(Ok(Told {
            operation: meddling.operation.unwrap_or_else(|| Arc::clone(operation)),
            outcome,
        }))
    }

    /// Tells how an operation stands, if the caller may know.
    async fn poll(
        &self,
        asker: &Asker<'_>,
        operation: &OperationRef<'_>,
        resource_group: Option<&str>,
    ) -> Result<Arc<Operation>, Fault> {
        let found = self.find(operation, asker.key, asker.project).await;
        let known = found.as_ref().ok();
        let own_group = known.and_then(|operation| operation.resource_group.as_deref());
        // A caller may name a group, but not choose one in which it is allowed what it is not elsewhere.
        let other_group =
            known.is_some() && resource_group.is_some_and(|group| own_group != Some(group));
        let region = known.and_then(|operation| operation.region.as_deref());
        asker.may(
            (asker.dialect.resource_type(), &operation_text(operation)),
            region,
            resource_group.or(own_group),
        )?;
        if other_group {
            return Err(asker.forbidden(false));
        }
        found
    }

    /// The key of whoever sent a call, once that is proved.
    pub(crate) fn prove(
        &self,
        dialect: &dyn Dialect,
        claim: &Claim,
        peer: IpAddr,
    ) -> Result<Arc<Key>, Fault> {
        let key = match &claim.identity {
            Identity::Token(token) => {
                return self.bearer_of(token);
            }
            Identity::AccessKey(id) => self.keys.by_id(id).ok_or(Fault::UnknownKey)?,
        };
        if key.disabled {
            return Err(Fault::DisabledKey);
        }
        let proof = claim
            .proof
            .as_ref()
            .ok_or(Fault::MissingCredentials("Signature"))?;
        // Whoever signs knows no clock but the world's.
        let now = SystemClock.now();
        self.check_signature(dialect, proof, &key, now, peer)?;
        if claim
            .session_token
            .as_ref()
            .is_some_and(|token| !token.is_empty())
        {
            // Our keys are lasting ones: no token belongs to them.
            return Err(Fault::BadToken);
        }
        let Some(nonce) = &proof.nonce else {
            return Ok(key);
        };
        match self
            .replays
            .remember(&key.id, nonce, proof.signed_at, proof.window_millis, now)
        {
            Nonce::New => Ok(key),
            Nonce::Used => Err(Fault::Replayed),
            Nonce::TooOld => Err(Fault::Skewed {
                ahead_millis: proof.signed_at.millis_since(now),
            }),
        }
    }

    /// Holds a signature against the secret, and counts the bad ones where the cloud locks keys for them.
    fn check_signature(
        &self,
        dialect: &dyn Dialect,
        proof: &Proof,
        key: &Key,
        clock: Timestamp,
        peer: IpAddr,
    ) -> Result<(), Fault> {
        if !dialect.locks_keys() {
            return key.verify(dialect, proof, clock);
        }
        // A lock ends by the server's clock, like that of a user.
        let (lockouts, now) = (&self.key_lockouts, self.engine.now());
        if lockouts.seconds_left(&key.id, peer, now).is_some() {
            return Err(Fault::LockedKey);
        }
        let verified = key.verify(dialect, proof, clock);
        match &verified {
            Ok(()) => lockouts.succeeded(&key.id, peer),
            Err(Fault::BadSignature { .. }) => lockouts.failed(&key.id, peer, now),
            // A clock that is off says nothing about the secret.
            Err(_) => (),
        }
        verified
    }

    /// The operation that a call names, if it exists for this key.
    async fn find(
        &self,
        named: &OperationRef<'_>,
        key: &Key,
        project: Option<&str>,
    ) -> Result<Arc<Operation>, Fault> {
        let operation_key = match named {
            OperationRef::Number(number) => OperationKey::new(*number),
            OperationRef::Text(text) => self.ids.key(text),
        };
        let operation = self
            .engine
            .get(operation_key.ok_or(Fault::NotFound)?, key.confined_to())
            .await;
        let operation = operation.map_err(|error| fault(&error))?;
        if is_visible(&operation, key, project) {
            Ok(operation)
        } else {
            Err(Fault::NotFound)
        }
    }
}

/// Whether an operation of its account exists for this key, in the project that it asks about.
pub(crate) fn is_visible(operation: &Operation, key: &Key, project: Option<&str>) -> bool {
    let own_project = operation
        .project
        .as_ref()
        .map(longrun_model::ProjectId::as_str);
    own_project.is_none_or(|own| key.works_in(own) && project.is_none_or(|asked| asked == own))
}

pub(crate) fn operation_text(named: &OperationRef) -> String {
    match named {
        OperationRef::Number(number) => number.to_string(),
        OperationRef::Text(text) => text.to_string(),
    }
}

impl Asker<'_> {
    /// Whether the policy of the key allows the action on one thing, named by its type and its id.
    pub(crate) fn may(
        &self,
        relative: (&str, &str),
        region: Option<&str>,
        resource_group: Option<&str>,
    ) -> Result<(), Fault> {
        let ask = Ask {
            action: self.action,
            region: region.unwrap_or_default(),
            account: self.key.account.as_str(),
            relative,
            resource_group,
            source_ip: Some(self.peer),
            secure: self.secure,
            now: self.now,
        };
        match self.key.decide(&ask) {
            Decision::Allowed => Ok(()),
            Decision::DeniedImplicitly => Err(self.forbidden(false)),
            Decision::DeniedExplicitly => Err(self.forbidden(true)),
        }
    }

    /// Whether it allows an action that is not served here, of which nothing more is known than its name.
    pub(crate) fn may_act(&self, action: &str, region: Option<&str>) -> Result<(), Fault> {
        let asker = Asker {
            dialect: self.dialect,
            key: self.key,
            action,
            project: self.project,
            peer: self.peer,
            secure: self.secure,
            now: self.now,
        };
        asker.may(("action", action), region, None)
    }

    /// Whether it allows an order: the action on every resource, or on the kind if none is named. `usual` is the region
    /// of an order that names none.
    pub(crate) fn may_submit(&self, order: &Order, usual: Option<&str>) -> Result<(), Fault> {
        let (region, group) = (
            order.region.as_deref().or(usual),
            order.resource_group.as_deref(),
        );
        if order.resources.is_empty() {
            return self.may(("kind", order.action.kind.as_str()), region, group);
        }
        order.resources.iter().try_for_each(|resource| {
            let kind = resource.kind.as_deref().unwrap_or("resource");
            self.may((kind, resource.id.as_str()), region, group)
        })
    }

    fn forbidden(&self, explicit: bool) -> Fault {
        Fault::Forbidden {
            action: self.action.to_owned().into(),
            explicit,
            account: self.key.account.as_str().into(),
        }
    }
}

/// What an engine's error is called in the dialects.
pub(crate) fn fault(error: &EngineError) -> Fault {
    match error {
        EngineError::NotFound => Fault::NotFound,
        EngineError::Gone => Fault::Gone,
        EngineError::Overloaded | EngineError::TooManyWatchers => Fault::Throttled {
            retry_after_millis: 1_000,
        },
        EngineError::Unavailable => Fault::Unavailable,
        EngineError::ResourceHeld { resource, .. } => Fault::Busy(resource.as_str().into()),
        EngineError::IdempotencyMismatch
        | EngineError::DocumentChanged
        | EngineError::DocumentTooLong
        | EngineError::Rejected(_) => Fault::Internal,
    }
}
