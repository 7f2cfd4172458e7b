//! Workers: telling results.
//!
//! A call holds many reports, a report many results. Each is judged by itself: one that is wrong is refused, and the
//! rest is kept.

use super::body::JsonBody;
use super::caller::{Caller, Target, action};
use super::problem::Problem;
use super::query::in_range;
use super::told::{Accepted, Told};
use super::{json, leases, view};
use axum::body::Body;
use futures_util::future::join_all;
use http::{Response, StatusCode};
use longrun_model::limits;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct ReportCall<'a> {
    #[serde(borrow)]
    reports: Vec<&'a RawValue>,
}

/// `POST /api/v1/leases:report`
pub(super) async fn report(caller: Caller, body: JsonBody) -> Result<Response<Body>, Problem> {
    let call: ReportCall = body.read()?;
    in_range("reports", call.reports.len(), 0..=limits::LEASES_MAX)?;
    let (names, reports): (Vec<_>, Vec<_>) = call
        .reports
        .into_iter()
        .map(Told::read)
        .map(|told| ((told.id.clone(), told.fence), told))
        .unzip();
    let outcomes = join_all(reports.into_iter().map(|told| caller.pass_on(told))).await;
    let answers = names.into_iter().zip(leases::settle(outcomes)?);
    Ok(view::answer_list(
        StatusCode::OK,
        "reports",
        answers,
        |bytes, ((id, fence), outcome)| {
            let (reason, status, refused) = match &outcome {
                Ok(Accepted { phase, refused }) => (None, Some(phase.as_str()), refused.as_slice()),
                Err(problem) => (Some(problem.name()), None, [].as_slice()),
            };
            json::object(bytes, |answer| {
                answer.put("id", id.as_deref());
                answer.put("fence", fence);
                answer.put("accepted", outcome.is_ok());
                answer.put("reason", reason);
                answer.put("status", status);
                answer.array("refused", refused, |bytes, part| {
                    json::object(bytes, |refused| {
                        refused.put("resource", part.resource.as_deref());
                        refused.put("reason", part.reason);
                    });
                });
            });
        },
    ))
}

impl Caller {
    async fn pass_on(&self, told: Told) -> Result<Accepted, Problem> {
        if let Err(problem) = &told.report {
            return Err(problem.clone());
        }
        let id = told.id.as_deref().unwrap_or_default();
        self.allow(action::REPORT, Target::new("operation", id))?;
        let key = self.app.ids.key(id).ok_or(Problem::NotFound)?;
        told.tell(&self.app.engine, key, self.key.sight()).await
    }
}
