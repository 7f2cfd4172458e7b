//! What can be done to templates, whichever version of the API asks for it.

use super::{Sort, Template, Things};
use crate::{Fault, Order, Shelf};
use longrun_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A new template, at once.
    Create(Sort),
    /// Another name, at once.
    Rename(Sort),
    /// Other members, and another name if one is given.
    Modify(Sort),
    /// It goes.
    Delete(Sort),
    /// What refers to it.
    Referrers(Sort),
    /// All of them.
    List(Sort),
}

impl Deed {
    /// The deed that an action is for, in an API that has these names for the four sorts, and these words around them to
    /// rename, to modify and to list.
    pub(crate) fn of(action: &str, sorts: &[&str; 4], words: &Words) -> Option<Self> {
        let around = |(before, after): (&str, &str), name: &str| {
            let rest = action.strip_prefix(before);
            rest.and_then(|rest| rest.strip_suffix(after)) == Some(name)
        };
        let mut named = sorts.iter().zip(Sort::ALL);
        named.find_map(|(name, sort)| {
            let deeds = [
                (Some(("Create", "")), Self::Create(sort)),
                (words.rename, Self::Rename(sort)),
                (Some(words.modify), Self::Modify(sort)),
                (Some(("Delete", "")), Self::Delete(sort)),
                (Some(("Describe", "Instances")), Self::Referrers(sort)),
                (Some(words.list), Self::List(sort)),
            ];
            let mut deeds = deeds.into_iter();
            let found = deeds.find(|(words, _)| words.is_some_and(|words| around(words, name)));
            found.map(|(_, deed)| deed)
        })
    }

    /// Whether it takes no operation.
    pub(crate) const fn is_at_once(self) -> bool {
        match self {
            Self::Create(_) | Self::Rename(_) | Self::List(_) => true,
            Self::Modify(_) | Self::Delete(_) | Self::Referrers(_) => false,
        }
    }
}

/// What stands before and after the name of a sort, where versions of the API differ.
#[derive(Debug)]
pub(crate) struct Words {
    /// To give another name only, if there is such an action.
    pub(crate) rename: Option<(&'static str, &'static str)>,
    /// To give other members.
    pub(crate) modify: (&'static str, &'static str),
    /// To list all.
    pub(crate) list: (&'static str, &'static str),
}

/// The input of every action that has to do with templates. The catalogue says which of it each action takes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Input {
    id: Option<String>,
    name: Option<String>,
    members: Option<Vec<String>>,
    offset: Count,
    limit: Count,
    filters: Vec<Filter>,
}

/// A number, which API 3.0 writes as a text here.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Count {
    #[default]
    None,
    Number(usize),
    Text(String),
}

/// What API 3.0 narrows a list down with.
#[derive(Debug, Deserialize)]
struct Filter {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Values", default)]
    values: Vec<String>,
}

/// What came of a deed.
#[derive(Debug)]
pub(crate) enum Done {
    /// A template was made.
    Created(String, Template),
    /// It is as wanted.
    Nothing,
    /// These are asked for.
    Listed(Listed),
    /// It takes an operation, with this input and this change.
    Takes {
        /// What is added to the input; null if nothing.
        found: Value,
        /// What it changes; null if nothing.
        change: Value,
    },
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Listed {
    /// How many there are in all.
    pub(crate) total: usize,
    /// Those of the page.
    pub(crate) page: Vec<(String, Template)>,
}

/// A change that waits for its operation.
#[derive(Serialize, Deserialize)]
struct Change {
    id: String,
    /// Whether the template goes.
    goes: bool,
    members: Option<Vec<String>>,
    name: Option<String>,
    at_millis: i64,
}

/// How many templates a page has unless the caller says so.
const PAGE: usize = 20;
/// How many it has at most.
const PAGE_MAX: usize = 100;
/// Characters that a name may have.
const NAME_CHARS_MAX: usize = 60;

/// Does a deed. What changes at once stands on the shelf afterwards.
pub(crate) fn carry_out(
    deed: Deed,
    order: &Order,
    shelf: &mut Shelf,
    now: Timestamp,
    chance: u128,
) -> Result<Done, Fault> {
    try_carry_out(deed, order, shelf, now, chance).map_err(|mut fault| {
        // The caller knows the parameters by the names that the cloud gives them.
        if let Fault::InvalidParameter { name, .. } = &mut fault {
            let mut parameters = order.action.parameters.iter();
            if let Some(parameter) = parameters.find(|it| *it.stored == **name) {
                *name = parameter.name.to_string().into();
            }
        }
        fault
    })
}

fn try_carry_out(
    deed: Deed,
    order: &Order,
    shelf: &mut Shelf,
    now: Timestamp,
    chance: u128,
) -> Result<Done, Fault> {
    let input: Input =
        serde_json::from_str(order.input.as_str()).map_err(|_| Fault::InvalidParameter {
            name: "filters".into(),
            reason: "it is not a list of names and values",
        })?;
    let mut things = Things::read(&shelf.things).map_err(|_| Fault::Internal)?;
    if let Some(name) = &input.name {
        check_name(name)?;
    }
    match deed {
        Deed::Create(sort) => {
            let (id, template) = create(&things, sort, input, now, chance)?;
            things.templates.insert(id.clone(), template.clone());
            shelf.things = things.write();
            Ok(Done::Created(id, template))
        }
        Deed::Rename(sort) => {
            let id = id(sort, &input)?;
            things.get(&id)?;
            rename(&mut things, &id, input.name, now);
            shelf.things = things.write();
            Ok(Done::Nothing)
        }
        Deed::Modify(sort) => modify(&things, shelf, sort, input, now),
        Deed::Delete(sort) => {
            let id = id(sort, &input)?;
            things.get(&id)?;
            check_free(&things, shelf, &id)?;
            if let Some(by) = things.user_of(&id) {
                let (id, by) = (id.as_str().into(), by.into());
                return Err(Fault::ResourceInUse { id, by });
            }
            Ok(takes(&Change {
                id,
                goes: true,
                members: None,
                name: None,
                at_millis: now.as_millis(),
            }))
        }
        Deed::Referrers(sort) => {
            let id = id(sort, &input)?;
            things.get(&id)?;
            Ok(Done::Takes {
                found: found(&things, &id),
                change: Value::Null,
            })
        }
        Deed::List(sort) => list(&things, sort, &input).map(Done::Listed),
    }
}

fn modify(
    things: &Things,
    shelf: &Shelf,
    sort: Sort,
    input: Input,
    now: Timestamp,
) -> Result<Done, Fault> {
    let id = id(sort, &input)?;
    things.get(&id)?;
    check_free(things, shelf, &id)?;
    if let Some(members) = &input.members {
        things.check_members(sort, members)?;
        let templates = members.iter().filter(|_| sort.member().is_some());
        for member in templates {
            check_own(shelf, member)?;
        }
        things.check_growth(&id, members)?;
    }
    Ok(takes(&Change {
        id,
        goes: false,
        members: input.members,
        name: input.name,
        at_millis: now.as_millis(),
    }))
}

/// Makes a change whose operation has ended well.
pub(crate) fn settle(things: &mut Value, change: &Value) {
    let (Ok(mut known), Ok(change)) = (Things::read(things), Change::deserialize(change)) else {
        return;
    };
    if change.goes {
        known.templates.remove(&change.id);
    } else if let Some(template) = known.templates.get_mut(&change.id) {
        template.changed_at_millis = change.at_millis;
        template.members = change
            .members
            .unwrap_or_else(|| std::mem::take(&mut template.members));
        template.name = change
            .name
            .unwrap_or_else(|| std::mem::take(&mut template.name));
    }
    *things = known.write();
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.chars().count() <= NAME_CHARS_MAX {
        return Ok(());
    }
    Err(Fault::InvalidParameter {
        name: "name".into(),
        reason: "it is longer than any name",
    })
}

fn id(sort: Sort, input: &Input) -> Result<String, Fault> {
    let id = input.id.clone().unwrap_or_default();
    if Sort::of(&id) == Some(sort) {
        return Ok(id);
    }
    Err(Fault::InvalidParameter {
        name: "id".into(),
        reason: "it is no id of that sort",
    })
}

fn create(
    things: &Things,
    sort: Sort,
    input: Input,
    now: Timestamp,
    chance: u128,
) -> Result<(String, Template), Fault> {
    let members = input.members.unwrap_or_default();
    things.check_members(sort, &members)?;
    things.check_room(sort)?;
    let mut id = sort.id(chance);
    for step in 1.. {
        if !things.templates.contains_key(&id) {
            break;
        }
        id = sort.id(chance.wrapping_add(step));
    }
    let template = Template {
        name: input.name.unwrap_or_default(),
        members,
        made_at_millis: now.as_millis(),
        changed_at_millis: now.as_millis(),
    };
    Ok((id, template))
}

fn rename(things: &mut Things, id: &str, name: Option<String>, now: Timestamp) {
    if let (Some(template), Some(name)) = (things.templates.get_mut(id), name) {
        template.name = name;
        template.changed_at_millis = now.as_millis();
    }
}

/// Nothing that belongs to a template may be changing: itself, the groups that hold it, or what it holds.
fn check_free(things: &Things, shelf: &Shelf, id: &str) -> Result<(), Fault> {
    check_own(shelf, id)?;
    let members = things.templates.get(id).into_iter();
    let members = members.flat_map(|template| template.members.iter().map(String::as_str));
    members
        .chain(things.groups_of(id))
        .try_for_each(|related| check_own(shelf, related))
}

fn check_own(shelf: &Shelf, id: &str) -> Result<(), Fault> {
    let is_it = |change: &Value| change["id"] == id;
    if shelf.pending.iter().any(|pending| is_it(&pending.change)) {
        return Err(Fault::Busy(id.into()));
    }
    Ok(())
}

fn takes(change: &Change) -> Done {
    Done::Takes {
        found: Value::Null,
        change: serde_json::to_value(change)
            .expect("our own structs have no map with other keys than texts"),
    }
}

/// What refers to a template, as the pages of the query tasks show it.
fn found(things: &Things, id: &str) -> Value {
    let detail: Vec<Value> = things
        .referrers_of(id)
        .map(|it| json!({ "region": it.region, "type": it.kind, "id": it.id, "name": it.name }))
        .collect();
    json!({ "total": detail.len(), "detail": detail })
}

fn list(things: &Things, sort: Sort, input: &Input) -> Result<Listed, Fault> {
    let is_passed = |id: &str, template: &Template| {
        input.filters.iter().all(|filter| {
            let mut values = filter.values.iter();
            // `address-template-id` and its like; whatever else narrows a list down speaks of what is not kept here.
            if filter.name.ends_with("-id") {
                values.any(|value| value == id)
            } else if filter.name.ends_with("-name") {
                values.any(|value| template.name.contains(value.as_str()))
            } else {
                true
            }
        })
    };
    let is_wanted = |(id, template): &(&String, &Template)| {
        let by_id = input.id.as_ref().is_none_or(|wanted| wanted == *id);
        let by_name = input.name.as_ref();
        is_passed(id, template)
            && by_id
            && by_name.is_none_or(|wanted| template.name.contains(wanted.as_str()))
    };
    let wanted: Vec<_> = things.of_sort(sort).filter(is_wanted).collect();
    let limit = input.limit.read("limit")?.unwrap_or(PAGE).min(PAGE_MAX);
    let offset = input.offset.read("offset")?.unwrap_or_default();
    Ok(Listed {
        total: wanted.len(),
        page: wanted
            .into_iter()
            .skip(offset)
            .take(limit)
            .map(|(id, template)| (id.clone(), template.clone()))
            .collect(),
    })
}

impl Count {
    fn read(&self, name: &'static str) -> Result<Option<usize>, Fault> {
        match self {
            Self::None => Ok(None),
            Self::Number(number) => Ok(Some(*number)),
            Self::Text(text) => {
                let wrong = |_| Fault::WrongType {
                    name: name.into(),
                    expected: "a whole number",
                };
                text.parse().map(Some).map_err(wrong)
            }
        }
    }
}
