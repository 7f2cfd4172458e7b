//! Small pieces that several dialects write the same way.

use longrun_model::Json;
use serde_json::value::RawValue;

/// A carried JSON value, for a struct that is about to be written.
pub(crate) fn raw(json: &Json) -> &RawValue {
    serde_json::from_str(json.as_str())
        .expect("the edge that took it in has checked that it is JSON")
}

/// Writes a struct of this crate as JSON.
pub(crate) fn to_json(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("our own structs have no map with other keys than texts")
}
