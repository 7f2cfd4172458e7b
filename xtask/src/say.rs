//! What people read while a command runs.

use std::fmt::Display;
use std::io::{Write, stdout};

/// Opens a step.
pub(crate) fn heading(title: impl Display) {
    line(format_args!("\n== {title}"));
}

/// Says one thing.
pub(crate) fn line(text: impl Display) {
    let mut out = stdout().lock();
    // When nobody listens any more, the exit status still tells how it went.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Says why it ends here.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
