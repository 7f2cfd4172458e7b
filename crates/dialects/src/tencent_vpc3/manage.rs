//! Templates in the words of API 3.0.

use crate::tencent_vpc::manage::with_result;
use crate::tencent_vpc::templates::{self, Deed, Done, Sort, Template, Words};
use crate::tencent3::envelope;
use crate::{Fault, Lent, Managed, Order, Reply, Shelf, stamp};
use longrun_model::Timestamp;
use serde_json::{Map, Value, json};

/// What the API calls the four sorts.
const SORTS: [&str; 4] = [
    "AddressTemplate",
    "AddressTemplateGroup",
    "ServiceTemplate",
    "ServiceTemplateGroup",
];

const WORDS: Words = Words {
    rename: None,
    modify: ("Modify", "Attribute"),
    list: ("Describe", "s"),
};

/// The deed that an action is for.
pub(super) fn deed(action: &str) -> Option<Deed> {
    Deed::of(action, &SORTS, &WORDS)
}

/// Whether an action is for a deed that takes no task.
pub(super) fn is_at_once(action: &str) -> bool {
    deed(action).is_some_and(Deed::is_at_once)
}

/// Does what an order asks of templates.
pub(super) fn manage(
    mut order: Order,
    kept: &mut Shelf,
    lent: &Lent,
    chance: u128,
) -> Result<Managed, Fault> {
    let deed = deed(&order.action.name)
        .ok_or_else(|| Fault::UnknownAction(order.action.name.to_string()))?;
    match templates::carry_out(deed, &order, kept, lent.now, chance)? {
        Done::Created(id, template) => {
            let (sort, shown) = shown(&id, &template);
            Ok(Managed::Told(told(lent, [(sort.to_owned(), shown)])))
        }
        Done::Nothing => Ok(Managed::Told(told(lent, []))),
        Done::Listed(listed) => {
            let page = listed.page.iter();
            let page: Vec<Value> = page.map(|(id, template)| shown(id, template).1).collect();
            let name = order
                .action
                .name
                .strip_prefix("Describe")
                .unwrap_or_default();
            let set = format!("{}Set", name.trim_end_matches('s'));
            let total = ("TotalCount".to_owned(), json!(listed.total));
            Ok(Managed::Told(told(lent, [total, (set, page.into())])))
        }
        Done::Takes { found, change } => {
            order.input = with_result(&order.input, found);
            let order = Box::new(order);
            Ok(Managed::Submit { order, change })
        }
    }
}

fn told(lent: &Lent, fields: impl IntoIterator<Item = (String, Value)>) -> Reply {
    let mut response: Map<String, Value> = fields.into_iter().collect();
    let request_id = lent.request_id.to_string();
    response.insert("RequestId".to_owned(), request_id.into());
    envelope::success(response)
}

/// The name of its sort, and the template.
fn shown(id: &str, template: &Template) -> (&'static str, Value) {
    let (sort, members) = match Sort::of(id) {
        Some(Sort::AddressGroup) => ("AddressTemplateGroup", "AddressTemplateIdSet"),
        Some(Sort::Service) => ("ServiceTemplate", "ServiceSet"),
        Some(Sort::ServiceGroup) => ("ServiceTemplateGroup", "ServiceTemplateIdSet"),
        Some(Sort::Address) | None => ("AddressTemplate", "AddressSet"),
    };
    let at = |millis| stamp::write_plain(Timestamp::from_millis(millis));
    let shown = json!({
        format!("{sort}Id"): id,
        format!("{sort}Name"): template.name,
        members: template.members,
        "CreatedTime": at(template.made_at_millis),
        "UpdatedTime": at(template.changed_at_millis),
    });
    (sort, shown)
}
