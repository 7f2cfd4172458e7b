//! The network parameter templates of an account, and what refers to them.
//!
//! A template holds addresses or services, a group holds templates of one sort, and security groups refer to both. The
//! state is small and stands on the account's shelf; what becomes of it is decided here for both versions of the API.

mod deed;
mod member;
mod state;

pub(crate) use deed::{Deed, Done, Words, carry_out, settle};
pub(crate) use state::{Sort, Template};

use serde_json::Value;
use state::Things;

/// Whether somebody may put these things onto a shelf; if not, why.
pub(crate) fn check(things: &Value) -> Result<(), String> {
    Things::read(things)
        .map_err(|error| error.to_string())?
        .check()
}
