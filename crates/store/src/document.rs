//! Small texts that the edges keep beside the operations, each under a name.

/// A document as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Grows with every change of what is kept under its name, also if it is removed and made anew.
    pub version: u64,
    /// What it says. The store does not look into it.
    pub body: Box<[u8]>,
}

/// A wish to change a document, for whoever knows how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutDocument {
    /// Its name.
    pub name: Box<str>,
    /// The version that it was seen with; `None` if there was none.
    pub expected: Option<u64>,
    /// What it is to say from here on; `None` removes it.
    pub body: Option<Box<[u8]>>,
}

/// What is known of a name without reading its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The last version that there was.
    pub(crate) version: u64,
    /// Whether it was removed.
    pub(crate) removed: bool,
}

/// What a commit makes of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentChange {
    /// Its new version.
    pub(crate) version: u64,
    /// What it says; `None` if it is removed.
    pub(crate) body: Option<Box<[u8]>>,
}

impl DocumentChange {
    /// What is known of its name from here on.
    pub(crate) fn named(&self) -> Named {
        Named {
            version: self.version,
            removed: self.body.is_none(),
        }
    }
}
