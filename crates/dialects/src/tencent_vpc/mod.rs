//! Tencent virtual private cloud, API 2.0: `DescribeNetTaskResult`, for the tasks of the network parameter templates.
//!
//! It also answers whatever else comes to the path of API 2.0, because somebody has to say that an action is unknown.

mod answer;
mod fault;
mod read;

use crate::tencent::{self, Product, envelope};
use crate::{
    Call, Credential, Dialect, Endpoint, Fault, Frame, Lent, Observation, Options, QueryError,
    Reply, Request, SignError, Target,
};
use http::HeaderMap;
use longrun_model::{Operation, Timestamp};

/// The task API of Tencent's network parameter templates: success, failure or running, and a query's result.
#[derive(Debug)]
pub struct TencentVpc;

const NAME: &str = "tencent-vpc";

const PRODUCT: Product = Product {
    dialect: NAME,
    action: "DescribeNetTaskResult",
    policy_action: "vpc:DescribeNetTaskResult",
    modules: fault::MODULES,
};

impl Dialect for TencentVpc {
    fn name(&self) -> &'static str {
        NAME
    }

    fn service(&self) -> &'static str {
        "vpc"
    }

    fn claims(&self, request: &Request, _: &Options) -> bool {
        // What belongs to bare metal has been claimed by then: that dialect is asked first.
        request.path == tencent::PATH
    }

    fn parse<'a>(&self, request: &Request<'a>, options: &Options) -> Call<'a> {
        tencent::parse(request, options, &PRODUCT)
    }

    fn answer(&self, _: &Frame, _: &Lent, outcome: Result<&Operation, &Fault>) -> Reply {
        match outcome {
            Ok(operation) => answer::answer(operation),
            Err(fault) => envelope::refusal(fault, &PRODUCT.modules),
        }
    }

    fn poll(
        &self,
        target: &Target,
        endpoint: &Endpoint,
        credential: &Credential,
        now: Timestamp,
        nonce: u128,
    ) -> Result<http::Request<Vec<u8>>, SignError> {
        tencent::poll::poll(PRODUCT.action, target, endpoint, credential, now, nonce)
    }

    fn read(
        &self,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Observation, QueryError> {
        tencent::read::open(status, headers, body).map(|envelope| read::read(&envelope))
    }
}
