//! Tencent bare metal, API 2.0: `DescriptionOperationResult`. The name really is Descrip*tion*.

mod answer;
mod fault;
pub(crate) mod read;

use crate::tencent::{self, Product, envelope, parameters};
use crate::{
    Call, Dialect, Fault, Frame, Lent, Observation, Options, QueryError, Question, Reply, Request,
    SignError, Signer, Target, form,
};
use http::HeaderMap;
use longrun_model::Operation;

/// The task API of Tencent bare metal: a set of bits for the whole, and one for each machine.
#[derive(Debug)]
pub struct TencentBm;

const NAME: &str = "tencent-bm";

const PRODUCT: Product = Product {
    dialect: NAME,
    action: "DescriptionOperationResult",
    policy_action: "bm:DescriptionOperationResult",
    manages: |_| false,
    meant: &[],
    modules: fault::MODULES,
};

/// Actions of the product that are not served, on whatever host they are asked: they are refused in its name.
const NOT_SERVED: [&str; 3] = [
    "BuyDevice",
    "DescribeDeviceOperationLog",
    "ModifyDeviceAlias",
];

/// What the names of the product's hosts begin with.
const HOST_PREFIX: &str = "bm.";

impl Dialect for TencentBm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn service(&self) -> &'static str {
        "bm"
    }

    fn answers(&self) -> &'static [&'static str] {
        &[answer::TASK_ID, answer::NULL]
    }

    fn claims(&self, request: &Request, options: &Options) -> bool {
        let has_our_action = || {
            let action = form::peek(parameters::encoded(request), "Action");
            action.is_some_and(|action| is_ours(action, options))
        };
        request.path == tencent::PATH && (has_our_host(request) || has_our_action())
    }

    fn parse<'a>(&self, request: &Request<'a>, options: &Options) -> Call<'a> {
        tencent::parse(request, options, &PRODUCT)
    }

    fn answer(&self, frame: &Frame, _: &Lent, outcome: Result<&Operation, &Fault>) -> Reply {
        match outcome {
            Ok(operation) => match &frame.question {
                Question::Poll => answer::answer(operation),
                Question::Submit(action) => answer::submitted(operation, action),
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

fn is_ours(action: &[u8], options: &Options) -> bool {
    let is_built_in = || PRODUCT.action.as_bytes() == action;
    let is_not_served = || NOT_SERVED.iter().any(|name| name.as_bytes() == action);
    let is_in_catalogue = || {
        let name = std::str::from_utf8(action);
        name.is_ok_and(|name| options.catalogue.find(NAME, name).is_some())
    };
    is_built_in() || is_in_catalogue() || is_not_served()
}

fn has_our_host(request: &Request) -> bool {
    let start = request.host().as_bytes().get(..HOST_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(HOST_PREFIX.as_bytes()))
}
