//! Tencent virtual private cloud, API 3.0: `DescribeVpcTaskResult`, which asks by the request id of the call that
//! submitted, and `DescribeTaskResult`, which asks by a number and was made for elastic IPs. Here both know every
//! operation.

mod answer;
mod id;
mod manage;
mod read;

use crate::tencent::task_id;
use crate::tencent_vpc::templates;
use crate::tencent3::poll::Asking;
use crate::tencent3::{self, Poll, Product, envelope, submitted};
use crate::{
    Call, Dialect, Fault, Frame, Lent, Managed, Observation, Options, Order, QueryError, Question,
    Reply, Request, Shelf, SignError, Signer, Target,
};
use http::HeaderMap;
use longrun_model::Operation;
use serde_json::Value;

/// The task APIs of Tencent's virtual private clouds in their third version: success, failure or running.
#[derive(Debug)]
pub struct TencentVpc3;

const NAME: &str = "tencent-vpc3";

static PRODUCT: Product = Product {
    dialect: NAME,
    manages: |action| manage::deed(action).is_some(),
    version: tencent3::VPC_VERSION,
    service: "vpc",
    polls: &[
        Poll {
            name: BY_REQUEST,
            policy_name: "vpc:DescribeVpcTaskResult",
            operation: id::of_request,
        },
        Poll {
            name: BY_NUMBER,
            policy_name: BY_NUMBER_POLICY_NAME,
            operation: id::of_number_or_deal,
        },
    ],
};

const BY_REQUEST: &str = "DescribeVpcTaskResult";
const BY_NUMBER: &str = "DescribeTaskResult";
const BY_NUMBER_POLICY_NAME: &str = "vpc:DescribeTaskResult";

impl Dialect for TencentVpc3 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn service(&self) -> &'static str {
        "vpc"
    }

    fn answers(&self) -> &'static [&'static str] {
        &[
            submitted::REQUEST_ID,
            submitted::TASK_ID,
            submitted::TASK_ID_TEXT,
        ]
    }

    fn shelf(&self) -> &'static str {
        // The templates are the same in both versions.
        "tencent-vpc"
    }

    fn manage(
        &self,
        order: Order,
        kept: &mut Shelf,
        lent: &Lent,
        chance: u128,
    ) -> Result<Managed, Fault> {
        manage::manage(order, kept, lent, chance)
    }

    fn settle(&self, things: &mut Value, change: &Value) {
        templates::settle(things, change);
    }

    fn claims(&self, request: &Request, options: &Options) -> bool {
        tencent3::asked(request).is_some_and(|asked| asked.is_for(&PRODUCT, options))
    }

    fn parse<'a>(&self, request: &Request<'a>, options: &Options) -> Call<'a> {
        tencent3::parse(request, options, &PRODUCT)
    }

    fn answer(&self, frame: &Frame, lent: &Lent, outcome: Result<&Operation, &Fault>) -> Reply {
        match outcome {
            Ok(operation) => match &frame.question {
                Question::Submit(action) => submitted::answer(operation, action, lent),
                Question::Poll if frame.action == BY_NUMBER_POLICY_NAME => {
                    answer::by_number(operation, lent)
                }
                Question::Poll => answer::by_request(operation, lent),
            },
            Err(fault) => envelope::refusal(fault, lent),
        }
    }

    fn poll(&self, target: &Target, signer: &Signer) -> Result<http::Request<Vec<u8>>, SignError> {
        let id = target.id.trim();
        if id.is_empty() || id.len() > id::BYTES_MAX {
            return Err(SignError::Id(target.id.to_string()));
        }
        let (action, json) = match task_id::parse(id) {
            Ok(number) => (BY_NUMBER, Value::from(number)),
            // A poll that was read here has lost its dashes, and the cloud wants them.
            Err(_) if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                (BY_REQUEST, Value::from(submitted::uuid(id)))
            }
            Err(_) => (BY_REQUEST, Value::from(id)),
        };
        let question = Asking {
            product: &PRODUCT,
            action,
            body: format!(r#"{{"TaskId":{json}}}"#).into_bytes(),
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
        question: &Question,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<String> {
        let id = submitted::read(question, manage::is_at_once, status, headers, body)?;
        // As a poll of it is read, so that both name the same task.
        Some(id::digits(&id).unwrap_or(id))
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
