//! Tencent bare metal, API 2.0: `DescriptionOperationResult`. The name really is Descrip*tion*.

mod answer;
mod fault;
pub(crate) mod read;

use crate::tencent::{self, Product, envelope, parameters};
use crate::{
    Call, Credential, Dialect, Endpoint, Fault, Frame, Lent, Observation, Options, QueryError,
    Reply, Request, SignError, Target, form,
};
use http::HeaderMap;
use longrun_model::{Operation, Timestamp};

/// The task API of Tencent bare metal: a set of bits for the whole, and one for each machine.
#[derive(Debug)]
pub struct TencentBm;

const PRODUCT: Product = Product {
    action: "DescriptionOperationResult",
    policy_action: "bm:DescriptionOperationResult",
    modules: fault::MODULES,
};

/// The actions of the product, on whatever host they are asked. Those that are not served are refused in its name.
const ACTIONS: [&str; 10] = [
    PRODUCT.action,
    "BuyDevice",
    "DescribeDeviceOperationLog",
    "ModifyDeviceAlias",
    "OfflineDevice",
    "RebootDevice",
    "ReloadDeviceOs",
    "ResetDevicePasswd",
    "ShutdownDevice",
    "StartDevice",
];

/// What the names of the product's hosts begin with.
const HOST_PREFIX: &str = "bm.";

impl Dialect for TencentBm {
    fn name(&self) -> &'static str {
        "tencent-bm"
    }

    fn claims(&self, request: &Request) -> bool {
        let has_our_action = || {
            let action = form::peek(parameters::encoded(request), "Action");
            action.is_some_and(|action| ACTIONS.iter().any(|name| name.as_bytes() == action))
        };
        request.path == tencent::PATH && (has_our_host(request) || has_our_action())
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

fn has_our_host(request: &Request) -> bool {
    let start = request.host().as_bytes().get(..HOST_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(HOST_PREFIX.as_bytes()))
}
