//! Tencent virtual private cloud, API 2.0: `DescribeNetTaskResult`, for the tasks of the network parameter templates.
//!
//! It also answers whatever else comes to the path of API 2.0, because somebody has to say that an action is unknown.

mod answer;
mod fault;
pub(crate) mod manage;
pub(crate) mod query;
mod read;
pub(crate) mod templates;

use crate::tencent::{self, Product, envelope};
use crate::{
    Call, Dialect, Fault, Frame, Lent, Managed, Observation, Options, Order, QueryError, Question,
    Reply, Request, Shelf, SignError, Signer, Target,
};
use http::HeaderMap;
use longrun_model::Operation;
use serde_json::Value;

/// The task API of Tencent's network parameter templates: success, failure or running, and a query's result.
#[derive(Debug)]
pub struct TencentVpc;

const NAME: &str = "tencent-vpc";

const PRODUCT: Product = Product {
    dialect: NAME,
    action: "DescribeNetTaskResult",
    policy_action: "vpc:DescribeNetTaskResult",
    manages: |action| manage::deed(action).is_some(),
    meant: &[
        ("addressId", "DescribeAddressInstances"),
        ("addressGroupId", "DescribeAddressGroupInstances"),
        ("serviceId", "DescribeServiceInstances"),
        ("serviceGroupId", "DescribeServiceGroupInstances"),
    ],
    modules: fault::MODULES,
};

impl Dialect for TencentVpc {
    fn name(&self) -> &'static str {
        NAME
    }

    fn service(&self) -> &'static str {
        "vpc"
    }

    fn answers(&self) -> &'static [&'static str] {
        &["taskId"]
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
        manage::manage(order, kept, lent, chance)
    }

    fn settle(&self, things: &mut Value, change: &Value) {
        templates::settle(things, change);
    }

    fn check_things(&self, things: &Value) -> Result<(), String> {
        templates::check(things)
    }

    fn claims(&self, request: &Request, _: &Options) -> bool {
        // What belongs to bare metal has been claimed by then: that dialect is asked first.
        request.path == tencent::PATH
    }

    fn parse<'a>(&self, request: &Request<'a>, options: &Options) -> Call<'a> {
        tencent::parse(request, options, &PRODUCT)
    }

    fn answer(&self, frame: &Frame, lent: &Lent, outcome: Result<&Operation, &Fault>) -> Reply {
        match outcome {
            Ok(operation) => match &frame.question {
                Question::Poll => answer::answer(operation, lent),
                Question::Submit(_) => envelope::submitted(operation),
            },
            Err(fault) => envelope::refusal(fault, &PRODUCT.modules),
        }
    }

    fn poll(&self, target: &Target, signer: &Signer) -> Result<http::Request<Vec<u8>>, SignError> {
        tencent::poll::poll(PRODUCT.action, target, signer)
    }

    fn forward(
        &self,
        request: &Request,
        target: &Target,
        signer: &Signer,
    ) -> Result<http::Request<Vec<u8>>, SignError> {
        let path = tencent::PATH;
        tencent::forward::forward(path, request, target, signer)
    }

    fn submitted(
        &self,
        _: &Question,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<String> {
        tencent::forward::submitted(status, headers, body)
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
