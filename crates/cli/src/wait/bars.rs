//! Bars on a terminal: one for each target, and below it some of its resources.
//!
//! Where there are more targets than lines, those that have ended go up into the terminal's history and make room for
//! the others, and the first line tells how many there are of each.

use super::ending::Ending;
use super::rows::{NameColumn, meter};
use super::view::{Count, Part, View};
use crate::exit::Outcome;
use crate::table::printable;
use crate::terminal;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

/// How many rows of resources all targets have together, where the terminal has as many.
const PART_ROWS_MAX: usize = 16;
/// The lines that are left free: the one of the cursor, and the one before the bars.
const FREE_ROWS: usize = 2;
/// The columns of a terminal that is gone.
const COLUMNS: usize = 80;
/// How often spinners turn.
const TURN: Duration = Duration::from_millis(120);

/// The bars of all targets.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    column: NameColumn,
    rows: Vec<Row>,
    part_rows_max: usize,
    /// How many have ended how, if there are more targets than lines.
    crowd: Option<Crowd>,
}

#[derive(Debug)]
struct Row {
    name: String,
    bar: ProgressBar,
    parts: Mutex<Parts>,
}

/// The rows of a target's resources.
#[derive(Debug, Default)]
struct Parts {
    shown: Vec<(String, ProgressBar)>,
    /// What there is to say of those that have no row.
    more: Option<ProgressBar>,
}

#[derive(Debug)]
struct Crowd {
    bar: ProgressBar,
    count: Mutex<Count>,
}

impl Bars {
    /// Draws a bar for each target.
    pub(super) fn new(names: &[String]) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let names: Vec<String> = names.iter().map(|name| printable(name)).collect();
        let column = NameColumn::of(&names);
        let room = terminal::size(io::stderr()).map_or(0, |size| size.rows);
        let room = room.saturating_sub(FREE_ROWS);
        let crowd = (names.len() > room).then(|| Crowd::new(&all, column, names.len()));
        let row = |name: String| {
            let bar = all.add(ProgressBar::new(0));
            bar.set_style(style("{name} {spinner} {meter}{wide_msg}", column, &name));
            bar.set_message("asking");
            bar.enable_steady_tick(TURN);
            Row {
                name,
                bar,
                parts: Mutex::default(),
            }
        };
        let rows: Vec<Row> = names.into_iter().map(row).collect();
        let left = room.saturating_sub(rows.len()).min(PART_ROWS_MAX);
        Self {
            all,
            column,
            part_rows_max: left / rows.len().max(1),
            rows,
            crowd,
        }
    }

    /// Shows how a target stands.
    pub(super) fn changed(&self, index: usize, view: &View) {
        let row = &self.rows[index];
        let count = view.count();
        row.bar.set_length(count.whole());
        row.bar.set_position(count.succeeded + count.failed);
        row.bar.set_message(printable(&view.words()));
        self.show_parts(row, view);
    }

    /// Shows that a poll told nothing.
    pub(super) fn trouble(&self, index: usize, words: &str) {
        let words = format!("asking again: {words}");
        self.rows[index].bar.set_message(printable(&words));
    }

    /// Shows how the wait for a target ended.
    pub(super) fn ended(&self, index: usize, ending: &Ending) {
        let row = &self.rows[index];
        let words = ending.words.as_ref();
        let words = words.filter(|_| ending.outcome != Outcome::Succeeded);
        let status = &ending.status;
        let words = words.map_or_else(|| status.clone(), |words| format!("{status}: {words}"));
        let words = printable(&words);
        if let Some(crowd) = &self.crowd {
            crowd.count(ending.outcome);
            // A terminal that is gone shows nothing, and nobody looks at it.
            let _ = self.all.println(format!("{}  {words}", row.name));
            row.leave(|bar| {
                bar.finish_and_clear();
                self.all.remove(bar);
            });
            return;
        }
        if let Some(view) = &ending.view {
            self.changed(index, view);
        }
        row.leave(ProgressBar::abandon);
        row.bar.abandon_with_message(words);
    }

    /// Stops drawing.
    pub(super) fn leave(&self) {
        for row in &self.rows {
            row.leave(ProgressBar::abandon);
        }
        if let Some(crowd) = &self.crowd {
            crowd.bar.abandon();
        }
    }

    fn show_parts(&self, row: &Row, view: &View) {
        let mut parts = row.parts.lock().expect("nobody panics while drawing");
        let Parts { shown, more } = &mut *parts;
        let room = match view.resources.len() {
            few if few <= self.part_rows_max => self.part_rows_max,
            // One row says how many are left.
            _ => self.part_rows_max.saturating_sub(1),
        };
        let mut hidden = Count::default();
        for part in &view.resources {
            let known = shown.iter().find(|(id, _)| *id == part.id);
            let bar = match known {
                Some((_, bar)) => bar.clone(),
                None if shown.len() < room => {
                    let last = shown.last().map_or(&row.bar, |(_, bar)| bar);
                    let bar = self.part(last, &part.id);
                    shown.push((part.id.clone(), bar.clone()));
                    bar
                }
                None => {
                    hidden.add(part);
                    continue;
                }
            };
            tell_part(&bar, part);
        }
        if let Some((_, last)) = shown.last()
            && hidden.whole() > 0
        {
            let more = more.get_or_insert_with(|| self.part(last, "…"));
            let words = format!("{} more: {}", hidden.whole(), hidden.words().join(", "));
            if hidden.unfinished == 0 {
                more.abandon_with_message(words);
            } else {
                more.set_message(words);
            }
        }
    }

    fn part(&self, after: &ProgressBar, id: &str) -> ProgressBar {
        let name = format!("  {}", printable(id));
        let bar = self
            .all
            .insert_after(after, ProgressBar::new_spinner().with_message(""));
        bar.set_style(style("{name} {spinner} {wide_msg}", self.column, &name));
        bar.enable_steady_tick(TURN);
        bar
    }
}

fn tell_part(bar: &ProgressBar, part: &Part) {
    let words = printable(&part.words());
    if part.has_ended() {
        bar.abandon_with_message(words);
    } else {
        bar.set_message(words);
    }
}

impl Row {
    /// Has this done to the bars that are still drawn.
    fn leave(&self, leave: impl Fn(&ProgressBar)) {
        let parts = self.parts.lock().expect("nobody panics while drawing");
        let shown = parts.shown.iter().map(|(_, bar)| bar);
        let bars = shown.chain(&parts.more).chain([&self.bar]);
        bars.filter(|bar| !bar.is_finished()).for_each(leave);
    }
}

impl Crowd {
    fn new(all: &MultiProgress, column: NameColumn, count: usize) -> Self {
        let bar = all.add(ProgressBar::new(count as u64));
        let name = format!("{count} targets");
        bar.set_style(style("{name} {spinner} {meter}{wide_msg}", column, &name));
        bar.enable_steady_tick(TURN);
        Self {
            bar,
            count: Mutex::default(),
        }
    }

    fn count(&self, outcome: Outcome) {
        let mut count = self.count.lock().expect("nobody panics while counting");
        if outcome == Outcome::Succeeded {
            count.succeeded += 1;
        } else {
            count.failed += 1;
        }
        self.bar.inc(1);
        self.bar.set_message(count.words().join(", "));
    }
}

/// A row of this form, whose name stands in a column. The width is that of the moment at which it is drawn.
fn style(template: &str, column: NameColumn, name: &str) -> ProgressStyle {
    let name = name.to_owned();
    let columns = || terminal::size(io::stderr()).map_or(COLUMNS, |size| size.columns);
    let named = move |_: &ProgressState, text: &mut dyn Write| {
        // Writing into memory does not fail.
        let _ = text.write_str(&column.cell(&name, columns()));
    };
    let metered = move |state: &ProgressState, text: &mut dyn Write| {
        let whole = state.len().unwrap_or_default();
        let _ = text.write_str(&meter(state.pos(), whole, columns()));
    };
    ProgressStyle::with_template(template)
        .expect("the template is well formed")
        .with_key("name", named)
        .with_key("meter", metered)
}
