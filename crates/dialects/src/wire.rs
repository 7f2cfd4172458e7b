//! Small pieces that several dialects write the same way.

use longrun_model::Json;
use serde_json::value::RawValue;

/// A carried JSON value, for a struct that is about to be written.
pub(crate) fn raw(json: &Json) -> &RawValue {
    serde_json::from_str(json.as_str())
        .expect("the edge that took it in has checked that it is JSON")
}

/// The length of most answers about an operation with a few resources, so that their text is not moved while it grows.
const JSON_BYTES_USUAL: usize = 1024;

/// Writes a struct of this crate as JSON.
pub(crate) fn to_json(body: &impl serde::Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(JSON_BYTES_USUAL);
    serde_json::to_writer(&mut json, body)
        .expect("our own structs have no map with other keys than texts");
    json
}

/// The bytes of a signature: 64 hexadecimal digits in either case.
///
/// With a table and without a branch for each digit: a processor cannot guess the digits of a signature, and each wrong
/// guess costs it as much as the work.
pub(crate) fn read_digits(text: &str) -> Option<[u8; 32]> {
    const VALUES: [u8; 256] = values();
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let (pairs, _) = digits.as_chunks::<2>();
    let mut bytes = [0; 32];
    let mut wrong = 0;
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        *byte = high << 4 | low;
        wrong |= high | low;
    }
    (wrong < 16).then_some(bytes)
}

/// What each byte means as a hexadecimal digit; 255 if it is none.
const fn values() -> [u8; 256] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        let digit = DIGITS[value as usize];
        values[digit as usize] = value;
        values[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
}

/// A number as 32 hexadecimal digits in lower case.
pub(crate) fn digits(number: u128) -> String {
    let mut digits = vec![0; 32];
    hex::encode_to_slice(number.to_be_bytes(), &mut digits).expect("16 bytes are 32 digits");
    String::from_utf8(digits).expect("digits are text")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte, first and last among digits: the same as the library says, which stops at the first wrong one.
    #[test]
    fn digits_are_read_and_nothing_else() {
        let check = |text: &str| {
            let expected = hex::decode(text).ok();
            let found = read_digits(text).map(|bytes| bytes.to_vec());
            assert_eq!(found, expected.filter(|bytes| bytes.len() == 32), "{text}");
        };
        for character in (0..=u8::MAX).map(char::from) {
            let rest = &"0189abcfABCDEF".repeat(5)[..64 - character.len_utf8()];
            check(&format!("{character}{rest}"));
            check(&format!("{rest}{character}"));
        }
        for text in ["", "0", &"a".repeat(63), &"a".repeat(65), &"a".repeat(128)] {
            check(text);
        }
    }

    #[test]
    fn numbers_become_digits() {
        for number in [0, 1, 0x00ab_cdef, u128::MAX] {
            assert_eq!(digits(number), format!("{number:032x}"));
        }
    }
}
