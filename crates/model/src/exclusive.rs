//! Operations of which only one may work on a resource at a time.

use crate::{Account, ResourceId};

/// That no other operation may work on the resources of this one at the same time. It holds among all operations of an
/// account that carry the same group, whatever their kinds are; those that carry none are not concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusive {
    /// Among which operations it holds.
    pub group: Box<str>,
    /// What becomes of one that comes while another has one of its resources.
    pub busy: Busy,
}

/// What becomes of a submission whose resources are not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// It waits in line until all that came before it have ended.
    Queue,
    /// It is refused.
    Refuse,
}

/// The line of the operations that want the same resource. Two resources with the same id and different types have
/// different lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line<'a> {
    /// Whose operations.
    pub account: &'a str,
    /// Among which of them.
    pub group: &'a str,
    /// What sort of thing the resource is.
    pub kind: Option<&'a str>,
    /// The resource.
    pub id: &'a str,
}

impl Exclusive {
    /// The line for one resource of an operation of `account`.
    pub fn line<'a>(
        &'a self,
        account: &'a Account,
        kind: Option<&'a str>,
        id: &'a ResourceId,
    ) -> Line<'a> {
        Line {
            account: account.as_str(),
            group: &self.group,
            kind,
            id: id.as_str(),
        }
    }
}
