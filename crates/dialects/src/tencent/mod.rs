//! Tencent, API 2.0: what its products share.
//!
//! Every product answers under the one path `/v2/index.php` of a host of its own, and the parameter `Action` says what
//! is wanted. A product's folder names its [`Product`], writes what stands in `data`, and reads it back; parameters,
//! signature, envelope and error codes are the same for all and stand here. The texts of the signature take their path
//! as an argument, because API 3.0 signs the same text in its first version, under another path.

pub(crate) mod claim;
pub(crate) mod envelope;
pub(crate) mod fault;
pub(crate) mod parameters;
pub(crate) mod poll;
pub(crate) mod read;
pub(crate) mod signature;
pub(crate) mod task_id;

use crate::form::Parameters;
use crate::{Call, Fault, Format, Frame, OperationRef, Options, Request, Wish};

/// The path of every request of API 2.0.
pub(crate) const PATH: &str = "/v2/index.php";

/// What tells one product of API 2.0 from another.
#[derive(Debug)]
pub(crate) struct Product {
    /// The action that asks how an operation stands.
    pub(crate) action: &'static str,
    /// The same as a policy spells it.
    pub(crate) policy_action: &'static str,
    /// The codes of the product's own errors.
    pub(crate) modules: fault::Modules,
}

/// Reads a request to `product`.
pub(crate) fn parse<'a>(request: &Request<'a>, options: &Options, product: &Product) -> Call<'a> {
    let frame = Frame {
        action: product.policy_action,
        format: Format::Json,
        host: request.host(),
    };
    match parameters::read(request) {
        Ok(parameters) => Call {
            frame,
            claim: claim::claim(request, options, PATH, &parameters),
            wish: wish(&parameters, product),
        },
        Err(fault) => Call {
            frame,
            claim: Err(fault.clone()),
            wish: Err(fault),
        },
    }
}

/// What is wanted.
///
/// A parameter that stands twice is refused here and not with the claim: both values were signed, and which of them is
/// meant is nobody's guess.
fn wish<'a>(parameters: &Parameters<'a>, product: &Product) -> Result<Wish<'a>, Fault> {
    if let Some(name) = crate::form::repeated(parameters) {
        return Err(Fault::InvalidParameter {
            name: parameters::shortened(name).into(),
            reason: "it stands more than once",
        });
    }
    let action = parameters::required(parameters, "Action")?;
    if action != product.action {
        return Err(Fault::UnknownAction(parameters::shortened(action)));
    }
    let number = task_id::parse(parameters::required(parameters, "taskId")?)?;
    Ok(Wish::Poll {
        operation: OperationRef::Number(number),
        resource_group: None,
    })
}
