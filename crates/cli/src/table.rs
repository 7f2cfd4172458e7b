//! Tables for people.

/// The widest that a cell makes its column. What is longer moves what stands to its right in its own row alone.
const CELL_CHARS_MAX: usize = 56;

/// Rows under a heading, each column as wide as its widest cell but for cells that are very long.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this heading.
    pub(crate) fn new<const N: usize>(heading: [&str; N]) -> Self {
        Self {
            rows: vec![heading.map(str::to_owned).to_vec()],
        }
    }

    /// A table without one.
    pub(crate) const fn bare() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| printable(&cell)).to_vec());
    }

    /// The table as text, without an end of the last line.
    pub(crate) fn text(&self) -> String {
        self.text_with(CELL_CHARS_MAX)
    }

    /// The same for a terminal of this width, of which no column takes more than half for the sake of others' cells.
    pub(crate) fn text_within(&self, width: usize) -> String {
        self.text_with(CELL_CHARS_MAX.min(width / 2))
    }

    fn text_with(&self, cell_chars_max: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let counts = cells.map(|cell| cell.chars().count());
            let usual = counts.filter(|count| *count <= cell_chars_max);
            usual.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let lines = self.rows.iter().map(|row| {
            let cells = row.iter().zip(&widths);
            let padded: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            padded.join("  ").trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The text without anything that would move a terminal's cursor or change its colours.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// At most `max` characters of the text, with a sign where something is missing.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_cells_are_harmless() {
        let mut table = Table::new(["ID", "STATUS", "NOTE"]);
        table.row(["größe".into(), "ok".into(), String::new()]);
        table.row(["b".into(), "failed".into(), "\u{1b}[31mred\nline".into()]);
        assert_eq!(
            table.text(),
            "ID     STATUS  NOTE\ngröße  ok\nb      failed   [31mred line"
        );
    }

    #[test]
    fn one_long_cell_moves_no_other_row() {
        let mut table = Table::new(["ID", "STATUS"]);
        table.row(["short".into(), "ok".into()]);
        table.row(["0123456789".repeat(6), "failed".into()]);
        let long = "0123456789".repeat(6);
        let expected = format!("ID     STATUS\nshort  ok\n{long}  failed");
        assert_eq!(table.text(), expected);
        table.row(["0123456789".into(), "ok".into()]);
        let within = table.text_within(18);
        assert!(within.starts_with("ID     STATUS\nshort  ok\n"), "{within}");
    }

    #[test]
    fn long_texts_are_shortened() {
        for (text, expected) in [("", ""), ("äöü", "äöü"), ("äöüx", "äöü…")] {
            assert_eq!(shortened(text, 3), expected);
        }
    }
}
