//! Identifiers that are texts. Each has its own type, so that a project never stands where an account belongs.

use std::sync::Arc;

// What many operations share is shared in memory too: a copy of such a name costs no allocation.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident($text:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($text);

        impl $name {
            /// Wraps the text.
            pub fn new(text: impl Into<$text>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    };
}

name!(
    /// The owner of operations and of access keys. An operation of another account does not exist.
    Account(Arc<str>)
);
name!(
    /// The name of a kind of operation, for example `reboot`.
    KindName(Arc<str>)
);
name!(
    /// A project inside an account.
    ProjectId(Arc<str>)
);
name!(
    /// One thing that an operation works on, as its caller calls it.
    ResourceId(Box<str>)
);
name!(
    /// What a worker calls itself, for people who read the history.
    WorkerName(Arc<str>)
);
