//! The job query of Huawei Cloud's classic load balancer, which Open Telekom Cloud and its relatives speak too:
//! `GET /v1.0/{project_id}/jobs/{job_id}`.
//!
//! A caller shows a token or signs with an access key, in one of three forms. One job has four statuses; what it worked
//! on stands in `entities`, and several resources are sub-jobs in there. Errors come in two shapes: that of the gateway
//! in front of the service, and that of the service. The identity service beside it has a third: see [`identity`].

mod answer;
mod authorization;
mod canonical;
mod elbaas;
mod fault;
mod forward;
pub mod identity;
mod parse;
mod poll;
mod read;
mod sign;

use crate::{
    Call, Dialect, Fault, Frame, Lent, Managed, Observation, Options, Order, QueryError, Question,
    Reply, Request, Shelf, SignError, Signer, Target,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use longrun_model::Operation;
use serde_json::Value;

/// Its name in settings, targets and logs.
const NAME: &str = "huawei-elb";

/// The dialect `huawei-elb`.
#[derive(Debug)]
pub struct HuaweiElb;

/// How policies call the job query. The cloud itself has no name for it: who may see the project may see its jobs.
const ACTION: &str = "elb:jobs:get";

/// Where the cloud's own clients look for the number of a request; none of them looks into the body for it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl Dialect for HuaweiElb {
    fn name(&self) -> &'static str {
        NAME
    }

    fn service(&self) -> &'static str {
        "elb"
    }

    fn answers(&self) -> &'static [&'static str] {
        &["job", "job_id"]
    }

    fn locks_keys(&self) -> bool {
        true
    }

    fn keeps_things(&self) -> bool {
        true
    }

    fn manage(
        &self,
        order: Order,
        kept: &mut Shelf,
        lent: &Lent,
        chance: u128,
    ) -> Result<Managed, Fault> {
        elbaas::manage(order, kept, lent, chance)
    }

    fn settle(&self, things: &mut Value, change: &Value) {
        elbaas::settle(things, change);
    }

    fn check_things(&self, things: &Value) -> Result<(), String> {
        elbaas::check(things)
    }

    fn claims(&self, request: &Request, _: &Options) -> bool {
        parse::claims(request.path)
    }

    fn is_spoken_in(&self, request: &Request) -> bool {
        parse::carries_proof(request)
    }

    fn parse<'a>(&self, request: &Request<'a>, options: &Options) -> Call<'a> {
        parse::parse(request, options)
    }

    fn answer(&self, frame: &Frame, lent: &Lent, outcome: Result<&Operation, &Fault>) -> Reply {
        let request_id = digits_of(lent);
        let reply = match outcome {
            Ok(operation) => match &frame.question {
                Question::Poll => Reply::json(answer::write(operation, lent)),
                Question::Submit(action) => elbaas::submitted(operation, &action.answer, lent),
            },
            Err(fault) => fault::write(fault, lent.now, &request_id),
        };
        let value = HeaderValue::from_str(&request_id).expect("hexadecimal digits are a header");
        reply.with_header(REQUEST_ID, value)
    }

    fn poll(&self, target: &Target, signer: &Signer) -> Result<http::Request<Vec<u8>>, SignError> {
        poll::poll("v1.0", target, signer)
    }

    fn forward(
        &self,
        request: &Request,
        target: &Target,
        signer: &Signer,
    ) -> Result<http::Request<Vec<u8>>, SignError> {
        forward::forward(request, target, signer)
    }

    fn unserved(&self, request: &Request, fault: &Fault) -> Option<String> {
        forward::unserved(request, fault)
    }

    fn submitted(&self, _: &Question, status: u16, _: &HeaderMap, body: &[u8]) -> Option<String> {
        forward::submitted(status, body)
    }

    fn read(
        &self,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Observation, QueryError> {
        read::read(status, headers, body)
    }
}

/// Writes the request that asks another service of this cloud for a job: the servers' and the volumes' jobs look the
/// same, and their paths begin with `/v1`. What comes back is read as any other answer of this dialect.
pub fn poll_v1(target: &Target, signer: &Signer) -> Result<http::Request<Vec<u8>>, SignError> {
    poll::poll("v1", target, signer)
}

/// The number of the request as this cloud writes it: the digits of the UUID that the log has, without the dashes.
fn digits_of(lent: &Lent) -> String {
    lent.request_id.digits()
}
