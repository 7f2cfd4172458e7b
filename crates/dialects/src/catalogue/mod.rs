//! The catalogue: which actions make operations, as data.
//!
//! An [`Action`] says how a cloud calls it, which kind of operation it makes, which of its parameters name resources,
//! what each parameter must be, and how it is answered. Those that are built in stand in `actions.toml` beside each
//! dialect; the user's own stand in `longrun.toml`, in the very same form, and go before them.
//!
//! ```
//! use longrun_dialects::{Catalogue, Given};
//!
//! let catalogue = Catalogue::built_in();
//! let reboot = catalogue.find("tencent-bm", "RebootDevice").expect("it is built in");
//! let order = reboot.order(Given::typed(r#"{"instanceIds":["cpm-1","cpm-2"]}"#).unwrap()).unwrap();
//! assert_eq!(reboot.kind.as_str(), "tencent-bm.RebootDevice");
//! assert_eq!(order.resources.len(), 2);
//! ```

mod given;
mod order;
mod parameter;
mod route;
mod table;

pub use given::Given;
pub use order::Order;
pub use parameter::{Parameter, Type};
pub use route::Route;
pub use table::ActionError;

use longrun_model::{KindName, MixedEnd};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// The files of the actions that are built in.
const BUILT_IN: [&str; 6] = [
    include_str!("../alibaba_bpstudio/actions.toml"),
    include_str!("../huawei_elb/actions.toml"),
    include_str!("../tencent_bm/actions.toml"),
    include_str!("../tencent_vpc/actions.toml"),
    include_str!("../tencent_bm3/actions.toml"),
    include_str!("../tencent_vpc3/actions.toml"),
];

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let mut catalogue = Catalogue::default();
    for text in BUILT_IN {
        let file: File = toml::from_str(text).expect("a test reads every file that is built in");
        file.action
            .into_iter()
            .for_each(|action| catalogue.add(action));
    }
    Arc::new(catalogue)
});

/// The actions that make operations, in all dialects.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    dialects: HashMap<Box<str>, HashMap<Box<str>, Arc<Action>>>,
    kinds: HashMap<KindName, Vec<Arc<Action>>>,
}

/// One action of one cloud that makes an operation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "table::Table")]
pub struct Action {
    /// The dialect that it is asked in.
    pub dialect: Box<str>,
    /// What the cloud calls it.
    pub name: Box<str>,
    /// The version of the API that it belongs to, if that is not the dialect's own.
    pub version: Option<Box<str>>,
    /// Where it is asked for, in a cloud that tells actions apart by method and path.
    pub route: Option<Route>,
    /// The kind of operation that it makes. What is one deed in several versions of an API is one kind.
    pub kind: KindName,
    /// What a policy calls it.
    pub policy_name: Box<str>,
    /// What can be given, in the order of the names.
    pub parameters: Vec<Parameter>,
    /// Where the resources of the operation are named.
    pub resources: Vec<Source>,
    /// How it is answered: one of the words that the dialect has for that.
    pub answer: Box<str>,
    /// What the cloud calls such an operation when it is asked how one stands.
    pub job_type: Option<Box<str>>,
    /// Whether it changes nothing, so that nothing is lost when it is sent twice.
    pub reads: bool,
    /// How long the result is kept, if not as long as any.
    pub retention_millis: Option<i64>,
    /// What a mixed end counts as, if the cloud says so.
    pub mixed_end: Option<MixedEnd>,
}

/// An action, and what stands in the places of its path.
pub(crate) type Routed<'p> = (Arc<Action>, Vec<(String, &'p str)>);

/// Where resources are named.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The parameter, and the way inside it: `instanceIds.N` are the elements of a list, `body.N.id` a field of each.
    pub from: Box<str>,
    /// What sort of thing they are.
    #[serde(rename = "type")]
    pub kind: Option<Box<str>>,
    /// Whether there must be one at the end of every way, and one at least.
    #[serde(default)]
    pub required: bool,
}

#[derive(Deserialize)]
struct File {
    action: Vec<Action>,
}

impl Catalogue {
    /// Those that are built in.
    pub fn built_in() -> Arc<Self> {
        Arc::clone(&CATALOGUE)
    }

    /// Adds an action. One of the same dialect and name gives way to it.
    pub fn add(&mut self, action: Action) {
        let action = Arc::new(action);
        let names = self.dialects.entry(action.dialect.clone()).or_default();
        if let Some(old) = names.insert(action.name.clone(), Arc::clone(&action))
            && let Some(makers) = self.kinds.get_mut(&old.kind)
        {
            makers.retain(|maker| !Arc::ptr_eq(maker, &old));
        }
        let makers = self.kinds.entry(action.kind.clone()).or_default();
        makers.push(action);
    }

    /// The action of `dialect` with this name.
    pub fn find(&self, dialect: &str, name: &str) -> Option<&Arc<Action>> {
        self.dialects.get(dialect)?.get(name)
    }

    /// The action of `dialect` that makes operations of this kind.
    pub fn maker(&self, dialect: &str, kind: &KindName) -> Option<&Arc<Action>> {
        let mut makers = self.kinds.get(kind)?.iter();
        makers.find(|action| &*action.dialect == dialect)
    }

    /// The action of `dialect` that is asked for at this path with this method, and what stands in the places of its
    /// path; or whether the path is one of other methods. Of actions that share a path, it is the one whose member the
    /// body has; if it has none of theirs, the first by name, which will miss its own.
    pub(crate) fn routed<'p>(
        &self,
        dialect: &str,
        method: &str,
        path: &'p str,
        has: impl Fn(&str) -> bool,
    ) -> Result<Routed<'p>, bool> {
        let segments: Vec<_> = path.split('/').collect();
        let mut is_known = false;
        let mut best: Option<(u8, Routed<'p>)> = None;
        for action in self
            .dialects
            .get(dialect)
            .into_iter()
            .flat_map(HashMap::values)
        {
            let Some(route) = &action.route else {
                continue;
            };
            let Some(bound) = route.bind(&segments) else {
                continue;
            };
            is_known = true;
            if *route.method != *method {
                continue;
            }
            let rank = match &route.member {
                Some(member) if has(member) => 0,
                None => 1,
                Some(_) => 2,
            };
            let is_better = best
                .as_ref()
                .is_none_or(|(best, (other, _))| (rank, &*action.name) < (*best, &*other.name));
            if is_better {
                best = Some((rank, (Arc::clone(action), bound)));
            }
        }
        best.map(|(_, routed)| routed).ok_or(is_known)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Action>> {
        self.dialects.values().flat_map(HashMap::values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(text: &str) -> Action {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn every_file_that_is_built_in_can_be_read() {
        for text in BUILT_IN {
            let file: File = toml::from_str(text).unwrap();
            for action in file.action {
                let found = Catalogue::built_in();
                let found = found.find(&action.dialect, &action.name).unwrap();
                assert_eq!(**found, action, "it stands twice");
            }
        }
    }

    #[test]
    fn actions_at_one_path_are_told_apart_by_a_member() {
        let mut catalogue = Catalogue::default();
        for (name, rest) in [
            ("stop", "member = 'os-stop'"),
            ("start", "member = 'os-start'"),
            ("anything", ""),
        ] {
            catalogue.add(action(&format!(
                "dialect = 'huawei-elb'\nname = '{name}'\nmethod = 'POST'\npath = '/a'\n{rest}\n\
                 parameters.os-stop = {{ type = 'object' }}\nparameters.os-start = {{ type = 'object' }}"
            )));
        }
        let found = |catalogue: &Catalogue, members: &[&str]| {
            let has = |member: &str| members.contains(&member);
            let found = catalogue.routed("huawei-elb", "POST", "/a", has);
            found.map(|(action, _)| action.name.to_string())
        };
        for (members, expected) in [
            (&["os-stop"][..], "stop"),
            (&["os-start"], "start"),
            (&["os-start", "os-stop"], "start"),
            (&["other"], "anything"),
        ] {
            assert_eq!(found(&catalogue, members), Ok(expected.to_owned()));
        }
        let names = catalogue.dialects.get_mut("huawei-elb").unwrap();
        names.remove("anything");
        // It will miss what tells it from the others, and say so.
        assert_eq!(found(&catalogue, &["other"]), Ok("start".to_owned()));
        let has = |_: &str| false;
        assert!(
            catalogue
                .routed("huawei-elb", "PUT", "/a", has)
                .is_err_and(|known| known)
        );
        assert!(
            catalogue
                .routed("huawei-elb", "POST", "/b", has)
                .is_err_and(|known| !known)
        );
    }

    #[test]
    fn the_last_of_a_name_counts() {
        let mut catalogue = (*Catalogue::built_in()).clone();
        let kind = KindName::from("tencent-bm.RebootDevice");
        let maker = |catalogue: &Catalogue| {
            let maker = catalogue.maker("tencent-bm", &kind);
            maker.map(|action| action.parameters.len())
        };
        assert_eq!(maker(&catalogue), Some(2));
        catalogue.add(action("dialect = 'tencent-bm'\nname = 'RebootDevice'"));
        assert_eq!(maker(&catalogue), Some(0));
        catalogue.add(action(
            "dialect = 'tencent-bm'\nname = 'RebootDevice'\nkind = 'other'",
        ));
        assert_eq!(maker(&catalogue), None);
        assert!(catalogue.find("tencent-vpc", "RebootDevice").is_none());
    }
}
