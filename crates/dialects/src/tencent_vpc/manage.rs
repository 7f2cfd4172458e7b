//! Templates in the words of API 2.0.

use super::templates::{self, Deed, Done, Sort, Template, Words};
use crate::tencent::envelope;
use crate::{Fault, Lent, Managed, Order, Reply, Shelf};
use longrun_model::Json;
use serde_json::{Map, Value, json};

/// What the API calls the four sorts.
const SORTS: [&str; 4] = ["Address", "AddressGroup", "Service", "ServiceGroup"];

const WORDS: Words = Words {
    rename: Some(("Modify", "Attribute")),
    modify: ("Modify", ""),
    list: ("Describe", ""),
};

/// The deed that an action is for.
pub(super) fn deed(action: &str) -> Option<Deed> {
    Deed::of(action, &SORTS, &WORDS)
}

/// Does what an order asks of templates.
pub(super) fn manage(
    mut order: Order,
    shelf: &mut Shelf,
    lent: &Lent,
    chance: u128,
) -> Result<Managed, Fault> {
    let deed = deed(&order.action.name)
        .ok_or_else(|| Fault::UnknownAction(order.action.name.to_string()))?;
    match templates::carry_out(deed, &order, shelf, lent.now, chance)? {
        Done::Created(id, _) => Ok(Managed::Told(created(&id))),
        Done::Nothing => Ok(Managed::Told(envelope::done())),
        Done::Listed(listed) => {
            let page = listed.page.iter().map(|(id, template)| shown(id, template));
            let page: Vec<Value> = page.collect();
            let data = json!({ "totalCount": listed.total, "data": page });
            Ok(Managed::Told(envelope::success("", data)))
        }
        Done::Takes { found, change } => {
            order.input = with_result(&order.input, found);
            let order = Box::new(order);
            Ok(Managed::Submit { order, change })
        }
    }
}

/// The input with what a query will find: whoever carries it out has nothing else to go by.
pub(crate) fn with_result(input: &Json, found: Value) -> Json {
    if found.is_null() {
        return input.clone();
    }
    let mut fields: Map<String, Value> = serde_json::from_str(input.as_str())
        .expect("the input of an order is an object that was written here");
    fields.insert("result".to_owned(), found);
    Json::from_checked(Value::Object(fields).to_string())
}

/// What the API calls the id, the name and the members of a sort.
fn names(id: &str) -> (&'static str, &'static str, &'static str) {
    match Sort::of(id) {
        Some(Sort::AddressGroup) => ("addressGroupId", "addressGroupName", "addressGroup"),
        Some(Sort::Service) => ("serviceId", "serviceName", "service"),
        Some(Sort::ServiceGroup) => ("serviceGroupId", "serviceGroupName", "serviceGroup"),
        Some(Sort::Address) | None => ("addressId", "addressName", "address"),
    }
}

fn created(id: &str) -> Reply {
    let (key, _, _) = names(id);
    envelope::success("", json!({ key: id }))
}

fn shown(id: &str, template: &Template) -> Value {
    let (key, name, members) = names(id);
    json!({ key: id, name: template.name, members: template.members })
}
