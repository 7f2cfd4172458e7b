//! Everything has a limit with a name. Over one, the edge answers with a clear error and nothing is stored.

/// Resources in one operation.
pub const RESOURCES_MAX: usize = 100_000;
/// Bytes of one input, output or message, of an operation or of a resource.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// Labels on one operation.
pub const LABELS_MAX: usize = 64;
/// Bytes of a name: a kind, a project, a resource id, a label's key, a worker.
pub const NAME_BYTES_MAX: usize = 256;
/// Bytes of a label's value.
pub const LABEL_VALUE_BYTES_MAX: usize = 1024;
/// Bytes of an idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 256;
/// Bytes of a document that is kept beside the operations.
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of its name.
pub const DOCUMENT_NAME_BYTES_MAX: usize = 1024;
/// Operations in one batch submit.
pub const BATCH_MAX: usize = 1_000;
/// Operations on one page of a list, and resources on one page of theirs.
pub const PAGE_MAX: usize = 1_000;
/// Operations handed out by one lease call.
pub const LEASES_MAX: usize = 1_000;
/// Callers that wait for one operation.
pub const WATCHERS_MAX: usize = 10_000;
/// The highest priority; the lowest is 0.
pub const PRIORITY_MAX: u8 = 9;
/// The longest retention, deadline or lease: ten years.
pub const SPAN_MILLIS_MAX: i64 = 10 * 366 * 24 * 3_600 * 1_000;
/// The shortest lease.
pub const LEASE_MILLIS_MIN: i64 = 100;
