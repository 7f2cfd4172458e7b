//! Submitting: `ExecuteOperationASync`, which answers with an id, and `ExecuteOperationSync`, which waits.

use super::answer::RESULT;
use crate::form::{Parameters, take};
use crate::{Action, Fault, Given, Order};
use std::borrow::Cow;
use std::sync::Arc;

/// For how long a caller of the synchronous action waits: the clouds' own clients give up after ten seconds.
const WAIT_MILLIS: i64 = 8_000;
/// How long a client token may be.
const TOKEN_BYTES_MAX: usize = 128;

/// Reads what is to be done.
pub(super) fn order(parameters: &mut Parameters, action: &Arc<Action>) -> Result<Order, Fault> {
    let token = take(parameters, "ClientToken");
    if token
        .as_ref()
        .is_some_and(|token| token.len() > TOKEN_BYTES_MAX)
    {
        return Err(Fault::InvalidParameter {
            name: Cow::Borrowed("ClientToken"),
            reason: "it is longer than any token",
        });
    }
    let group = take(parameters, "ResourceGroupId");
    let pairs = parameters.iter().map(|(name, value)| (&**name, &**value));
    let is_known = |name: &str| action.parameter(name).is_some();
    let given = Given::of_form(pairs, &[], is_known)?.decoded("Attributes")?;
    let mut order = action.order(given)?;
    order.resource_group = group.map(|group| group.as_ref().into());
    // The same token may stand for a deed of either action.
    order.idempotency_key = token.map(|token| format!("{} {token}", action.name).into());
    if &*action.answer == RESULT {
        order.wait_millis = WAIT_MILLIS;
    }
    Ok(order)
}
