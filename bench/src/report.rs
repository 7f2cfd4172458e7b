//! What was measured, how it is told, and how it compares with what is good enough.

use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// One figure: the median of several rounds.
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) scenario: String,
    /// The median.
    pub(crate) value: f64,
    /// The least and the most of the rounds.
    pub(crate) spread: (f64, f64),
    /// What the value counts.
    pub(crate) unit: &'static str,
    /// What the machine could do at best, measured in the same run; the first one counts.
    pub(crate) limits: Vec<Limit>,
    /// What is good enough, and what is hoped for.
    pub(crate) target: Option<Target>,
}

/// What a figure is held against.
pub(crate) struct Limit {
    /// What it is.
    pub(crate) name: &'static str,
    /// Its own figure, in the same unit.
    pub(crate) value: f64,
}

/// What is good enough (`must`) and what is hoped for (`aim`).
#[derive(Clone, Copy)]
pub(crate) enum Target {
    /// Of the ratio to the limit, at least.
    Ratio { must: f64, aim: f64 },
    /// Of the value, at least.
    AtLeast { must: f64, aim: f64 },
    /// Of the value, at most.
    AtMost { must: f64, aim: f64 },
}

impl Figure {
    /// A figure from one measurement, without anything to hold it against.
    pub(crate) fn new(scenario: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            scenario: scenario.into(),
            value,
            spread: (value, value),
            unit,
            limits: Vec::new(),
            target: None,
        }
    }

    /// The median of `rounds`, which are not empty.
    pub(crate) fn median(
        scenario: impl Into<String>,
        mut rounds: Vec<f64>,
        unit: &'static str,
    ) -> Self {
        rounds.sort_by(f64::total_cmp);
        let spread = (rounds[0], rounds[rounds.len() - 1]);
        let value = rounds[rounds.len() / 2];
        Self {
            spread,
            ..Self::new(scenario, value, unit)
        }
    }

    /// The same beside a limit.
    pub(crate) fn of(mut self, name: &'static str, value: f64) -> Self {
        self.limits.push(Limit { name, value });
        self
    }

    /// The same with what is good enough.
    pub(crate) fn held_to(self, target: Target) -> Self {
        let target = Some(target);
        Self { target, ..self }
    }

    /// The part of its limit that was reached.
    pub(crate) fn ratio(&self) -> Option<f64> {
        Some(self.value / self.limits.first()?.value)
    }

    /// How it compares with its target; empty if it has none.
    fn verdict(&self) -> &'static str {
        let at_least = |value: f64, must, aim| {
            if value >= aim {
                "aim"
            } else if value >= must {
                "must"
            } else {
                "MISSED"
            }
        };
        match self.target {
            None => "",
            Some(Target::Ratio { must, aim }) => {
                at_least(self.ratio().unwrap_or_default(), must, aim)
            }
            Some(Target::AtLeast { must, aim }) => at_least(self.value, must, aim),
            Some(Target::AtMost { must, aim }) => at_least(-self.value, -must, -aim),
        }
    }

    fn wanted(&self) -> String {
        match self.target {
            None => String::new(),
            Some(Target::Ratio { must, aim }) => format!("ratio {must} / {aim}"),
            Some(Target::AtLeast { must, aim }) => format!(">= {must} / {aim}"),
            Some(Target::AtMost { must, aim }) => format!("<= {must} / {aim}"),
        }
    }

    fn line(&self) -> String {
        let limits: Vec<String> = self
            .limits
            .iter()
            .map(|limit| format!("{} of {}", number(self.value / limit.value), limit.name))
            .collect();
        let limits = limits.join(", ");
        let rounds = if self.spread.0 < self.spread.1 {
            format!("{}..{}", number(self.spread.0), number(self.spread.1))
        } else {
            String::new()
        };
        format!(
            "{:<52}{:>11} {:<7}{rounds:>17}  {limits:<46}{:<24}{}",
            self.scenario,
            number(self.value),
            self.unit,
            self.wanted(),
            self.verdict()
        )
    }

    fn json(&self) -> Value {
        let limits: Vec<_> = self
            .limits
            .iter()
            .map(|limit| json!({ "name": limit.name, "value": limit.value }))
            .collect();
        json!({
            "scenario": self.scenario,
            "value": self.value,
            "least": self.spread.0,
            "most": self.spread.1,
            "unit": self.unit,
            "limits": limits,
            "ratio": self.ratio(),
            "verdict": self.verdict(),
        })
    }
}

/// As many digits as mean something.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// All figures of a run: printed as they come, and kept for the charts.
pub(crate) struct Report {
    folder: PathBuf,
    lines: RefCell<File>,
    figures: RefCell<Vec<Figure>>,
}

impl Report {
    /// An empty report, whose files go to `folder`.
    pub(crate) fn new(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let lines = File::create(folder.join("figures.jsonl"))?;
        tell(&format!(
            "{:<52}{:>11} {:<7}{:>17}  {:<46}{:<24}",
            "scenario", "median", "unit", "rounds", "limit in this run", "must / aim"
        ));
        Ok(Self {
            folder: folder.to_owned(),
            lines: RefCell::new(lines),
            figures: RefCell::default(),
        })
    }

    /// Tells a figure and keeps it.
    pub(crate) fn add(&self, figure: Figure) -> anyhow::Result<()> {
        tell(&figure.line());
        writeln!(self.lines.borrow_mut(), "{}", figure.json())?;
        self.figures.borrow_mut().push(figure);
        Ok(())
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks at all figures so far.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&[Figure]) -> T) -> T {
        look(&self.figures.borrow())
    }
}

/// Prints a line.
#[expect(
    clippy::print_stdout,
    reason = "the figures are what this program is for"
)]
pub(crate) fn tell(line: &str) {
    println!("{line}");
}
