//! How large the terminal is, where there is one.

use rustix::termios::tcgetwinsize;
use std::os::fd::AsFd;

/// A terminal's size, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// How many lines it has.
    pub(crate) rows: usize,
    /// How many characters stand in a line.
    pub(crate) columns: usize,
}

/// What terminals are taken to have that do not say.
const USUAL: Size = Size {
    rows: 24,
    columns: 80,
};

/// The size of the terminal behind `stream` at this moment; nothing if there is none.
pub(crate) fn size(stream: impl AsFd) -> Option<Size> {
    let told = tcgetwinsize(stream).ok()?;
    let size = Size {
        rows: told.ws_row.into(),
        columns: told.ws_col.into(),
    };
    let is_told = size.rows > 0 && size.columns > 0;
    Some(if is_told { size } else { USUAL })
}
