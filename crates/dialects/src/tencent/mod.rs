//! Tencent, API 2.0: what its products share.
//!
//! Every product answers under the one path `/v2/index.php` of a host of its own, and the parameter `Action` says what
//! is wanted. A product's folder names its [`Product`], writes what stands in `data`, and reads it back; parameters,
//! signature, envelope and error codes are the same for all and stand here. The texts of the signature take their path
//! as an argument, because API 3.0 signs the same text in its first version, under another path.

pub(crate) mod claim;
pub(crate) mod envelope;
pub(crate) mod fault;
pub(crate) mod forward;
pub(crate) mod parameters;
pub(crate) mod poll;
pub(crate) mod read;
pub(crate) mod signature;
pub(crate) mod task_id;

use crate::form::{self, Parameters};
use crate::{
    Action, Call, Fault, Format, Frame, Given, OperationRef, Options, Order, Question, Request,
    Wish,
};
use claim::Rules;
use std::borrow::Cow;
use std::sync::Arc;

/// The path of every request of API 2.0.
pub(crate) const PATH: &str = "/v2/index.php";

/// What tells one product of API 2.0 from another.
#[derive(Debug)]
pub(crate) struct Product {
    /// The name of its dialect.
    pub(crate) dialect: &'static str,
    /// The action that asks how an operation stands.
    pub(crate) action: &'static str,
    /// The same as a policy spells it.
    pub(crate) policy_action: &'static str,
    /// Whether an action is about things that the product keeps.
    pub(crate) manages: fn(&str) -> bool,
    /// The action that is meant when the question names no task, by the parameter that stands there instead.
    pub(crate) meant: &'static [(&'static str, &'static str)],
    /// The codes of the product's own errors.
    pub(crate) modules: fault::Modules,
}

/// Reads a request to `product`.
pub(crate) fn parse<'a>(request: &Request<'a>, options: &Options, product: &Product) -> Call<'a> {
    let refused = |fault: Fault| Call {
        frame: frame(request, product, None),
        claim: Err(fault.clone()),
        wish: Err(fault),
    };
    let parameters = match parameters::read(request) {
        Ok(parameters) => parameters,
        Err(fault) => return refused(fault),
    };
    let action = form::value(&parameters, "Action").unwrap_or_default();
    let action = if options.lenient {
        meant(&parameters, product, action)
    } else {
        action
    };
    let is_poll = action == product.action;
    let action = options.catalogue.find(product.dialect, action);
    let rules = match action {
        None if is_poll => Rules::Poll,
        Some(action) if action.reads => Rules::Read,
        // What is not known may change something, wherever it is passed on to.
        None | Some(_) => Rules::Change,
    };
    Call {
        frame: frame(request, product, action),
        claim: claim::claim(request, options, PATH, &parameters, rules),
        wish: wish(&parameters, product, action),
    }
}

/// The action that is meant: a page of the product's shows a query that is submitted with the name of the question.
fn meant<'p>(parameters: &'p Parameters, product: &Product, action: &'p str) -> &'p str {
    if action != product.action || parameters::present(parameters, "taskId").is_some() {
        return action;
    }
    let mut meant = product.meant.iter();
    let found = meant.find(|(name, _)| parameters::present(parameters, name).is_some());
    found.map_or(action, |(_, action)| action)
}

fn frame<'a>(request: &Request<'a>, product: &Product, action: Option<&Arc<Action>>) -> Frame<'a> {
    Frame {
        action: action.map_or(Cow::Borrowed(product.policy_action), |action| {
            Cow::Owned(action.policy_name.to_string())
        }),
        question: action.map_or(Question::Poll, |action| {
            Question::Submit(Arc::clone(action))
        }),
        format: Format::Json,
        host: request.host(),
    }
}

/// What is wanted.
///
/// A parameter that stands twice is refused here and not with the claim: both values were signed, and which of them is
/// meant is nobody's guess.
fn wish<'a>(
    parameters: &Parameters<'a>,
    product: &Product,
    action: Option<&Arc<Action>>,
) -> Result<Wish<'a>, Fault> {
    if let Some(name) = form::repeated(parameters) {
        return Err(Fault::InvalidParameter {
            name: parameters::shortened(name).into(),
            reason: "it stands more than once",
        });
    }
    if let Some(action) = action {
        let order = Box::new(order(parameters, action)?);
        return Ok(if (product.manages)(&action.name) {
            Wish::Manage(order)
        } else {
            Wish::Submit(order)
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

/// What is to be done. Lists are numbered from 0 or 1, with a dot or an underscore before the number: the documents of
/// the actions have all of these.
fn order(parameters: &Parameters, action: &Arc<Action>) -> Result<Order, Fault> {
    let pairs = parameters.iter().map(|(name, value)| (&**name, &**value));
    let given = Given::of_form(pairs, &['.', '_'], |name| action.parameter(name).is_some())?;
    let mut order = action.order(given)?;
    order.region = parameters::present(parameters, "Region").map(|region| (&**region).into());
    Ok(order)
}
