//! What keeps a request from being used again, whichever way it is signed: its age and its nonce.

use crate::Fault;
use std::borrow::Cow;

/// How far a client's clock may be off, each way. Documents say 15 and 31 minutes; the shorter one is safer.
pub(super) const WINDOW_MILLIS: i64 = 15 * 60 * 1_000;
/// The longest nonce that is remembered. The document names no limit; clients send 32 to 36 characters.
const NONCE_BYTES_MAX: usize = 256;

/// The nonce, if it is short enough to be remembered.
pub(super) fn check_nonce(nonce: Cow<str>) -> Result<Cow<str>, Fault> {
    if nonce.len() <= NONCE_BYTES_MAX {
        return Ok(nonce);
    }
    Err(Fault::InvalidParameter {
        name: Cow::Borrowed("SignatureNonce"),
        reason: "it is longer than 256 bytes",
    })
}
