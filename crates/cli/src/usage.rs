//! What somebody has typed or set that cannot be meant.

/// Arguments or settings that cannot be used, found after the command line was read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);
