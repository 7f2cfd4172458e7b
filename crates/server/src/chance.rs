//! Random numbers: the one place where they are drawn.

use longrun_dialects::RequestId;

/// Bytes that nobody can guess.
pub(crate) fn secret_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes, or nothing is safe here");
    bytes
}

/// A text of `length` letters and digits that nobody can guess.
pub(crate) fn secret_text(length: usize) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bytes = secret_bytes::<64>();
    bytes[..length]
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}

/// Any number: no secret.
pub(crate) fn any() -> u32 {
    fastrand::u32(..)
}

/// Any number of the longest kind: no secret.
pub(crate) fn number() -> u128 {
    fastrand::u128(..)
}

/// Any number of 64 bits: no secret.
pub(crate) fn wide() -> u64 {
    fastrand::u64(..)
}

/// A number for a request: unlike any other, and no secret.
pub(crate) fn request_id() -> RequestId {
    RequestId(number())
}
