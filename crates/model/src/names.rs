//! Identifiers that are texts. Each has its own type, so that a project never stands where an account belongs.

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Wraps the text.
            pub fn new(text: impl Into<Box<str>>) -> Self {
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
                Self(text.into_boxed_str())
            }
        }
    };
}

name!(
    /// The owner of operations and of access keys. An operation of another account does not exist.
    Account
);
name!(
    /// The name of a kind of operation, for example `reboot`.
    KindName
);
name!(
    /// A project inside an account.
    ProjectId
);
name!(
    /// One thing that an operation works on, as its caller calls it.
    ResourceId
);
name!(
    /// What a worker calls itself, for people who read the history.
    WorkerName
);
