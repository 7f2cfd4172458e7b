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

/// A number as 32 hexadecimal digits in lower case.
pub(crate) fn digits(number: u128) -> String {
    let mut digits = vec![0; 32];
    hex::encode_to_slice(number.to_be_bytes(), &mut digits).expect("16 bytes are 32 digits");
    String::from_utf8(digits).expect("digits are text")
}
