//! What accounts keep in the clouds' own words: templates, and what refers to them. A test or an operator puts there what
//! no action of the cloud can make.

use super::body::JsonBody;
use super::caller::{Caller, Target, action};
use super::problem::Problem;
use super::query::Segment;
use crate::shelves::ShelfError;
use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use longrun_dialects::{Dialect, keeper};
use serde_json::Value;

/// `GET /api/v1/shelves/{shelf}`
pub(super) async fn get(
    caller: Caller,
    Segment(shelf): Segment,
) -> Result<Response<Body>, Problem> {
    caller.allow(action::GET_SHELF, Target::new("shelf", &shelf))?;
    let dialect = dialect(&shelf)?;
    let things = caller.app.things(dialect, &caller.key.account).await?;
    Ok(answer(&things))
}

/// `PUT /api/v1/shelves/{shelf}`
pub(super) async fn put(
    caller: Caller,
    Segment(shelf): Segment,
    body: JsonBody,
) -> Result<Response<Body>, Problem> {
    caller.allow(action::PUT_SHELF, Target::new("shelf", &shelf))?;
    let dialect = dialect(&shelf)?;
    let things: Value = body.read()?;
    dialect.check_things(&things).map_err(Problem::Invalid)?;
    let response = answer(&things);
    let account = &caller.key.account;
    caller.app.put_things(dialect, account, things).await?;
    Ok(response)
}

/// The dialect that knows what stands on a shelf.
fn dialect(shelf: &str) -> Result<&'static dyn Dialect, Problem> {
    keeper(shelf).ok_or(Problem::NotFound)
}

fn answer(things: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(things.to_string()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

impl From<ShelfError> for Problem {
    fn from(error: ShelfError) -> Self {
        match error {
            ShelfError::Engine(error) => error.into(),
            ShelfError::Damaged { .. } => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a shelf is damaged"
                );
                Self::Internal
            }
        }
    }
}
