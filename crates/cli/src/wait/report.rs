//! What is left on stdout when the wait is over.

use super::ending::Ending;
use super::target::Target;
use super::view::View;
use crate::out;
use crate::table::Table;
use crate::terminal;
use std::io;

/// How many resources of a target are listed.
const PARTS_MAX: usize = 100;

/// Writes a table: each target, and below it what did not end well.
pub(super) fn write(targets: &[Target], endings: &[Option<Ending>]) -> io::Result<()> {
    let mut table = Table::new(["TARGET", "STATUS", "RESULT"]);
    for (target, ending) in targets.iter().zip(endings) {
        let (status, words) = match ending {
            Some(ending) => (ending.status.clone(), ending.words.clone()),
            None => ("not waited for".to_owned(), None),
        };
        let output = ending.as_ref().and_then(output);
        table.row([
            target.to_string(),
            status,
            words.or(output).unwrap_or_default(),
        ]);
        if let Some(view) = ending.as_ref().and_then(|ending| ending.view.as_ref()) {
            bad_parts(&mut table, view);
        }
    }
    out::line(&text_of(&table))
}

/// Writes how one target stands now, with all its resources.
pub(super) fn write_one(target: &Target, view: &View) -> io::Result<()> {
    let mut table = Table::new(["TARGET", "STATUS", "RESULT"]);
    let output = view.output.as_ref().map(|json| json.get().to_owned());
    let error = view.error.as_ref().map(super::view::error_words);
    let words = error.or_else(|| view.message.clone()).or(output);
    table.row([
        target.to_string(),
        view.status.clone(),
        words.unwrap_or_default(),
    ]);
    for part in &view.resources {
        let output = part.output.as_ref().map(|json| json.get().to_owned());
        let error = part.error.as_ref().map(super::view::error_words);
        let result = error.or(output).unwrap_or_default();
        table.row([format!("  {}", part.id), part.status.clone(), result]);
    }
    out::line(&text_of(&table))
}

/// The table as it is best read where stdout leads.
fn text_of(table: &Table) -> String {
    match terminal::size(io::stdout()) {
        Some(size) => table.text_within(size.columns),
        None => table.text(),
    }
}

fn output(ending: &Ending) -> Option<String> {
    let output = ending.view.as_ref()?.output.as_ref()?;
    ending.is_final.then(|| output.get().to_owned())
}

fn bad_parts(table: &mut Table, view: &View) {
    let bad = || {
        view.resources
            .iter()
            .filter(|part| part.status != "succeeded")
    };
    for part in bad().take(PARTS_MAX) {
        let error = part.error.as_ref().map(super::view::error_words);
        let result = error.unwrap_or_default();
        table.row([format!("  {}", part.id), part.status.clone(), result]);
    }
    let count = bad().count();
    if count > PARTS_MAX {
        let more = format!("  and {} more", count - PARTS_MAX);
        table.row([more, String::new(), String::new()]);
    }
}
