//! How rows of bars are laid out, for a terminal of any width. Nothing here draws.

/// Below so many columns a bar is left out, and its numbers remain.
const METER_COLUMNS_MIN: usize = 72;
/// How long a bar is.
const METER_CELLS: u64 = 24;

/// No column of names is narrower, for the sake of resources, unless the terminal is.
const NAME_CHARS_MIN: usize = 24;

/// The column of names: as wide as the longest of a target, but never more than half of the terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameColumn {
    chars: usize,
}

impl NameColumn {
    /// A column for the names of these targets.
    pub(super) fn of(names: &[String]) -> Self {
        let longest = names.iter().map(|name| name.chars().count()).max();
        Self {
            chars: longest.unwrap_or(0).max(NAME_CHARS_MIN),
        }
    }

    /// A name as it stands in the column.
    pub(super) fn cell(self, name: &str, columns: usize) -> String {
        let width = self.chars.min(columns / 2);
        format!("{:width$}", fitted(name, width))
    }
}

/// At most `max` characters. What is too long loses its middle: a cloud stands at the beginning of a name, and what tells
/// it from others mostly at the end.
fn fitted(name: &str, max: usize) -> String {
    let count = name.chars().count();
    if count <= max {
        return name.to_owned();
    }
    let kept = max.saturating_sub(1);
    let (head, tail) = (kept / 2, kept - kept / 2);
    let begin = name.chars().take(head);
    let end = name.chars().skip(count - tail);
    begin.chain(['…']).chain(end).collect()
}

/// How much is done, as a bar where there is room for one. Nothing if it is not known how much there is.
pub(super) fn meter(done: u64, whole: u64, columns: usize) -> String {
    if whole == 0 {
        return String::new();
    }
    if columns < METER_COLUMNS_MIN {
        return format!("{done}/{whole} ");
    }
    // What is not all done is never drawn as if it were.
    let full = METER_CELLS.saturating_mul(done) / whole;
    let cell = |number| if number < full { '█' } else { '░' };
    let cells: String = (0..METER_CELLS).map(cell).collect();
    format!("[{cells}] {done}/{whole} ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_a_column() {
        let names = [
            "tencent-bm:1000800001",
            "huawei-elb:4010b39b4fd3d5ff014fd943bac41619",
        ];
        let column = NameColumn::of(&names.map(str::to_owned));
        for (name, columns, expected) in [
            ("tencent-bm:1000800001", 30, "tencent…0800001"),
            ("tencent-vpc:297", 30, "tencent-vpc:297"),
            ("a", 10, "a    "),
            ("abcdef", 10, "ab…ef"),
            ("größer als das", 10, "gr…as"),
            ("abc", 1, "…"),
        ] {
            // The column has one character at least: the sign that something is missing.
            let cell = column.cell(name, columns);
            assert_eq!(cell.trim_end(), expected.trim_end(), "{name} {columns}");
            assert_eq!(
                cell.chars().count(),
                (columns / 2).max(1),
                "{name} {columns}"
            );
        }
        assert_eq!(column.cell("a", 200).len(), 43);
        let short = NameColumn::of(&["a".to_owned()]);
        assert_eq!(short.cell("a", 200).len(), 24);
    }

    #[test]
    fn a_bar_is_full_when_all_is_done() {
        let count = |text: &str| text.chars().filter(|it| *it == '█').count();
        for (done, whole, cells) in [(0, 4, 0), (1, 4, 6), (999, 1_000, 23), (4, 4, 24)] {
            let drawn = meter(done, whole, 80);
            assert_eq!(count(&drawn), cells, "{drawn}");
            assert!(drawn.ends_with(&format!("] {done}/{whole} ")), "{drawn}");
        }
        assert_eq!(meter(1, 4, 40), "1/4 ");
        assert_eq!(meter(0, 0, 80), "");
    }
}
