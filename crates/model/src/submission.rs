//! What a caller hands in.

use crate::limits;
use crate::{Account, Exclusive, Json, KindName, ProjectId, ResourceId, Retry, Timestamp};
use std::collections::HashSet;
use std::sync::Arc;

/// A wish for an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Who asks, and who may see it.
    pub account: Account,
    /// What shall be done.
    pub kind: KindName,
    /// The project it belongs to.
    pub project: Option<ProjectId>,
    /// The region it is said to be in; opaque.
    pub region: Option<Box<str>>,
    /// The resource group that permission is checked against.
    pub resource_group: Option<Box<str>>,
    /// Labels, in the caller's order, each key once.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// 0 to 9; higher is leased earlier.
    pub priority: u8,
    /// The input of the whole operation.
    pub input: Option<Json>,
    /// What it works on; may be empty.
    pub resources: Vec<NewResource>,
    /// Before when no worker gets it.
    pub not_before: Option<Timestamp>,
    /// When unfinished work expires.
    pub deadline_at: Option<Timestamp>,
    /// How long the result is kept after the end.
    pub retention_millis: i64,
    /// What a mixed end counts as in dialects that know only success and failure.
    pub mixed_end: MixedEnd,
    /// When it is tried again; without it, what has failed has failed.
    pub retry: Option<Arc<Retry>>,
    /// That it does not share its resources with others; without it, it does not care.
    pub exclusive: Option<Arc<Exclusive>>,
    /// Makes a repeated submit return the first operation.
    pub idempotency: Option<Idempotency>,
}

/// A resource as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewResource {
    /// Its id, unique inside the operation.
    pub id: ResourceId,
    /// What sort of thing it is; opaque.
    pub kind: Option<Box<str>>,
    /// What the worker needs to know about it.
    pub input: Option<Json>,
}

/// What an end with successes and failures counts as, where a dialect knows no third word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MixedEnd {
    /// As a failure.
    #[default]
    Failed,
    /// As a success.
    Succeeded,
}

/// An idempotency key with a digest of what was submitted under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key, unique in its account.
    pub key: Box<str>,
    /// A digest of the payload: another payload under the same key is refused.
    pub digest: [u8; 16],
}

/// Why a submission is refused before anything is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A name is empty or too long.
    #[error("`{field}` must have 1 to {max} bytes", max = limits::NAME_BYTES_MAX)]
    Name {
        /// Which one.
        field: &'static str,
    },
    /// More of something than there may be.
    #[error("`{field}` may hold at most {max}")]
    TooMany {
        /// Of what.
        field: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// A text or a JSON value is too long.
    #[error("`{field}` may have at most {max} bytes")]
    TooLong {
        /// Which one.
        field: &'static str,
        /// How long it may be.
        max: usize,
    },
    /// The same resource or label twice.
    #[error("`{field}` names `{name}` twice")]
    Twice {
        /// Where.
        field: &'static str,
        /// What.
        name: Box<str>,
    },
    /// A number out of its range.
    #[error("`{field}` must lie between {min} and {max}")]
    OutOfRange {
        /// Which one.
        field: &'static str,
        /// The least it may be.
        min: i64,
        /// The most it may be.
        max: i64,
    },
}

impl Submission {
    /// A submission with defaults: no resource, kept for seven days.
    pub fn new(account: impl Into<Account>, kind: impl Into<KindName>) -> Self {
        Self {
            account: account.into(),
            kind: kind.into(),
            project: None,
            region: None,
            resource_group: None,
            labels: Vec::new(),
            priority: 0,
            input: None,
            resources: Vec::new(),
            not_before: None,
            deadline_at: None,
            retention_millis: 7 * 24 * 3_600 * 1_000,
            mixed_end: MixedEnd::Failed,
            retry: None,
            exclusive: None,
            idempotency: None,
        }
    }

    /// The same with these resources.
    #[must_use]
    pub fn with_resources<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.resources = ids
            .into_iter()
            .map(|id| NewResource {
                id: id.into(),
                kind: None,
                input: None,
            })
            .collect();
        self
    }

    /// Checks every limit that does not depend on what is stored.
    pub fn check(&self) -> Result<(), Invalid> {
        check_name("kind", self.kind.as_str())?;
        for (field, text) in [
            ("project", self.project.as_ref().map(ProjectId::as_str)),
            ("region", self.region.as_deref()),
            ("resource_group", self.resource_group.as_deref()),
        ] {
            text.map_or(Ok(()), |text| check_name(field, text))?;
        }
        check_length(
            "input",
            self.input.as_ref().map(Json::as_str),
            limits::PAYLOAD_BYTES_MAX,
        )?;
        check_range(
            "priority",
            i64::from(self.priority),
            0,
            i64::from(limits::PRIORITY_MAX),
        )?;
        check_range(
            "retention_ms",
            self.retention_millis,
            0,
            limits::SPAN_MILLIS_MAX,
        )?;
        if let Some(idempotency) = &self.idempotency {
            check_length(
                "Idempotency-Key",
                Some(&idempotency.key),
                limits::IDEMPOTENCY_KEY_BYTES_MAX,
            )?;
        }
        self.check_labels()?;
        self.check_resources()
    }

    fn check_labels(&self) -> Result<(), Invalid> {
        if self.labels.len() > limits::LABELS_MAX {
            return Err(Invalid::TooMany {
                field: "labels",
                max: limits::LABELS_MAX,
            });
        }
        for (index, (key, value)) in self.labels.iter().enumerate() {
            check_name("labels", key)?;
            check_length("labels", Some(value), limits::LABEL_VALUE_BYTES_MAX)?;
            if self.labels[..index].iter().any(|(other, _)| other == key) {
                return Err(Invalid::Twice {
                    field: "labels",
                    name: key.clone(),
                });
            }
        }
        Ok(())
    }

    fn check_resources(&self) -> Result<(), Invalid> {
        if self.resources.len() > limits::RESOURCES_MAX {
            return Err(Invalid::TooMany {
                field: "resources",
                max: limits::RESOURCES_MAX,
            });
        }
        for resource in &self.resources {
            check_name("resources.id", resource.id.as_str())?;
            resource
                .kind
                .as_deref()
                .map_or(Ok(()), |kind| check_name("resources.type", kind))?;
            let input = resource.input.as_ref().map(Json::as_str);
            check_length("resources.input", input, limits::PAYLOAD_BYTES_MAX)?;
        }
        match first_twice(&self.resources) {
            Some(id) => Err(Invalid::Twice {
                field: "resources",
                name: id.as_str().into(),
            }),
            None => Ok(()),
        }
    }
}

/// The first id that stands twice. Few are compared with each other; many are hashed.
fn first_twice(resources: &[NewResource]) -> Option<&ResourceId> {
    if resources.len() <= 16 {
        let twice = |(index, one): (usize, &NewResource)| {
            resources[..index].iter().any(|other| other.id == one.id)
        };
        return resources
            .iter()
            .enumerate()
            .find(|pair| twice(*pair))
            .map(|(_, one)| &one.id);
    }
    let mut seen = HashSet::with_capacity(resources.len());
    resources
        .iter()
        .map(|one| &one.id)
        .find(|id| !seen.insert(*id))
}

fn check_name(field: &'static str, name: &str) -> Result<(), Invalid> {
    if name.is_empty() || name.len() > limits::NAME_BYTES_MAX {
        Err(Invalid::Name { field })
    } else {
        Ok(())
    }
}

fn check_length(field: &'static str, text: Option<&str>, max: usize) -> Result<(), Invalid> {
    if text.is_some_and(|text| text.len() > max) {
        Err(Invalid::TooLong { field, max })
    } else {
        Ok(())
    }
}

fn check_range(field: &'static str, number: i64, min: i64, max: i64) -> Result<(), Invalid> {
    if (min..=max).contains(&number) {
        Ok(())
    } else {
        Err(Invalid::OutOfRange { field, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Submission)) -> Option<String> {
        let mut submission = Submission::new("acme", "reboot").with_resources(["a", "b"]);
        change(&mut submission);
        submission.check().err().map(|invalid| invalid.to_string())
    }

    #[test]
    fn limits_are_checked() {
        assert_eq!(check(|_| ()), None);
        assert!(check(|one| one.kind = "".into()).is_some_and(|text| text.contains("`kind`")));
        assert!(check(|one| one.region = Some("x".repeat(257).into())).is_some());
        assert!(
            check(|one| one.priority = 10).is_some_and(|text| text.contains("between 0 and 9"))
        );
        assert!(check(|one| one.retention_millis = -1).is_some());
        assert!(check(|one| one.input = Some(Json::from_checked("x".repeat(65_537)))).is_some());
        assert!(
            check(|one| one.labels = vec![("a".into(), "".into()); 2])
                .is_some_and(|text| text.contains("twice"))
        );
        assert!(
            check(|one| one.labels = (0..65).map(|n| (n.to_string().into(), "".into())).collect())
                .is_some()
        );
        assert!(
            check(|one| one.resources[1].id = "a".into())
                .is_some_and(|text| text.contains("`a` twice"))
        );
        let many = (0..=limits::RESOURCES_MAX)
            .map(|n| n.to_string())
            .collect::<Vec<_>>();
        assert!(
            check(|one| *one = one.clone().with_resources(many.iter().map(String::as_str)))
                .is_some()
        );
        let twice = many[..20]
            .iter()
            .chain(&many[7..8])
            .map(String::as_str)
            .collect::<Vec<_>>();
        assert!(
            check(|one| *one = one.clone().with_resources(twice))
                .is_some_and(|text| text.contains("`7` twice"))
        );
    }
}
