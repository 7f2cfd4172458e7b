//! Tencent bare metal, API 3.0: `DescribeOperationResult`.
//!
//! It also answers whatever else is asked in API 3.0, because somebody has to say that an action or a version is
//! unknown.

mod answer;
mod read;

use crate::tencent::task_id;
use crate::tencent3::arguments::{self, Arguments};
use crate::tencent3::poll::Asking;
use crate::tencent3::{self, Poll, Product, envelope, submitted};
use crate::{
    Call, Dialect, Fault, Frame, Lent, Observation, OperationRef, Options, QueryError, Question,
    Reply, Request, SignError, Signer, Target,
};
use http::HeaderMap;
use longrun_model::Operation;

/// The task API of Tencent bare metal in its third version: the same set of bits under other names.
#[derive(Debug)]
pub struct TencentBm3;

const NAME: &str = "tencent-bm3";

static PRODUCT: Product = Product {
    dialect: NAME,
    manages: |_| false,
    version: tencent3::BM_VERSION,
    service: "bm",
    polls: &[Poll {
        name: ACTION,
        policy_name: "bm:DescribeOperationResult",
        operation: task,
    }],
};

const ACTION: &str = "DescribeOperationResult";

fn task<'a>(arguments: &Arguments<'a>) -> Result<OperationRef<'a>, Fault> {
    arguments::number(&arguments.required("TaskId")?).map(OperationRef::Number)
}

impl Dialect for TencentBm3 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn service(&self) -> &'static str {
        "bm"
    }

    fn answers(&self) -> &'static [&'static str] {
        &[
            submitted::TASK_ID,
            submitted::TASK_ID_TEXT,
            submitted::REQUEST_ID,
        ]
    }

    fn claims(&self, request: &Request, _: &Options) -> bool {
        // What belongs to vpc has been claimed by then: that dialect is asked first.
        tencent3::asked(request).is_some()
    }

    fn is_spoken_in(&self, request: &Request) -> bool {
        tencent3::has_headers(request)
    }

    fn parse<'a>(&self, request: &Request<'a>, options: &Options) -> Call<'a> {
        tencent3::parse(request, options, &PRODUCT)
    }

    fn answer(&self, frame: &Frame, lent: &Lent, outcome: Result<&Operation, &Fault>) -> Reply {
        match outcome {
            Ok(operation) => match &frame.question {
                Question::Poll => answer::answer(operation, lent),
                Question::Submit(action) => submitted::answer(operation, action, lent),
            },
            Err(fault) => envelope::refusal(fault, lent),
        }
    }

    fn poll(&self, target: &Target, signer: &Signer) -> Result<http::Request<Vec<u8>>, SignError> {
        let number =
            task_id::parse(target.id.trim()).map_err(|_| SignError::Id(target.id.to_string()))?;
        let question = Asking {
            product: &PRODUCT,
            action: ACTION,
            body: format!(r#"{{"TaskId":{number}}}"#).into_bytes(),
        };
        tencent3::poll::poll(question, target, signer)
    }

    fn forward(
        &self,
        request: &Request,
        target: &Target,
        signer: &Signer,
    ) -> Result<http::Request<Vec<u8>>, SignError> {
        let product = &PRODUCT;
        tencent3::forward(product, request, target, signer)
    }

    fn unserved(&self, request: &Request, fault: &Fault) -> Option<String> {
        tencent3::unserved(request, fault, &PRODUCT)
    }

    fn submitted(
        &self,
        _: &Question,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<String> {
        submitted::number(status, headers, body)
    }

    fn read(
        &self,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Observation, QueryError> {
        tencent3::read::open(status, headers, body).map(|response| read::read(&response))
    }
}
