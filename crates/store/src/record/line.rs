//! The line for a resource as a blob: what it is found by.

use super::{begin, put};
use longrun_model::Line;

/// The bytes of `line`. Two lines never have the same.
pub(crate) fn write_line(line: Line<'_>) -> Vec<u8> {
    let Line {
        account,
        group,
        kind,
        id,
    } = line;
    let mut blob = Vec::new();
    begin(&mut blob);
    put(&mut blob, &(account, group, kind, id));
    blob
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn lines_that_differ_have_different_bytes() {
        let kinds = [None, Some(""), Some("x"), Some("xy")];
        let names = ["", "x", "y", "xy", "\u{1}x"];
        let mut seen = HashSet::new();
        for account in names {
            for group in names {
                for (kind, id) in kinds.iter().flat_map(|kind| names.map(|id| (*kind, id))) {
                    let line = Line {
                        account,
                        group,
                        kind,
                        id,
                    };
                    assert!(seen.insert(write_line(line)), "{line:?}");
                }
            }
        }
    }
}
