//! The state of one thing that an operation works on, and of all of them.

use crate::{Failure, Json, Mix, NewResource, ResourceId};

/// Where one resource is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceStatus {
    /// Nobody has begun with it.
    Pending,
    /// A worker is at it.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Ended because the operation was cancelled.
    Cancelled,
}

impl ResourceStatus {
    /// All of them, in the order of the documents.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Whether the resource has ended: for good, unless its attempt is followed by another one ([`crate::Change::Retried`]).
    pub const fn is_ended(self) -> bool {
        match self {
            Self::Pending | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
        }
    }

    /// What it adds to the set of its operation.
    pub const fn mix(self) -> Mix {
        match self {
            Self::Pending | Self::Running => Mix::UNFINISHED,
            Self::Succeeded => Mix::SUCCEEDED,
            Self::Failed | Self::Cancelled => Mix::FAILED,
        }
    }

    /// The word for it in the native API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// One thing that the operation works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its id, unique inside the operation.
    pub id: ResourceId,
    /// What sort of thing it is; opaque.
    pub kind: Option<Box<str>>,
    /// What the worker needs to know about it.
    pub input: Option<Json>,
    /// Where it is.
    pub status: ResourceStatus,
    /// What came out of it.
    pub output: Option<Json>,
    /// What went wrong with it.
    pub error: Option<Box<Failure>>,
}

impl Resource {
    /// One that nobody has begun with.
    pub(crate) fn new(new: NewResource) -> Self {
        Self {
            id: new.id,
            kind: new.kind,
            input: new.input,
            status: ResourceStatus::Pending,
            output: None,
            error: None,
        }
    }
}

/// The resources of an operation, or those of them that were loaded for the command at hand.
///
/// Each has an index, its place in the submission. They are kept in the order of their indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    total: u32,
    loaded: Vec<(u32, Resource)>,
}

impl Resources {
    /// All resources of an operation.
    pub fn whole(resources: impl IntoIterator<Item = Resource>) -> Self {
        let loaded: Vec<_> = (0..).zip(resources).collect();
        Self {
            total: u32::try_from(loaded.len()).expect("limits::RESOURCES_MAX fits in 32 bits"),
            loaded,
        }
    }

    /// Some resources out of `total`, ascending by index.
    pub fn part(total: u32, loaded: Vec<(u32, Resource)>) -> Self {
        assert!(
            loaded.is_sorted_by(|(one, _), (next, _)| one < next),
            "resources are loaded in ascending order"
        );
        assert!(
            loaded.last().is_none_or(|(index, _)| *index < total),
            "an index lies below the total"
        );
        Self { total, loaded }
    }

    /// How many the operation has, loaded or not.
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// Whether every one of them is loaded.
    pub fn is_whole(&self) -> bool {
        self.loaded.len() == self.total as usize
    }

    /// The loaded ones, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Resource> {
        self.loaded.iter().map(|(_, resource)| resource)
    }

    /// The loaded ones with their indexes, in order.
    pub fn indexed(&self) -> &[(u32, Resource)] {
        &self.loaded
    }

    /// The loaded one with this index.
    pub fn get(&self, index: u32) -> Option<&Resource> {
        self.position(index)
            .map(|position| &self.loaded[position].1)
    }

    /// Adds resources that were loaded later, ascending by index. Those that are here already stay as they are.
    pub fn merge(&mut self, more: Vec<(u32, Resource)>) {
        if self.is_whole() {
            return;
        }
        let mut mine = std::mem::take(&mut self.loaded).into_iter().peekable();
        let mut merged = Vec::with_capacity(more.len());
        for (index, resource) in more {
            merged.extend(std::iter::from_fn(|| mine.next_if(|(own, _)| *own < index)));
            merged.push(
                mine.next_if(|(own, _)| *own == index)
                    .unwrap_or((index, resource)),
            );
        }
        merged.extend(mine);
        self.loaded = merged;
    }

    /// Adds new ones behind the others. All of those are loaded then.
    pub(crate) fn append(&mut self, new: &[NewResource]) {
        assert!(
            self.is_whole(),
            "decide looks at all resources before it adds one"
        );
        self.loaded
            .extend((self.total..).zip(new.iter().cloned().map(Resource::new)));
        self.total = u32::try_from(self.loaded.len()).expect("decide keeps limits::RESOURCES_MAX");
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Resource> {
        self.position(index)
            .map(|position| &mut self.loaded[position].1)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Resource> {
        self.loaded.iter_mut().map(|(_, resource)| resource)
    }

    fn position(&self, index: u32) -> Option<usize> {
        // Nearly always all are loaded, and then the index is the position.
        match self.loaded.get(index as usize) {
            Some((found, _)) if *found == index => Some(index as usize),
            _ => self
                .loaded
                .binary_search_by_key(&index, |(found, _)| *found)
                .ok(),
        }
    }
}
