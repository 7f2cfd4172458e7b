//! How far a command is that goes through a whole store: a bar on a terminal, and a line now and then elsewhere.

use crate::out;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use longrun_store::{Doing, Step};
use std::io::{IsTerminal, stderr};
use std::sync::Mutex;

/// After how many hundredths of the whole a line is written.
const LINE_PERCENT: u64 = 5;

/// What was told last, and the bar if there is one.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    last: Mutex<Option<(Doing, u64)>>,
}

impl Progress {
    /// Nothing is told yet.
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template("{msg} [{bar:32}] {pos}/{len} {eta}");
        let bar = style.ok().filter(|_| stderr().is_terminal()).map(|style| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style);
            bar
        });
        Self {
            bar,
            last: Mutex::default(),
        }
    }

    /// Tells how far it is.
    pub(super) fn tell(&self, step: Step) {
        let Step { doing, done, total } = step;
        if let Some(bar) = &self.bar {
            bar.set_message(word(doing));
            bar.set_length(total);
            bar.set_position(done);
            return;
        }
        let part = done * 100 / total.max(1) / LINE_PERCENT;
        let mut last = self.last.lock().expect("nobody panics while telling");
        if *last != Some((doing, part)) {
            *last = Some((doing, part));
            out::note(&format!("{} {done} of {total} operations", word(doing)));
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

const fn word(doing: Doing) -> &'static str {
    match doing {
        Doing::Copying => "copied",
        Doing::Comparing => "compared",
        Doing::Checking => "checked",
    }
}
