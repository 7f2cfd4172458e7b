//! What people see: answers on stdout, progress on stderr, as bars on a terminal and as lines elsewhere.

use crate::client::wire::{Operation, Resource};
use crate::out;
use crate::table::{printable, shortened};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Deserialize;
use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::Duration;

/// How much of an error is shown.
const ERROR_CHARS_MAX: usize = 100;

/// Where everything is shown.
pub(super) struct Screen {
    bars: MultiProgress,
    /// A line for each resource.
    lines: Vec<Line>,
    has_bars: bool,
}

/// A resource as it was drawn last.
struct Line {
    bar: ProgressBar,
    status: RefCell<String>,
}

/// What the command prints.
#[derive(Deserialize)]
struct Output {
    sha256: String,
    bytes: u64,
}

impl Screen {
    /// A screen with a line for each resource of `operation`.
    pub(super) fn new(operation: &Operation) -> Self {
        let line = |resource: &Resource| Line {
            bar: ProgressBar::new_spinner(),
            status: RefCell::new(resource.status.clone()),
        };
        Self {
            bars: MultiProgress::new(),
            lines: operation.resources.iter().map(line).collect(),
            has_bars: std::io::stderr().is_terminal(),
        }
    }

    /// Writes a line to stdout, above the bars.
    pub(super) fn say(&self, text: &str) -> anyhow::Result<()> {
        self.bars.suspend(|| out::line(text))?;
        Ok(())
    }

    /// Shows what has changed.
    pub(super) fn draw(&self, operation: &Operation) -> anyhow::Result<()> {
        for (line, resource) in self.lines.iter().zip(&operation.resources) {
            if line.status.replace(resource.status.clone()) == resource.status {
                continue;
            }
            let words = words(resource);
            match resource.status.as_str() {
                _ if !self.has_bars => out::note(&words),
                "running" => self.begin(line, &words)?,
                _ => {
                    line.bar.finish_and_clear();
                    self.bars.suspend(|| out::note(&words));
                }
            }
        }
        Ok(())
    }

    fn begin(&self, line: &Line, words: &str) -> anyhow::Result<()> {
        line.bar
            .set_style(ProgressStyle::with_template("{spinner} {msg}")?);
        line.bar.set_message(words.to_owned());
        line.bar.enable_steady_tick(Duration::from_millis(80));
        self.bars.add(line.bar.clone());
        Ok(())
    }
}

fn words(resource: &Resource) -> String {
    let output = resource
        .output
        .as_deref()
        .and_then(|json| serde_json::from_str(json.get()).ok());
    let result = match (&resource.error, output) {
        (Some(error), _) => shortened(&error.message, ERROR_CHARS_MAX),
        (None, Some(Output { sha256, bytes })) => format!("{sha256:.16}… of {bytes} bytes"),
        (None, None) => String::new(),
    };
    printable(&format!(
        "{:24} {:10} {result}",
        resource.id, resource.status
    ))
    .trim_end()
    .to_owned()
}
