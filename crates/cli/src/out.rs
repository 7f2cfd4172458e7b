//! The one module that writes to stdout, and the one that tells people on stderr what went wrong.

use std::io::{self, Write};

/// Writes `text` and the end of its line to stdout. When it returns, whoever reads there can have it.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Tells people what went wrong, with its causes.
pub(crate) fn complain(error: &anyhow::Error) {
    note(&format!("longrun: {error:#}"));
}

/// Tells people something by the way.
pub(crate) fn note(text: &str) {
    // Without a stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether the error is only that nobody reads stdout any more, as behind `| head`.
pub(crate) fn reader_left(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
