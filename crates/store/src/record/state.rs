//! What may be done with a store, as a blob.

use super::{Unreadable, begin, only, put};
use crate::archive::State;
use serde::{Deserialize, Serialize};

/// The order of the variants is part of the format.
#[derive(Serialize, Deserialize)]
enum StateRecord<'a> {
    Open,
    Moving(&'a str),
    Moved(&'a str),
    Filling,
}

/// Writes `state`. An open store has an empty blob, as one has that was never moved.
pub(crate) fn write_state(state: &State) -> Vec<u8> {
    let record = match state {
        State::Open => return Vec::new(),
        State::Moving(to) => StateRecord::Moving(to),
        State::Moved(to) => StateRecord::Moved(to),
        State::Filling => StateRecord::Filling,
    };
    let mut blob = Vec::new();
    begin(&mut blob);
    put(&mut blob, &record);
    blob
}

/// The state with this blob.
pub(crate) fn read_state(blob: &[u8]) -> Result<State, Unreadable> {
    if blob.is_empty() {
        return Ok(State::Open);
    }
    Ok(match only(blob)? {
        StateRecord::Open => State::Open,
        StateRecord::Moving(to) => State::Moving(to.to_owned()),
        StateRecord::Moved(to) => State::Moved(to.to_owned()),
        StateRecord::Filling => State::Filling,
    })
}
