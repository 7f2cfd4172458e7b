//! What a project has, and how a job that has ended well changes it.

use crate::Fault;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A thing, as the cloud shows it.
pub(super) type Thing = Map<String, Value>;
/// Things of one sort by their ids.
pub(super) type Sort = BTreeMap<String, Thing>;

/// Everything that an account has, by project.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Things(BTreeMap<String, Project>);

/// What a project has.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Project {
    pub(super) loadbalancers: Sort,
    pub(super) listeners: Sort,
    /// Members know their listener by `listener_id`.
    pub(super) members: Sort,
    pub(super) healthchecks: Sort,
    pub(super) certificates: Sort,
}

/// What a job changes when it has ended well.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) project: String,
    /// The load balancer or the listener that nobody else may change meanwhile.
    pub(super) subject: String,
    /// Load balancers that are new, or have become others.
    #[serde(default)]
    pub(super) put: Sort,
    /// Members that are new.
    #[serde(default)]
    pub(super) add: Sort,
    /// Load balancers and members that are gone.
    #[serde(default)]
    pub(super) remove: Vec<String>,
}

impl Things {
    pub(super) fn read(things: &Value) -> Result<Self, serde_json::Error> {
        if things.is_null() {
            return Ok(Self::default());
        }
        Self::deserialize(things)
    }

    pub(super) fn project(&mut self, id: &str) -> &mut Project {
        self.0.entry(id.to_owned()).or_default()
    }

    pub(super) fn write(&self) -> Value {
        json!(self)
    }
}

/// The thing with this id.
pub(super) fn find<'s>(sort: &'s Sort, id: &str) -> Result<&'s Thing, Fault> {
    sort.get(id).ok_or_else(|| Fault::NoSuchResource(id.into()))
}

/// The id of a thing whose `key` says `value`.
pub(super) fn user_of<'s>(sort: &'s Sort, key: &str, value: &str) -> Option<&'s str> {
    let mut things = sort.iter();
    let found = things.find(|(_, thing)| thing.get(key).is_some_and(|it| it == value));
    found.map(|(id, _)| id.as_str())
}

/// Makes a change whose operation has ended well.
pub(crate) fn settle(things: &mut Value, change: &Value) {
    let (Ok(mut all), Ok(change)) = (Things::read(things), Change::deserialize(change)) else {
        return;
    };
    let project = all.project(&change.project);
    project.loadbalancers.extend(change.put);
    // A listener that is gone by now has no members.
    let listeners = &project.listeners;
    let added = change.add.into_iter().filter(|(_, member)| {
        let listener = member.get("listener_id").and_then(Value::as_str);
        listener.is_some_and(|id| listeners.contains_key(id))
    });
    project.members.extend(added);
    for id in &change.remove {
        project.loadbalancers.remove(id);
        project.members.remove(id);
    }
    *things = all.write();
}

/// Whether somebody may put these things onto a shelf; if not, why.
pub(crate) fn check(things: &Value) -> Result<(), String> {
    Things::read(things)
        .map(|_| ())
        .map_err(|error| error.to_string())
}
