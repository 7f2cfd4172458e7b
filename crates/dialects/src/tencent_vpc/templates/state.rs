//! The state: templates, groups, and what refers to them.

use super::member;
use crate::Fault;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Templates or groups of one sort that an account may have.
const TEMPLATES_MAX: usize = 1_000;
/// Members that a template or a group may have.
const MEMBERS_MAX: usize = 20;
/// Rules that something may have once every template that it refers to is spread out.
const RULES_MAX: usize = 2_000;

/// Everything that an account has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Things {
    /// Templates and groups by their ids.
    pub(crate) templates: BTreeMap<String, Template>,
    /// What refers to them.
    pub(crate) referrers: Vec<Referrer>,
}

/// A template, or a group of templates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Template {
    /// What people call it.
    pub(crate) name: String,
    /// Addresses, services, or the ids of templates.
    pub(crate) members: Vec<String>,
    /// When it was made, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) made_at_millis: i64,
    /// When it was last changed.
    #[serde(default)]
    pub(crate) changed_at_millis: i64,
}

/// Something that refers to templates, such as a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Referrer {
    /// The short name of its region.
    pub(crate) region: String,
    /// What it is, for example `sg`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Its id.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// The templates and groups that it refers to.
    pub(crate) templates: Vec<String>,
}

/// What a template holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Addresses.
    Address,
    /// Templates of addresses.
    AddressGroup,
    /// Protocols and ports.
    Service,
    /// Templates of those.
    ServiceGroup,
}

impl Sort {
    /// Every sort.
    pub(crate) const ALL: [Self; 4] = [
        Self::Address,
        Self::AddressGroup,
        Self::Service,
        Self::ServiceGroup,
    ];

    /// What its ids begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Address => "ipm-",
            Self::AddressGroup => "ipmg-",
            Self::Service => "ppm-",
            Self::ServiceGroup => "ppmg-",
        }
    }

    /// The sort that an id is of.
    pub(crate) fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| {
            let rest = id.strip_prefix(sort.prefix()).unwrap_or_default();
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    }

    /// What a group holds.
    pub(crate) const fn member(self) -> Option<Self> {
        match self {
            Self::Address | Self::Service => None,
            Self::AddressGroup => Some(Self::Address),
            Self::ServiceGroup => Some(Self::Service),
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Self::Address => "address templates",
            Self::AddressGroup => "groups of address templates",
            Self::Service => "service templates",
            Self::ServiceGroup => "groups of service templates",
        }
    }

    /// A new id.
    pub(crate) fn id(self, chance: u128) -> String {
        const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let letter = |place: u32| {
            let digit = chance / 36_u128.pow(place) % 36;
            char::from(LETTERS[usize::try_from(digit).unwrap_or_default()])
        };
        let letters: String = (0..8).map(letter).collect();
        format!("{}{letters}", self.prefix())
    }
}

impl Things {
    /// Reads what stands on a shelf.
    pub(crate) fn read(value: &Value) -> Result<Self, serde_json::Error> {
        if value.is_null() {
            return Ok(Self::default());
        }
        Self::deserialize(value)
    }

    /// As it stands on a shelf.
    pub(crate) fn write(&self) -> Value {
        serde_json::to_value(self).expect("our own structs have no map with other keys than texts")
    }

    /// Whether it all fits together; if not, why.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (id, template) in &self.templates {
            let sort = Sort::of(id).ok_or_else(|| format!("`{id}` is no id of a template"))?;
            self.check_members(sort, &template.members)
                .map_err(|fault| format!("`{id}`: {fault}"))?;
        }
        for referrer in &self.referrers {
            let missing = referrer.templates.iter().find(|id| !self.has(id));
            if let Some(id) = missing {
                return Err(format!(
                    "`{}` refers to `{id}`, which is not there",
                    referrer.id
                ));
            }
            self.check_size(referrer)
                .map_err(|fault| fault.to_string())?;
        }
        Ok(())
    }

    fn has(&self, id: &str) -> bool {
        self.templates.contains_key(id)
    }

    /// The template with this id, which must be there.
    pub(crate) fn get(&self, id: &str) -> Result<&Template, Fault> {
        let missing = || Fault::NoSuchResource(id.into());
        self.templates.get(id).ok_or_else(missing)
    }

    /// Those of a sort, in the order of their ids.
    pub(crate) fn of_sort(&self, sort: Sort) -> impl Iterator<Item = (&String, &Template)> {
        let templates = self.templates.iter();
        templates.filter(move |(id, _)| Sort::of(id) == Some(sort))
    }

    /// Whether these can be the members of a template of this sort.
    pub(crate) fn check_members(&self, sort: Sort, members: &[String]) -> Result<(), Fault> {
        if members.len() > MEMBERS_MAX {
            return Err(Fault::LimitReached {
                what: "members of a template",
                max: MEMBERS_MAX,
            });
        }
        for (place, one) in members.iter().enumerate() {
            if !member::is_good(sort, one) || members[..place].contains(one) {
                return Err(Fault::InvalidParameter {
                    name: "members".into(),
                    reason: "one of them is malformed or stands twice",
                });
            }
            if sort.member().is_some() {
                self.get(one)?;
            }
        }
        Ok(())
    }

    /// Whether there is room for one more of a sort.
    pub(crate) fn check_room(&self, sort: Sort) -> Result<(), Fault> {
        if self.of_sort(sort).count() < TEMPLATES_MAX {
            return Ok(());
        }
        Err(Fault::LimitReached {
            what: sort.plural(),
            max: TEMPLATES_MAX,
        })
    }

    /// Whether everything that refers to a template would still be small enough if it had these members.
    pub(crate) fn check_growth(&self, id: &str, members: &[String]) -> Result<(), Fault> {
        let mut grown = self.clone();
        if let Some(template) = grown.templates.get_mut(id) {
            template.members = members.to_vec();
        }
        let groups: Vec<&str> = self.groups_of(id).collect();
        let refers = |referrer: &&Referrer| {
            let mut named = referrer.templates.iter().map(String::as_str);
            named.any(|named| named == id || groups.contains(&named))
        };
        let mut concerned = grown.referrers.iter().filter(refers);
        concerned.try_for_each(|referrer| grown.check_size(referrer))
    }

    fn check_size(&self, referrer: &Referrer) -> Result<(), Fault> {
        let size = referrer.templates.iter().map(|id| self.rules(id)).sum();
        if size <= RULES_MAX {
            return Ok(());
        }
        Err(Fault::RulesTooLarge {
            id: referrer.id.as_str().into(),
            size,
            max: RULES_MAX,
        })
    }

    /// How many rules a template makes, those of a group's templates together.
    fn rules(&self, id: &str) -> usize {
        let Some(template) = self.templates.get(id) else {
            return 0;
        };
        if Sort::of(id).and_then(Sort::member).is_none() {
            return template.members.len();
        }
        let inner = template.members.iter();
        inner
            .filter_map(|id| self.templates.get(id))
            .map(|template| template.members.len())
            .sum()
    }

    /// The groups that hold a template.
    pub(crate) fn groups_of(&self, id: &str) -> impl Iterator<Item = &str> {
        let groups = self.templates.iter();
        groups
            .filter(move |(_, group)| group.members.iter().any(|member| member == id))
            .map(|(group, _)| group.as_str())
    }

    /// What refers to a template, directly.
    pub(crate) fn referrers_of(&self, id: &str) -> impl Iterator<Item = &Referrer> {
        let referrers = self.referrers.iter();
        referrers.filter(move |referrer| referrer.templates.iter().any(|named| named == id))
    }

    /// What needs a template, if anything does.
    pub(crate) fn user_of(&self, id: &str) -> Option<&str> {
        let group = self.groups_of(id).next();
        group.or_else(|| Some(self.referrers_of(id).next()?.id.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sort_of_an_id_is_in_its_beginning() {
        for (id, sort) in [
            ("ipm-2uw6ujo6", Some(Sort::Address)),
            ("ipmg-2uw6ujo6", Some(Sort::AddressGroup)),
            ("ppm-i0836656", Some(Sort::Service)),
            ("ppmg-2uw6ujo6", Some(Sort::ServiceGroup)),
            ("ppm-", None),
            ("ppm-i0 836656", None),
            ("sg-b2qce888", None),
            ("", None),
        ] {
            assert_eq!(Sort::of(id), sort, "{id}");
        }
        for sort in Sort::ALL {
            assert_eq!(Sort::of(&sort.id(u128::MAX)), Some(sort));
        }
    }

    /// A template may grow until whatever refers to it, by itself or by a group, would have too many rules.
    #[test]
    fn growth_ends_where_something_would_have_too_many_rules() {
        let members = |count: usize| (1..=count).map(|port| format!("tcp:{port}")).collect();
        let template = |members: Vec<String>| Template {
            name: String::new(),
            members,
            made_at_millis: 0,
            changed_at_millis: 0,
        };
        let mut things = Things::default();
        things
            .templates
            .insert("ppm-0".to_owned(), template(members(1)));
        for group in 0..5 {
            let own = |place: usize| format!("ppm-{group}x{place}");
            for place in 0..20 {
                things.templates.insert(own(place), template(members(20)));
            }
            let group = format!("ppmg-{group}");
            things
                .templates
                .insert(group, template((0..20).map(own).collect()));
        }
        // Five groups of 20 templates with 20 services each are 2,000 rules.
        things.referrers.push(Referrer {
            region: "gz".to_owned(),
            kind: "sg".to_owned(),
            id: "sg-1".to_owned(),
            name: String::new(),
            templates: (0..5).map(|group| format!("ppmg-{group}")).collect(),
        });
        assert_eq!(things.check(), Ok(()));
        let mut smaller = things.clone();
        smaller
            .templates
            .insert("ppm-0x0".to_owned(), template(members(19)));
        smaller.referrers[0].templates.push("ppm-0".to_owned());
        let too_large = Fault::RulesTooLarge {
            id: "sg-1".into(),
            size: 2_001,
            max: 2_000,
        };
        for (id, count, expected) in [
            ("ppm-0", 1, Ok(())),
            ("ppm-0", 2, Err(too_large.clone())),
            ("ppm-0x0", 19, Ok(())),
            ("ppm-0x0", 20, Err(too_large)),
            ("ppm-1x0", 1, Ok(())),
        ] {
            let grown: Vec<String> = members(count);
            assert_eq!(smaller.check_growth(id, &grown), expected, "{id} {count}");
        }
    }
}
