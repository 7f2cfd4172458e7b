//! The variables of the process.

use crate::usage::UsageError;
use std::str::FromStr;

/// Where settings come from. A name without a value counts as not set.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The value of a variable of this process, unless it is empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The value of a variable that switches something on or off.
pub(crate) fn switch(environment: Environment, name: &str) -> Result<Option<bool>, UsageError> {
    let read = |text: String| match text.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(UsageError(format!("{name}: `{text}`: write true or false"))),
    };
    environment(name).map(read).transpose()
}

/// The value of a variable, read as what it shall be.
pub(crate) fn variable<T: FromStr<Err: std::fmt::Display>>(
    environment: Environment,
    name: &str,
) -> Result<Option<T>, UsageError> {
    let read = |text: String| {
        text.parse()
            .map_err(|error| UsageError(format!("{name}: `{text}`: {error}")))
    };
    environment(name).map(read).transpose()
}
