//! Bars on a terminal: one for each target, and below it some of its resources.

use super::ending::Ending;
use super::view::{Part, View};
use crate::table::printable;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Mutex;
use std::time::Duration;

/// How many rows of resources all targets have together; each has one at least.
const PART_ROWS_MAX: usize = 16;
/// How often spinners turn.
const TURN: Duration = Duration::from_millis(120);

/// The bars of all targets.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    rows: Vec<Row>,
    part_rows_max: usize,
}

#[derive(Debug)]
struct Row {
    bar: ProgressBar,
    parts: Mutex<Vec<(String, ProgressBar)>>,
}

impl Bars {
    /// Draws a bar for each target.
    pub(super) fn new(names: &[String]) -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let row = |name: &String| {
            let bar = all.add(ProgressBar::new(0));
            bar.set_style(style("{prefix} {spinner} {wide_msg}"));
            bar.set_prefix(printable(name));
            bar.set_message("asking");
            bar.enable_steady_tick(TURN);
            Row {
                bar,
                parts: Mutex::default(),
            }
        };
        let rows: Vec<Row> = names.iter().map(row).collect();
        let part_rows_max = (PART_ROWS_MAX / rows.len().max(1)).max(1);
        Self {
            all,
            rows,
            part_rows_max,
        }
    }

    /// Shows how a target stands.
    pub(super) fn changed(&self, index: usize, view: &View) {
        let row = &self.rows[index];
        let count = view.count();
        let total = count.succeeded + count.failed + count.unfinished;
        if total > 0 {
            row.bar.set_style(style(
                "{prefix} {spinner} [{bar:24}] {pos}/{len} {wide_msg}",
            ));
            row.bar.set_length(total);
            row.bar.set_position(count.succeeded + count.failed);
        }
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
        if let Some(view) = &ending.view {
            self.changed(index, view);
        }
        let row = &self.rows[index];
        for (_, part) in row
            .parts
            .lock()
            .expect("nobody panics while drawing")
            .iter()
        {
            part.abandon();
        }
        row.bar.abandon_with_message(printable(&ending.status));
    }

    /// Stops drawing.
    pub(super) fn leave(&self) {
        for row in &self.rows {
            let parts = row.parts.lock().expect("nobody panics while drawing");
            let bars = parts.iter().map(|(_, bar)| bar).chain([&row.bar]);
            bars.filter(|bar| !bar.is_finished())
                .for_each(ProgressBar::abandon);
        }
    }

    fn show_parts(&self, row: &Row, view: &View) {
        let mut shown = row.parts.lock().expect("nobody panics while drawing");
        for part in &view.resources {
            let known = shown.iter().find(|(id, _)| *id == part.id);
            let bar = match known {
                Some((_, bar)) => bar.clone(),
                None if shown.len() < self.part_rows_max => {
                    let last = shown.last().map_or(&row.bar, |(_, bar)| bar);
                    let bar = self.part(last, part);
                    shown.push((part.id.clone(), bar.clone()));
                    bar
                }
                None => continue,
            };
            let words = printable(&part.words());
            if part.has_ended() {
                bar.abandon_with_message(words);
            } else {
                bar.set_message(words);
            }
        }
    }

    fn part(&self, after: &ProgressBar, part: &Part) -> ProgressBar {
        let bar = self.all.insert_after(after, ProgressBar::new_spinner());
        bar.set_style(style("  {spinner} {prefix}  {wide_msg}"));
        bar.set_prefix(printable(&part.id));
        bar.enable_steady_tick(TURN);
        bar
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well formed")
}
