//! One request, from its bytes to its answer.

use crate::app::App;
use crate::asker::Done;
use crate::body;
use crate::console;
use crate::gateway;
use crate::native;
use crate::spoiled;
use axum::Router;
use axum::body::Body;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use longrun_dialects::{Call, Dialect, Fault, Lent, Reply, Request, identity};
use parking_lot::RwLock;
use std::net::IpAddr;
use std::sync::Arc;
use tower::ServiceExt;

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
        let received = body::take(&head.headers, body).await;
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

    /// Answers a question to the identity service, if the request is one, or a browser that comes to see.
    async fn ask_identity(
        &self,
        request: &Request<'_>,
        fault: Option<Fault>,
        peer: IpAddr,
    ) -> Response<Body> {
        let Some(call) = identity::find(request, &self.app.dialects) else {
            let page = console::page(request.method, request.path, request.headers);
            return page.unwrap_or_else(|| self.answer_nowhere(request));
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

    /// Answers a request to a path that is not served, to a cloud's client in its own words.
    fn answer_nowhere(&self, request: &Request) -> Response<Body> {
        let Some(dialect) = longrun_dialects::spoken_in(request) else {
            return native::problem_not_found();
        };
        let frame = dialect.parse(request, &self.app.dialects).frame;
        respond(dialect.answer(&frame, &self.app.lent(), Err(&Fault::UnknownPath)))
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
