//! Writing down what polls are told.

use crate::EmulatorError;
use longrun_scenario::Line;
use parking_lot::Mutex;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// A trace that is being written. Each line is in the file as soon as its poll is answered.
#[derive(Debug)]
pub struct Recorder(Mutex<File>);

impl Recorder {
    /// Begins a trace, in place of what was in the file.
    pub fn create(path: &Path) -> Result<Self, EmulatorError> {
        let file = File::create(path).map_err(|source| EmulatorError::Record {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self(Mutex::new(file)))
    }

    /// Writes a line. What cannot be written is lost, and the log says so.
    pub fn write(&self, line: &Line) {
        if let Err(error) = self.0.lock().write_all(line.write().as_bytes()) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a poll could not be written down");
        }
    }
}
