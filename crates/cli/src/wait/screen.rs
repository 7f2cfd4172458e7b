//! Telling how the targets stand, while they are waited for: bars on a terminal, lines elsewhere, JSON for programs.

use super::bars::Bars;
use super::ending::Ending;
use super::view::View;
use crate::exit;
use crate::out;
use crate::table::printable;
use jiff::Timestamp;
use longrun_engine::Clock;
use longrun_server::SystemClock;
use serde::Serialize;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, MutexGuard};

/// How many changed resources get a line of their own.
const PART_LINES_MAX: usize = 50;

/// How to tell.
#[derive(Debug)]
enum Way {
    Bars(Bars),
    Lines,
    Json,
}

/// Tells how the targets stand.
#[derive(Debug)]
pub(super) struct Screen {
    way: Way,
    names: Vec<String>,
    last: Mutex<Vec<Last>>,
}

/// What was told of a target last.
#[derive(Debug, Default)]
struct Last {
    view: Option<View>,
    trouble: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    target: &'a str,
    at: String,
    event: &'static str,
    #[serde(flatten)]
    told: Told<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    View(&'a View),
    Words {
        message: &'a str,
    },
    End {
        outcome: &'a str,
        exit: u8,
        words: Option<&'a str>,
        #[serde(flatten)]
        view: Option<&'a View>,
    },
}

impl Screen {
    /// For these targets.
    pub(super) fn new(names: Vec<String>, as_json: bool) -> Self {
        let way = if as_json {
            Way::Json
        } else if io::stderr().is_terminal() {
            Way::Bars(Bars::new(&names))
        } else {
            Way::Lines
        };
        let last = names.iter().map(|_| Last::default()).collect();
        Self {
            way,
            names,
            last: Mutex::new(last),
        }
    }

    /// A target has changed.
    pub(super) fn changed(&self, index: usize, view: &View) -> io::Result<()> {
        let mut last = self.last();
        let last = &mut last[index];
        match &self.way {
            Way::Bars(bars) => bars.changed(index, view),
            Way::Lines => self.lines(index, view, last.view.as_ref()),
            Way::Json => self.json(index, "change", Told::View(view))?,
        }
        last.view = Some(view.clone());
        last.trouble = None;
        Ok(())
    }

    /// A poll told nothing. The same trouble is told once.
    pub(super) fn trouble(&self, index: usize, words: &str) -> io::Result<()> {
        let mut last = self.last();
        let last = &mut last[index];
        if last.trouble.as_deref() == Some(words) {
            return Ok(());
        }
        last.trouble = Some(words.to_owned());
        match &self.way {
            Way::Bars(bars) => bars.trouble(index, words),
            Way::Lines => self.line(index, &format!("asking again: {words}")),
            Way::Json => self.json(index, "trouble", Told::Words { message: words })?,
        }
        Ok(())
    }

    /// The wait for a target has ended.
    pub(super) fn ended(&self, index: usize, ending: &Ending) -> io::Result<()> {
        match &self.way {
            Way::Bars(bars) => bars.ended(index, ending),
            Way::Lines => self.end_lines(index, ending),
            Way::Json => {
                let told = Told::End {
                    outcome: &ending.status,
                    exit: exit::status(ending.outcome),
                    words: ending.words.as_deref(),
                    view: ending.view.as_ref(),
                };
                self.json(index, "end", told)?;
            }
        }
        Ok(())
    }

    /// Nothing more will be told. What stands on a terminal stays there.
    pub(super) fn leave(&self) {
        match &self.way {
            Way::Bars(bars) => bars.leave(),
            Way::Lines | Way::Json => {}
        }
    }

    fn end_lines(&self, index: usize, ending: &Ending) {
        if ending.is_final
            && let Some(view) = &ending.view
        {
            let last = self.last();
            self.lines(index, view, last[index].view.as_ref());
            return;
        }
        let words = ending.words.as_deref().unwrap_or_default();
        self.line(index, &format!("{}: {words}", ending.status));
    }

    fn lines(&self, index: usize, view: &View, before: Option<&View>) {
        self.line(index, &view.words());
        let changed = view.changed_since(before);
        for part in changed.iter().take(PART_LINES_MAX) {
            self.line(index, &format!("{}  {}", part.id, part.words()));
        }
        if changed.len() > PART_LINES_MAX {
            let more = changed.len() - PART_LINES_MAX;
            self.line(index, &format!("and {more} more resources"));
        }
    }

    fn line(&self, index: usize, words: &str) {
        let name = &self.names[index];
        let time = now().strftime("%H:%M:%SZ").to_string();
        out::note(&printable(&format!("{time} {name}  {words}")));
    }

    fn json(&self, index: usize, event: &'static str, told: Told) -> io::Result<()> {
        let line = Line {
            target: &self.names[index],
            at: format!("{:.3}", now()),
            event,
            told,
        };
        out::line(&serde_json::to_string(&line)?)
    }

    fn last(&self) -> MutexGuard<'_, Vec<Last>> {
        self.last.lock().expect("nobody panics while telling")
    }
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(SystemClock.now().as_millis()).unwrap_or_default()
}
